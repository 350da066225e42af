// Keras' SGD, one update of a range of weights: m' = momentum m - a g;  w += m', or w += momentum m' - a g (Nesterov).
// g: gradient, w: weight, a: learning rate.
#pragma once

#include "../plan.hpp"
#include "../element.hpp"

namespace headlab::HEADLAB_ISA {

template <class E> void update_sgd(const hl_phase& phase, Range range, E rate, const E* g, E* w, E* state) {
    using T = Real<E>;
    g += range.from, w += range.from, state += range.from;
    if (phase.momentum == 0) return each<E>(range.size(), [&](auto at) { at.set(w, at(w) - rate * at(g)); });
    const T momentum = T(phase.momentum);
    each<E>(range.size(), [&](auto at) {
        const auto step = rate * at(g), moved = momentum * at(state) - step;
        at.set(state, moved);
        at.set(w, at(w) + (phase.nesterov ? momentum * moved - step : moved));
    });
}

}  // namespace headlab::HEADLAB_ISA
