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
template <class E> class LogSum {
  public:
    explicit LogSum(int largest) {
        double product = 1;
        while (product * (largest + 1.0) <= Lanes<Real<E>>::large_product) {
            product *= largest + 1.0;
            ++capacity;
        }
        capacity = std::max(capacity, 1);
    }
    void add(E x) {
        product *= x;
        if (++count == capacity) close();
    }
    E total() {
        close();
        const E all = sum;
        sum = E{};
        return all;
    }

  private:
    void close() {
        if (count) sum += ln(product);
        product = element<E>(1);
        count = 0;
    }
    int capacity = 0, count = 0;
    E product = element<E>(1), sum{};
};

template <class E> class Loss final : public Block<E> {
    using T = Real<E>;

  public:
    Loss(const Plan& plan, Arena<E>& arena)
        : n(plan.outputs()), most(plan.most([](const Sizes& of) { return of.wanted; })), logs(n), kept(arena.take(most * row_size<E>(n))),
          sums(arena.take(most)) {}

    int kind = HL_SOFTMAX;  // of the phase

    int64_t size() const override { return 1; }

    void forward(const Rows& rows, const E*, const E* in, E* out) override {
        *out = rows.share.empty() ? mean_of_equal(rows, in) : mean_of_weighted(rows, in);
    }

    void backward(const Rows& rows, const E*, const E*, const E*, E*, E* d_in) override {
        const T each_weight = T(1) / T(rows.n_targets);
        const Wanted wanted(rows);
        for (int r = 0; r < wanted.n; ++r) {
            const E* p = kept + int64_t(r) * row_size<E>(n);
            E* dx = d_in + int64_t(r) * row_size<E>(n);
            const int row = wanted.row(r), y = wanted.target[row];
            const T weight = wanted.share ? T(wanted.share[row]) : each_weight;
            if (y < 0)
                clear_row(dx, n);
            else if (kind == HL_SOFTMAX)
                softmax_backward(p, y, weight, sums[r], dx);
            else
                normalized_sigmoid_backward(p, y, weight, sums[r], dx);
        }
    }

  private:
    struct Wanted {  // rows; what they are looked up in
        explicit Wanted(const Rows& rows)
            : n(rows.n_wanted()), rows(rows.some ? rows.wanted.data() : nullptr), target(rows.target.data()), share(rows.share.empty() ? nullptr : rows.share.data()) {}
        int row(int r) const { return !attention_alone && rows ? rows[r] : r; }
        const int n, *const rows, *const target;
        const double* const share;
    };

    // Every row with a target counts alike: their logarithms are taken as one of their product, and the sum is divided once.
    E mean_of_equal(const Rows& rows, const E* logits) {
        const Wanted wanted(rows);
        E total{};
        for (int r = 0; r < wanted.n; ++r, logits += row_size<E>(n)) {
            const int y = wanted.target[wanted.row(r)];
            if (y < 0) continue;
            if (kind == HL_SOFTMAX) {
                total += softmax_rest(logits, y, r);
                logs.add(sums[r]);
            } else {
                total += normalized_sigmoid(logits, y, r);
            }
        }
        return (total + logs.total()) / T(rows.n_targets);
    }

    // Each row's logarithm is multiplied by its share, so that no two can be taken as one.
    E mean_of_weighted(const Rows& rows, const E* logits) {
        const Wanted wanted(rows);
        E total{};
        for (int r = 0; r < wanted.n; ++r, logits += row_size<E>(n)) {
            const int row = wanted.row(r), y = wanted.target[row];
            if (y < 0) continue;
            total += T(wanted.share[row]) * (kind == HL_SOFTMAX ? softmax_rest(logits, y, r) + ln(sums[r]) : normalized_sigmoid(logits, y, r));
        }
        return total;
    }

    // The softmax loss of a row but for the logarithm of its sum of exponentials, which is kept.
    E softmax_rest(const E* x, int y, int r) {
        E* p = kept + int64_t(r) * row_size<E>(n);
        const E top = largest_of(x, n);
        each_but_filling<E>(n, [&](auto at) { at.set(p, exp_nonpositive<T>(at(x) - top)); });
        sums[r] = sum_of(p, n);
        return top - x[y];
    }
    void softmax_backward(const E* p, int y, T weight, E sum, E* dx) const {
        const E factor = weight / sum;
        each<E>(n, [&](auto at) { at.set(dx, at(p) * factor); });
        dx[y] -= weight;
    }

    E normalized_sigmoid(const E* x, int y, int r) {
        E* p = kept + int64_t(r) * row_size<E>(n);
        each_but_filling<E>(n, [&](auto at) { at.set(p, T(1) / (T(1) + exp<T>(-at(x)))); });
        sums[r] = sum_of(p, n);
        E share = p[y] / sums[r];
        share = share < low ? element<E>(low) : share;
        share = share > high ? element<E>(high) : share;
        return -ln(share);
    }
    void normalized_sigmoid_backward(const E* p, int y, T weight, E sum, E* dx) const {
        const E share = p[y] / sum;
        const auto inside = (share >= low) & (share <= high);
        const E factor = inside ? element<E>(weight) : E{};
        each<E>(n, [&](auto at) { at.set(dx, factor * at(p) * (T(1) - at(p)) / sum); });
        dx[y] -= factor * (T(1) - p[y]);
    }

    static constexpr T low = T(1e-7), high = T(1) - T(1e-7);
    const int n;
    const int64_t most;  // rows
    LogSum<E> logs;
    E*kept, *sums;  // of each row: exp(x - max), or sigmoid(x), and their sum
};

}  // namespace headlab::HEADLAB_ISA
