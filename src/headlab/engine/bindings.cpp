// The only file that knows both Python and the kernel: checks array shapes, and releases the GIL while it waits.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <stdexcept>
#include <utility>

#include "kernel/job.hpp"

namespace nb = nanobind;
using namespace headlab;

namespace {

using Array = nb::ndarray<nb::c_contig, nb::device::cpu>;

const Kernel& kernel_named(const std::string& name) {
    for (const Kernel* kernel : available_kernels())
        if (name == kernel->name) return *kernel;
    throw std::invalid_argument("this processor has no instruction set " + name);
}

// The array's memory when it has the expected size and the weights' dtype; null for None.
void* memory(const nb::object& given, const char* name, int64_t size, nb::dlpack::dtype dtype) {
    if (given.is_none()) return nullptr;
    const Array array = nb::cast<Array>(given);
    if (array.dtype() != dtype || int64_t(array.size()) != size)
        throw std::invalid_argument(std::string(name) + " must have " + std::to_string(size) + " elements of the expected dtype");
    return array.data();
}

// The arrays of a call by their names in `Arrays`, as Python has them.
struct PythonArrays {
    nb::object weights = nb::none(), slots = nb::none(), last_slots = nb::none(), rate = nb::none(), best = nb::none(),
               wait = nb::none(), cooldown = nb::none(), losses = nb::none(), rates = nb::none(), final_loss = nb::none(),
               snapshots = nb::none(), gradient = nb::none(), outcome = nb::none();

    nb::dlpack::dtype dtype() const { return nb::cast<Array>(weights).dtype(); }
    Arrays checked(const Plan& plan) const {
        const Array flat = nb::cast<Array>(weights);
        const int64_t runs = int64_t(flat.shape(0)), n = plan.offsets().end, recorded = int64_t(plan.record_steps.size());
        const auto real = flat.dtype(), whole = nb::dtype<int64_t>();
        Arrays at;
        at.n_runs = runs;
        at.weights = memory(weights, "weights", runs * n, real);
        at.slots = memory(slots, "slots", runs * n * plan.phases.front().state_slots(), real);
        at.last_slots = memory(last_slots, "last_slots", runs * n * plan.phases.back().state_slots(), real);
        at.rate = memory(rate, "rate", runs, real);
        at.best = memory(best, "best", runs, real);
        at.wait = static_cast<int64_t*>(memory(wait, "wait", runs, whole));
        at.cooldown = static_cast<int64_t*>(memory(cooldown, "cooldown", runs, whole));
        at.losses = memory(losses, "losses", runs * recorded, real);
        at.rates = memory(rates, "rates", runs * recorded, real);
        at.final_loss = memory(final_loss, "final_loss", runs, real);
        at.snapshots = memory(snapshots, "snapshots", runs * n * int64_t(plan.snapshot_steps.size()), real);
        at.gradient = memory(gradient, "gradient", runs * n, real);
        at.outcome = static_cast<int64_t*>(memory(outcome, "outcome", runs, whole));
        return at;
    }
};

// A job, and the arrays that it writes to.
struct Training {
    PythonArrays arrays;
    Job job;
};

Plan completed(const Plan& given) {
    Plan plan = given;
    if (plan.phases.empty()) throw std::invalid_argument("a plan must have a phase at least");
    plan.number_rows();
    return plan;
}

Training* begin(const std::string& kernel_name, const Plan& given, const PythonArrays& arrays, int n_threads) {
    const Plan plan = completed(given);
    const Arrays at = arrays.checked(plan);
    if (!at.rate || !at.best || !at.wait || !at.cooldown || !at.outcome)
        throw std::invalid_argument("rate, best, wait, cooldown and outcome must be given");
    return new Training{arrays, {kernel_named(kernel_name), arrays.dtype() == nb::dtype<double>(), plan, at, n_threads}};
}

// wait(training, milliseconds) -> whether it has ended. A plain C function: when Python ends while another thread is in
// here, it unwinds that thread where it asks for the GIL again, and what it unwinds must be C. The reference that is then
// never given back keeps the arrays for the threads that still write to them, until the process is gone.
PyObject* wait_for(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
    if (count != 2 || !nb::isinstance<Training>(nb::handle(arguments[0]))) {
        PyErr_SetString(PyExc_TypeError, "wait needs a training and a number of milliseconds");
        return nullptr;
    }
    const long most = PyLong_AsLong(arguments[1]);
    if (most == -1 && PyErr_Occurred()) return nullptr;
    PyObject* kept = arguments[0];
    Job* job = &nb::inst_ptr<Training>(nb::handle(kept))->job;
    bool ended;
    Py_INCREF(kept);
    Py_BEGIN_ALLOW_THREADS;
    ended = job->wait(std::chrono::milliseconds(most));
    Py_END_ALLOW_THREADS;
    Py_DECREF(kept);
    return PyBool_FromLong(ended);
}

PyMethodDef wait_definition = {"wait", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(wait_for)), METH_FASTCALL,
                               "Wait for a training, some milliseconds at most; return whether it has ended."};

void gradient_of_runs(const std::string& kernel_name, const Plan& given, const PythonArrays& arrays) {
    Plan plan = completed(given);
    plan.phases.resize(1);
    plan.phases[0].optimizer = Optimizer::sgd;  // that remembers nothing
    plan.phases[0].momentum = 0;
    const Arrays at = arrays.checked(plan);
    if (!at.gradient) throw std::invalid_argument("gradient must be given");
    Control control;
    kernel_named(kernel_name).worker(arrays.dtype() == nb::dtype<double>())(plan, at, control)->gradient();
}

}  // namespace

NB_MODULE(_native, m) {
    nb::set_leak_warnings(false);  // a process may end while a thread of it waits for a training: see wait_for
    nb::enum_<Loss>(m, "Loss").value("softmax", Loss::softmax).value("normalized_sigmoid", Loss::normalized_sigmoid);
    nb::enum_<Optimizer>(m, "Optimizer")
        .value("sgd", Optimizer::sgd)
        .value("rmsprop", Optimizer::rmsprop)
        .value("adam", Optimizer::adam)
        .value("adamw", Optimizer::adamw);
    nb::enum_<Weight>(m, "Weight")
        .value("W_E", Weight::E)
        .value("W_pos", Weight::pos)
        .value("W_Q", Weight::Q)
        .value("W_K", Weight::K)
        .value("W_V", Weight::V)
        .value("W_O", Weight::O)
        .value("W_U", Weight::U);
    nb::class_<Phase>(m, "Phase")
        .def(nb::init<>())
        .def_rw("steps", &Phase::steps)
        .def_rw("loss", &Phase::loss)
        .def_rw("optimizer", &Phase::optimizer)
        .def_rw("momentum", &Phase::momentum)
        .def_rw("rho", &Phase::rho)
        .def_rw("beta_1", &Phase::beta_1)
        .def_rw("beta_2", &Phase::beta_2)
        .def_rw("epsilon", &Phase::epsilon)
        .def_rw("weight_decay", &Phase::weight_decay)
        .def_rw("nesterov", &Phase::nesterov)
        .def_rw("centered", &Phase::centered)
        .def_rw("sets_rate", &Phase::sets_rate)
        .def_rw("learning_rate", &Phase::learning_rate)
        .def_rw("plateau", &Phase::plateau)
        .def_rw("plateau_goes_on", &Phase::plateau_goes_on)
        .def_rw("factor", &Phase::factor)
        .def_rw("min_rate", &Phase::min_rate)
        .def_rw("min_delta", &Phase::min_delta)
        .def_rw("patience", &Phase::patience)
        .def_rw("cooldown", &Phase::cooldown)
        .def_rw("frozen", &Phase::frozen)
        .def_prop_ro("state_slots", &Phase::state_slots);
    nb::class_<Plan>(m, "Plan")
        .def(nb::init<>())
        .def_rw("d_vocab", &Plan::d_vocab)
        .def_rw("d_model", &Plan::d_model)
        .def_rw("d_head", &Plan::d_head)
        .def_rw("n_heads", &Plan::n_heads)
        .def_rw("n_layers", &Plan::n_layers)
        .def_rw("n_ctx", &Plan::n_ctx)
        .def_rw("n_sequences", &Plan::n_sequences)
        .def_rw("positions", &Plan::positions)
        .def_rw("residual", &Plan::residual)
        .def_rw("causal", &Plan::causal)
        .def_rw("factored_values", &Plan::factored_values)
        .def_rw("unembed", &Plan::unembed)
        .def_rw("scale", &Plan::scale)
        .def_rw("sequence_start", &Plan::sequence_start)
        .def_rw("target", &Plan::target)
        .def_rw("share", &Plan::share)
        .def_rw("input_of_row", &Plan::input_of_row)
        .def_rw("input_token", &Plan::input_token)
        .def_rw("input_position", &Plan::input_position)
        .def_rw("n_targets", &Plan::n_targets)
        .def_rw("phases", &Plan::phases)
        .def_rw("optimizer_step", &Plan::optimizer_step)
        .def_rw("record_steps", &Plan::record_steps)
        .def_rw("snapshot_steps", &Plan::snapshot_steps)
        .def_prop_ro("size", [](const Plan& plan) { return plan.offsets().end; })
        .def_prop_ro("most_slots", &Plan::most_slots)
        .def_prop_ro("steps", &Plan::steps);
    m.def("instruction_sets", [] {
        std::vector<std::string> names;
        for (const Kernel* kernel : available_kernels()) names.push_back(kernel->name);
        return names;
    });
    m.def("lanes", [](const std::string& name, bool is_double) {
        const Kernel& kernel = kernel_named(name);
        return is_double ? kernel.lanes_double : kernel.lanes_float;
    });
    const auto optional = nb::for_setter(nb::arg("array").none());
    nb::class_<PythonArrays>(m, "Arrays")
        .def(nb::init<>())
        .def_rw("weights", &PythonArrays::weights, optional)
        .def_rw("slots", &PythonArrays::slots, optional)
        .def_rw("last_slots", &PythonArrays::last_slots, optional)
        .def_rw("rate", &PythonArrays::rate, optional)
        .def_rw("best", &PythonArrays::best, optional)
        .def_rw("wait", &PythonArrays::wait, optional)
        .def_rw("cooldown", &PythonArrays::cooldown, optional)
        .def_rw("losses", &PythonArrays::losses, optional)
        .def_rw("rates", &PythonArrays::rates, optional)
        .def_rw("final_loss", &PythonArrays::final_loss, optional)
        .def_rw("snapshots", &PythonArrays::snapshots, optional)
        .def_rw("gradient", &PythonArrays::gradient, optional)
        .def_rw("outcome", &PythonArrays::outcome, optional);
    nb::class_<Training>(m, "Training")
        .def("cancel", [](Training& training) { training.job.cancel(); })
        .def_prop_ro("run_steps_done", [](const Training& training) { return training.job.run_steps_done(); });
    m.def("begin", &begin, nb::arg("instruction_set"), nb::arg("plan"), nb::arg("arrays"), nb::arg("threads"),
          nb::rv_policy::take_ownership);
    m.attr("wait") = nb::steal(PyCFunction_New(&wait_definition, nullptr));
    m.def("gradient", &gradient_of_runs, nb::arg("instruction_set"), nb::arg("plan"), nb::arg("arrays"));
}
