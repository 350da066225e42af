// headlab.h: requests are checked here, and then cannot fail but for want of memory.
#include <algorithm>
#include <cstring>
#include <functional>
#include <new>
#include <string>

#include "backends/backend.hpp"
#include "feeding.hpp"
#include "floating.hpp"
#include "initial.hpp"
#include "work.hpp"

using namespace headlab;

namespace {

const Kernel* kernel_named(const char* name) {
    for (const Kernel* kernel : available_kernels())
        if (!name || std::strcmp(name, kernel->name) == 0) return kernel;
    return nullptr;
}

bool in(int32_t number, int32_t from, int32_t to) { return number >= from && number < to; }

// All that can be taken apart yet, and that the module which pages carry is for.
bool is_attention_alone(const hl_shape& shape) {
    return shape.n_layers > 0 && size_of(shape, Axis::out) == shape.d_vocab && !shape.d_mlp && !shape.norm && !shape.biases && !shape.tied &&
           !shape.relative && !shape.stream_values && !shape.pairs;
}

const char* wrong_shape(const hl_shape& shape) {
    if (attention_alone && !is_attention_alone(shape)) return "models must be of attention alone, without MLP, norms, biases, distances or outputs of their own: take the whole kernel";
    if (std::min({shape.d_vocab, shape.n_ctx, shape.d_model, shape.d_head, shape.n_heads}) < 1 ||
        std::min({shape.n_layers, shape.d_vocab_out, shape.d_mlp}) < 0)
        return "every size of a shape must be at least 1; n_layers, d_vocab_out and d_mlp may be 0";
    if (!in(shape.activation, HL_RELU, HL_GELU + 1)) return "the activation must be HL_RELU or HL_GELU";
    if (!in(shape.norm, HL_NO_NORM, HL_RMS_NORM + 1)) return "the norm must be one of HL_NO_NORM … HL_RMS_NORM";
    if (!shape.norm && (shape.norm_after || shape.norm_final)) return "a norm must be chosen where the stream is normed after a block or at the end";
    if (shape.stream_values && shape.factored_values) return "values that are what a head reads have no factors: leave factored_values out";
    if (shape.relative && !shape.causal) return "distances are to keys behind the query: with them, a model must be causal";
    if (shape.pairs && (shape.d_vocab > 46340 || shape.d_model % 2)) return "pairs need a d_vocab of at most 46340, and a d_model of two halves";
    if (shape.tied && (shape.pairs || !follows_vocabulary(shape, Axis::out))) return "tied logits are of the vocabulary: leave d_vocab_out and pairs out";
    if (shape.unembed) return nullptr;
    if (shape.n_layers == 0 || shape.tied || shape.pairs) return "no layers, tied logits and pairs need unembed";
    if (shape.d_model != size_of(shape, Axis::out)) return "d_model must be what there is to predict where there is no W_U";
    return shape.d_model != shape.d_vocab ? "d_model must be d_vocab where there is no W_U" : nullptr;
}

const char* wrong_batch(const hl_shape& shape, const hl_batch& batch) {
    if (batch.n_sequences < 1 || !batch.tokens) return "a batch must have at least one sequence: give its tokens";
    for (int b = 0; b < batch.n_sequences; ++b) {
        const int64_t first = int64_t(b) * shape.n_ctx;
        for (int t = 0; t < shape.n_ctx; ++t) {
            const int32_t token = batch.tokens[first + t];
            if (token < -1 || token >= ids_of(shape)) return "tokens must be from 0 to d_vocab - 1 (pairs to d_vocab² - 1), or -1 for padding";
            if (token >= 0 && t > 0 && batch.tokens[first + t - 1] < 0) return "padding must be at the right only";
            if (batch.targets && (batch.targets[first + t] < -1 || batch.targets[first + t] >= size_of(shape, Axis::out)))
                return "targets must be from 0 to d_vocab - 1 (or d_vocab_out - 1), or -1 for none";
            if (batch.weights && !(batch.weights[first + t] >= 0 && batch.weights[first + t] < __builtin_huge_val()))
                return "weights must be finite numbers of at least 0";
        }
        if (batch.tokens[first] < 0) return "every sequence must have at least one token";
    }
    return nullptr;
}

const char* wrong_problem(const hl_problem& problem, bool learns) {
    const hl_shape& shape = problem.shape;
    if (const char* wrong = wrong_shape(shape)) return wrong;
    if (problem.type != HL_FLOAT32 && problem.type != HL_FLOAT64) return "the type must be HL_FLOAT32 or HL_FLOAT64";
    if (!kernel_named(problem.instruction_set)) return "the instruction set must be one that this processor has";
    if (!in(problem.at_once, 0, 3)) return "at_once must be 0, 1 or 2";
    if (const char* wrong = wrong_batch(shape, problem.batch)) return wrong;
    if (!learns) return nullptr;
    for (int64_t i = 0; i < int64_t(problem.batch.n_sequences) * shape.n_ctx; ++i)
        if (problem.batch.targets && problem.batch.targets[i] >= 0 && problem.batch.tokens[i] >= 0 &&
            (!problem.batch.weights || problem.batch.weights[i] > 0))
            return nullptr;
    return "a batch must have a target of a weight above 0 to learn from";
}

// Examples without weights, of which one has a target at least.
const char* wrong_examples(hl_shape shape, int32_t n_sequences, int32_t n_positions, const int32_t* tokens, const int32_t* targets) {
    if (!tokens || !targets) return "examples must be given, tokens and targets";
    shape.n_ctx = n_positions;
    if (const char* wrong = wrong_batch(shape, {n_sequences, tokens, targets, nullptr, 1})) return wrong;
    const int64_t places = int64_t(n_sequences) * n_positions;
    for (int64_t i = 0; i < places; ++i)
        if (targets[i] >= 0 && tokens[i] >= 0) return nullptr;
    return "examples must have a target to learn from";
}

// Whether the problem's own batch is learned from.
bool learns(const hl_recipe& recipe) {
    return std::any_of(recipe.phases, recipe.phases + recipe.n_phases, [](const hl_phase& phase) { return phase.n_sequences == 0; });
}

const char* wrong_fed(const hl_problem& problem, const hl_recipe& recipe) {
    const hl_held_out& held = recipe.held_out;
    bool fed = held.n_steps > 0;
    for (int p = 0; p < recipe.n_phases; ++p) {
        if (recipe.phases[p].n_positions > problem.shape.n_ctx) return "a batch that is fed must have at most n_ctx positions";
        fed |= recipe.phases[p].n_sequences > 0;
    }
    if (attention_alone && fed) return "batches that are fed, and what is held out, take the whole kernel";
    if (attention_alone) return nullptr;
    if (fed && !problem.batch.declared) return "ids of examples must be declared to be in the order to train in";
    if (held.n_steps == 0) return nullptr;
    if (held.n_sequences < 1 || held.n_positions < 1 || held.n_positions > problem.shape.n_ctx || held.at_once < 1)
        return "what is held out must have sequences of at most n_ctx positions, and one at a time at least";
    return wrong_examples(problem.shape, held.n_sequences, held.n_positions, held.tokens, held.targets);
}

bool ascending(const int64_t* steps, int64_t n) {
    return n == 0 || (steps && steps[0] >= 0 && std::is_sorted(steps, steps + n, std::less_equal<int64_t>()));
}

const char* wrong_recipe(const hl_recipe& recipe) {
    if (recipe.n_phases < 1 || !recipe.phases) return "a recipe must have at least one phase";
    for (int p = 0; p < recipe.n_phases; ++p) {
        const hl_phase& phase = recipe.phases[p];
        if (phase.steps < 0) return "a phase must have at least 0 steps";
        if (phase.optimizer < HL_SGD || phase.optimizer > HL_ADAMW) return "the optimizer must be one of HL_SGD … HL_ADAMW";
        if (phase.loss != HL_SOFTMAX && phase.loss != HL_NORMALIZED_SIGMOID) return "the loss must be HL_SOFTMAX or HL_NORMALIZED_SIGMOID";
        if (!in(phase.schedule, HL_STEADY, HL_LINEAR + 1)) return "the schedule must be HL_STEADY, HL_COSINE or HL_LINEAR";
        if (phase.plateau_on && recipe.held_out.n_steps < 1) return "a plateau can watch what is held out only where that is evaluated";
        if (phase.n_sequences < 0 || phase.n_positions < (phase.n_sequences > 0)) return "a batch that is fed must have sequences and positions";
    }
    if (!ascending(recipe.recorded, recipe.n_recorded) || !ascending(recipe.snapshots, recipe.n_snapshots) ||
        !ascending(recipe.held_out.steps, recipe.held_out.n_steps))
        return "recorded steps, snapshots and evaluations must be ascending";
    return nullptr;
}

const char* wrong_runs(const hl_problem& problem, const hl_recipe& recipe, const hl_runs& runs) {
    if (runs.n_runs < 0) return "there must be at least 0 runs";
    if (runs.n_runs == 0) return nullptr;
    if (!runs.weights || !runs.rate || !runs.best || !runs.wait || !runs.cooldown || !runs.outcome)
        return "weights, rate, best, wait, cooldown and outcome must be given";
    if (recipe.held_out.n_steps > 0 && recipe.held_out.stop_count > 0 && !runs.reached) return "reached must be given where runs may stop";
    if (hl_slots(&recipe) > 0 && !runs.slots) return "slots must be given where the optimizer remembers";
    if (!runs.narrow != !runs.basis) return "narrow and basis must be given together";
    if (runs.narrow && hl_narrow(&problem.shape, &recipe) == 0) return "heads must be trained in their own width: leave narrow and basis out";
    return nullptr;
}

const char* wrong_parts(const hl_problem& problem) {
    if (const char* wrong = wrong_problem(problem, false)) return wrong;
    if (!is_attention_alone(problem.shape))
        return "only models of attention alone can be taken apart, without MLP, norms, biases, distances, or tokens in pairs";
    return problem.type == HL_FLOAT64 ? nullptr : "parts are in double: the type must be HL_FLOAT64";
}

const char* wrong_places(const hl_problem& problem, int32_t n, const hl_place* places) {
    const hl_batch& batch = problem.batch;
    for (int p = 0; p < n; ++p)
        if (places[p].sequence < 0 || places[p].sequence >= batch.n_sequences || places[p].at < 0 || places[p].at >= problem.shape.n_ctx ||
            batch.tokens[int64_t(places[p].sequence) * problem.shape.n_ctx + places[p].at] < 0)
            return "a place must be one at which the batch has a token";
    return nullptr;
}

const char* wrong_paths(const hl_shape& shape, int32_t n_paths, const int32_t* paths) {
    for (int64_t i = 0; i < int64_t(n_paths) * shape.n_layers; ++i) {
        if (paths[i] < -1 || paths[i] >= shape.n_heads) return "a path must go through one of a layer's heads, or be -1 there";
        if (paths[i] == -1 && !shape.residual) return "a path must go through a head of every layer where there is no residual connection";
    }
    return nullptr;
}

const char* wrong_donor(const hl_edit& edit, const hl_shape& shape, const hl_batch& batch) {
    if (!in(edit.donor, 0, batch.n_sequences)) return "the donor must be a sequence";
    for (int t = 0; edit.there && t < shape.n_ctx; ++t)
        if (!in(edit.there[t], -2, shape.n_ctx) || (edit.there[t] >= 0 && batch.tokens[int64_t(edit.donor) * shape.n_ctx + edit.there[t]] < 0))
            return "the donor's positions must be those of its tokens, -1 for none or -2 for what stays";
    return nullptr;
}

const char* wrong_edit(const hl_edit& edit, const hl_shape& shape, const hl_batch& batch) {
    if (!in(edit.what, HL_TOKEN, HL_MLP + 1)) return "what is edited must be one of HL_TOKEN … HL_MLP";
    if (!in(edit.how, HL_ZERO, HL_GIVEN + 1)) return "how it is edited must be one of HL_ZERO … HL_GIVEN";
    const bool row = edit.what == HL_SCORES || edit.what == HL_PATTERN;
    if (edit.how == HL_MASK && edit.what != HL_SCORES) return "only scores can be masked";
    if (edit.how == HL_GIVEN && (edit.what != HL_PATTERN || !edit.given)) return "only a pattern can be given by hand, and must be given then";
    if (edit.how == HL_MEAN && row) return "scores and patterns have no mean";
    if ((edit.what == HL_POSITION || edit.what == HL_DIRECT_POSITION) && !shape.positions) return "position embeddings must be in the model to be edited";
    if ((edit.what == HL_DIRECT_TOKEN || edit.what == HL_DIRECT_POSITION) && (!shape.residual || shape.norm_after)) return "the direct path must be in the model to be edited";
    if (edit.what == HL_MLP && !shape.d_mlp) return "an MLP must be in the model to be edited";
    if (!in(edit.layer, -1, shape.n_layers) || !in(edit.head, -1, shape.n_heads)) return "layer and head must be in the model, or -1 for every one";
    if (!in(edit.at, -1, shape.n_ctx)) return "the position of an edit must be below n_ctx, or -1 for every one";
    if (!in(edit.key, edit.what == HL_EDGE ? 0 : -1, shape.n_ctx)) return "the key of an edit must be below n_ctx, or -1 for every one but for edges";
    return edit.how == HL_FROM ? wrong_donor(edit, shape, batch) : nullptr;
}

const char* wrong_cases(const hl_problem& problem, int32_t n_cases, const hl_case* cases) {
    const hl_shape& shape = problem.shape;
    if (n_cases < 0 || (n_cases > 0 && !cases)) return "there must be at least 0 cases, and they must be given";
    for (int i = 0; i < n_cases; ++i) {
        const hl_case& item = cases[i];
        if (!in(item.sequence, 0, problem.batch.n_sequences)) return "the sequence of a case must be in the batch";
        if (!in(item.at, -1, shape.n_ctx) || (item.at >= 0 && problem.batch.tokens[int64_t(item.sequence) * shape.n_ctx + item.at] < 0))
            return "the position of a case must be one of its sequence's tokens, or -1 for all";
        if ((item.at < 0) != (cases[0].at < 0)) return "all positions must be asked for in every case or in none";
        if (item.n_edits < 0 || (item.n_edits > 0 && !item.edits)) return "a case must have at least 0 edits, and they must be given";
        if (item.n_reads < 0 || (item.n_reads > 0 && (!item.reads || item.at < 0))) return "what is read must be given, and asked for at one position";
        if (item.n_reads > 0 && (shape.n_layers == 0 || shape.d_mlp || shape.norm_after || shape.norm_final))
            return "what is read must reach the logits as it is: ask for it where neither MLP nor norm comes after the last heads";
        for (int r = 0; r < item.n_reads; ++r)
            if (!in(item.reads[r].head, 0, shape.n_heads) || !in(item.reads[r].key, 0, shape.n_ctx))
                return "what is read must be a head's of the model, from a key below n_ctx";
        for (int e = 0; e < item.n_edits; ++e)
            if (const char* wrong = wrong_edit(item.edits[e], shape, problem.batch)) return wrong;
    }
    return nullptr;
}

// How a training goes: a run in every lane, or one run after the other, alone in all of them.
struct Way {
    const Kernel* kernel;
    bool alone;
    double step, all;  // what a step takes: in those of a group; and of all runs on their threads

    int runs(int type) const { return alone ? 1 : kernel->lanes(type); }
    int columns(int type) const { return alone ? kernel->lanes(type) : 1; }
    Make<TrainingCall>* train(int type) const { return (alone ? kernel->train_alone : kernel->train).of(type); }
};

// The quickest, by counting; d_head: the width to train in, 0: that of the model.
Way way_of(const hl_problem& problem, const Recipe& recipe, int d_head, int64_t n_runs) {
    const hl_shape shape = with_heads_of(problem.shape, d_head);
    const Rows rows = usual_rows(problem, shape, recipe);
    const int type = problem.type;
    const Work group(shape, rows, 1);
    Way best{};
    for (const Kernel* kernel : available_kernels()) {
        if (problem.instruction_set && kernel != kernel_named(problem.instruction_set)) continue;
        const int bytes = kernel->lanes_double * 8;
        for (const bool alone : {false, true}) {
            Way way{kernel, alone, group.time(bytes), 0};
            if (!way.train(type) || (problem.at_once == (alone ? 2 : 1) && kernel->train_alone.of(type))) continue;
            if (alone) way.step = Work(shape, rows, way.columns(type)).time(bytes);
            const int64_t groups = (n_runs + way.runs(type) - 1) / way.runs(type), threads = std::max(problem.threads, 1);
            way.all = way.step * double((groups + threads - 1) / threads);
            way.step /= group.time(bytes);
            if (!best.kernel || way.all < best.all) best = way;
        }
    }
    return best;
}

// What `work` returns, a sentence or null, done in the usual floating-point mode; or that there was no memory.
template <class Work> const char* unless_full(const Work& work) {
    const FloatingMode mode;
#if defined(__cpp_exceptions)
    try {
        return work();
    } catch (const std::bad_alloc&) {
        return HL_NO_MEMORY;
    }
#else  // the module's instance ends where memory does: backends/wasm.cpp
    return work();
#endif
}

// Once over all groups of runs, with the caller waiting; fed: batches beside the problem's own.
template <class Call, class... Rest>
const char* run(Make<Call>* (*pick)(const Kernel&, int), const hl_problem& problem, int d_head, const std::vector<Sizes>& fed, int64_t n_runs, Rest... rest) {
    return unless_full([&]() -> const char* {
        const Kernel& kernel = *kernel_named(problem.instruction_set);
        const Plan plan(problem, d_head, 1, fed);
        const Call call{plan, n_runs, rest...};
        Crew crew([&](Control& control) { return pick(kernel, problem.type)(call, control); }, n_runs, kernel.lanes(problem.type), problem.threads);
        crew.start();
        while (n_runs > 0 && !crew.wait(std::chrono::hours(1))) continue;
        return nullptr;
    });
}

const char* look(const hl_problem& problem, int64_t n_runs, const hl_real* weights, int32_t n_cases, const hl_case* cases, hl_real* logits,
                 hl_real* reads, hl_real* pattern, const hl_computes* computes) {
    hl_problem in_double = problem;
    in_double.type = HL_FLOAT64;
    return run<LookCall>([](const Kernel& kernel, int) { return kernel.look; }, in_double, 0, {}, n_runs, problem.type, weights, cases, n_cases, logits,
                         reads, pattern, computes);
}

struct InitialCall {
    const hl_shape shape;
    const Places places;
    const std::vector<int64_t> gather;
    const Draws draws;
    double scale;
    int64_t n_runs;
    const uint64_t* seeds;
    void* weights;

    static constexpr int at_once = 8;  // runs
    std::unique_ptr<Worker> worker(int type, Control& control) const;
};

template <class T> class InitialWorker final : public Worker {
  public:
    InitialWorker(const InitialCall& call, Control& control) : call(call), control(control) {}

    void work() noexcept override {
        for (int64_t first; (first = control.take(call.n_runs, call.at_once)) >= 0;)
            for (int64_t run = first; run < std::min(first + call.at_once, call.n_runs); ++run)
                draw_initial(call.shape, call.places, call.gather, call.draws, call.scale, call.seeds[run],
                             static_cast<T*>(call.weights) + run * call.places.end);
    }

  private:
    const InitialCall& call;
    Control& control;
};

std::unique_ptr<Worker> InitialCall::worker(int type, Control& control) const {
    if (type == HL_FLOAT64) return std::make_unique<InitialWorker<double>>(*this, control);
    return std::make_unique<InitialWorker<float>>(*this, control);
}

}  // namespace

extern "C" {

hl_weight hl_weight_of(const hl_shape* shape, int32_t weight) {
    const Weight& of = weight_table[weight];
    hl_weight found = {of.name, places_of(*shape)[weight], {0, 0, 0, 0}, is_there(*shape, weight) ? of.n_axes : 0};
    for (int a = 0; a < found.n_axes; ++a) found.axes[a] = size_of(*shape, of.axes[a]);
    return found;
}

int64_t hl_size(const hl_shape* shape) { return places_of(*shape).end; }

void hl_order(const hl_shape* shape, const hl_batch* batch, int32_t* order) {
    const std::vector<int32_t> found = order_of(*shape, *batch);
    std::copy(found.begin(), found.end(), order);
}

void hl_places(const hl_shape* shape, const hl_batch* batch, int64_t* place) {
    const std::vector<int64_t> found = gather_of(*shape, order_of(*shape, *batch));
    std::copy(found.begin(), found.end(), place);
}

const char* hl_initial(const hl_problem* problem, const hl_draw draws[HL_WEIGHTS], double scale, int64_t n_runs, const uint64_t* seeds, hl_real* weights) {
    if (const char* wrong = wrong_problem(*problem, false)) return wrong;
    if (const char* wrong = wrong_draws(problem->shape, draws)) return wrong;
    return unless_full([&]() -> const char* {
        const InitialCall call{problem->shape, places_of(problem->shape), gather_of(problem->shape, order_of(problem->shape, problem->batch)),
                               draws_of(problem->shape, draws), scale, n_runs, seeds, weights};
        Crew crew([&](Control& control) { return call.worker(problem->type, control); }, n_runs, InitialCall::at_once, problem->threads);
        crew.start();
        while (n_runs > 0 && !crew.wait(std::chrono::hours(1))) continue;
        return nullptr;
    });
}

void hl_words(uint64_t seed, uint32_t stream, uint64_t first, int64_t n, int32_t from, int32_t count, uint32_t* words) {
    draw_words(seed, stream, first, n, from, count, words);
}

int32_t hl_narrow(const hl_shape* shape, const hl_recipe* recipe) { return narrow_width(*shape, Recipe(*recipe).phases); }

hl_way hl_way_of(const hl_problem* problem, const hl_recipe* given, int64_t n_runs) {
    const Recipe recipe(*given);
    const Way way = way_of(*problem, recipe, narrow_width(problem->shape, recipe.phases), n_runs);
    return {way.kernel->name, way.runs(problem->type), way.step};
}

int32_t hl_slots(const hl_recipe* recipe) { return Recipe(*recipe).most_slots(); }

struct hl_training {
    hl_training(const hl_problem& problem, const hl_recipe& given, const hl_runs& runs)
        : recipe(given), d_head(runs.narrow ? narrow_width(problem.shape, recipe.phases) : 0), way(way_of(problem, recipe, d_head, runs.n_runs)),
          plan(problem, d_head, way.columns(problem.type), fed_sizes(problem.shape, recipe)), feed(attention_alone ? nullptr : std::make_unique<Feed>(plan.shape, plan.order, recipe)),
          held_out(!attention_alone && given.held_out.n_steps > 0 ? std::make_unique<HeldOut>(plan.shape, plan.order, given.held_out) : nullptr),
          call{plan, recipe, held_out.get(), runs, 0, 0, {}},
          crew([&](Control& control) { return way.train(problem.type)(call, control); }, runs.n_runs, way.runs(problem.type), problem.threads) {}

    const Recipe recipe;
    const int d_head;
    const Way way;
    const Plan plan;
    const std::unique_ptr<Feed> feed;  // of the whole kernel
    const std::unique_ptr<HeldOut> held_out;
    TrainingCall call;
    bool waiting = false, busy = false, ended = false;  // busy: there is something to wait for
    Crew crew;

    int64_t until() const { return attention_alone ? recipe.steps() : feed->until(); }  // how far may be advanced
};

const char* hl_begin(const hl_problem* problem, const hl_recipe* recipe, const hl_runs* runs, hl_training** training) {
    return unless_full([&]() -> const char* {
        if (const char* wrong = wrong_recipe(*recipe)) return wrong;
        if (const char* wrong = wrong_problem(*problem, learns(*recipe))) return wrong;
        if (const char* wrong = wrong_fed(*problem, *recipe)) return wrong;
        if (const char* wrong = wrong_runs(*problem, *recipe, *runs)) return wrong;
        *training = new hl_training(*problem, *recipe, *runs);
        std::fill_n(runs->outcome, runs->n_runs, int64_t(HL_NOT_ENDED));
        return nullptr;
    });
}

const char* hl_feed(hl_training* training, int64_t n_steps, const int32_t* tokens, const int32_t* targets) {
    return unless_full([&]() -> const char* {
        int64_t rest = 0;
        const hl_phase* phase = training->feed->next(&rest);
        if (n_steps == 0) return nullptr;
        if (!phase || n_steps < 0 || n_steps > rest) return "steps must be fed of one phase, and no more than it has";
        const int64_t places = int64_t(phase->n_sequences) * phase->n_positions;
        for (int64_t step = 0; step < n_steps; ++step)
            if (const char* wrong = wrong_examples(training->plan.model, phase->n_sequences, phase->n_positions, tokens + step * places, targets + step * places))
                return wrong;
        training->feed->add(n_steps, tokens, targets);
        return nullptr;
    });
}

void hl_advance(hl_training* training, int64_t steps) {
    if (training->waiting || training->ended) return;
    TrainingCall& call = training->call;
    call.to = call.from + std::min(std::max<int64_t>(steps, 0), training->until() - call.from);
    if (!attention_alone) call.fed = training->feed->between(call.from, call.to);
    training->waiting = true;
    training->busy = call.runs.n_runs > 0 && (call.to > call.from || call.to == training->recipe.steps());
    if (training->busy) training->crew.start();
}

int32_t hl_wait(hl_training* training, int32_t milliseconds) {
    if (!training->waiting) return 1;
    if (training->busy && !training->crew.wait(std::chrono::milliseconds(milliseconds))) return 0;
    training->waiting = false;
    if (training->crew.cancelled()) return 1;
    training->call.from = training->call.to;
    training->ended = training->call.to == training->recipe.steps();
    return 1;
}

hl_progress hl_read(const hl_training* training) {
    const int64_t steps = training->call.from;
    const auto before = [&](const std::vector<int64_t>& of, int64_t step) { return int64_t(std::lower_bound(of.begin(), of.end(), step) - of.begin()); };
    const int64_t seen = training->ended ? steps + 1 : steps;
    return {steps, training->crew.run_steps(), before(training->recipe.recorded, steps), before(training->recipe.snapshots, seen),
            training->held_out ? before(training->held_out->evaluated, seen) : 0, training->until(), training->ended};
}

void hl_cancel(hl_training* training) { training->crew.cancel(); }

void hl_end(hl_training* training) { delete training; }

const char* hl_gradient(const hl_problem* problem, int32_t loss, int64_t n_runs, const hl_real* weights, hl_real* losses, hl_real* gradient) {
    if (const char* wrong = wrong_problem(*problem, true)) return wrong;
    return run<GradientCall>([](const Kernel& kernel, int type) { return kernel.gradient.of(type); }, *problem, 0, {}, n_runs, loss, weights, losses,
                             gradient);
}

const char* hl_evaluate(const hl_problem* problem, int32_t loss, int64_t n_runs, const hl_real* weights, hl_real* losses, int64_t* right,
                        int32_t* predicted, hl_real* logits) {
    if (const char* wrong = wrong_problem(*problem, losses || right)) return wrong;
    return unless_full([&]() -> const char* {
        const hl_shape& shape = problem->shape;
        const hl_batch& batch = problem->batch;
        Rows rows;
        RowMaker(shape, order_of(shape, batch)).make(rows, batch.tokens, batch.targets, batch.weights, batch.n_sequences, shape.n_ctx, !predicted && !logits);
        return run<EvaluationCall>([](const Kernel& kernel, int type) { return kernel.evaluate.of(type); }, *problem, 0, {rows.sizes()}, n_runs, std::cref(rows), loss,
                                   weights, losses, right, predicted, logits);
    });
}

const char* hl_widen(const hl_problem* problem, int64_t n, const hl_real* basis, const hl_real* narrow, hl_real* wide) {
    if (const char* wrong = wrong_problem(*problem, false)) return wrong;
    const int width = 2 * problem->shape.d_model;
    if (problem->shape.d_head <= width) return "only heads wider than 2 d_model are trained narrow";
    return run<WideningCall>([](const Kernel& kernel, int type) { return kernel.widen.of(type); }, *problem, width, {}, n, basis, narrow, wide);
}

const char* hl_look(const hl_problem* problem, int64_t n_runs, const hl_real* weights, int32_t n_cases, const hl_case* cases, hl_real* logits,
                    hl_real* reads, hl_real* pattern) {
    if (const char* wrong = wrong_problem(*problem, false)) return wrong;
    if (const char* wrong = wrong_cases(*problem, n_cases, cases)) return wrong;
    return n_cases == 0 ? nullptr : look(*problem, n_runs, weights, n_cases, cases, logits, reads, pattern, nullptr);
}

const char* hl_activations(const hl_problem* problem, int64_t n_runs, const hl_real* weights, const hl_computes* computes) {
    if (const char* wrong = wrong_problem(*problem, false)) return wrong;
    return look(*problem, n_runs, weights, 0, nullptr, nullptr, nullptr, nullptr, computes);
}

const char* hl_parts(const hl_problem* problem, int64_t n_runs, const double* weights, const hl_known* known, hl_place place,
                     const double* readout, int32_t n_paths, const int32_t* paths, const hl_gives* gives) {
    if (const char* wrong = wrong_parts(*problem)) return wrong;
    if (const char* wrong = wrong_places(*problem, 1, &place)) return wrong;
    if (const char* wrong = wrong_paths(problem->shape, n_paths, paths)) return wrong;
    return run<PartsCall>([](const Kernel& kernel, int) { return kernel.parts; }, *problem, 0, {}, n_runs, weights, known, place, readout, n_paths,
                          paths, *gives);
}

int32_t hl_features(const hl_shape* shape, int32_t layer) { return features_of(*shape, layer); }

const char* hl_score_parts(const hl_problem* problem, int64_t n_runs, const double* weights, const hl_known* known, int32_t layer,
                           int32_t n_queries, const hl_place* queries, int32_t n_keys, const hl_place* keys, double* parts) {
    if (const char* wrong = wrong_parts(*problem)) return wrong;
    if (layer < 0 || layer >= problem->shape.n_layers) return "the layer must be one that the model has";
    if (const char* wrong = wrong_places(*problem, n_queries, queries)) return wrong;
    if (const char* wrong = wrong_places(*problem, n_keys, keys)) return wrong;
    return run<ScorePartsCall>([](const Kernel& kernel, int) { return kernel.score_parts; }, *problem, 0, {}, n_runs, weights, known, layer,
                               n_queries, queries, n_keys, keys, parts);
}

void hl_softmax(int64_t n_rows, int32_t width, const double* rows, double* shares) {
    const FloatingMode mode;
    kernel_named(nullptr)->softmax(n_rows, width, rows, shares);
}

void hl_log(int64_t n, const double* numbers, double* logarithms) {
    const FloatingMode mode;
    kernel_named(nullptr)->log(n, numbers, logarithms);
}

const char* hl_instruction_set(int32_t number) {
    const std::vector<const Kernel*> found = available_kernels();
    return number >= 0 && number < int32_t(found.size()) ? found[number]->name : nullptr;
}

int32_t hl_lanes(const char* instruction_set, int32_t type) {
    const Kernel* kernel = kernel_named(instruction_set);
    return kernel ? kernel->lanes(type) : 0;
}

}  // extern "C"
