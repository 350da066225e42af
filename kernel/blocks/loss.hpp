// The loss of the logits, the mean over the rows that have a target, weighted by the rows' shares where these differ.
//
//   softmax             -ln softmax(x)_y = ln sum_j exp(x_j - max) - (x_y - max);  d x_j = softmax(x)_j - [j = y]
//   normalized_sigmoid  -ln clip(p_y / sum p, 1e-7, 1 - 1e-7) for p = sigmoid(x): what Keras' sparse cross-entropy does with the
//                       sigmoid's output when it does not find the logits;  d x_j = p_j (1 - p_j) / sum p - [j = y] (1 - p_y),
//                       zero where clipped
#pragma once

#include "block.hpp"

namespace headlab::HEADLAB_ISA {

// Sums ln x_r for many x_r >= 1 that are at most `largest`, with one logarithm for as many factors as a number can hold: half of
// its exponents, so that no product is near the end.
template <class T> class LogSum {
  public:
    explicit LogSum(int largest) {
        double product = 1;
        while (product * (largest + 1.0) <= Lanes<T>::large_product) {
            product *= largest + 1.0;
            ++capacity;
        }
        capacity = std::max(capacity, 1);
    }
    void add(Vec<T> x) {
        product *= x;
        if (++count == capacity) close();
    }
    Vec<T> total() {
        close();
        const Vec<T> all = sum;
        sum = Vec<T>{};
        return all;
    }

  private:
    void close() {
        if (count) sum += log<T>(product);
        product = splat<T>(T(1));
        count = 0;
    }
    int capacity = 0, count = 0;
    Vec<T> product = splat<T>(T(1)), sum{};
};

template <class T> class Loss final : public Block<T> {
  public:
    Loss(const Plan& plan, Arena<T>& arena)
        : rows(plan.rows), n(plan.shape.d_vocab), count(plan.rows.rows()), logs(n), kept(arena.take(int64_t(count) * n)),
          sums(arena.take(count)) {}

    int kind = HL_SOFTMAX;  // of the phase

    int64_t size() const override { return 1; }

    void forward(const Vec<T>*, const Vec<T>* in, Vec<T>* out) override { *out = rows.share.empty() ? mean_of_equal(in) : mean_of_weighted(in); }

    void backward(const Vec<T>*, const Vec<T>*, const Vec<T>*, Vec<T>*, Vec<T>* d_in) override {
        for (int r = 0; r < count; ++r) {
            const Vec<T>* p = kept + int64_t(r) * n;
            Vec<T>* dx = d_in + int64_t(r) * n;
            const int y = rows.target[r];
            if (y < 0)
                std::fill_n(dx, n, Vec<T>{});
            else if (kind == HL_SOFTMAX)
                softmax_backward(p, y, weight(r), sums[r], dx);
            else
                normalized_sigmoid_backward(p, y, weight(r), sums[r], dx);
        }
    }

  private:
    T weight(int r) const { return rows.share.empty() ? T(1) / T(rows.n_targets) : T(rows.share[r]); }

    // Every row with a target counts alike: their logarithms are taken as one of their product, and the sum is divided once.
    Vec<T> mean_of_equal(const Vec<T>* logits) {
        Vec<T> total{};
        for (int r = 0; r < count; ++r, logits += n) {
            if (rows.target[r] < 0) continue;
            if (kind == HL_SOFTMAX) {
                total += softmax_rest(logits, r);
                logs.add(sums[r]);
            } else {
                total += normalized_sigmoid(logits, r);
            }
        }
        return (total + logs.total()) / T(rows.n_targets);
    }

    // Each row's logarithm is multiplied by its share, so that no two can be taken as one.
    Vec<T> mean_of_weighted(const Vec<T>* logits) {
        Vec<T> total{};
        for (int r = 0; r < count; ++r, logits += n) {
            if (rows.target[r] < 0) continue;
            total += T(rows.share[r]) * (kind == HL_SOFTMAX ? softmax_rest(logits, r) + log<T>(sums[r]) : normalized_sigmoid(logits, r));
        }
        return total;
    }

    // The softmax loss of a row but for the logarithm of its sum of exponentials, which is kept.
    Vec<T> softmax_rest(const Vec<T>* x, int r) {
        Vec<T>* p = kept + int64_t(r) * n;
        Vec<T> top = x[0], sum{};
        for (int j = 1; j < n; ++j) top = max<T>(top, x[j]);
        for (int j = 0; j < n; ++j) {
            p[j] = exp_nonpositive<T>(x[j] - top);
            sum += p[j];
        }
        sums[r] = sum;
        return top - x[rows.target[r]];
    }
    void softmax_backward(const Vec<T>* p, int y, T weight, Vec<T> sum, Vec<T>* dx) const {
        const Vec<T> factor = weight / sum;
        for (int j = 0; j < n; ++j) dx[j] = p[j] * factor;
        dx[y] -= weight;
    }

    Vec<T> normalized_sigmoid(const Vec<T>* x, int r) {
        Vec<T>* p = kept + int64_t(r) * n;
        Vec<T> sum{};
        for (int j = 0; j < n; ++j) {
            p[j] = T(1) / (T(1) + exp<T>(-x[j]));
            sum += p[j];
        }
        sums[r] = sum;
        Vec<T> share = p[rows.target[r]] / sum;
        share = share < low ? splat<T>(low) : share;
        share = share > high ? splat<T>(high) : share;
        return -log<T>(share);
    }
    void normalized_sigmoid_backward(const Vec<T>* p, int y, T weight, Vec<T> sum, Vec<T>* dx) const {
        const Vec<T> share = p[y] / sum;
        const auto inside = (share >= low) & (share <= high);
        const Vec<T> factor = inside ? splat<T>(weight) : Vec<T>{};
        for (int j = 0; j < n; ++j) dx[j] = factor * p[j] * (T(1) - p[j]) / sum;
        dx[y] -= factor * (T(1) - p[y]);
    }

    static constexpr T low = T(1e-7), high = T(1) - T(1e-7);
    const Rows& rows;
    const int n, count;
    LogSum<T> logs;
    Vec<T>*kept, *sums;  // of each row: exp(x - max), or sigmoid(x), and their sum
};

}  // namespace headlab::HEADLAB_ISA
