// Unembedding: logits = resid W_U + b_U, a row each; tied, W_U is W_E turned.
#pragma once

#include "block.hpp"

namespace headlab::HEADLAB_ISA {

template <class E> class Unembed final : public Block<E> {
  public:
    explicit Unembed(const Plan& plan)
        : plan(plan), d(plan.shape.d_model), outputs(plan.outputs()), most(plan.most([](const Sizes& of) { return of.wanted; })) {}

    int64_t size() const override { return most * row_size<E>(outputs); }

    void forward(const Rows& rows, const E* weights, const E* in, E* out) override {
        const int n = rows.n_wanted();
        product(matrix(out, n, outputs), every_row(bias(weights), n, outputs), matrix(in, n, d), W_U(weights));
    }

    // d W_U = inᵀ d out,  d in = d out W_Uᵀ
    void backward(const Rows& rows, const E* weights, const E* in, const E* d_out, E* gradient, E* d_in) override {
        const int n = rows.n_wanted();
        const Input<E> read = matrix(in, n, d), d_logits = matrix(d_out, n, outputs);
        if (plan.shape.tied)
            set_product(matrix(gradient + plan.at[HL_W_E], outputs, d), d_logits.transposed(), read);
        else
            set_product(W_U(gradient), read.transposed(), d_logits);
        if (plan.shape.biases) sum_rows(gradient + plan.at[HL_B_U], d_logits);
        set_product(matrix(d_in, n, d), d_logits, W_U(weights).transposed());
    }

  private:
    template <class V> MatrixOf<V> W_U(V* base) const {
        if (plan.shape.tied) return matrix(base + plan.at[HL_W_E], outputs, d).transposed();
        return matrix(base + plan.at[HL_W_U], d, outputs);
    }
    const E* bias(const E* weights) const { return plan.shape.biases ? weights + plan.at[HL_B_U] : nullptr; }

    const Plan& plan;
    const int d, outputs;
    const int64_t most;
};

}  // namespace headlab::HEADLAB_ISA
