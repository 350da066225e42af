// One step of the weights that move.
#pragma once

#include "adam.hpp"
#include "rmsprop.hpp"
#include "sgd.hpp"

namespace headlab::HEADLAB_ISA {

// seen: how many steps the state has; n: numbers of a slot
template <class E>
void update(const hl_phase& phase, const std::vector<Range>& moving, int64_t n, int64_t seen, E rate, const E* g, E* w, E* state) {
    for (const Range& range : moving) {
        switch (phase.optimizer) {
            case HL_SGD: update_sgd(phase, range, rate, g, w, state); break;
            case HL_RMSPROP: update_rmsprop(phase, range, n, rate, g, w, state); break;
            default: update_adam(phase, range, n, seen, rate, g, w, state);
        }
    }
}

}  // namespace headlab::HEADLAB_ISA
