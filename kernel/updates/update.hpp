// One step of the weights that move.
#pragma once

#include "adam.hpp"
#include "rmsprop.hpp"
#include "sgd.hpp"
#include "shrink.hpp"

namespace headlab::HEADLAB_ISA {

// seen: how many steps the state has; n: numbers of a slot; g becomes what the optimiser is given
template <class E>
inline __attribute__((always_inline)) void update(const hl_phase& phase, const std::vector<Moving>& moving, int64_t n, int64_t seen, E rate, E* g, E* w, E* state) {
    if (!attention_alone && phase.clip > 0) clip(phase.clip, moving, g);
    if (!attention_alone && phase.l2 != 0) add_l2(phase.l2, moving, w, g);
    for (const Moving& part : moving) {
        switch (phase.optimizer) {
            case HL_SGD: update_sgd(phase, part.range, rate, g, w, state); break;
            case HL_RMSPROP: update_rmsprop(phase, part.range, n, rate, g, w, state); break;
            default: update_adam(phase, part, n, seen, rate, g, w, state);
        }
    }
}

}  // namespace headlab::HEADLAB_ISA
