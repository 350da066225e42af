// Views of matrices: strides, and rows or columns through an index table.
#pragma once

#include <cstddef>

#include "element.hpp"

namespace headlab::HEADLAB_ISA {

template <class V> struct MatrixOf {
    V* data;
    int rows, cols;
    std::ptrdiff_t row, col;  // strides
    const int *of_row = nullptr, *of_col = nullptr;

    V* at(int i) const { return data + (of_row ? of_row[i] : i) * row; }
    MatrixOf transposed() const { return {data, cols, rows, col, row, of_col, of_row}; }
    // n rows: the index-th of this matrix each
    MatrixOf gathered(const int* index, int n) const { return {data, n, cols, row, col, index, of_col}; }
    // n columns that stand side by side
    MatrixOf columns(int from, int n) const { return {data + from * col, rows, n, row, col, of_row, nullptr}; }
    operator MatrixOf<const V>() const { return {data, rows, cols, row, col, of_row, of_col}; }
};

template <class E> using Matrix = MatrixOf<E>;
template <class E> using Input = MatrixOf<const E>;

// Rows one after the other in memory, `stride` elements each.
template <class V> inline MatrixOf<V> matrix(V* data, int rows, int cols, std::ptrdiff_t stride = 0) {
    return {data, rows, cols, stride ? stride : row_size<std::remove_const_t<V>>(cols), 1};
}

// Of matrices whose rows are each in one piece.
template <class V> inline __attribute__((always_inline)) void copy(MatrixOf<V> to, MatrixOf<const V> from) {
    for (int i = 0; i < to.rows; ++i) each_but_filling<V>(to.cols, [&](auto at) { at.set(to.at(i), at(from.at(i))); });
}

}  // namespace headlab::HEADLAB_ISA
