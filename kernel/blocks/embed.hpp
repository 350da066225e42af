// Embedding: out[input] = W_E[token] + W_pos[position], for every distinct input.
#pragma once

#include "block.hpp"

namespace headlab::HEADLAB_ISA {

template <class T> class Embed final : public Block<T> {
  public:
    explicit Embed(const Plan& plan) : plan(plan), rows(plan.rows), n(plan.rows.inputs(0)), d(plan.shape.d_model) {}

    int64_t size() const override { return int64_t(n) * d; }

    void forward(const Vec<T>* weights, const Vec<T>*, Vec<T>* out) override {
        for (int u = 0; u < n; ++u, out += d) {
            const Vec<T>* token = weights + plan.at[HL_W_E] + int64_t(rows.input_token[u]) * d;
            const Vec<T>* position = weights + plan.at[HL_W_POS] + int64_t(rows.input_position[u]) * d;
            for (int j = 0; j < d; ++j) out[j] = plan.shape.positions ? token[j] + position[j] : token[j];
        }
    }

    // d W_E[token] = sum of d out over the inputs with that token; d W_pos likewise by position.
    void backward(const Vec<T>*, const Vec<T>*, const Vec<T>* d_out, Vec<T>* gradient, Vec<T>*) override {
        for (const int w : {HL_W_E, HL_W_POS}) std::fill_n(gradient + plan.at[w], plan.at.of[w].size(), Vec<T>{});
        for (int u = 0; u < n; ++u, d_out += d) {
            Vec<T>* token = gradient + plan.at[HL_W_E] + int64_t(rows.input_token[u]) * d;
            Vec<T>* position = gradient + plan.at[HL_W_POS] + int64_t(rows.input_position[u]) * d;
            for (int j = 0; j < d; ++j) token[j] += d_out[j];
            if (plan.shape.positions)
                for (int j = 0; j < d; ++j) position[j] += d_out[j];
        }
    }

  private:
    const Plan& plan;
    const Rows& rows;
    const int n, d;
};

}  // namespace headlab::HEADLAB_ISA
