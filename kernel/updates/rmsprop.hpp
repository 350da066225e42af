// Keras' RMSprop, one update of a range of weights: v' = rho v + (1 - rho) g²; denominator v' + eps, or v' - mean(g)² + eps
// (centered); w -= a g / sqrt(denominator), through the velocity momentum · b + a g / sqrt(denominator) when there is momentum.
// What it remembers lies slot after slot, n numbers each.
#pragma once

#include "../plan.hpp"
#include "../lanes.hpp"

namespace headlab::HEADLAB_ISA {

template <class T>
void update_rmsprop(const hl_phase& phase, Range range, int64_t n, Vec<T> rate, const Vec<T>* g, Vec<T>* w, Vec<T>* state) {
    const T rho = T(phase.rho), rest = T(1) - rho, epsilon = T(phase.epsilon), momentum = T(phase.momentum);
    Vec<T>* square = state;
    Vec<T>* mean = state + n;
    Vec<T>* velocity = state + (phase.centered ? 2 * n : n);
    for (int64_t i = range.from; i < range.to; ++i) {
        square[i] = rho * square[i] + rest * (g[i] * g[i]);
        Vec<T> denominator = square[i] + epsilon;
        if (phase.centered) {
            mean[i] = rho * mean[i] + rest * g[i];
            denominator = (square[i] - mean[i] * mean[i]) + epsilon;
        }
        Vec<T> step = rate * g[i] / sqrt<T>(denominator);
        if (phase.momentum > 0) step = velocity[i] = momentum * velocity[i] + step;
        w[i] -= step;
    }
}

}  // namespace headlab::HEADLAB_ISA
