// Tiles of products of one run alone: some rows of C, and in a vector neighbouring columns.
#pragma once

#include "wanted.hpp"

namespace headlab::HEADLAB_ISA {

// Vectors side by side, and rows: as many sums as leave registers for what they add up.
constexpr int tile_vectors = 2;
#if defined(__AVX512F__)
template <int V> constexpr int tile_rows_of = 8;
#else
template <int V> constexpr int tile_rows_of = V == 1 ? 8 : 4;
#endif

// Where some rows begin, the first of them number `first`.
template <int R, class P>
inline __attribute__((always_inline)) void rows_of(P* (&rows)[R], P* base, std::ptrdiff_t stride, const int* index, int first) {
    if (index) {
#pragma GCC unroll 8
        for (int i = 0; i < R; ++i) rows[i] = base + index[first + i] * stride;
    } else {
        rows[0] = base + first * stride;
#pragma GCC unroll 8
        for (int i = 1; i < R; ++i) rows[i] = rows[i - 1] + stride;
    }
}

template <class T, int R, int V> inline __attribute__((always_inline)) void load_sums(Vec<T> (&sum)[R][V], T* const (&rows)[R]) {
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) sum[i][v] = load<T>(rows[i] + v * lanes<T>);
}

// B as it is told apart from x: its rows are those of a panel, where its columns had to be packed.
template <class T> struct Panel {
    const T* data;
    std::ptrdiff_t depth;
    const int* index;
};

template <class T, int R, int V>
inline __attribute__((always_inline)) void tile(const Product<T>& x, Panel<T> b, int from, int to, int i0, int j0) {
    T *out[R], *in[R];
    Vec<T> sum[R][V] = {};
    rows_of(out, x.C + j0, x.c_row, x.c_index, i0);
    if (x.start == x.C) {
        load_sums<T>(sum, out);
    } else if (x.start) {
        rows_of(in, const_cast<T*>(x.start) + j0, x.start_row, x.start_index, i0);
        load_sums<T>(sum, in);
    }
    rows_of(in, const_cast<T*>(x.A) + from * x.a_depth, x.a_row, x.a_index, i0);
    const T* next = b.data + from * b.depth;
    std::ptrdiff_t at = 0;
    for (int p = from; p < to; ++p, at += x.a_depth, next += b.depth) {
        const T* row = b.index ? b.data + b.index[p] * b.depth : next;
        Vec<T> right[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) right[v] = load(row + v * lanes<T>);
#pragma GCC unroll 8
        for (int i = 0; i < R; ++i) {
            const T left = in[i][at];
#pragma GCC unroll 2
            for (int v = 0; v < V; ++v) sum[i][v] += left * right[v];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) store(out[i] + v * lanes<T>, sum[i][v]);
}

// Of two vectors the first halves, or the second ones, in turns.
template <class T, bool second, std::size_t... at> inline Vec<T> in_turns(Vec<T> a, Vec<T> b, std::index_sequence<at...>) {
#if defined(__clang__)
    return __builtin_shufflevector(a, b, (at / 2 + (second ? lanes<T> / 2 : 0) + (at % 2) * lanes<T>)...);
#else
    return __builtin_shuffle(a, b, Int<T>{(at / 2 + (second ? lanes<T> / 2 : 0) + (at % 2) * lanes<T>)...});
#endif
}

// As many vectors as each has numbers: rows become columns.
template <class T> inline __attribute__((always_inline)) void transpose(Vec<T> (&rows)[lanes<T>]) {
    constexpr int L = lanes<T>;
    constexpr auto all = std::make_index_sequence<L>{};
#pragma GCC unroll 4
    for (int done = 1; done < L; done *= 2) {
        Vec<T> next[L];
#pragma GCC unroll 16
        for (int i = 0; i < L / 2; ++i) {
            next[2 * i] = in_turns<T, false>(rows[i], rows[i + L / 2], all);
            next[2 * i + 1] = in_turns<T, true>(rows[i], rows[i + L / 2], all);
        }
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) rows[i] = next[i];
    }
}

// Some columns of B, which lie in rows: a vector for each number of the depth, filled up with zeros. Vectors are stored `apart`.
template <class T> HEADLAB_INLINE void pack_columns(const Product<T>& x, int from, int to, int first, Vec<T>* packed, int apart) {
    constexpr int L = lanes<T>;
    const int some = std::min(L, x.cols - first);
    for (int p = from; p < to; p += L) {
        Vec<T> block[L];
#pragma GCC unroll 16
        for (int j = 0; j < L; ++j)
            block[j] = j < some ? load(x.B + (x.b_index ? x.b_index[first + j] : first + j) * x.b_col + p) : Vec<T>{};
        transpose<T>(block);
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) packed[(p - from + i) * apart] = block[i];
    }
}

// V vectors of columns, from j0 on.
template <class T, int V>
inline __attribute__((always_inline)) void multiply_strip(const Product<T>& x, Panel<T> b, int depth_from, int depth_to, int j0) {
    const bool sums = x.region == Region::lower_sum || x.region == Region::upper_sum;
    Parts rows = sums ? Parts(x.rows, tile_rows) : Parts(x.rows, tile_rows_of<V>);
    for (int i0 = 0, height; i0 < x.rows; i0 += height) {
        height = rows.next();
        if (x.region == Region::lower_out && j0 >= i0 + height) continue;
        int from = depth_from, to = depth_to;
        if (x.region == Region::lower_sum) to = std::min(to, i0 + height);
        if (x.region == Region::upper_sum) from = std::max(from, i0);
        if (from >= to && x.start == x.C) continue;
        as_constant<tile_rows_of<V>>(height, [&](auto R) { tile<T, R, V>(x, b, from, to, i0, j0); });
    }
}

template <class T> __attribute__((noinline)) void multiply(const Product<T>& x, int from, int to) {
    constexpr int L = lanes<T>, most = tile_vectors * L;
    Vec<T> packed[(depth_block + L) * tile_vectors];
    const bool pack = x.b_col != 1 || x.b_index;
    for (int j0 = 0; j0 < x.cols; j0 += most) {
        const int vectors = x.cols - j0 > L ? 2 : 1;
        Panel<T> b{x.B + j0, x.b_depth, x.depth_index};
        if (pack) {
            for (int v = 0; v < vectors; ++v) pack_columns(x, from, to, j0 + v * L, packed + v, vectors);
            b = {reinterpret_cast<const T*>(packed) - from * vectors * L, vectors * L, nullptr};
        }
        if (vectors == 1)
            multiply_strip<T, 1>(x, b, from, to, j0);
        else
            multiply_strip<T, 2>(x, b, from, to, j0);
    }
}

}  // namespace headlab::HEADLAB_ISA
