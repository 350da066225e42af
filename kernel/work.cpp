#include "work.hpp"

namespace headlab {

double Work::vectors(double n) const { return __builtin_ceil(n / columns); }

void Work::add(int times, double rows, double cols, double depth) {
    products += times;
    sums += times * rows * vectors(cols);
    multiply_adds += times * rows * vectors(cols) * depth;
}

Work::Work(const hl_shape& shape, const Rows& of, int columns) : columns(columns) {
    const int n_sequences = int(of.sequence_start.size()) - 1;
    const double d = shape.d_model, h = shape.d_head, v = double(size_of(shape, Axis::value)), all_rows = of.rows();
    for (int layer = 0; layer < shape.n_layers; ++layer) {
        const bool fold = folds(shape, n_sequences, layer);
        const double n = of.inputs(layer), q = fold ? d : h, heads = shape.n_heads;
        if (fold) {
            add(shape.n_heads, d, d, h);  // W_QK
            add(2 * shape.n_heads, d, h, d);
        }
        for (const double width : {v, q, fold ? 0.0 : h}) {  // value, left and key
            add(shape.n_heads, n, width, d);
            add(shape.n_heads, n, d, width);
            add(shape.n_heads, d, width, n);
        }
        for (int b = 0; b < n_sequences; ++b) {
            const double length = of.length(b), seen = shape.causal ? (length + 1) / 2 : length;
            add(shape.n_heads, seen, length, q);
            add(shape.n_heads, seen, length, v);
            add(2 * shape.n_heads, length, v, seen);
            add(2 * shape.n_heads, length, q, seen);
            rows += 2 * heads * length;
            exponentials += heads * length * vectors(seen);
        }
        if (shape.factored_values) add(3, all_rows, d, shape.n_heads * h);
    }
    if (shape.unembed) add(3, all_rows, shape.d_vocab, d);
    rows += 2 * all_rows;
    exponentials += all_rows * vectors(shape.d_vocab);
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
