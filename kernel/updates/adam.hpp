// Keras' Adam, one update of a range of weights: m += (1 - b1)(g - m), v += (1 - b2)(g² - v),
// w -= a sqrt(1 - b2^t) / (1 - b1^t) · m / (sqrt v + eps); AdamW first takes w -= a · decay · w.
// What it remembers lies slot after slot, n numbers each.
#pragma once

#include "../plan.hpp"
#include "../element.hpp"

namespace headlab::HEADLAB_ISA {

// base^exponent by squaring: the same bits everywhere, whatever the steps that led there.
inline double power(double base, int64_t exponent) {
    double result = 1;
    for (; exponent > 0; exponent >>= 1, base *= base)
        if (exponent & 1) result *= base;
    return result;
}

template <class E>
void update_adam(const hl_phase& phase, Moving part, int64_t n, int64_t seen, E rate, const E* g, E* w, E* state) {
    using T = Real<E>;
    const int64_t t = seen + 1;
    const T correction = T(__builtin_sqrt(1 - power(phase.beta_2, t)) / (1 - power(phase.beta_1, t)));
    const T rest_1 = T(1 - phase.beta_1), rest_2 = T(1 - phase.beta_2), epsilon = T(phase.epsilon);
    const E alpha = rate * correction, decay = rate * T(phase.optimizer == HL_ADAMW && part.shrinks ? phase.weight_decay : 0);
    const Range range = part.range;
    g += range.from, w += range.from;
    E *mean = state + range.from, *square = mean + n;
    each<E>(range.size(), [&](auto at) {
        const auto averaged = at(mean) + rest_1 * (at(g) - at(mean)), squared = at(square) + rest_2 * (at(g) * at(g) - at(square));
        at.set(mean, averaged);
        at.set(square, squared);
        const auto decayed = at(w) - decay * at(w);
        at.set(w, decayed - alpha * averaged / (sqrt<T>(squared) + epsilon));
    });
}

}  // namespace headlab::HEADLAB_ISA
