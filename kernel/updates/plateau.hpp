// Keras 2's ReduceLROnPlateau, one state a lane. Comparisons in double on the loss as it was computed.
#pragma once

#include <limits>
#include <type_traits>

#include "../lanes.hpp"
#include "../plan.hpp"

namespace headlab::HEADLAB_ISA {

template <class T> class PlateauState {
  public:
    using Count = std::remove_reference_t<decltype(Int<T>{}[0])>;
    static Count bounded(int64_t steps) { return Count(std::min<int64_t>(steps, 1 << 30)); }

    // What a run has seen of its plateau, one number a lane: to go on from, and what is left at the end.
    Vec<T> best = splat<T>(std::numeric_limits<T>::infinity());
    Int<T> wait{}, cooldown{};

    void begin(const hl_phase& phase) {
        if (!phase.plateau_goes_on) *this = PlateauState();
        go_on(phase);
    }
    // From what it has seen, in the middle of a phase.
    void go_on(const hl_phase& phase) {
        for (int lane = 0; lane < lanes<T>; ++lane) threshold[lane] = not_below(double(best[lane]) - phase.min_delta);
        cooling = any<T>((Int<T>)(cooldown > 0));
    }

    void epoch_ended(const hl_phase& phase, Vec<T> loss, Vec<T>& rate) {
        if (cooling) cool();
        const Int<T> improved = (Int<T>)(loss < threshold);
        wait = improved ? Int<T>{} : wait + 1;
        if (any<T>(improved))
            for (int lane = 0; lane < lanes<T>; ++lane)
                if (improved[lane]) {
                    best[lane] = loss[lane];
                    threshold[lane] = not_below(double(loss[lane]) - phase.min_delta);
                }
        const Int<T> due = (Int<T>)(wait >= patience_of(phase)) & (Int<T>)(cooldown == 0) & (Int<T>)(rate > T(phase.min_rate));
        if (any<T>(due))
            for (int lane = 0; lane < lanes<T>; ++lane)
                if (due[lane]) reduce(phase, lane, rate);
    }

  private:
    // loss < best - delta in double is the same as loss < the next T that is not below it.
    static T not_below(double bound) {
        const T nearest = T(bound);
        return double(nearest) >= bound ? nearest : next_above(nearest);
    }
    static T next_above(T x) {
        if (x == 0) return std::numeric_limits<T>::denorm_min();
        using Bits = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
        Bits pattern;
        std::memcpy(&pattern, &x, sizeof(T));
        pattern += x > 0 ? 1 : -1;
        std::memcpy(&x, &pattern, sizeof(T));
        return x;
    }
    static Count patience_of(const hl_phase& phase) { return bounded(std::max<int64_t>(phase.patience, 1)); }

    void reduce(const hl_phase& phase, int lane, Vec<T>& rate) {
        rate[lane] = std::max(rate[lane] * T(phase.factor), T(phase.min_rate));  // Keras keeps the rate in the weights' dtype
        cooldown[lane] = bounded(phase.cooldown);
        wait[lane] = 0;
        cooling |= phase.cooldown > 0;
    }
    // In Keras a cooling epoch counts down first, starts the count of waiting afresh, and does not wait.
    void cool() {
        const Int<T> active = (Int<T>)(cooldown > 0);
        cooldown += active;
        wait = active ? (cooldown > 0 ? Int<T>{} - 1 : Int<T>{}) : wait;
    }

    Vec<T> threshold = splat<T>(std::numeric_limits<T>::infinity());
    bool cooling = false;
};

}  // namespace headlab::HEADLAB_ISA
