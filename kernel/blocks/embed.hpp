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
        if (plan.shape.pairs) return forward_pairs(rows, weights, out);
        const int *const tokens = rows.input_token.data(), *const positions = rows.input_position.data();
        for (int u = 0, n = rows.inputs(0); u < n; ++u, out += row_size<E>(d)) {
            const E *const token = row(weights, tokens[u]), *const position = place(weights, positions[u]);
            each<E>(d, [&](auto at) { at.set(out, plan.shape.positions ? at(token) + at(position) : at(token)); });
        }
    }

    // d W_E[token] = sum of d out over the inputs with that token; d W_pos likewise by position.
    void backward(const Rows& rows, const E*, const E*, const E* d_out, E* gradient, E*) override {
        if (plan.shape.pairs)
            backward_pairs(rows, d_out, gradient);
        else
            backward_tokens(rows, d_out, gradient);
        for (const int token : rows.absent_tokens)
            if (!plan.shape.tied) clear_row(row(gradient, token), half);
        for (const int position : rows.absent_positions)
            if (plan.shape.positions) clear_row(place(gradient, position), d);
    }

  private:
    void backward_tokens(const Rows& rows, const E* d_out, E* gradient) const {
        const int *const tokens = rows.input_token.data(), *const positions = rows.input_position.data();
        const uint8_t* const first = rows.first.data();
        for (int u = 0, n = rows.inputs(0); u < n; ++u, d_out += row_size<E>(d)) {
            E* const to = row(gradient, tokens[u]);  // tied, the unembedding has written to it
            add_rows(to, first[u] & Rows::first_of_token && !plan.shape.tied ? zeros : to, d_out, d);
            if (!plan.shape.positions) continue;
            E* const position = place(gradient, positions[u]);
            add_rows(position, first[u] & Rows::first_of_position ? zeros : position, d_out, d);
        }
    }

    __attribute__((noinline)) void forward_pairs(const Rows& rows, const E* weights, E* out) const {
        for (int u = 0; u < rows.inputs(0); ++u, out += row_size<E>(d)) {
            for (const int side : {0, 1}) copy(matrix(out + side * half, 1, half), matrix(row(weights, token(rows, u, side)), 1, half));
            if (plan.shape.positions) add_rows(out, out, place(weights, rows.input_position[u]), d);
        }
    }
    __attribute__((noinline)) void backward_pairs(const Rows& rows, const E* d_out, E* gradient) const {
        for (int u = 0; u < rows.inputs(0); ++u, d_out += row_size<E>(d)) {
            const int first = rows.first[u];
            for (const int side : {0, 1})
                add(row(gradient, token(rows, u, side)), d_out + side * half, first & (side ? Rows::first_of_second : Rows::first_of_token));
            if (!plan.shape.positions) continue;
            E* const position = place(gradient, rows.input_position[u]);
            add_rows(position, first & Rows::first_of_position ? zeros : position, d_out, d);
        }
    }

    int token(const Rows& rows, int u, int side) const {
        const int pair = rows.input_token[u];
        return side ? pair % plan.shape.d_vocab : pair / plan.shape.d_vocab;
    }
    template <class V> V* row(V* base, int token) const { return base + plan.at[HL_W_E] + int64_t(token) * row_size<E>(half); }
    template <class V> V* place(V* base, int position) const { return base + plan.at[HL_W_POS] + int64_t(position) * row_size<E>(d); }
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
