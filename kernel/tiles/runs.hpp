// Tiles of products whose elements are vectors of runs: as many sums as there are registers.
#pragma once

#include "wanted.hpp"

namespace headlab::HEADLAB_ISA {

#if defined(__AVX512F__)
template <class T> constexpr int tile_cols = 7;  // with 4 rows 28 sums of 32 registers
#else
template <class T> constexpr int tile_cols = 3;  // 12 sums of 16 registers
#endif

// How B lies in its depth: at a stride, through an index table, or row by row of the panel in hand.
enum class Depth { strided, gathered, packed };

template <class T, int R, int C, Depth depth, bool accumulate>
inline __attribute__((always_inline)) void tile(const Product<Vec<T>>& x, const Vec<T>* const* a, const Vec<T>* const* b, int from, int to,
                                                int i0, int j0) {
    Vec<T>* out[R];
    Vec<T> sum[R][C] = {};
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
        out[i] = x.C + (x.c_index ? x.c_index[i0 + i] : i0 + i) * x.c_row + j0 * x.c_col;
        if (accumulate) {
            const Vec<T>* start = x.start + (x.start_index ? x.start_index[i0 + i] : i0 + i) * x.start_row + j0 * x.start_col;
#pragma GCC unroll 8
            for (int j = 0; j < C; ++j) sum[i][j] = start[j * x.start_col];
        }
    }
    for (int p = from; p < to; ++p) {
        Vec<T> right[C];
        const int64_t at = (depth == Depth::gathered ? x.depth_index[p] : p) * x.b_depth;
#pragma GCC unroll 8
        for (int j = 0; j < C; ++j) right[j] = depth == Depth::packed ? b[0][int64_t(p) * C + j] : b[j][at];
#pragma GCC unroll 8
        for (int i = 0; i < R; ++i) {
            const Vec<T> left = a[i][p * x.a_depth];
            if (depth == Depth::packed) __builtin_prefetch(a[i] + p * x.a_depth + R * x.a_row, 0, 2);  // what the next tile reads
#pragma GCC unroll 8
            for (int j = 0; j < C; ++j) sum[i][j] += left * right[j];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 8
        for (int j = 0; j < C; ++j) out[i][j * x.c_col] = sum[i][j];
}

template <class T, Depth depth, bool accumulate, int R, int C = 1>
inline __attribute__((always_inline)) void tile_of_width(int width, const Product<Vec<T>>& x, const Vec<T>* const* a, const Vec<T>* const* b,
                                                         int from, int to, int i0, int j0) {
    if constexpr (C < tile_cols<T>) {
        if (width != C) return tile_of_width<T, depth, accumulate, R, C + 1>(width, x, a, b, from, to, i0, j0);
    }
    tile<T, R, C, depth, accumulate>(x, a, b, from, to, i0, j0);
}

template <class T, Depth depth, bool accumulate, int R = 1>
inline __attribute__((always_inline)) void tile_of_height(int height, int width, const Product<Vec<T>>& x, const Vec<T>* const* a,
                                                          const Vec<T>* const* b, int from, int to, int i0, int j0) {
    if constexpr (R < tile_rows) {
        if (height != R) return tile_of_height<T, depth, accumulate, R + 1>(height, width, x, a, b, from, to, i0, j0);
    }
    tile_of_width<T, depth, accumulate, R>(width, x, a, b, from, to, i0, j0);
}

template <class T, Depth depth, bool accumulate>
inline __attribute__((always_inline)) void tile_of_size(int height, int width, const Product<Vec<T>>& x, const Vec<T>* const* b, int from,
                                                        int to, int i0, int j0) {
    const Vec<T>* a[tile_rows];
    for (int i = 0; i < height; ++i) a[i] = x.A + (x.a_index ? x.a_index[i0 + i] : i0 + i) * x.a_row;
    tile_of_height<T, depth, accumulate>(height, width, x, a, b, from, to, i0, j0);
}

template <class T, bool gathered, bool accumulate>
__attribute__((noinline)) void multiply_block(const Product<Vec<T>>& x, int depth_from, int depth_to, bool pack) {
    Vec<T> packed[depth_block * tile_cols<T>];
    const int* depth_index = gathered ? x.depth_index : nullptr;
    Parts columns(x.cols, tile_cols<T>);
    const Parts all_rows(x.rows, tile_rows);
    for (int j0 = 0, width; j0 < x.cols; j0 += width) {
        width = columns.next();
        const Vec<T>* b[tile_cols<T>];
        for (int j = 0; j < width; ++j) b[j] = x.B + (x.b_index ? x.b_index[j0 + j] : j0 + j) * x.b_col;
        if (pack) {
            for (int p = depth_from; p < depth_to; ++p) {
                const int64_t at = (depth_index ? depth_index[p] : p) * x.b_depth;
                for (int j = 0; j < width; ++j) packed[(p - depth_from) * width + j] = b[j][at];
            }
            b[0] = packed - int64_t(depth_from) * width;
        }
        Parts rows = all_rows;
        for (int i0 = 0, height; i0 < x.rows; i0 += height) {
            height = rows.next();
            if (x.region == Region::lower_out && j0 >= i0 + height) continue;
            int from = depth_from, to = depth_to;
            if (x.region == Region::lower_sum) to = std::min(to, i0 + height);
            if (x.region == Region::upper_sum) from = std::max(from, i0);
            if (from >= to && accumulate && x.start == x.C) continue;
            if (pack)
                tile_of_size<T, Depth::packed, accumulate>(height, width, x, b, from, to, i0, j0);
            else
                tile_of_size<T, gathered ? Depth::gathered : Depth::strided, accumulate>(height, width, x, b, from, to, i0, j0);
        }
    }
}

template <class T> inline __attribute__((always_inline)) void multiply(const Product<Vec<T>>& x, int from, int to, bool pack) {
    if (x.depth_index)
        x.start ? multiply_block<T, true, true>(x, from, to, pack) : multiply_block<T, true, false>(x, from, to, pack);
    else
        x.start ? multiply_block<T, false, true>(x, from, to, pack) : multiply_block<T, false, false>(x, from, to, pack);
}

}  // namespace headlab::HEADLAB_ISA
