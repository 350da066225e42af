// Tiles of runs for the module, which travels: one body for every view.
//
// Where rows are is looked up once for all strips of columns, so that a tile knows pointers alone; B is packed where its depth is
// gathered, or where many rows read it.
#pragma once

#include "wanted.hpp"

namespace headlab::HEADLAB_ISA {

constexpr int strip_columns = 3;  // with 4 rows 12 sums of 16 registers
constexpr int held_rows = 64;

template <class V> struct HeldRow {
    const V *a, *start;
    V* out;
};

// What all strips of some rows and a part of the depth have in common.
template <class V> struct Strips {
    explicit Strips(const Product<V>& x) : x(x), tiles(x.rows, tile_rows) {}
    const Product<V>& x;
    Parts tiles;
    int first = 0, end = 0;  // of the rows
    int from = 0, to = 0;    // of the depth
    bool adds = false, packs = false;
    V zeros[strip_columns] = {};
    HeldRow<V> rows[held_rows];
    V packed[depth_block * strip_columns];
};

// A pointer that moves on its own: found from others, it would cost an addition wherever it is used.
template <class V> inline void move(const V*& pointer, std::ptrdiff_t by) {
    pointer += by;
    asm("" : "+r"(pointer));
}

template <class V, int R, int C>
inline __attribute__((always_inline)) void compact_tile(const HeldRow<V>* rows, const V* const* b, std::ptrdiff_t a_depth, std::ptrdiff_t b_depth,
                                                        int from, int to, int j0, int start_j0) {
    V sum[R][C];
    const V *left[R], *right[C];
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
        left[i] = rows[i].a + from * a_depth;
#pragma GCC unroll 8
        for (int j = 0; j < C; ++j) sum[i][j] = rows[i].start[start_j0 + j];
    }
#pragma GCC unroll 8
    for (int j = 0; j < C; ++j) right[j] = b[j] + from * b_depth;
    for (int n = to - from; n > 0; --n) {
        V by[C];
#pragma GCC unroll 8
        for (int j = 0; j < C; ++j) {
            by[j] = *right[j];
            move(right[j], b_depth);
        }
#pragma GCC unroll 8
        for (int i = 0; i < R; ++i) {
            const V x = *left[i];
            move(left[i], a_depth);
#pragma GCC unroll 8
            for (int j = 0; j < C; ++j) sum[i][j] += x * by[j];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 8
        for (int j = 0; j < C; ++j) rows[i].out[j0 + j] = sum[i][j];
}

template <class V, int C> __attribute__((noinline)) void multiply_strip(Strips<V>& strips, int j0) {
    const Product<V>& x = strips.x;
    const V* b[C];
    std::ptrdiff_t b_depth = x.b_depth;
#pragma GCC unroll 8
    for (int j = 0; j < C; ++j) b[j] = x.B + (x.b_index ? x.b_index[j0 + j] : j0 + j) * x.b_col;
    if (strips.packs) {
        V* next = strips.packed;
        for (int p = strips.from; p < strips.to; ++p) {
            const std::ptrdiff_t at = (x.depth_index ? x.depth_index[p] : p) * b_depth;
#pragma GCC unroll 8
            for (int j = 0; j < C; ++j) *next++ = b[j][at];
        }
        b_depth = C;
#pragma GCC unroll 8
        for (int j = 0; j < C; ++j) b[j] = strips.packed + j - strips.from * b_depth;
    }
    const HeldRow<V>* rows = strips.rows;
    const std::ptrdiff_t a_depth = x.a_depth;
    const bool adds = strips.adds;
    const int start_j0 = adds ? j0 : 0;
    Parts tiles = strips.tiles;
    for (int i0 = strips.first, height; i0 < strips.end; i0 += height, rows += height) {
        height = tiles.next();
        int from = strips.from, to = strips.to;
        if (x.region != Region::full) {
            if (x.region == Region::lower_out && j0 >= i0 + height) continue;
            if (x.region == Region::lower_sum) to = std::min(to, i0 + height);
            if (x.region == Region::upper_sum) from = std::max(from, i0);
            if (from >= to && adds) continue;
        }
        as_constant<tile_rows>(height, [&](auto R) { compact_tile<V, R, C>(rows, b, a_depth, b_depth, from, to, j0, start_j0); });
    }
}

template <class V> __attribute__((noinline)) void compact_multiply(const Product<V>& x) {
    if (x.rows <= 0 || x.cols <= 0) return;
    constexpr int most_tiles = held_rows / tile_rows;
    if (x.start && x.start != x.C)
        for (int i = 0; i < x.rows; ++i) {
            const V* start = x.start + (x.start_index ? x.start_index[i] : i) * x.start_row;
            std::copy_n(start, x.cols, x.C + (x.c_index ? x.c_index[i] : i) * x.c_row);
        }
    Strips<V> strips(x);
    strips.packs = x.depth_index || x.rows >= pack_from_rows;
    const int block = strips.packs ? depth_block : x.depth;
    const Parts all_widths(x.cols, strip_columns);
    int larger = strips.tiles.larger;
    for (int& i0 = strips.first; i0 < x.rows; i0 = strips.end) {
        strips.tiles.larger = std::min(larger, most_tiles);
        larger -= strips.tiles.larger;
        strips.end = std::min(x.rows, i0 + most_tiles * strips.tiles.smaller + strips.tiles.larger);
        for (int i = i0; i < strips.end; ++i) {
            V* const out = x.C + (x.c_index ? x.c_index[i] : i) * x.c_row;
            strips.rows[i - i0] = {x.A + (x.a_index ? x.a_index[i] : i) * x.a_row, x.start ? out : strips.zeros, out};
        }
        strips.adds = x.start;
        for (int from = 0; from < x.depth; from += block) {
            if (from > 0) {
                strips.adds = true;
                for (int i = 0; i < strips.end - i0; ++i) strips.rows[i].start = strips.rows[i].out;
            }
            strips.from = from, strips.to = std::min(x.depth, from + block);
            Parts widths = all_widths;
            for (int j0 = 0, width; j0 < x.cols; j0 += width) {
                width = widths.next();
                as_constant<strip_columns>(width, [&](auto C) { multiply_strip<V, C>(strips, j0); });
            }
        }
    }
}

}  // namespace headlab::HEADLAB_ISA
