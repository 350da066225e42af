// What models say of a batch: losses, logits, the largest of these, and where that is the target.
#pragma once

#include "model.hpp"

namespace headlab::HEADLAB_ISA {

// The caller's id of each output as it is trained.
inline std::vector<int32_t> output_ids(const Plan& plan) {
    std::vector<int32_t> ids(plan.order);
    if (follows_vocabulary(plan.shape, Axis::out)) return ids;
    ids.resize(plan.outputs());
    for (int j = 0; j < plan.outputs(); ++j) ids[j] = j;
    return ids;
}

// Of each run of a group: how many targets have the largest logit, and in how many sequences with a target all of them. Of equal
// logits the one with the lowest id counts.
template <class E> class RightCount {
    using T = Real<E>;
    using Mask = std::conditional_t<alone<E>, bool, Int<T>>;

  public:
    explicit RightCount(const Plan& plan) : n(plan.outputs()), ids(output_ids(plan)) {}

    void count(const Rows& rows, const E* logits) {
        std::fill_n(places, runs_in<E>, 0);
        std::fill_n(sequences, runs_in<E>, 0);
        int w = 0;
        for (int b = 0; b < rows.sequences(); ++b) {
            const int end = rows.some ? rows.wanted_start[b + 1] : rows.sequence_start[b + 1];
            Mask all = Mask{} == Mask{};
            bool any = false;
            for (; w < end; ++w) {
                const int y = rows.target[rows.row(w)];
                if (y < 0) continue;
                const Mask good = is_largest(logits + int64_t(w) * row_size<E>(n), y);
                add(good, places);
                all = all & good;
                any = true;
            }
            if (any) add(all, sequences);
        }
    }

    int64_t places[runs_in<E>], sequences[runs_in<E>];

  private:
    // Of what is no number, nothing is.
    Mask is_largest(const E* x, int y) const {
        Mask good = x[y] == x[y];
        for (int j = 0; j < n; ++j) good = good & (ids[y] <= ids[j] ? x[y] >= x[j] : x[y] > x[j]);
        return good;
    }
    static void add(Mask good, int64_t* to) {
        if constexpr (alone<E>)
            *to += good;
        else
            for (int run = 0; run < runs_in<E>; ++run) to[run] += good[run] != 0;
    }

    const int n;
    const std::vector<int32_t> ids;
};

template <class E> class EvaluationWorker final : public Worker {
    using T = Real<E>;

  public:
    EvaluationWorker(const EvaluationCall& call, Control& control)
        : call(call), plan(call.plan), control(control), model(plan), right(plan), ids(output_ids(plan)) {
        model.at(call.rows);
    }

    void work() noexcept override {
        const int64_t size = model.size;
        for (int64_t first; (first = control.take(call.n_runs, runs_in<E>)) >= 0;) {
            const int n_lanes = int(std::min<int64_t>(runs_in<E>, call.n_runs - first));
            for (int lane = 0; lane < runs_in<E>; ++lane)
                load_lane(model.weights, static_cast<const T*>(call.weights) + (first + (lane < n_lanes ? lane : 0)) * size, plan.gather.data(), size, lane);
            const E loss = model.forward(call.loss);
            if (call.right) right.count(call.rows, model.logits());
            for (int lane = 0; lane < n_lanes; ++lane) {
                const int64_t run = first + lane;
                if (call.losses) static_cast<T*>(call.losses)[run] = canonical(of_run(loss, lane));
                if (call.right) call.right[2 * run] = right.places[lane], call.right[2 * run + 1] = right.sequences[lane];
                if (call.predicted || call.logits) store(run, lane);
            }
        }
    }

  private:
    // Of every place of a run.
    void store(int64_t run, int lane) const {
        const int n = plan.outputs(), c = plan.shape.n_ctx;
        const Rows& rows = call.rows;
        for (int b = 0; b < rows.sequences(); ++b)
            for (int t = 0; t < c; ++t) {
                const int64_t place = (run * rows.sequences() + b) * c + t;
                const bool there = t < rows.length(b);
                const E* x = model.logits() + int64_t(rows.sequence_start[b] + (there ? t : 0)) * row_size<E>(n);
                if (call.predicted) call.predicted[place] = there ? largest(x, n, lane) : -1;
                for (int j = 0; call.logits && j < n; ++j)
                    static_cast<T*>(call.logits)[place * n + ids[j]] = there ? canonical(of_run(x[j], lane)) : T(0);
            }
    }
    int32_t largest(const E* x, int n, int lane) const {
        int best = 0;
        for (int j = 1; j < n; ++j) {
            const T a = of_run(x[j], lane), b = of_run(x[best], lane);
            if (a > b || (a == b && ids[j] < ids[best])) best = j;
        }
        return ids[best];
    }

    const EvaluationCall& call;
    const Plan& plan;
    Control& control;
    Model<E> model;
    RightCount<E> right;
    const std::vector<int32_t> ids;
};

}  // namespace headlab::HEADLAB_ISA
