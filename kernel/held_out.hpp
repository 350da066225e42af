// What is held out: its loss, and how much of it is right, of a group of runs.
#pragma once

#include "evaluation.hpp"
#include "feeding.hpp"
#include "model.hpp"

namespace headlab::HEADLAB_ISA {

template <class E> class Evaluation {
    using T = Real<E>;

  public:
    explicit Evaluation(const Plan& plan) : counted(plan) {}

    // Of each run that is worked on: the mean loss over all targets, in double as pieces are added, and the share that is right.
    double loss[runs_in<E>], right[runs_in<E>];

    // Returns whether it got to the end. The model is at other rows then.
    bool run(Model<E>& model, const HeldOut& held, int kind, const std::atomic<bool>& cancel) {
        int64_t count[runs_in<E>] = {};
        std::fill_n(loss, runs_in<E>, 0.0);
        for (const Rows& rows : held.pieces) {
            if (cancel) return false;
            if (rows.n_targets == 0) continue;
            model.at(rows);
            const E mean = model.forward(kind);
            for (int run = 0; run < runs_in<E>; ++run) loss[run] += double(of_run(mean, run)) * (double(rows.n_targets) / double(held.targets));
            counted.count(rows, model.logits());
            for (int run = 0; run < runs_in<E>; ++run) count[run] += held.of.by_sequence ? counted.sequences[run] : counted.places[run];
        }
        for (int run = 0; run < runs_in<E>; ++run) right[run] = double(count[run]) / double(held.of.by_sequence ? held.sequences : held.targets);
        return true;
    }

  private:
    RightCount<E> counted;
};

}  // namespace headlab::HEADLAB_ISA
