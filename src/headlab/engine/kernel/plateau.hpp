// Keras 2's ReduceLROnPlateau, one state a lane. Comparisons in double on the loss as it was computed.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "lanes.hpp"
#include "plan.hpp"

namespace headlab::HEADLAB_ISA {

template <class T> class PlateauState {
  public:
    void epoch_ended(const Phase& phase, Vec<T> loss, Vec<T>& rate) {
        if (cooling) cool();
        const Int<T> improved = (Int<T>)(loss < threshold);
        wait = improved ? Int<T>{} : wait + 1;
        if (any<T>(improved))
            for (int lane = 0; lane < lanes<T>; ++lane)
                if (improved[lane]) threshold[lane] = not_below(double(loss[lane]) - phase.min_delta);
        const Int<T> due = (Int<T>)(wait >= patience_of(phase)) & (Int<T>)(cooldown == 0) & (Int<T>)(rate > T(phase.min_rate));
        if (any<T>(due))
            for (int lane = 0; lane < lanes<T>; ++lane)
                if (due[lane]) reduce(phase, lane, rate);
    }

  private:
    using Count = std::remove_reference_t<decltype(Int<T>{}[0])>;

    // loss < best - delta in double is the same as loss < the next T that is not below it.
    static T not_below(double bound) {
        const T nearest = T(bound);
        return double(nearest) >= bound ? nearest : std::nextafter(nearest, std::numeric_limits<T>::infinity());
    }
    static Count patience_of(const Phase& phase) { return Count(std::clamp<int64_t>(phase.patience, 1, 1 << 30)); }

    void reduce(const Phase& phase, int lane, Vec<T>& rate) {
        rate[lane] = std::max(rate[lane] * T(phase.factor), T(phase.min_rate));  // Keras keeps the rate in the weights' dtype
        cooldown[lane] = Count(std::min<int64_t>(phase.cooldown, 1 << 30));
        wait[lane] = 0;
        cooling = phase.cooldown > 0;
    }
    // In Keras a cooling epoch counts down first, starts the count of waiting afresh, and does not wait.
    void cool() {
        const Int<T> active = (Int<T>)(cooldown > 0);
        cooldown += active;
        wait = active ? (cooldown > 0 ? Int<T>{} - 1 : Int<T>{}) : wait;
    }

    Vec<T> threshold = splat<T>(std::numeric_limits<T>::infinity());
    Int<T> wait{}, cooldown{};
    bool cooling = false;
};

}  // namespace headlab::HEADLAB_ISA
