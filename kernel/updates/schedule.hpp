// The rate of a step where it follows a schedule; each run's own is what the schedule begins with, and stays as it is.
#pragma once

#include "../functions.hpp"
#include "../lanes.hpp"
#include "../plan.hpp"

namespace headlab::HEADLAB_ISA {

inline bool is_steady(const hl_phase& phase) { return attention_alone || (phase.schedule == HL_STEADY && phase.warmup <= 0); }

// step: of the phase, from 0. A schedule that was cut counts the steps before, too.
template <class T> Vec<T> scheduled(const hl_phase& phase, int64_t step, Vec<T> rate) {
    if (attention_alone) return rate;
    const int64_t at = phase.schedule_from + step, all = phase.schedule_steps > 0 ? phase.schedule_steps : phase.schedule_from + phase.steps;
    const int64_t every = std::max<int64_t>(phase.rate_every, 1);
    const double share = double(at - at % every) / double(std::max<int64_t>(all, 1));
    const double rest = phase.schedule == HL_COSINE ? (1 + cosine(3.14159265358979323846 * share)) / 2 : 1 - share;  // of the way to the end
    const double warm = phase.warmup > at + 1 ? double(at + 1) / double(phase.warmup) : 1;
    for (int lane = 0; lane < lanes<T>; ++lane) {
        double now = double(rate[lane]);
        if (phase.schedule != HL_STEADY) now = phase.end_rate + (now - phase.end_rate) * rest;
        rate[lane] = T(now * warm);
    }
    return rate;
}

}  // namespace headlab::HEADLAB_ISA
