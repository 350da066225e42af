// The loss of a row of logits and its gradient, both as the mean over the rows that have a target, weighted by the rows'
// shares where these differ.
#pragma once

#include <algorithm>
#include <cmath>

#include "lanes.hpp"
#include "plan.hpp"

namespace headlab::HEADLAB_ISA {

// Sums ln x_r for many x_r >= 1, with one logarithm for as many factors as a number can hold.
template <class T> class LogSum {
  public:
    explicit LogSum(double largest) : capacity(std::max(1, int(Lanes<T>::largest / 2 / std::log(largest + 1)))) {}
    void add(Vec<T> x) {
        product *= x;
        if (++count == capacity) close();
    }
    Vec<T> total() {
        close();
        return sum;
    }

  private:
    void close() {
        if (count) sum += log<T>(product);
        product = splat<T>(T(1));
        count = 0;
    }
    int capacity, count = 0;
    Vec<T> product = splat<T>(T(1)), sum{};
};

// -ln softmax(x)_y = ln sum_j exp(x_j - max) - (x_y - max); d x_j = softmax(x)_j - [j = y], times the row's weight.
// The sum whose logarithm is taken is left in `normalizer`; the rest is returned.
template <class T> Vec<T> softmax_loss(const Vec<T>* x, int n, int y, T weight, Vec<T>* dx, Vec<T>& normalizer) {
    Vec<T> top = x[0];
    for (int j = 1; j < n; ++j) top = max<T>(top, x[j]);
    Vec<T> sum{};
    for (int j = 0; j < n; ++j) {
        dx[j] = exp_nonpositive<T>(x[j] - top);
        sum += dx[j];
    }
    const Vec<T> factor = weight / sum;
    for (int j = 0; j < n; ++j) dx[j] *= factor;
    dx[y] -= weight;
    normalizer = sum;
    return top - x[y];
}

// -ln clip(p_y / sum p, 1e-7, 1 - 1e-7) for p = sigmoid(x): what Keras' sparse cross-entropy does with the sigmoid's
// output when it does not find the logits. d x_j = p_j (1 - p_j) / sum p - [j = y] (1 - p_y), zero where clipped.
template <class T> Vec<T> normalized_sigmoid_loss(const Vec<T>* x, int n, int y, T weight, Vec<T>* dx) {
    Vec<T> sum{};
    for (int j = 0; j < n; ++j) {
        dx[j] = T(1) / (T(1) + exp<T>(-x[j]));
        sum += dx[j];
    }
    const Vec<T> p_y = dx[y], low = splat<T>(T(1e-7)), high = splat<T>(T(1) - T(1e-7));
    Vec<T> share = p_y / sum;
    const auto inside = (share >= low) & (share <= high);
    const Vec<T> factor = inside ? splat<T>(weight) : Vec<T>{};
    for (int j = 0; j < n; ++j) dx[j] = factor * dx[j] * (T(1) - dx[j]) / sum;
    dx[y] -= factor * (T(1) - p_y);
    share = share < low ? low : share;
    share = share > high ? high : share;
    return -log<T>(share);
}

// Every row with a target counts alike: the sum of the rows' losses is divided once.
template <class T> Vec<T> mean_of_equal_rows(const Plan& plan, Loss loss, const Vec<T>* logits, Vec<T>* d_logits) {
    const int n = plan.d_vocab;
    const T weight = T(1) / T(plan.n_targets);
    LogSum<T> logs(n);
    Vec<T> total{}, normalizer;
    for (int r = 0; r < plan.rows(); ++r, logits += n, d_logits += n) {
        const int y = plan.target[r];
        if (y < 0) {
            std::fill_n(d_logits, n, Vec<T>{});
        } else if (loss == Loss::softmax) {
            total += softmax_loss<T>(logits, n, y, weight, d_logits, normalizer);
            logs.add(normalizer);
        } else {
            total += normalized_sigmoid_loss<T>(logits, n, y, weight, d_logits);
        }
    }
    return (total + logs.total()) / T(plan.n_targets);
}

// Each row's logarithm is multiplied by its share, so that no two can be taken as one.
template <class T> Vec<T> mean_of_weighted_rows(const Plan& plan, Loss loss, const Vec<T>* logits, Vec<T>* d_logits) {
    const int n = plan.d_vocab;
    Vec<T> total{}, normalizer;
    for (int r = 0; r < plan.rows(); ++r, logits += n, d_logits += n) {
        const int y = plan.target[r];
        const T share = T(plan.share[r]);
        if (y < 0) {
            std::fill_n(d_logits, n, Vec<T>{});
        } else if (loss == Loss::softmax) {
            const Vec<T> rest = softmax_loss<T>(logits, n, y, share, d_logits, normalizer);
            total += share * (rest + log<T>(normalizer));
        } else {
            total += share * normalized_sigmoid_loss<T>(logits, n, y, share, d_logits);
        }
    }
    return total;
}

template <class T> Vec<T> mean_loss(const Plan& plan, Loss loss, const Vec<T>* logits, Vec<T>* d_logits) {
    return plan.share.empty() ? mean_of_equal_rows<T>(plan, loss, logits, d_logits)
                              : mean_of_weighted_rows<T>(plan, loss, logits, d_logits);
}

}  // namespace headlab::HEADLAB_ISA
