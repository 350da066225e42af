// Embedding: resid[input] = W_E[token] + W_pos[position].
#pragma once

#include "lanes.hpp"
#include "plan.hpp"

namespace headlab::HEADLAB_ISA {

template <class T> void embed_forward(const Plan& plan, const Vec<T>* W_E, const Vec<T>* W_pos, Vec<T>* resid) {
    const int d = plan.d_model;
    for (int u = 0; u < plan.inputs(0); ++u, resid += d) {
        const Vec<T>* token = W_E + plan.input_token[u] * d;
        const Vec<T>* position = W_pos + plan.input_position[u] * d;
        for (int j = 0; j < d; ++j) resid[j] = plan.positions ? token[j] + position[j] : token[j];
    }
}

// d W_E[token] = sum of d resid over the inputs with that token; d W_pos likewise by position.
template <class T> void embed_backward(const Plan& plan, const Vec<T>* d_resid, Vec<T>* d_W_E, Vec<T>* d_W_pos) {
    const int d = plan.d_model;
    std::fill_n(d_W_E, plan.d_vocab * d, Vec<T>{});
    if (plan.positions) std::fill_n(d_W_pos, plan.n_ctx * d, Vec<T>{});
    for (int u = 0; u < plan.inputs(0); ++u, d_resid += d) {
        Vec<T>* token = d_W_E + plan.input_token[u] * d;
        Vec<T>* position = d_W_pos + plan.input_position[u] * d;
        for (int j = 0; j < d; ++j) token[j] += d_resid[j];
        if (plan.positions)
            for (int j = 0; j < d; ++j) position[j] += d_resid[j];
    }
}

}  // namespace headlab::HEADLAB_ISA
