// What tiles of either kind know of a product: its views, and which part of it is wanted.
#pragma once

#include <algorithm>

#include "../matrix.hpp"

namespace headlab::HEADLAB_ISA {

enum class Region {
    full,
    lower_out,   // only C[i][j] with j <= i are wanted (scores under a causal mask)
    lower_sum,   // A[i][p] is zero for p > i
    upper_sum,   // A[i][p] is zero for p < i
};

template <class E> struct Product {
    int rows, cols, depth;
    const E* A;
    std::ptrdiff_t a_row, a_depth;
    const E* B;
    std::ptrdiff_t b_col, b_depth;
    E* C;
    std::ptrdiff_t c_row;
    const E* start;  // what sums go on from
    std::ptrdiff_t start_row;
    const int *a_index, *b_index, *depth_index, *c_index, *start_index;
    Region region;
};

// n cut into nearly equal parts of at most `most`: 7 by 4 is 4 + 3, not 4 + 2 + 1; the `larger` first ones have one more.
struct Parts {
    Parts(int n, int most) : smaller(n <= most ? n : most) {
        if (n <= most) return;
        const int count = (n + most - 1) / most;
        while (smaller * count > n) --smaller;  // n / count, without a division
        larger = n - smaller * count;
    }
    int next() { return larger-- > 0 ? smaller + 1 : smaller; }
    int smaller, larger = 0;
};

// Calls with a number as a constant: one of 1 … most.
template <int most, int n = 1, class Call> inline __attribute__((always_inline)) void as_constant(int number, const Call& call) {
    if constexpr (n < most) {
        if (number != n) return as_constant<most, n + 1>(number, call);
    }
    call(std::integral_constant<int, n>{});
}

constexpr int tile_rows = 4;        // one number for tiles of every kind: what a region leaves out goes by them
constexpr int depth_block = 64;     // a packed panel of B stays in the first-level cache
constexpr int pack_from_rows = 16;  // below this, copying B costs more than it saves

}  // namespace headlab::HEADLAB_ISA
