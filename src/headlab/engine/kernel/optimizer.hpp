// Keras' optimisers, one update of every weight of a lane group. g: gradient, w: weight, a: learning rate.
#pragma once

#include <cmath>

#include "lanes.hpp"
#include "plan.hpp"

namespace headlab::HEADLAB_ISA {

// m' = momentum m - a g;  w += m', or w += momentum m' - a g (Nesterov)
template <class T> void update_sgd(const Plan& plan, int64_t n, Vec<T> rate, const Vec<T>* g, Vec<T>* w, Vec<T>* state) {
    if (plan.momentum == 0) {
        for (int64_t i = 0; i < n; ++i) w[i] -= rate * g[i];
        return;
    }
    const T momentum = T(plan.momentum);
    for (int64_t i = 0; i < n; ++i) {
        const Vec<T> step = rate * g[i];
        state[i] = momentum * state[i] - step;
        w[i] += plan.nesterov ? momentum * state[i] - step : state[i];
    }
}

// v' = rho v + (1 - rho) g²; denominator v' + eps, or v' - mean(g)² + eps (centered); w -= a g / sqrt(denominator),
// through the velocity momentum · b + a g / sqrt(denominator) when there is momentum.
template <class T> void update_rmsprop(const Plan& plan, int64_t n, Vec<T> rate, const Vec<T>* g, Vec<T>* w, Vec<T>* state) {
    const T rho = T(plan.rho), rest = T(1) - rho, epsilon = T(plan.epsilon), momentum = T(plan.momentum);
    Vec<T>* square = state;
    Vec<T>* mean = state + n;
    Vec<T>* velocity = state + (plan.centered ? 2 * n : n);
    for (int64_t i = 0; i < n; ++i) {
        square[i] = rho * square[i] + rest * (g[i] * g[i]);
        Vec<T> denominator = square[i] + epsilon;
        if (plan.centered) {
            mean[i] = rho * mean[i] + rest * g[i];
            denominator = (square[i] - mean[i] * mean[i]) + epsilon;
        }
        Vec<T> step = rate * g[i] / sqrt<T>(denominator);
        if (plan.momentum > 0) step = velocity[i] = momentum * velocity[i] + step;
        w[i] -= step;
    }
}

// m += (1 - b1)(g - m), v += (1 - b2)(g² - v), w -= a sqrt(1 - b2^t) / (1 - b1^t) · m / (sqrt v + eps);
// AdamW first takes w -= a · decay · w.
template <class T>
void update_adam(const Plan& plan, int64_t step, int64_t n, Vec<T> rate, const Vec<T>* g, Vec<T>* w, Vec<T>* state) {
    const double t = double(plan.optimizer_step + step + 1);
    const T correction = T(std::sqrt(1 - std::pow(plan.beta_2, t)) / (1 - std::pow(plan.beta_1, t)));
    const T rest_1 = T(1 - plan.beta_1), rest_2 = T(1 - plan.beta_2), epsilon = T(plan.epsilon);
    const Vec<T> alpha = rate * correction, decay = rate * T(plan.optimizer == Optimizer::adamw ? plan.weight_decay : 0);
    Vec<T>*mean = state, *square = state + n;
    for (int64_t i = 0; i < n; ++i) {
        mean[i] += rest_1 * (g[i] - mean[i]);
        square[i] += rest_2 * (g[i] * g[i] - square[i]);
        w[i] -= decay * w[i];
        w[i] -= alpha * mean[i] / (sqrt<T>(square[i]) + epsilon);
    }
}

template <class T>
void update(const Plan& plan, int64_t step, int64_t n, Vec<T> rate, const Vec<T>* g, Vec<T>* w, Vec<T>* state) {
    switch (plan.optimizer) {
        case Optimizer::sgd: return update_sgd<T>(plan, n, rate, g, w, state);
        case Optimizer::rmsprop: return update_rmsprop<T>(plan, n, rate, g, w, state);
        default: return update_adam<T>(plan, step, n, rate, g, w, state);
    }
}

}  // namespace headlab::HEADLAB_ISA
