// The norm of a row, each with its gain: (x - mean) / sqrt(variance + 1e-5) w + b, or x / sqrt(mean of x² + 1e-5) w.
#pragma once

#include "block.hpp"

namespace headlab::HEADLAB_ISA {

// What a row is shifted and scaled by.
template <class E> struct Normed {
    E mean{}, inverse{};
};

// to: may be x; b: null for none; kind: HL_LAYER_NORM or HL_RMS_NORM
template <class E> Normed<E> norm_row(E* to, const E* x, const E* w, const E* b, int n, int kind) {
    using T = Real<E>;
    const T share = T(1) / T(n);
    Normed<E> of;
    if (kind == HL_LAYER_NORM) of.mean = added_up<E>(n, [&](auto at) { return at(x); }) * share;
    const E square = added_up<E>(n, [&](auto at) { const auto centred = at(x) - of.mean; return centred * centred; }) * share;
    of.inverse = T(1) / root<E>(square + T(1e-5));
    each_but_filling<E>(n, [&](auto at) {
        const auto scaled = (at(x) - of.mean) * of.inverse * at(w);
        at.set(to, b ? scaled + at(b) : scaled);
    });
    return of;
}

// Of some rows of a stream, with what its backward pass needs of them.
template <class E> class Norm {
    using T = Real<E>;

  public:
    // gain, bias: weights; layer: of theirs, 0 where they have none; most: rows
    Norm(const Plan& plan, int gain, int bias, int layer, int64_t most, Arena<E>& arena)
        : kind(plan.shape.norm), d(plan.shape.d_model), w(plan.at[gain] + int64_t(layer) * row_size<E>(d)),
          b(kind == HL_LAYER_NORM ? plan.at[bias] + int64_t(layer) * row_size<E>(d) : -1), kept(static_cast<Normed<E>*>(static_cast<void*>(arena.take(2 * most)))) {}

    void forward(int n, const E* weights, const E* in, E* out) {
        for (int r = 0; r < n; ++r, in += row_size<E>(d), out += row_size<E>(d))
            kept[r] = norm_row(out, in, weights + w, b < 0 ? nullptr : weights + b, d, kind);
    }

    // Adds to d_in. With g = d out · w and y = (x - mean) / size:  d x = (g - mean of g - y · mean of g y) / size, and for RMSNorm
    // without the mean of g;  d w = sum of d out · y,  d b = sum of d out
    void backward(int n, const E* weights, const E* in, const E* d_out, E* gradient, E* d_in) {
        const T share = T(1) / T(d);
        const E* const gain = weights + w;
        E* const d_gain = gradient + w;
        clear_row(d_gain, d);
        if (b >= 0) sum_rows(gradient + b, matrix(d_out, n, d));
        for (int r = 0; r < n; ++r, in += row_size<E>(d), d_out += row_size<E>(d), d_in += row_size<E>(d)) {
            const Normed<E> of = kept[r];
            const auto y = [&](auto at) { return (at(in) - of.mean) * of.inverse; };
            E level{};
            if (kind == HL_LAYER_NORM) level = added_up<E>(d, [&](auto at) { return at(d_out) * at(gain); }) * share;
            const E tilt = added_up<E>(d, [&](auto at) { return at(d_out) * at(gain) * y(at); }) * share;
            each_but_filling<E>(d, [&](auto at) {
                at.set(d_in, at(d_in) + (at(d_out) * at(gain) - level - y(at) * tilt) * of.inverse);
                at.set(d_gain, at(d_gain) + at(d_out) * y(at));
            });
        }
    }

  private:
    const int kind, d;
    const int64_t w, b;
    Normed<E>* const kept;
};

// A norm of the whole stream: after a block, or at the end.
template <class E> class NormedStream final : public Block<E> {
  public:
    // layer: after whose heads or MLP; -1: at the end
    NormedStream(const Plan& plan, int gain, int bias, int layer, Arena<E>& arena)
        : layer(layer), d(plan.shape.d_model), most(plan.most([&](const Sizes& of) { return layer < 0 || layer + 1 == plan.shape.n_layers ? of.wanted : of.rows; })),
          norm(plan, gain, bias, std::max(layer, 0), most, arena) {}

    int64_t size() const override { return most * row_size<E>(d); }
    void forward(const Rows& rows, const E* weights, const E* in, E* out) override { norm.forward(count(rows), weights, in, out); }
    void backward(const Rows& rows, const E* weights, const E* in, const E* d_out, E* gradient, E* d_in) override {
        std::fill_n(d_in, int64_t(count(rows)) * row_size<E>(d), E{});
        norm.backward(count(rows), weights, in, d_out, gradient, d_in);
    }

  private:
    int count(const Rows& rows) const { return layer < 0 ? rows.n_wanted() : rows.written(layer); }

    const int layer, d;
    const int64_t most;
    Norm<E> norm;
};

}  // namespace headlab::HEADLAB_ISA
