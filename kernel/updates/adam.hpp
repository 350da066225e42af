// Keras' Adam, one update of a range of weights: m += (1 - b1)(g - m), v += (1 - b2)(g² - v),
// w -= a sqrt(1 - b2^t) / (1 - b1^t) · m / (sqrt v + eps); AdamW first takes w -= a · decay · w.
// What it remembers lies slot after slot, n numbers each.
#pragma once

#include "../plan.hpp"
#include "../lanes.hpp"

namespace headlab::HEADLAB_ISA {

// base^exponent by squaring: the same bits everywhere, whatever the steps that led there.
inline double power(double base, int64_t exponent) {
    double result = 1;
    for (; exponent > 0; exponent >>= 1, base *= base)
        if (exponent & 1) result *= base;
    return result;
}

template <class T>
void update_adam(const hl_phase& phase, Range range, int64_t n, int64_t seen, Vec<T> rate, const Vec<T>* g, Vec<T>* w, Vec<T>* state) {
    const int64_t t = seen + 1;
    const T correction = T(__builtin_sqrt(1 - power(phase.beta_2, t)) / (1 - power(phase.beta_1, t)));
    const T rest_1 = T(1 - phase.beta_1), rest_2 = T(1 - phase.beta_2), epsilon = T(phase.epsilon);
    const Vec<T> alpha = rate * correction, decay = rate * T(phase.optimizer == HL_ADAMW ? phase.weight_decay : 0);
    Vec<T>*mean = state, *square = state + n;
    for (int64_t i = range.from; i < range.to; ++i) {
        mean[i] += rest_1 * (g[i] - mean[i]);
        square[i] += rest_2 * (g[i] * g[i] - square[i]);
        w[i] -= decay * w[i];
        w[i] -= alpha * mean[i] / (sqrt<T>(square[i]) + epsilon);
    }
}

}  // namespace headlab::HEADLAB_ISA
