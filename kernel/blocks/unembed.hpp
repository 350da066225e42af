// Unembedding: logits = resid W_U, a row each.
#pragma once

#include "../product.hpp"
#include "block.hpp"

namespace headlab::HEADLAB_ISA {

template <class E> class Unembed final : public Block<E> {
  public:
    explicit Unembed(const Plan& plan)
        : rows(plan.rows.rows()), d(plan.shape.d_model), vocab(plan.shape.d_vocab), at(plan.at[HL_W_U]) {}

    int64_t size() const override { return int64_t(rows) * row_size<E>(vocab); }

    void forward(const E* weights, const E* in, E* out) override {
        set_product(matrix(out, rows, vocab), matrix(in, rows, d), matrix(weights + at, d, vocab));
    }

    // d W_U = inᵀ d out,  d in = d out W_Uᵀ
    void backward(const E* weights, const E* in, const E* d_out, E* gradient, E* d_in) override {
        set_product(matrix(gradient + at, d, vocab), matrix(in, rows, d).transposed(), matrix(d_out, rows, vocab));
        set_product(matrix(d_in, rows, d), matrix(d_out, rows, vocab), matrix(weights + at, d, vocab).transposed());
    }

  private:
    const int rows, d, vocab;
    const int64_t at;
};

}  // namespace headlab::HEADLAB_ISA
