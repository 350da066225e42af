// What a number of a model is while it trains: those of as many runs as there are lanes, or that of one run alone.
//
// E is Vec<T>, or T. Alone, a run has its own columns in the lanes: `each` goes along a row in vectors of them. An element comes from
// the same operations in the same order either way, and what is summed along a row is summed one after the other: so are the bits.
#pragma once

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include "lanes.hpp"

namespace headlab::HEADLAB_ISA {

template <class E> struct Element {
    using Real = E;
    static constexpr int runs = 1;
};
template <> struct Element<Vec<float>> {
    using Real = float;
    static constexpr int runs = lanes<float>;
};
template <> struct Element<Vec<double>> {
    using Real = double;
    static constexpr int runs = lanes<double>;
};
template <class E> using Real = typename Element<E>::Real;
template <class E> constexpr int runs_in = Element<E>::runs;
template <class E> constexpr bool alone = runs_in<E> == 1;

// One run's number.
template <class E> inline Real<E> of_run(const E& x, int run) {
    if constexpr (alone<E>)
        return x;
    else
        return x[run];
}
template <class E> inline void set_of_run(E& x, int run, Real<E> value) {
    if constexpr (alone<E>)
        x = value;
    else
        x[run] = value;
}

// Between an element and a number for every lane.
template <class E> inline Vec<Real<E>> to_lanes(E x) {
    if constexpr (alone<E>)
        return x - Vec<E>{};  // -0, too
    else
        return x;
}
template <class E> inline E from_lanes(Vec<Real<E>> x) {
    if constexpr (alone<E>)
        return x[0];
    else
        return x;
}

// One run's numbers, from the caller's places and to them; null: in a row; -1: it has none.
template <class E> void load_lane(E* to, const Real<E>* from, const int64_t* place, int64_t n, int run) {
    for (int64_t i = 0; i < n; ++i)
        if (!place || place[i] >= 0) set_of_run(to[i], run, from[place ? place[i] : i]);
}
template <class E> void store_lane(Real<E>* to, const E* from, const int64_t* place, int64_t n, int run) {
    for (int64_t i = 0; i < n; ++i)
        if (!place || place[i] >= 0) to[place ? place[i] : i] = canonical(of_run(from[i], run));
}

// How far one row of n elements is from the next: alone, rows are filled up with zeros to whole vectors.
template <class E> constexpr int row_size(int n) {
    constexpr int columns = alone<E> ? lanes<Real<E>> : 1;  // a power of two
    return (n + columns - 1) & -columns;
}

// Vectors of neighbours.
template <class T> inline Vec<T> load(const T* from) {
    Vec<T> all;
    std::memcpy(&all, from, sizeof all);
    return all;
}
template <class T> inline void store(T* to, Vec<T> all) { std::memcpy(to, &all, sizeof all); }
template <class T> inline constexpr auto kept = [] {  // as many true lanes as there are, and as many false ones
    std::array<std::remove_reference_t<decltype(Int<T>{}[0])>, 2 * lanes<T>> mask{};
    for (int i = 0; i < lanes<T>; ++i) mask[i] = -1;
    return mask;
}();
template <class T> inline Vec<T> first(int n, Vec<T> all) {  // and zeros
    Int<T> mask;
    std::memcpy(&mask, kept<T>.data() + lanes<T> - n, sizeof mask);
    return (Vec<T>)(bits<T>(all) & mask);
}

// A place in rows of one length: an element, or the columns of a vector, of which the last one of a row has some of its own.
template <class E> struct Place {
    int64_t at;
    E operator()(const E* row) const { return row[at]; }
    void set(E* row, E value) const { row[at] = value; }
};
template <class T> struct Columns {
    int64_t at;
    Vec<T> operator()(const T* row) const { return load(row + at); }
    void set(T* row, Vec<T> value) const { store(row + at, value); }
};
template <class T> struct LastColumns {
    int64_t at;
    int n;
    Vec<T> operator()(const T* row) const { return load(row + at); }
    void set(T* row, Vec<T> value) const { store(row + at, first<T>(n, value)); }
};

template <class E> inline auto place_at(int64_t at) {
    if constexpr (alone<E>)
        return Columns<E>{at};
    else
        return Place<E>{at};
}

// Calls `work` with the places of rows of n elements, one after the other. Of the zeros that rows are filled up with it makes zeros.
template <class E, class Work> inline __attribute__((always_inline)) void each(int64_t n, const Work& work) {
    if constexpr (alone<E>)
        for (int64_t at = 0; at < n; at += lanes<E>) work(Columns<E>{at});
    else
        for (int64_t at = 0; at < n; ++at) work(Place<E>{at});
}
// The same, whatever it would make of them.
template <class E, class Work> inline __attribute__((always_inline)) void each_but_filling(int64_t n, const Work& work) {
    if constexpr (alone<E>) {
        int64_t at = 0;
        for (; at + lanes<E> <= n; at += lanes<E>) work(Columns<E>{at});
        if (at < n) work(LastColumns<E>{at, int(n - at)});
    } else {
        each<E>(n, work);
    }
}

template <class E> inline void clear_row(E* to, int64_t n) {
    each<E>(n, [&](auto at) { at.set(to, Vec<Real<E>>{}); });
}
template <class E> inline void add_rows(E* to, const E* a, const E* b, int64_t n) {
    each<E>(n, [&](auto at) { at.set(to, at(a) + at(b)); });
}

template <class E> inline E largest_of(const E* row, int64_t n) {
    E top = row[0];
    for (int64_t i = 1; i < n; ++i) top = max(top, row[i]);
    return top;
}
// One after the other.
template <class E> inline E sum_of(const E* row, int64_t n) {
    E sum{};
    for (int64_t i = 0; i < n; ++i) sum += row[i];
    return sum;
}

// What `work` makes of the places of a row, added up in sixteen sums, of every sixteenth place each, and these two by two: a sum whose
// order is the same whatever is in the lanes, and that need not wait for itself.
template <class E, class Work> inline __attribute__((always_inline)) E added_up(int n, const Work& work) {
    constexpr int sums = 16, step = alone<E> ? lanes<Real<E>> : 1;
    std::conditional_t<alone<E>, Vec<Real<E>>, E> part[sums / step] = {};
    int at = 0;
    for (; at + sums <= n; at += sums)
#pragma GCC unroll 16
        for (int i = 0; i < sums / step; ++i) part[i] += work(place_at<E>(at + i * step));
    for (int i = 0; at < n; at += step, ++i) {
        if constexpr (alone<E>)
            part[i] += first<E>(std::min(n - at, step), work(place_at<E>(at)));
        else
            part[i] += work(place_at<E>(at));
    }
    E sum[sums];
    std::memcpy(sum, part, sizeof sum);
    for (int half = sums / 2; half > 0; half /= 2)
        for (int i = 0; i < half; ++i) sum[i] += sum[i + half];
    return sum[0];
}

// The same number for every run; and roots and logarithms of elements.
template <class E> inline E element(Real<E> x) { return from_lanes<E>(splat<Real<E>>(x)); }
template <class E> inline E root(E x) { return from_lanes<E>(sqrt<Real<E>>(to_lanes<E>(x))); }
template <class E> inline E ln(E x) { return from_lanes<E>(log<Real<E>>(to_lanes<E>(x))); }

}  // namespace headlab::HEADLAB_ISA
