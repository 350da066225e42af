// Tiles of products whose elements are vectors of runs: as many sums as there are registers.
#pragma once

#include "wanted.hpp"

namespace headlab::HEADLAB_ISA {

#if defined(__AVX512F__)
constexpr int tile_cols = 7;  // with 4 rows 28 sums of 32 registers
#else
constexpr int tile_cols = 3;  // 12 sums of 16 registers
#endif
constexpr int pack_whole_rows_from = 96;  // as pack_from_rows, where rows of B lie in one piece

// How B lies: column by column, in rows of one piece, in such rows through an index table, or as a panel that was packed.
enum class Right { columns, rows, gathered, panel };

// A row of a tile: where it begins in A, in what its sums go on from, and in C.
template <class T> struct TileRow {
    const Vec<T>*a, *start;
    Vec<T>* out;
};

template <class T, int R, int C, Right right, bool adds>
inline __attribute__((always_inline)) void tile(const Product<Vec<T>>& x, const TileRow<T> (&rows)[R], const Vec<T>* const* b, int from, int to, int j0) {
    Vec<T> sum[R][C] = {};
    if (adds) {
#pragma GCC unroll 8
        for (int i = 0; i < R; ++i)
#pragma GCC unroll 8
            for (int j = 0; j < C; ++j) sum[i][j] = rows[i].start[j0 + j];
    }
    const int* const depth_index = x.depth_index;
    const std::ptrdiff_t a_depth = x.a_depth, b_depth = right == Right::panel ? C : x.b_depth, next_tile = R * x.a_row;
    for (int p = from; p < to; ++p) {
        const std::ptrdiff_t at = (right == Right::gathered ? depth_index[p] : p) * b_depth;
        Vec<T> by[C];
#pragma GCC unroll 8
        for (int j = 0; j < C; ++j) by[j] = right == Right::columns ? b[j][at] : b[0][at + j];
#pragma GCC unroll 8
        for (int i = 0; i < R; ++i) {
            const Vec<T> left = rows[i].a[p * a_depth];
            if (right == Right::panel) __builtin_prefetch(rows[i].a + p * a_depth + next_tile, 0, 2);
#pragma GCC unroll 8
            for (int j = 0; j < C; ++j) sum[i][j] += left * by[j];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 8
        for (int j = 0; j < C; ++j) rows[i].out[j0 + j] = sum[i][j];
}

// Columns of C, and where the first of them is in B.
template <class T> struct Strip {
    int first, end;
    Parts widths;
    const Vec<T>* B;
};

// The tiles of R rows side by side: where the rows are is asked once for all of them.
template <class T, Right right, bool adds, int R>
inline __attribute__((always_inline)) void tiles_of_rows(const Product<Vec<T>>& x, Strip<T> strip, int i0, int from, int to) {
    TileRow<T> rows[R];
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
        rows[i].a = x.A + (x.a_index ? x.a_index[i0 + i] : i0 + i) * x.a_row;
        rows[i].out = x.C + (x.c_index ? x.c_index[i0 + i] : i0 + i) * x.c_row;
        if (adds) rows[i].start = x.start + (x.start_index ? x.start_index[i0 + i] : i0 + i) * x.start_row;
    }
    const auto tile_of = [&](int width, const Vec<T>* const* b, int j0) __attribute__((always_inline)) {
        as_constant<tile_cols>(width, [&](auto C) __attribute__((always_inline)) { tile<T, R, C, right, adds>(x, rows, b, from, to, j0); });
    };
    if constexpr (right == Right::panel) return tile_of(strip.end - strip.first, &strip.B, strip.first);
    if (x.region == Region::lower_out) strip.end = std::min(strip.end, i0 + R);
    for (int j0 = 0, width; j0 < strip.end; j0 += width) {
        width = std::min(strip.widths.next(), strip.end - j0);
        const Vec<T>* b[tile_cols] = {strip.B + j0};
        if (right == Right::columns)
            for (int j = 0; j < width; ++j) b[j] = strip.B + (x.b_index ? x.b_index[j0 + j] : j0 + j) * x.b_col;
        tile_of(width, b, j0);
    }
}

template <class T, Right right, bool adds>
inline __attribute__((always_inline)) void tiles_of_strip(const Product<Vec<T>>& x, const Strip<T>& strip, Parts heights, int depth_from, int depth_to) {
    for (int i0 = 0, height; i0 < x.rows; i0 += height) {
        height = heights.next();
        if (x.region == Region::lower_out && strip.first >= i0 + height) continue;
        int from = depth_from, to = depth_to;
        if (x.region == Region::lower_sum) to = std::min(to, i0 + height);
        if (x.region == Region::upper_sum) from = std::max(from, i0);
        if (from >= to && adds && x.start == x.C) continue;
        as_constant<tile_rows>(height, [&](auto R) __attribute__((always_inline)) { tiles_of_rows<T, right, adds, R>(x, strip, i0, from, to); });
    }
}

template <class T, Right right, bool adds> __attribute__((noinline)) void multiply_block(const Product<Vec<T>>& x, int from, int to) {
    const Parts heights(x.rows, tile_rows);
    Parts widths(x.cols, tile_cols);
    if constexpr (right != Right::panel) return tiles_of_strip<T, right, adds>(x, {0, x.cols, widths, x.B}, heights, from, to);
    Vec<T> panel[depth_block * tile_cols];
    for (int j0 = 0, width; j0 < x.cols; j0 += width) {
        width = widths.next();
        const Vec<T>* b[tile_cols];
        for (int j = 0; j < width; ++j) b[j] = x.B + (x.b_index ? x.b_index[j0 + j] : j0 + j) * x.b_col;
        for (int p = from; p < to; ++p) {
            const std::ptrdiff_t at = (x.depth_index ? x.depth_index[p] : p) * x.b_depth;
            for (int j = 0; j < width; ++j) panel[(p - from) * width + j] = b[j][at];
        }
        tiles_of_strip<T, right, adds>(x, {j0, j0 + width, widths, panel - std::ptrdiff_t(from) * width}, heights, from, to);
    }
}

template <class T, Right right> inline void multiply_in_blocks(Product<Vec<T>>& x, int block) {
    for (int from = 0; from < x.depth; from += block) {
        const int to = std::min(x.depth, from + block);
        x.start ? multiply_block<T, right, true>(x, from, to) : multiply_block<T, right, false>(x, from, to);
        x.start = x.C, x.start_row = x.c_row, x.start_index = x.c_index;
    }
}

// Columns of C and of what sums go on from stand side by side.
template <class T> inline __attribute__((always_inline)) void multiply(Product<Vec<T>>& x) {
    const bool whole_rows = x.b_col == 1 && !x.b_index;
    if (x.rows >= (whole_rows ? pack_whole_rows_from : pack_from_rows))
        multiply_in_blocks<T, Right::panel>(x, depth_block);
    else if (!whole_rows)
        multiply_in_blocks<T, Right::columns>(x, x.depth);
    else if (x.depth_index)
        multiply_in_blocks<T, Right::gathered>(x, x.depth);
    else
        multiply_in_blocks<T, Right::rows>(x, x.depth);
}

}  // namespace headlab::HEADLAB_ISA
