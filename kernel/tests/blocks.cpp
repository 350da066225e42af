// Every block's gradient against central differences, in double; one run alone against a group of them, to the bit; and rows without a
// target left out against all of them.
#include <algorithm>
#include <cmath>
#include <string>

#include "check.h"
#include "model.hpp"

using namespace headlab;
using namespace headlab::HEADLAB_ISA;

namespace {

struct Named {
    std::string name;
    hl_shape shape;
};

hl_shape plain() {
    hl_shape shape{};
    shape.d_vocab = 5, shape.n_ctx = 6, shape.d_model = 6, shape.d_head = 3, shape.n_layers = 2, shape.n_heads = 2;
    shape.positions = shape.residual = shape.causal = shape.factored_values = shape.unembed = 1;
    return shape;
}

template <class Change> void add(std::vector<Named>& to, const char* name, hl_shape shape, const Change& change) {
    change(shape);
    to.push_back({name, shape});
}

std::vector<Named> shapes() {
    std::vector<Named> all;
    const hl_shape two = plain();
    hl_shape one = two;
    one.n_layers = 1;
    add(all, "two layers", two, [](hl_shape&) {});
    add(all, "one layer that folds", one, [](hl_shape& s) { s.d_head = 17; });
    add(all, "no mask", two, [](hl_shape& s) { s.causal = 0; });
    add(all, "the stream as logits", one, [](hl_shape& s) { s.d_model = 5, s.unembed = s.factored_values = 0; });
    add(all, "no residual", two, [](hl_shape& s) { s.residual = 0; });
    add(all, "outputs of their own", two, [](hl_shape& s) { s.d_vocab_out = 3; });
    add(all, "no layers", one, [](hl_shape& s) { s.n_layers = 0; });
    add(all, "no layers, normed, tied", one, [](hl_shape& s) { s.n_layers = 0, s.norm = HL_RMS_NORM, s.norm_final = s.tied = 1; });
    add(all, "biases", two, [](hl_shape& s) { s.biases = 1; });
    add(all, "biases, full values", one, [](hl_shape& s) { s.biases = 1, s.factored_values = 0; });
    add(all, "ReLU", two, [](hl_shape& s) { s.d_mlp = 7; });
    add(all, "GELU", one, [](hl_shape& s) { s.d_mlp = 7, s.activation = HL_GELU; });
    for (const int norm : {HL_LAYER_NORM, HL_RMS_NORM})
        for (const int after : {0, 1})
            for (const hl_shape& of : {one, two})
                add(all, "norms", of, [&](hl_shape& s) { s.norm = norm, s.norm_after = after, s.norm_final = 1, s.d_mlp = 9, s.activation = of.n_layers - 1; });
    add(all, "a norm, folded", one, [](hl_shape& s) { s.d_head = 17, s.norm = HL_LAYER_NORM; });
    add(all, "distances", one, [](hl_shape& s) { s.relative = 1, s.positions = 0; });
    add(all, "distances, two layers", two, [](hl_shape& s) { s.relative = 1; });
    add(all, "values of the stream", two, [](hl_shape& s) { s.stream_values = 1, s.factored_values = 0; });
    add(all, "values of the stream, folded and normed", one, [](hl_shape& s) { s.stream_values = 1, s.factored_values = 0, s.d_head = 17, s.norm = HL_LAYER_NORM; });
    add(all, "tied", two, [](hl_shape& s) { s.tied = 1; });
    add(all, "pairs", one, [](hl_shape& s) { s.pairs = 1; });
    add(all, "pairs without positions", two, [](hl_shape& s) { s.pairs = 1, s.positions = 0, s.d_vocab_out = 4; });
    add(all, "all of it", two, [](hl_shape& s) {
        s.d_vocab_out = 3, s.d_mlp = 17, s.activation = HL_GELU, s.norm = HL_LAYER_NORM, s.norm_final = s.biases = s.relative = s.pairs = 1;
    });
    add(all, "all of it, wide", two, [](hl_shape& s) {
        s.d_model = 20, s.d_head = 19, s.d_mlp = 33, s.norm = HL_RMS_NORM, s.norm_after = s.norm_final = s.biases = s.relative = s.tied = 1;
    });
    return all;
}

struct Numbers {
    uint64_t state;
    double next() {  // within 1
        state = state * 6364136223846793005u + 1442695040888963407u;
        return double(state >> 11) * 0x1p-52 - 1;
    }
    int below(int n) { return std::min(n - 1, int((next() + 1) / 2 * n)); }
};

// Ragged sequences, some places without a target, and one sequence without any.
struct Batch {
    Batch(const hl_shape& shape, int sequences, uint64_t seed) {
        Numbers numbers{seed};
        const int outputs = int(size_of(shape, Axis::out));
        for (int b = 0; b < sequences; ++b)
            for (int t = 0; t < shape.n_ctx; ++t) {
                const bool there = t < shape.n_ctx - b % 3;
                tokens.push_back(there ? numbers.below(int(ids_of(shape))) : -1);
                targets.push_back(!there || b == 1 || numbers.below(3) == 0 ? -1 : numbers.below(outputs));
            }
        problem.shape = shape;
        problem.batch = {sequences, tokens.data(), targets.data(), nullptr, 1};
        problem.type = HL_FLOAT64;
    }
    std::vector<int32_t> tokens, targets;
    hl_problem problem{};
};

template <class E> constexpr int columns = alone<E> ? lanes<Real<E>> : 1;

template <class E> struct Run {
    explicit Run(const hl_problem& problem, bool some) : plan(problem, 0, columns<E>, {most_sizes(problem.shape, 9, problem.shape.n_ctx)}), model(plan) {
        RowMaker(problem.shape, plan.order).make(rows, problem.batch.tokens, problem.batch.targets, nullptr, problem.batch.n_sequences, problem.shape.n_ctx, some);
        model.at(rows);
    }
    // In the first lane those weights, in the others some others.
    void load(const std::vector<double>& weights) {
        for (int lane = 0; lane < runs_in<E>; ++lane)
            for (int64_t i = 0; i < model.size; ++i)
                if (plan.gather[i] >= 0) set_of_run(model.weights[i], lane, Real<E>(weights[plan.gather[i]] * (1 + lane)));
    }
    Real<E> loss() { return of_run(model.forward(HL_SOFTMAX), 0); }
    std::vector<Real<E>> gradient() {
        std::vector<Real<E>> found(plan.given.end);
        model.backward();
        store_lane(found.data(), model.gradient, plan.gather.data(), model.size, 0);
        return found;
    }
    Plan plan;
    Model<E> model;
    Rows rows;
};

std::vector<double> random_weights(const hl_shape& shape) {
    std::vector<double> weights(places_of(shape).end);
    Numbers numbers{7};
    for (double& weight : weights) weight = numbers.next();
    return weights;
}

double furthest(const std::vector<double>& a, const std::vector<double>& b) {
    double most = 0;
    for (size_t i = 0; i < a.size(); ++i) most = std::max(most, a[i] == b[i] ? 0 : std::fabs(a[i] - b[i]) == std::fabs(a[i] - b[i]) ? std::fabs(a[i] - b[i]) : HUGE_VAL);
    return most;
}

void gradients(const Named& of, bool some) {
    const Batch batch(of.shape, 7, 3);
    Run<double> run(batch.problem, some);
    std::vector<double> weights = random_weights(of.shape), differences;
    run.load(weights);
    run.loss();
    const std::vector<double> gradient = run.gradient();
    constexpr double step = 1e-5;
    for (double& weight : weights) {
        const double at = weight;
        double side[2];
        for (const int up : {0, 1}) {
            weight = at + (up ? step : -step);
            run.load(weights);
            side[up] = run.loss();
        }
        weight = at;
        differences.push_back((side[1] - side[0]) / (2 * step));
    }
    const double off = furthest(gradient, differences);
    check(off < 1e-8, "%s%s: the gradient is that of central differences, within %.1e", of.name.c_str(), some ? ", some rows" : "", off);
}

template <class T> void alone_or_not(const Named& of, bool some) {
    const Batch batch(of.shape, 7, 5);
    Run<T> one(batch.problem, some);
    Run<Vec<T>> group(batch.problem, some);
    const std::vector<double> weights = random_weights(of.shape);
    one.load(weights), group.load(weights);
    const bool same = one.loss() == group.loss() && one.gradient() == group.gradient();
    check(same, "%s%s: alone, a run has the bits that it has in a group of %d", of.name.c_str(), some ? ", some rows" : "", runs_in<Vec<T>>);
}

// From a large batch to a small one, and back; and what the rows that are left out would have added.
void steps(const Named& of) {
    const Batch large(of.shape, 9, 11), small(of.shape, 2, 12);
    const std::vector<double> weights = random_weights(of.shape);
    Run<double> all(large.problem, false), some(large.problem, true), fresh(small.problem, true);
    for (auto* run : {&all, &some, &fresh}) run->load(weights);
    const double loss = some.loss();
    const std::vector<double> gradient = some.gradient();
    const double of_loss = std::fabs(all.loss() - loss), off = std::max(of_loss, furthest(all.gradient(), gradient));
    check(off < 1e-13, "%s: rows without a target add nothing, within %.1e", of.name.c_str(), off);
    some.model.at(fresh.rows);
    const bool next = some.loss() == fresh.loss() && some.gradient() == fresh.gradient();
    some.model.at(some.rows);
    check(next && some.loss() == loss && some.gradient() == gradient, "%s: a step knows nothing of the batch before it", of.name.c_str());
}

// The table of all that there could be against sorting.
void inputs() {
    hl_shape shape = plain();
    shape.n_layers = 1;
    Batch few(shape, 2, 4);
    const Rows by_table = rows_of(shape, few.problem.batch, order_of(shape, few.problem.batch));
    shape.d_vocab = 4000;
    few.problem.batch.declared = 1;
    const Rows sorted = rows_of(shape, few.problem.batch, order_of(shape, few.problem.batch));
    check(by_table.input_token == sorted.input_token && by_table.input_of_row == sorted.input_of_row && by_table.before == sorted.before &&
              by_table.input_position == sorted.input_position,
          "distinct inputs are found by sorting as by a table");
}

}  // namespace

int main(int count, char**) {
    const bool few = count > 1;  // for emulators: that a gradient is the loss's change is true of all processors or of none
    inputs();
    for (const Named& of : shapes()) {
        for (const bool some : {false, true}) {
            if (!few) gradients(of, some);
            alone_or_not<double>(of, some);
            alone_or_not<float>(of, some);
        }
        steps(of);
    }
    return checked();
}
