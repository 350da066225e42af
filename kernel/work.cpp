#include "work.hpp"

namespace headlab {

double Work::vectors(double n) const { return __builtin_ceil(n / columns); }

void Work::add(int times, double rows, double cols, double depth) {
    products += times;
    sums += times * rows * vectors(cols);
    multiply_adds += times * rows * vectors(cols) * depth;
}

Work::Work(const hl_shape& shape, const Rows& of, int columns) : columns(columns) {
    const double d = shape.d_model, h = shape.d_head, v = double(size_of(shape, Axis::value)), m = shape.d_mlp, heads = shape.n_heads, all_wanted = of.n_wanted();
    const double out = double(size_of(shape, Axis::out));
    double normed = shape.norm_final ? all_wanted : 0;  // rows
    for (int layer = 0; layer < shape.n_layers; ++layer) {
        const bool fold = folds(shape, of.sequences(), of.positions, layer);
        const Reading reading = of.of_layer(layer);
        const double n = reading.inputs, q = fold ? d : h, written = reading.written;
        if (fold) {
            add(shape.n_heads, d, d, h);  // W_QK
            add(2 * shape.n_heads, d, h, d);
        }
        const auto take = [&](double inputs, double width) {
            add(shape.n_heads, inputs, width, d);
            add(shape.n_heads, inputs, d, width);
            add(shape.n_heads, d, width, inputs);
        };
        take(n, shape.stream_values ? 0 : v);
        take(reading.asking, q);
        take(n, fold ? 0 : h);
        for (int b = 0; b < of.sequences(); ++b) {
            const double length = of.length(b), queries = reading.asks ? of.wanted_start[b + 1] - of.wanted_start[b] : length;
            const double seen = shape.causal && !reading.asks ? (length + 1) / 2 : length;
            if (queries == 0) continue;
            add(shape.n_heads, queries * seen / length, length, q);
            add(shape.n_heads, queries * seen / length, length, v);
            add(2 * shape.n_heads, queries, v, seen);
            add(2 * shape.n_heads, queries, q, seen);
            if (shape.relative) add(3 * shape.n_heads, queries, length, h);
            rows += 2 * heads * queries;
            exponentials += heads * queries * vectors(seen);
        }
        if (shape.factored_values) add(3, written, d, shape.n_heads * h);
        if (m > 0) {
            add(3, written, m, d);
            add(3, written, d, m);
            if (shape.activation == HL_GELU) exponentials += 2 * written * vectors(m);
        }
        if (shape.norm) normed += (shape.norm_after ? written : n) + (m > 0 ? written : 0);
    }
    if (shape.unembed) add(3, all_wanted, out, d);
    rows += 2 * all_wanted;
    exponentials += all_wanted * vectors(out);
    multiply_adds += 12 * normed * vectors(d);
    updates = double(places_of(shape).end) / columns;
}

namespace {

// The time of a multiply-add by how long vectors are, 16, 32 or 64 bytes: of groups of runs whose numbers are in the first caches, beyond
// these, and beyond all of a core's; and of one run alone.
struct Price {
    double near, far, farthest, alone;
};
constexpr Price prices[] = {{0.32, 0.33, 0.36, 0.36}, {0.33, 0.39, 0.45, 0.35}, {0.39, 0.55, 0.78, 0.48}};
constexpr double near_bytes = 280e3, far_bytes = 100e6;  // of what products write in a step

}  // namespace

// Weights and prices are fitted to seventeen shapes on three instruction sets (benchmarks/ways.py): what a product costs before it begins,
// what goes one by one along a row, and an exponential that nothing else hides.
double Work::time(int vector_bytes) const {
    const Price& price = prices[vector_bytes / 32];
    if (columns > 1) return price.alone * (50 * products + sums + multiply_adds + 20 * rows + 45 * exponentials + 6 * updates);
    const double written = sums * vector_bytes;
    return (written < near_bytes ? price.near : written < far_bytes ? price.far : price.farthest) *
           (87 * products + multiply_adds + 13 * rows + 22 * exponentials + 4 * updates);
}

}  // namespace headlab
