// Keras' SGD, one update of a range of weights: m' = momentum m - a g;  w += m', or w += momentum m' - a g (Nesterov).
// g: gradient, w: weight, a: learning rate.
#pragma once

#include "../plan.hpp"
#include "../lanes.hpp"

namespace headlab::HEADLAB_ISA {

template <class T> void update_sgd(const hl_phase& phase, Range range, Vec<T> rate, const Vec<T>* g, Vec<T>* w, Vec<T>* state) {
    if (phase.momentum == 0) {
        for (int64_t i = range.from; i < range.to; ++i) w[i] -= rate * g[i];
        return;
    }
    const T momentum = T(phase.momentum);
    for (int64_t i = range.from; i < range.to; ++i) {
        const Vec<T> step = rate * g[i];
        state[i] = momentum * state[i] - step;
        w[i] += phase.nesterov ? momentum * state[i] - step : state[i];
    }
}

}  // namespace headlab::HEADLAB_ISA
