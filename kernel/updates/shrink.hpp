// What is done to a gradient before its step: made no longer than it may be, and then what L2 adds to it.
//
//   g := g min(1, clip / ‖g‖), over all weights that move;  g := g + l2 w, of those that shrink
#pragma once

#include <algorithm>

#include "../element.hpp"
#include "../plan.hpp"

namespace headlab::HEADLAB_ISA {

// The length of each run's gradient, summed in double, one number after the other: what rows are filled up with adds nothing.
template <class E> class Length {
    using T = Real<E>;
    static constexpr int n = alone<E> ? 1 : lanes<T>;

  public:
    void add(const E* g, int64_t size) {
        for (int64_t i = 0; i < size; ++i)
            for (int run = 0; run < n; ++run) {
                const double x = double(of_run(g[i], run));
                squares[run] += x * x;
            }
    }
    double of(int run) const { return __builtin_sqrt(squares[run]); }

  private:
    double squares[n]{};
};

template <class E> void clip(double most, const std::vector<Moving>& moving, E* g) {
    Length<E> length;
    for (const Moving& part : moving) length.add(g + part.range.from, part.range.size());
    E factor = element<E>(1);
    bool longer = false;
    for (int run = 0; run < runs_in<E>; ++run) {
        const double own = length.of(run);
        if (!(own > most)) continue;
        set_of_run(factor, run, Real<E>(most / own));
        longer = true;
    }
    if (!longer) return;
    for (const Moving& part : moving) {
        E* const from = g + part.range.from;
        each<E>(part.range.size(), [&](auto at) { at.set(from, at(from) * factor); });
    }
}

template <class E> void add_l2(double l2, const std::vector<Moving>& moving, const E* w, E* g) {
    const Real<E> share = Real<E>(l2);
    for (const Moving& part : moving) {
        if (!part.shrinks) continue;
        E* const to = g + part.range.from;
        const E* const of = w + part.range.from;
        each<E>(part.range.size(), [&](auto at) { at.set(to, at(to) + share * at(of)); });
    }
}

}  // namespace headlab::HEADLAB_ISA
