// Where Python meets the kernel: checks array shapes, and releases the GIL while it waits for a training,
// and nowhere else: see wait_for.
#include "bindings.hpp"

#include <optional>

using namespace headlab::python;

namespace {

// What is not trained on, and the steps at which it is evaluated.
struct HeldOut {
    nb::object tokens, targets;
    std::vector<int64_t> steps;
    hl_held_out of{};

    HeldOut(nb::object given_tokens, nb::object given_targets, int at_once, bool by_sequence, std::vector<int64_t> given_steps, bool last_apart,
            double stop_at, int64_t stop_count)
        : tokens(std::move(given_tokens)), targets(std::move(given_targets)), steps(std::move(given_steps)) {
        const auto array = nb::cast<Input>(tokens);
        if (array.ndim() != 2) throw std::invalid_argument("examples must be [sequence, position]");
        const int64_t size = int64_t(array.size());
        const auto ids = nb::dtype<int32_t>();
        of = {int32_t(array.shape(0)), int32_t(array.shape(1)), at_once, static_cast<const int32_t*>(memory<Input>(tokens, "tokens", size, ids)),
              static_cast<const int32_t*>(memory<Input>(targets, "targets", size, ids)), by_sequence, 0, nullptr, last_apart, stop_at, stop_count};
    }

    hl_held_out at() const {
        hl_held_out found = of;
        found.n_steps = int64_t(steps.size());
        found.steps = steps.data();
        return found;
    }
};

struct Recipe {
    std::vector<hl_phase> phases;
    std::vector<int64_t> recorded, snapshots;
    int64_t optimizer_step = 0;
    std::optional<HeldOut> held_out;

    Recipe(std::vector<hl_phase> phases, std::vector<int64_t> recorded, std::vector<int64_t> snapshots, int64_t optimizer_step,
           const HeldOut* held_out)
        : phases(std::move(phases)), recorded(std::move(recorded)), snapshots(std::move(snapshots)), optimizer_step(optimizer_step) {
        if (held_out) this->held_out = *held_out;
    }

    hl_recipe of() const {
        return {int32_t(phases.size()), phases.data(), optimizer_step, int64_t(recorded.size()), int64_t(snapshots.size()), recorded.data(),
                snapshots.data(), held_out ? held_out->at() : hl_held_out{}};
    }
};

// The arrays of a training by their names in hl_runs, as Python has them.
struct Runs {
    nb::object weights = nb::none(), slots = nb::none(), rate = nb::none(), best = nb::none(), wait = nb::none(), cooldown = nb::none(),
               narrow = nb::none(), basis = nb::none(), losses = nb::none(), rates = nb::none(), final_loss = nb::none(),
               snapshots = nb::none(), outcome = nb::none(), held_loss = nb::none(), held_right = nb::none(), reached = nb::none(),
               stopped = nb::none();
    bool turned = false;

    hl_runs checked(const Problem& problem, const Recipe& recipe) const {
        const hl_recipe given = recipe.of();
        const hl_shape& shape = problem.of.shape;
        const int64_t runs = int64_t(nb::cast<Array>(weights).shape(0)), n = problem.size(), blocks = int64_t(shape.n_layers) * shape.n_heads;
        const auto real = problem.real(), whole = nb::dtype<int64_t>();
        hl_shape trained = shape;
        if (!narrow.is_none()) trained.d_head = hl_narrow(&shape, &given);
        const int64_t width = trained.d_head;
        hl_runs at{};
        at.n_runs = runs;
        at.weights = memory(weights, "weights", runs * n, real);
        at.slots = memory(slots, "slots", runs * hl_slots(&given) * hl_size(&trained), real);
        at.rate = memory(rate, "rate", runs, real);
        at.best = memory(best, "best", runs, real);
        at.wait = static_cast<int64_t*>(memory(wait, "wait", runs, whole));
        at.cooldown = static_cast<int64_t*>(memory(cooldown, "cooldown", runs, whole));
        at.narrow = memory(narrow, "narrow", runs * 2 * blocks * shape.d_model * width, real);
        at.basis = memory(basis, "basis", runs * blocks * shape.d_head * width, real);
        at.turned = turned;
        at.losses = memory(losses, "losses", runs * given.n_recorded, real);
        at.rates = memory(rates, "rates", runs * given.n_recorded, real);
        at.final_loss = memory(final_loss, "final_loss", runs, real);
        at.snapshots = memory(snapshots, "snapshots", runs * hl_size(&trained) * given.n_snapshots, real);
        at.outcome = static_cast<int64_t*>(memory(outcome, "outcome", runs, whole));
        at.held_loss = memory(held_loss, "held_loss", runs * given.held_out.n_steps, real);
        at.held_right = memory(held_right, "held_right", runs * given.held_out.n_steps, real);
        at.reached = static_cast<int64_t*>(memory(reached, "reached", runs, whole));
        at.stopped = static_cast<int64_t*>(memory(stopped, "stopped", runs, whole));
        return at;
    }
};

// A training, and the arrays that it writes to.
struct Training {
    Training(const Problem& problem, const Recipe& recipe, const Runs& given) : runs(given), phases(recipe.phases) {
        const hl_recipe of = recipe.of();
        const hl_runs at = runs.checked(problem, recipe);
        raise_if(hl_begin(&problem.of, &of, &at, &handle));
    }
    ~Training() { hl_end(handle); }
    Training(const Training&) = delete;
    Training& operator=(const Training&) = delete;

    // The places of a batch that the next step is to be fed with.
    int64_t places_fed() const {
        const int64_t fed = hl_read(handle).fed;
        int64_t end = 0;
        for (const hl_phase& phase : phases)
            if (fed < (end += phase.steps)) return int64_t(phase.n_sequences) * phase.n_positions;
        return 0;
    }

    const Runs runs;
    const std::vector<hl_phase> phases;
    hl_training* handle = nullptr;
};

// Batches of the steps that come next [step, sequence, position].
void feed(Training& training, int64_t n_steps, const nb::object& tokens, const nb::object& targets) {
    const int64_t size = int64_t(nb::cast<Input>(tokens).size());
    if (size != n_steps * training.places_fed()) throw std::invalid_argument("tokens must be those of so many steps");
    const auto ids = nb::dtype<int32_t>();
    const auto* from = static_cast<const int32_t*>(memory<Input>(tokens, "tokens", size, ids));
    const auto* to = static_cast<const int32_t*>(memory<Input>(targets, "targets", size, ids));
    raise_if(hl_feed(training.handle, n_steps, from, to));
}

// wait(training, milliseconds) -> whether it has advanced. A plain C function: when Python ends while another thread is in
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
    hl_training* handle = nb::inst_ptr<Training>(nb::handle(kept))->handle;
    int advanced;
    Py_INCREF(kept);
    Py_BEGIN_ALLOW_THREADS;
    advanced = hl_wait(handle, int32_t(most));
    Py_END_ALLOW_THREADS;
    Py_DECREF(kept);
    return PyBool_FromLong(advanced);
}

PyMethodDef wait_definition = {"wait", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(wait_for)), METH_FASTCALL,
                               "Wait for a training, some milliseconds at most; return whether it has advanced as far as it was told to."};

// draws: (weight, rule, size); of the others as usual
void initial(const Problem& problem, const std::vector<std::tuple<int, int, double>>& draws, double scale, const nb::object& seeds,
             const nb::object& weights) {
    hl_draw by[HL_WEIGHTS] = {};
    for (const auto& [weight, rule, size] : draws) {
        if (weight < 0 || weight >= HL_WEIGHTS) throw std::invalid_argument("a draw must be of a weight in the table of weights");
        by[weight] = {rule, size};
    }
    const int64_t runs = int64_t(nb::cast<Input>(seeds).size());
    const auto* from = static_cast<const uint64_t*>(memory<Input>(seeds, "seeds", runs, nb::dtype<uint64_t>()));
    void* to = memory(weights, "weights", runs * problem.size(), problem.real());
    raise_if(hl_initial(&problem.of, by, scale, runs, from, to));
}

void words(uint64_t seed, uint32_t stream, uint64_t first, int32_t start, const nb::object& words) {
    const Array array = nb::cast<Array>(words);
    if (array.ndim() != 2 || start < 0) throw std::invalid_argument("words must be [example, word], from one of at least 0 on");
    const int64_t n = int64_t(array.shape(0)), count = int64_t(array.shape(1));
    if (start + count > INT32_MAX) throw std::invalid_argument("an example must have less than 2^31 words");
    void* to = memory(words, "words", n * count, nb::dtype<uint32_t>());
    hl_words(seed, stream, first, n, start, int32_t(count), static_cast<uint32_t*>(to));
}

void gradient(const Problem& problem, int loss, const nb::object& weights, const nb::object& losses, const nb::object& gradient) {
    const int64_t runs = int64_t(nb::cast<Input>(weights).shape(0)), size = runs * problem.size();
    const void* at = memory<Input>(weights, "weights", size, problem.real());
    void *to = memory(losses, "losses", runs, problem.real()), *with = memory(gradient, "gradient", size, problem.real());
    raise_if(hl_gradient(&problem.of, loss, runs, at, to, with));
}

void evaluate(const Problem& problem, int loss, const nb::object& weights, const nb::object& losses, const nb::object& right,
              const nb::object& predicted, const nb::object& logits) {
    const int64_t runs = int64_t(nb::cast<Input>(weights).shape(0)), places = runs * problem.of.batch.n_sequences * problem.of.shape.n_ctx;
    const int64_t outputs = problem.of.shape.d_vocab_out ? problem.of.shape.d_vocab_out : problem.of.shape.d_vocab;
    const void* at = memory<Input>(weights, "weights", runs * problem.size(), problem.real());
    void* to = memory(losses, "losses", runs, problem.real());
    auto* counts = static_cast<int64_t*>(memory(right, "right", 2 * runs, nb::dtype<int64_t>()));
    auto* ids = static_cast<int32_t*>(memory(predicted, "predicted", places, nb::dtype<int32_t>()));
    raise_if(hl_evaluate(&problem.of, loss, runs, at, to, counts, ids, memory(logits, "logits", places * outputs, problem.real())));
}

void widen(const Problem& problem, const nb::object& basis, const nb::object& narrow, const nb::object& wide) {
    hl_shape shape = problem.of.shape;
    const int64_t blocks = int64_t(shape.n_layers) * shape.n_heads, width = 2 * shape.d_model, d_head = shape.d_head;
    shape.d_head = int32_t(width);
    const int64_t runs = int64_t(nb::cast<Input>(narrow).shape(0));
    const void* turns = memory<Input>(basis, "basis", runs * blocks * d_head * width, problem.real());
    const void* from = memory<Input>(narrow, "narrow", runs * hl_size(&shape), problem.real());
    void* to = memory(wide, "wide", runs * problem.size(), problem.real());
    raise_if(hl_widen(&problem.of, runs, turns, from, to));
}

// What the table of weights says of a shape: names, where each starts, and its sizes; those that the model has.
std::vector<std::tuple<std::string, int64_t, std::vector<int64_t>>> weights(const hl_shape& shape) {
    std::vector<std::tuple<std::string, int64_t, std::vector<int64_t>>> found;
    for (int w = 0; w < HL_WEIGHTS; ++w) {
        const hl_weight weight = hl_weight_of(&shape, w);
        if (weight.n_axes) found.emplace_back(weight.name, weight.start, std::vector<int64_t>(weight.axes, weight.axes + weight.n_axes));
    }
    return found;
}

std::vector<int32_t> order(const Problem& problem) {
    std::vector<int32_t> found(problem.of.shape.d_vocab);
    hl_order(&problem.of.shape, &problem.of.batch, found.data());
    return found;
}

std::vector<int64_t> places(const Problem& problem) {
    std::vector<int64_t> found(problem.size());
    hl_places(&problem.of.shape, &problem.of.batch, found.data());
    return found;
}

std::string sha256(const nb::bytes& bytes) {
    char hex[65];
    hl_sha256(bytes.c_str(), bytes.size(), hex);
    return hex;
}

}  // namespace

NB_MODULE(_native, m) {
    nb::set_leak_warnings(false);  // a process may end while a thread of it waits for a training: see wait_for
    m.attr("NUMERICS") = HL_NUMERICS;
    nb::class_<hl_shape>(m, "Shape")
        .def(nb::init<>())
        .def_rw("d_vocab", &hl_shape::d_vocab)
        .def_rw("n_ctx", &hl_shape::n_ctx)
        .def_rw("d_model", &hl_shape::d_model)
        .def_rw("d_head", &hl_shape::d_head)
        .def_rw("n_layers", &hl_shape::n_layers)
        .def_rw("n_heads", &hl_shape::n_heads)
        .def_rw("positions", &hl_shape::positions)
        .def_rw("residual", &hl_shape::residual)
        .def_rw("causal", &hl_shape::causal)
        .def_rw("factored_values", &hl_shape::factored_values)
        .def_rw("unembed", &hl_shape::unembed)
        .def_rw("d_vocab_out", &hl_shape::d_vocab_out)
        .def_rw("d_mlp", &hl_shape::d_mlp)
        .def_rw("activation", &hl_shape::activation)
        .def_rw("norm", &hl_shape::norm)
        .def_rw("norm_after", &hl_shape::norm_after)
        .def_rw("norm_final", &hl_shape::norm_final)
        .def_rw("biases", &hl_shape::biases)
        .def_rw("tied", &hl_shape::tied)
        .def_rw("relative", &hl_shape::relative)
        .def_rw("stream_values", &hl_shape::stream_values)
        .def_rw("pairs", &hl_shape::pairs);
    nb::class_<hl_phase>(m, "Phase")
        .def(nb::init<>())
        .def_rw("steps", &hl_phase::steps)
        .def_rw("loss", &hl_phase::loss)
        .def_rw("optimizer", &hl_phase::optimizer)
        .def_rw("nesterov", &hl_phase::nesterov)
        .def_rw("centered", &hl_phase::centered)
        .def_rw("momentum", &hl_phase::momentum)
        .def_rw("rho", &hl_phase::rho)
        .def_rw("beta_1", &hl_phase::beta_1)
        .def_rw("beta_2", &hl_phase::beta_2)
        .def_rw("epsilon", &hl_phase::epsilon)
        .def_rw("weight_decay", &hl_phase::weight_decay)
        .def_rw("sets_rate", &hl_phase::sets_rate)
        .def_rw("learning_rate", &hl_phase::learning_rate)
        .def_rw("plateau", &hl_phase::plateau)
        .def_rw("plateau_goes_on", &hl_phase::plateau_goes_on)
        .def_rw("factor", &hl_phase::factor)
        .def_rw("min_rate", &hl_phase::min_rate)
        .def_rw("min_delta", &hl_phase::min_delta)
        .def_rw("patience", &hl_phase::patience)
        .def_rw("cooldown", &hl_phase::cooldown)
        .def_rw("frozen", &hl_phase::frozen)
        .def_rw("spared", &hl_phase::spared)
        .def_rw("l2", &hl_phase::l2)
        .def_rw("clip", &hl_phase::clip)
        .def_rw("schedule", &hl_phase::schedule)
        .def_rw("end_rate", &hl_phase::end_rate)
        .def_rw("rate_every", &hl_phase::rate_every)
        .def_rw("warmup", &hl_phase::warmup)
        .def_rw("schedule_from", &hl_phase::schedule_from)
        .def_rw("schedule_steps", &hl_phase::schedule_steps)
        .def_rw("reset", &hl_phase::reset)
        .def_rw("plateau_on", &hl_phase::plateau_on)
        .def_rw("n_sequences", &hl_phase::n_sequences)
        .def_rw("n_positions", &hl_phase::n_positions);
    nb::class_<Problem>(m, "Problem")
        .def(nb::init<const hl_shape&, nb::object, nb::object, nb::object, bool, bool, int, std::string, int>(), nb::arg("shape"), nb::arg("tokens"),
             nb::arg("targets").none(), nb::arg("weights").none(), nb::arg("declared"), nb::arg("float64"), nb::arg("threads"),
             nb::arg("instruction_set"), nb::arg("at_once") = 0)
        .def_prop_ro("size", &Problem::size);
    nb::class_<HeldOut>(m, "HeldOut")
        .def(nb::init<nb::object, nb::object, int, bool, std::vector<int64_t>, bool, double, int64_t>(), nb::arg("tokens"), nb::arg("targets"),
             nb::arg("at_once"), nb::arg("by_sequence"), nb::arg("steps"), nb::arg("last_apart"), nb::arg("stop_at"), nb::arg("stop_count"));
    nb::class_<Recipe>(m, "Recipe")
        .def(nb::init<std::vector<hl_phase>, std::vector<int64_t>, std::vector<int64_t>, int64_t, const HeldOut*>(), nb::arg("phases"),
             nb::arg("recorded"), nb::arg("snapshots"), nb::arg("optimizer_step"), nb::arg("held_out").none() = nb::none())
        .def_prop_ro("slots", [](const Recipe& recipe) { const hl_recipe of = recipe.of(); return hl_slots(&of); });
    m.def("narrow", [](const hl_shape& shape, const Recipe& recipe) { const hl_recipe of = recipe.of(); return hl_narrow(&shape, &of); },
          nb::arg("shape"), nb::arg("recipe"));
    m.def("way", [](const Problem& problem, const Recipe& recipe, int64_t n_runs) {
        const hl_recipe of = recipe.of();
        const hl_way way = hl_way_of(&problem.of, &of, n_runs);
        return nb::make_tuple(way.instruction_set, way.runs, way.step);
    }, nb::arg("problem"), nb::arg("recipe"), nb::arg("n_runs"), nb::sig("def way(problem: Problem, recipe: Recipe, n_runs: int) -> tuple[str, int, float]"));
    const auto optional = nb::for_setter(nb::arg("array").none());
    nb::class_<Runs>(m, "Runs")
        .def(nb::init<>())
        .def_rw("weights", &Runs::weights, optional)
        .def_rw("slots", &Runs::slots, optional)
        .def_rw("rate", &Runs::rate, optional)
        .def_rw("best", &Runs::best, optional)
        .def_rw("wait", &Runs::wait, optional)
        .def_rw("cooldown", &Runs::cooldown, optional)
        .def_rw("narrow", &Runs::narrow, optional)
        .def_rw("basis", &Runs::basis, optional)
        .def_rw("turned", &Runs::turned)
        .def_rw("losses", &Runs::losses, optional)
        .def_rw("rates", &Runs::rates, optional)
        .def_rw("final_loss", &Runs::final_loss, optional)
        .def_rw("snapshots", &Runs::snapshots, optional)
        .def_rw("outcome", &Runs::outcome, optional)
        .def_rw("held_loss", &Runs::held_loss, optional)
        .def_rw("held_right", &Runs::held_right, optional)
        .def_rw("reached", &Runs::reached, optional)
        .def_rw("stopped", &Runs::stopped, optional);
    nb::class_<hl_progress>(m, "Progress")
        .def_ro("steps", &hl_progress::steps)
        .def_ro("run_steps", &hl_progress::run_steps)
        .def_ro("n_recorded", &hl_progress::n_recorded)
        .def_ro("n_snapshots", &hl_progress::n_snapshots)
        .def_ro("n_evaluated", &hl_progress::n_evaluated)
        .def_ro("fed", &hl_progress::fed)
        .def_ro("ended", &hl_progress::ended);
    nb::class_<Training>(m, "Training")
        .def(nb::init<const Problem&, const Recipe&, const Runs&>(), nb::arg("problem"), nb::arg("recipe"), nb::arg("runs"))
        .def("feed", &feed, nb::arg("n_steps"), nb::arg("tokens"), nb::arg("targets"))
        .def("advance", [](Training& training, int64_t steps) { hl_advance(training.handle, steps); }, nb::arg("steps"))
        .def("read", [](const Training& training) { return hl_read(training.handle); })
        .def("cancel", [](Training& training) { hl_cancel(training.handle); });
    m.attr("wait") = nb::steal(PyCFunction_New(&wait_definition, nullptr));
    m.def("initial", &initial, nb::arg("problem"), nb::arg("draws"), nb::arg("scale"), nb::arg("seeds"), nb::arg("weights"));
    m.def("words", &words, nb::arg("seed"), nb::arg("stream"), nb::arg("first"), nb::arg("start"), nb::arg("words"));
    m.def("gradient", &gradient, nb::arg("problem"), nb::arg("loss"), nb::arg("weights"), nb::arg("losses").none(), nb::arg("gradient").none());
    m.def("evaluate", &evaluate, nb::arg("problem"), nb::arg("loss"), nb::arg("weights"), nb::arg("losses").none(), nb::arg("right").none(),
          nb::arg("predicted").none(), nb::arg("logits").none());
    m.def("widen", &widen, nb::arg("problem"), nb::arg("basis"), nb::arg("narrow"), nb::arg("wide"));
    bind_look(m);
    bind_parts(m);
    m.def("weights", &weights, nb::arg("shape"));
    m.def("order", &order, nb::arg("problem"));
    m.def("places", &places, nb::arg("problem"));
    m.def("sha256", &sha256, nb::arg("bytes"));
    m.def("instruction_sets", [] {
        std::vector<std::string> names;
        while (const char* name = hl_instruction_set(int32_t(names.size()))) names.push_back(name);
        return names;
    });
    m.def("lanes", [](const std::string& name, bool float64) { return hl_lanes(name.c_str(), float64 ? HL_FLOAT64 : HL_FLOAT32); },
          nb::arg("instruction_set"), nb::arg("float64"));
}
