// Matrix products whose elements are vectors of runs, register-tiled.
//
// C[i][j] (+)= sum over p of A[i][p] B[p][j], for any views of the three, so that one routine serves A·B, Aᵀ·B, A·Bᵀ and the
// gathered rows of attention. Each element is summed in the order of p, from what is there (or zero) on, each product rounded
// before it is added: tiles and blocks never show in the result.
#pragma once

#include <algorithm>

#include "matrix.hpp"

namespace headlab::HEADLAB_ISA {

enum class Region {
    full,
    lower_out,   // only C[i][j] with j <= i are wanted (scores under a causal mask)
    lower_sum,   // A[i][p] is zero for p > i
    upper_sum,   // A[i][p] is zero for p < i
};

template <class T> struct Product {
    int rows, cols, depth;
    const Vec<T>* A;
    int64_t a_row, a_depth;
    const Vec<T>* B;
    int64_t b_col, b_depth;
    Vec<T>* C;
    int64_t c_row, c_col;
    const int *a_index, *b_index, *depth_index, *c_index;
    Region region;
};

#if defined(__AVX512F__)
constexpr int tile_rows = 4, tile_cols = 7;  // 28 sums of 32 registers
#else
constexpr int tile_rows = 4, tile_cols = 3;  // 12 sums of 16 registers
#endif
constexpr int depth_block = 128;    // a packed panel of B stays in the first-level cache
constexpr int pack_from_rows = 16;  // below this, copying B costs more than it saves

template <class T, int R, int C, bool gathered, bool accumulate>
inline __attribute__((always_inline)) void tile(const Product<T>& x, const Vec<T>* const* a, const Vec<T>* const* b, int64_t b_depth,
                                                int from, int to, int i0, int j0) {
    Vec<T>* out[R];
    Vec<T> sum[R][C] = {};
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
        out[i] = x.C + (x.c_index ? x.c_index[i0 + i] : i0 + i) * x.c_row + j0 * x.c_col;
#pragma GCC unroll 8
        for (int j = 0; j < C; ++j)
            if (accumulate) sum[i][j] = out[i][j * x.c_col];
    }
    for (int p = from; p < to; ++p) {
        Vec<T> right[C];
        const int64_t at = (gathered ? x.depth_index[p] : p) * b_depth;
#pragma GCC unroll 8
        for (int j = 0; j < C; ++j) right[j] = b[j][at];
#pragma GCC unroll 8
        for (int i = 0; i < R; ++i) {
            const Vec<T> left = a[i][p * x.a_depth];
#pragma GCC unroll 8
            for (int j = 0; j < C; ++j) sum[i][j] += left * right[j];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 8
        for (int j = 0; j < C; ++j) out[i][j * x.c_col] = sum[i][j];
}

template <class T, bool gathered, bool accumulate, int R, int C = 1>
inline __attribute__((always_inline)) void tile_of_width(int width, const Product<T>& x, const Vec<T>* const* a, const Vec<T>* const* b,
                                                         int64_t b_depth, int from, int to, int i0, int j0) {
    if constexpr (C < tile_cols) {
        if (width != C) return tile_of_width<T, gathered, accumulate, R, C + 1>(width, x, a, b, b_depth, from, to, i0, j0);
    }
    tile<T, R, C, gathered, accumulate>(x, a, b, b_depth, from, to, i0, j0);
}

template <class T, bool gathered, bool accumulate>
inline __attribute__((always_inline)) void tile_of_size(int height, int width, const Product<T>& x, const Vec<T>* const* b, int64_t b_depth,
                                                        int from, int to, int i0, int j0) {
    const Vec<T>* a[tile_rows];
    for (int i = 0; i < height; ++i) a[i] = x.A + (x.a_index ? x.a_index[i0 + i] : i0 + i) * x.a_row;
    switch (height) {
        case 1: return tile_of_width<T, gathered, accumulate, 1>(width, x, a, b, b_depth, from, to, i0, j0);
        case 2: return tile_of_width<T, gathered, accumulate, 2>(width, x, a, b, b_depth, from, to, i0, j0);
        case 3: return tile_of_width<T, gathered, accumulate, 3>(width, x, a, b, b_depth, from, to, i0, j0);
        default: return tile_of_width<T, gathered, accumulate, 4>(width, x, a, b, b_depth, from, to, i0, j0);
    }
}

// n cut into nearly equal parts of at most `most`: 7 by 4 is 4 + 3, not 4 + 2 + 1; the `larger` first ones have one more.
struct Parts {
    Parts(int n, int most) {
        const int count = (n + most - 1) / most;
        smaller = n / count;
        larger = n - smaller * count;
    }
    int next() { return larger-- > 0 ? smaller + 1 : smaller; }
    int smaller, larger;
};

template <class T, bool gathered, bool accumulate>
__attribute__((noinline)) void multiply_block(const Product<T>& x, int depth_from, int depth_to, bool pack) {
    Vec<T> packed[depth_block * tile_cols];
    Parts columns(x.cols, tile_cols);
    const Parts all_rows(x.rows, tile_rows);
    for (int j0 = 0, width; j0 < x.cols; j0 += width) {
        width = columns.next();
        const Vec<T>* b[tile_cols];
        for (int j = 0; j < width; ++j) b[j] = x.B + (x.b_index ? x.b_index[j0 + j] : j0 + j) * x.b_col;
        int64_t b_depth = x.b_depth;
        if (pack) {
            for (int p = depth_from; p < depth_to; ++p) {
                const int64_t at = (gathered ? x.depth_index[p] : p) * x.b_depth;
                for (int j = 0; j < width; ++j) packed[(p - depth_from) * width + j] = b[j][at];
            }
            for (int j = 0; j < width; ++j) b[j] = packed + j - int64_t(depth_from) * width;
            b_depth = width;
        }
        Parts rows = all_rows;
        for (int i0 = 0, height; i0 < x.rows; i0 += height) {
            height = rows.next();
            if (x.region == Region::lower_out && j0 >= i0 + height) continue;
            int from = depth_from, to = depth_to;
            if (x.region == Region::lower_sum) to = std::min(to, i0 + height);
            if (x.region == Region::upper_sum) from = std::max(from, i0);
            if (from >= to && accumulate) continue;
            if (pack)
                tile_of_size<T, false, accumulate>(height, width, x, b, b_depth, from, to, i0, j0);
            else
                tile_of_size<T, gathered, accumulate>(height, width, x, b, b_depth, from, to, i0, j0);
        }
    }
}

template <class T, bool accumulate> inline void multiply(Matrix<T> C, Input<T> A, Input<T> B, Region region) {
    const Product<T> x{C.rows,   C.cols,   A.cols,   A.data,   A.row,    A.col,    B.data, B.col, B.row,
                       C.data,   C.row,    C.col,    A.of_row, B.of_col, B.of_row, C.of_row, region};

    const bool pack = x.rows >= pack_from_rows;
    const int block = pack ? depth_block : x.depth;
    for (int from = 0; from < x.depth; from += block) {
        const int to = std::min(x.depth, from + block);
        if (x.depth_index)
            from == 0 ? multiply_block<T, true, accumulate>(x, from, to, pack) : multiply_block<T, true, true>(x, from, to, pack);
        else
            from == 0 ? multiply_block<T, false, accumulate>(x, from, to, pack) : multiply_block<T, false, true>(x, from, to, pack);
    }
}

// C = A B, and C += A B. Index tables are for the rows of A and C, and for the rows or columns of B.
template <class T> inline void set_product(Matrix<T> C, Input<T> A, Input<T> B, Region region = Region::full) {
    multiply<T, false>(C, A, B, region);
}
template <class T> inline void add_product(Matrix<T> C, Input<T> A, Input<T> B, Region region = Region::full) {
    multiply<T, true>(C, A, B, region);
}

}  // namespace headlab::HEADLAB_ISA
