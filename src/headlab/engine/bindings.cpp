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

// A job, and the arrays that it writes to.
struct Training {
    nb::object arrays;
    Job job;
};

Training* begin(const std::string& kernel_name, const Plan& plan, const Array& weights, nb::object state, nb::object loss,
                nb::object rate, nb::object final_loss, nb::object snapshots, nb::object outcome, int n_threads) {
    const nb::dlpack::dtype dtype = weights.dtype();
    const int64_t n_runs = int64_t(weights.shape(0)), n = plan.offsets().end, recorded = int64_t(plan.record_steps.size());
    if (int64_t(weights.size()) != n_runs * n) throw std::invalid_argument("weights must be [run, " + std::to_string(n) + "]");
    Batch batch;
    batch.n_runs = n_runs;
    batch.weights = weights.data();
    batch.state = memory(state, "state", n_runs * n * plan.state_slots(), dtype);
    batch.loss = memory(loss, "loss", n_runs * recorded, dtype);
    batch.rate = memory(rate, "rate", n_runs * recorded, dtype);
    batch.final_loss = memory(final_loss, "final_loss", n_runs, dtype);
    batch.snapshots = memory(snapshots, "snapshots", n_runs * n * int64_t(plan.snapshot_steps.size()), dtype);
    batch.outcome = static_cast<int64_t*>(memory(outcome, "outcome", n_runs, nb::dtype<int64_t>()));
    if (!batch.outcome || (plan.state_slots() && !batch.state)) throw std::invalid_argument("outcome and optimiser state are required");
    nb::object arrays = nb::make_tuple(weights, state, loss, rate, final_loss, snapshots, outcome);
    return new Training{std::move(arrays), {kernel_named(kernel_name), dtype == nb::dtype<double>(), plan, batch, n_threads}};
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

void gradient_of_runs(const std::string& kernel_name, const Plan& plan, const Array& weights, nb::object loss, nb::object result) {
    const nb::dlpack::dtype dtype = weights.dtype();
    Batch batch;
    batch.n_runs = int64_t(weights.shape(0));
    batch.weights = weights.data();
    Plan stateless = plan;
    stateless.optimizer = Optimizer::sgd;
    stateless.momentum = 0;
    batch.final_loss = memory(loss, "loss", batch.n_runs, dtype);
    batch.gradient = memory(result, "gradient", batch.n_runs * plan.offsets().end, dtype);
    Control control;
    kernel_named(kernel_name).worker(dtype == nb::dtype<double>())(stateless, batch, control)->gradient();
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
    nb::class_<Phase>(m, "Phase")
        .def(nb::init<>())
        .def_rw("steps", &Phase::steps)
        .def_rw("plateau", &Phase::plateau)
        .def_rw("factor", &Phase::factor)
        .def_rw("min_rate", &Phase::min_rate)
        .def_rw("min_delta", &Phase::min_delta)
        .def_rw("patience", &Phase::patience)
        .def_rw("cooldown", &Phase::cooldown);
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
        .def_rw("identity", &Plan::identity)
        .def_rw("n_targets", &Plan::n_targets)
        .def_rw("loss", &Plan::loss)
        .def_rw("optimizer", &Plan::optimizer)
        .def_rw("learning_rate", &Plan::learning_rate)
        .def_rw("momentum", &Plan::momentum)
        .def_rw("rho", &Plan::rho)
        .def_rw("beta_1", &Plan::beta_1)
        .def_rw("beta_2", &Plan::beta_2)
        .def_rw("epsilon", &Plan::epsilon)
        .def_rw("weight_decay", &Plan::weight_decay)
        .def_rw("nesterov", &Plan::nesterov)
        .def_rw("centered", &Plan::centered)
        .def_rw("optimizer_step", &Plan::optimizer_step)
        .def_rw("phases", &Plan::phases)
        .def_rw("record_steps", &Plan::record_steps)
        .def_rw("snapshot_steps", &Plan::snapshot_steps)
        .def_prop_ro("size", [](const Plan& plan) { return plan.offsets().end; })
        .def_prop_ro("state_slots", &Plan::state_slots)
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
    nb::class_<Training>(m, "Training")
        .def("cancel", [](Training& training) { training.job.cancel(); })
        .def_prop_ro("run_steps_done", [](const Training& training) { return training.job.run_steps_done(); });
    m.def("begin", &begin, nb::arg("instruction_set"), nb::arg("plan"), nb::arg("weights"), nb::arg("state").none(),
          nb::arg("loss").none(), nb::arg("rate").none(), nb::arg("final_loss").none(), nb::arg("snapshots").none(),
          nb::arg("outcome"), nb::arg("threads"), nb::rv_policy::take_ownership);
    m.attr("wait") = nb::steal(PyCFunction_New(&wait_definition, nullptr));
    m.def("gradient", &gradient_of_runs, nb::arg("instruction_set"), nb::arg("plan"), nb::arg("weights"), nb::arg("loss"),
          nb::arg("gradient"));
}
