// Embedding: out[input] = W_E[token] + W_pos[position], for every distinct input; of a pair of tokens, both side by side.
#pragma once

#include "block.hpp"

namespace headlab::HEADLAB_ISA {

template <class E> class Embed final : public Block<E> {
  public:
    Embed(const Plan& plan, Arena<E>& arena)
        : plan(plan), d(plan.shape.d_model), half(int(size_of(plan.shape, Axis::embed))), most(plan.most([](const Sizes& of) { return of.inputs; })),
          zeros(arena.take(row_size<E>(d))) {}

    int64_t size() const override { return most * row_size<E>(d); }

    void forward(const Rows& rows, const E* weights, const E*, E* out) override {
        for (int u = 0; u < rows.inputs(0); ++u, out += row_size<E>(d)) {
            const E* position = weights + plan.at[HL_W_POS] + int64_t(rows.input_position[u]) * row_size<E>(d);
            if (plan.shape.pairs) {
                for (const int side : {0, 1}) copy(matrix(out + side * half, 1, half), row(weights, token(rows, u, side)));
                if (plan.shape.positions) add_rows(out, out, position, d);
            } else {
                const E* token = row(weights, rows.input_token[u]).data;
                each<E>(d, [&](auto at) { at.set(out, plan.shape.positions ? at(token) + at(position) : at(token)); });
            }
        }
    }

    // d W_E[token] = sum of d out over the inputs with that token; d W_pos likewise by position.
    void backward(const Rows& rows, const E*, const E*, const E* d_out, E* gradient, E*) override {
        for (int u = 0; u < rows.inputs(0); ++u, d_out += row_size<E>(d)) {
            const int first = rows.first[u];
            if (plan.shape.pairs) {
                for (const int side : {0, 1}) add(row(gradient, token(rows, u, side)).data, d_out + side * half, first & (side ? Rows::first_of_second : Rows::first_of_token));
            } else {
                E* to = row(gradient, rows.input_token[u]).data;  // tied, the unembedding has written to it
                add_rows(to, first & Rows::first_of_token && !plan.shape.tied ? zeros : to, d_out, d);
            }
            if (!plan.shape.positions) continue;
            E* position = gradient + plan.at[HL_W_POS] + int64_t(rows.input_position[u]) * row_size<E>(d);
            add_rows(position, first & Rows::first_of_position ? zeros : position, d_out, d);
        }
        for (const int token : rows.absent_tokens)
            if (!plan.shape.tied) clear_row(row(gradient, token).data, half);
        for (const int position : rows.absent_positions)
            if (plan.shape.positions) clear_row(gradient + plan.at[HL_W_POS] + int64_t(position) * row_size<E>(d), d);
    }

  private:
    int token(const Rows& rows, int u, int side) const {
        const int pair = rows.input_token[u];
        return side ? pair % plan.shape.d_vocab : pair / plan.shape.d_vocab;
    }
    template <class V> MatrixOf<V> row(V* base, int token) const { return matrix(base + plan.at[HL_W_E] + int64_t(token) * row_size<E>(half), 1, half); }
    void add(E* to, const E* from, bool first) const {
        const E* before = first ? zeros : to;
        each_but_filling<E>(half, [&](auto at) { at.set(to, at(before) + at(from)); });
    }

    const Plan& plan;
    const int d, half;  // half: of the stream that a token of a pair has, or all of it
    const int64_t most;
    const E* const zeros;
};

}  // namespace headlab::HEADLAB_ISA
