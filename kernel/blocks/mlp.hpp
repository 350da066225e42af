// A layer's MLP: out = x + act(x W_in + b_in) W_out + b_out, a row each; where the stream is normed before, act reads norm(x).
#pragma once

#include <optional>

#include "norm.hpp"

namespace headlab::HEADLAB_ISA {

// Source of the second: Hendrycks and Gimpel 2016, Gaussian Error Linear Units; in its form with tanh, x sigmoid(2 sqrt(2/pi) (x + 0.044715 x³)).
constexpr double gelu_inside = 1.5957691216057308, gelu_cubed = 0.044715;

template <class T> inline Vec<T> gelu_share(Vec<T> x) { return T(1) / (T(1) + exp<T>(-(T(gelu_inside) * (x + T(gelu_cubed) * x * x * x)))); }

// to: may be x
template <class E> void activate_row(E* to, const E* x, int n, int activation) {
    using T = Real<E>;
    if (activation == HL_RELU)
        each<E>(n, [&](auto at) { const Vec<T> of = at(x); at.set(to, of > T(0) ? of : Vec<T>{}); });
    else
        each<E>(n, [&](auto at) { const Vec<T> of = at(x); at.set(to, of * gelu_share<T>(of)); });
}

// d: of what the activation made of x; becomes that of x.
template <class E> void activate_row_backward(const E* x, E* d, int n, int activation) {
    using T = Real<E>;
    if (activation == HL_RELU)
        return each<E>(n, [&](auto at) { at.set(d, at(x) > T(0) ? at(d) : Vec<T>{}); });
    each<E>(n, [&](auto at) {
        const Vec<T> of = at(x), share = gelu_share<T>(of);
        at.set(d, at(d) * (share + of * share * (T(1) - share) * (T(gelu_inside) * (T(1) + T(3 * gelu_cubed) * of * of))));
    });
}

// What the MLPs of all layers work on, one after the other.
template <class E> struct MlpScratch {
    MlpScratch(const Plan& plan, Arena<E>& arena) {
        const int64_t rows = plan.shape.d_mlp && plan.shape.n_layers ? plan.most([](const Sizes& of) { return of.rows; }) : 0;
        d_hidden = arena.take(rows * row_size<E>(plan.shape.d_mlp));
        d_read = arena.take(plan.shape.norm && !plan.shape.norm_after ? rows * row_size<E>(plan.shape.d_model) : 0);
    }
    E *d_hidden, *d_read;
};

template <class E> class Mlp final : public Block<E> {
  public:
    Mlp(const Plan& plan, int layer, Arena<E>& arena, const MlpScratch<E>& scratch)
        : plan(plan), layer(layer), d(plan.shape.d_model), m(plan.shape.d_mlp),
          most(plan.most([&](const Sizes& of) { return layer + 1 == plan.shape.n_layers ? of.wanted : of.rows; })), scratch(scratch),
          before(arena.take(most * row_size<E>(m))), after(plan.shape.activation == HL_RELU ? before : arena.take(most * row_size<E>(m))) {
        if (!plan.shape.norm || plan.shape.norm_after) return;
        norm.emplace(plan, HL_LN2_W, HL_LN2_B, layer, most, arena);
        normed = arena.take(most * row_size<E>(d));
    }

    int64_t size() const override { return most * row_size<E>(d); }

    void forward(const Rows& rows, const E* weights, const E* in, E* out) override {
        const int n = rows.written(layer);
        if (norm) norm->forward(n, weights, in, normed);
        product(matrix(before, n, m), every_row(vector(weights, HL_B_IN, m), n, m), matrix(norm ? normed : in, n, d), of(weights, HL_W_IN));
        for (int r = 0; r < n; ++r) activate_row(after + int64_t(r) * row_size<E>(m), before + int64_t(r) * row_size<E>(m), m, plan.shape.activation);
        const E* const bias = vector(weights, HL_B_OUT, d);
        for (int r = 0; r < n; ++r) add_rows(out + int64_t(r) * row_size<E>(d), in + int64_t(r) * row_size<E>(d), bias, d);
        add_product(matrix(out, n, d), matrix(after, n, m), of(weights, HL_W_OUT));
    }

    void backward(const Rows& rows, const E* weights, const E* in, const E* d_out, E* gradient, E* d_in) override {
        const int n = rows.written(layer);
        const Input<E> d_above = matrix(d_out, n, d), read = matrix(norm ? normed : in, n, d);
        const Matrix<E> d_hidden = matrix(scratch.d_hidden, n, m);
        set_product(of(gradient, HL_W_OUT), Input<E>(matrix(after, n, m)).transposed(), d_above);
        sum_rows(vector(gradient, HL_B_OUT, d), d_above);
        set_product(d_hidden, d_above, of(weights, HL_W_OUT).transposed());
        for (int r = 0; r < n; ++r) activate_row_backward(before + int64_t(r) * row_size<E>(m), d_hidden.at(r), m, plan.shape.activation);
        set_product(of(gradient, HL_W_IN), read.transposed(), d_hidden);
        sum_rows(vector(gradient, HL_B_IN, m), d_hidden);
        if (!norm) return product(matrix(d_in, n, d), d_above, d_hidden, of(weights, HL_W_IN).transposed());
        set_product(matrix(scratch.d_read, n, d), d_hidden, of(weights, HL_W_IN).transposed());
        std::copy_n(d_out, int64_t(n) * row_size<E>(d), d_in);
        norm->backward(n, weights, in, scratch.d_read, gradient, d_in);
    }

  private:
    template <class V> MatrixOf<V> of(V* base, int weight) const {
        const int rows = weight == HL_W_IN ? d : m, cols = weight == HL_W_IN ? m : d;
        return matrix(base + plan.at[weight] + int64_t(layer) * rows * row_size<E>(cols), rows, cols);
    }
    template <class V> V* vector(V* base, int weight, int n) const { return base + plan.at[weight] + int64_t(layer) * row_size<E>(n); }

    const Plan& plan;
    const int layer, d, m;
    const int64_t most;
    const MlpScratch<E>& scratch;
    E *const before, *const after;  // the activation; the same place where its sign is all that is needed
    std::optional<Norm<E>> norm;
    E* normed = nullptr;
};

}  // namespace headlab::HEADLAB_ISA
