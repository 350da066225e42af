// Keras' optimisers, one update of a range of the weights of a lane group. g: gradient, w: weight, a: learning rate.
// What an optimiser remembers lies slot after slot, n numbers each.
#pragma once

#include <cmath>
#include <vector>

#include "lanes.hpp"
#include "plan.hpp"

namespace headlab::HEADLAB_ISA {

// m' = momentum m - a g;  w += m', or w += momentum m' - a g (Nesterov)
template <class T> void update_sgd(const Phase& phase, Range range, Vec<T> rate, const Vec<T>* g, Vec<T>* w, Vec<T>* state) {
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

// v' = rho v + (1 - rho) g²; denominator v' + eps, or v' - mean(g)² + eps (centered); w -= a g / sqrt(denominator),
// through the velocity momentum · b + a g / sqrt(denominator) when there is momentum.
template <class T>
void update_rmsprop(const Phase& phase, Range range, int64_t n, Vec<T> rate, const Vec<T>* g, Vec<T>* w, Vec<T>* state) {
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

// m += (1 - b1)(g - m), v += (1 - b2)(g² - v), w -= a sqrt(1 - b2^t) / (1 - b1^t) · m / (sqrt v + eps);
// AdamW first takes w -= a · decay · w.
template <class T>
void update_adam(const Phase& phase, Range range, int64_t n, int64_t seen, Vec<T> rate, const Vec<T>* g, Vec<T>* w, Vec<T>* state) {
    const double t = double(seen + 1);
    const T correction = T(std::sqrt(1 - std::pow(phase.beta_2, t)) / (1 - std::pow(phase.beta_1, t)));
    const T rest_1 = T(1 - phase.beta_1), rest_2 = T(1 - phase.beta_2), epsilon = T(phase.epsilon);
    const Vec<T> alpha = rate * correction, decay = rate * T(phase.optimizer == Optimizer::adamw ? phase.weight_decay : 0);
    Vec<T>*mean = state, *square = state + n;
    for (int64_t i = range.from; i < range.to; ++i) {
        mean[i] += rest_1 * (g[i] - mean[i]);
        square[i] += rest_2 * (g[i] * g[i] - square[i]);
        w[i] -= decay * w[i];
        w[i] -= alpha * mean[i] / (sqrt<T>(square[i]) + epsilon);
    }
}

// One step of the ranges that move, after `seen` steps with this state.
template <class T>
void update(const Phase& phase, const std::vector<Range>& moving, int64_t n, int64_t seen, Vec<T> rate, const Vec<T>* g, Vec<T>* w,
            Vec<T>* state) {
    for (const Range& range : moving) {
        switch (phase.optimizer) {
            case Optimizer::sgd: update_sgd<T>(phase, range, rate, g, w, state); break;
            case Optimizer::rmsprop: update_rmsprop<T>(phase, range, n, rate, g, w, state); break;
            default: update_adam<T>(phase, range, n, seen, rate, g, w, state);
        }
    }
}

}  // namespace headlab::HEADLAB_ISA
