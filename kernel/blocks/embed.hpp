// Embedding: out[input] = W_E[token] + W_pos[position], for every distinct input.
#pragma once

#include "block.hpp"

namespace headlab::HEADLAB_ISA {

template <class E> class Embed final : public Block<E> {
  public:
    Embed(const Plan& plan, Arena<E>& arena)
        : plan(plan), rows(plan.rows), n(plan.rows.inputs(0)), d(plan.shape.d_model), zeros(arena.take(row_size<E>(d))) {}

    int64_t size() const override { return int64_t(n) * row_size<E>(d); }

    void forward(const E* weights, const E*, E* out) override {
        for (int u = 0; u < n; ++u, out += row_size<E>(d)) {
            const E* token = weights + plan.at[HL_W_E] + int64_t(rows.input_token[u]) * row_size<E>(d);
            const E* position = weights + plan.at[HL_W_POS] + int64_t(rows.input_position[u]) * row_size<E>(d);
            each<E>(d, [&](auto at) { at.set(out, plan.shape.positions ? at(token) + at(position) : at(token)); });
        }
    }

    // d W_E[token] = sum of d out over the inputs with that token; d W_pos likewise by position. Of a token that no input has it is zero
    // from the start.
    void backward(const E*, const E*, const E* d_out, E* gradient, E*) override {
        for (int u = 0; u < n; ++u, d_out += row_size<E>(d)) {
            E* token = gradient + plan.at[HL_W_E] + int64_t(rows.input_token[u]) * row_size<E>(d);
            E* position = gradient + plan.at[HL_W_POS] + int64_t(rows.input_position[u]) * row_size<E>(d);
            add_rows(token, rows.first_of_token[u] ? zeros : token, d_out, d);
            if (!plan.shape.positions) continue;
            const bool first_of_position = u == 0 || rows.input_position[u] != rows.input_position[u - 1];  // inputs stand by position
            add_rows(position, first_of_position ? zeros : position, d_out, d);
        }
    }

  private:
    const Plan& plan;
    const Rows& rows;
    const int n, d;
    const E* const zeros;
};

}  // namespace headlab::HEADLAB_ISA
