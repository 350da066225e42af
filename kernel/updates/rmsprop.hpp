// Keras' RMSprop, one update of a range of weights: v' = rho v + (1 - rho) g²; denominator v' + eps, or v' - mean(g)² + eps
// (centered); w -= a g / sqrt(denominator), through the velocity momentum · b + a g / sqrt(denominator) when there is momentum.
// What it remembers lies slot after slot, n numbers each.
#pragma once

#include "../plan.hpp"
#include "../element.hpp"

namespace headlab::HEADLAB_ISA {

template <class E>
void update_rmsprop(const hl_phase& phase, Range range, int64_t n, E rate, const E* g, E* w, E* state) {
    using T = Real<E>;
    const T rho = T(phase.rho), rest = T(1) - rho, epsilon = T(phase.epsilon), momentum = T(phase.momentum);
    g += range.from, w += range.from, state += range.from;
    E *square = state, *mean = state + n, *velocity = state + (phase.centered ? 2 * n : n);
    each<E>(range.size(), [&](auto at) {
        const auto gradient = at(g), squared = rho * at(square) + rest * (gradient * gradient);
        at.set(square, squared);
        auto denominator = squared + epsilon;
        if (phase.centered) {
            const auto averaged = rho * at(mean) + rest * gradient;
            at.set(mean, averaged);
            denominator = (squared - averaged * averaged) + epsilon;
        }
        auto step = rate * gradient / sqrt<T>(denominator);
        if (phase.momentum > 0) {
            step = momentum * at(velocity) + step;
            at.set(velocity, step);
        }
        at.set(w, at(w) - step);
    });
}

}  // namespace headlab::HEADLAB_ISA
