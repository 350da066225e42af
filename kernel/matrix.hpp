// Views of matrices whose elements are vectors of runs: strides, and rows or columns through an index table.
#pragma once

#include "lanes.hpp"

namespace headlab::HEADLAB_ISA {

template <class V> struct MatrixOf {
    V* data;
    int rows, cols;
    int64_t row, col;  // strides
    const int *of_row = nullptr, *of_col = nullptr;

    MatrixOf transposed() const { return {data, cols, rows, col, row, of_col, of_row}; }
    // n rows: the index-th of this matrix each
    MatrixOf gathered(const int* index, int n) const { return {data, n, cols, row, col, index, of_col}; }
    // n columns that stand side by side
    MatrixOf columns(int from, int n) const { return {data + from * col, rows, n, row, col, of_row, nullptr}; }
    operator MatrixOf<const V>() const { return {data, rows, cols, row, col, of_row, of_col}; }
};

template <class T> using Matrix = MatrixOf<Vec<T>>;
template <class T> using Input = MatrixOf<const Vec<T>>;

// Rows one after the other in memory, `stride` elements each; `cols` when left out.
template <class V> inline MatrixOf<V> matrix(V* data, int rows, int cols, int64_t stride = 0) {
    return {data, rows, cols, stride ? stride : cols, 1};
}

// Of matrices whose rows are each in one piece.
template <class V> inline void copy(MatrixOf<V> to, MatrixOf<const V> from) {
    for (int i = 0; i < to.rows; ++i) {
        const V* row = from.data + i * from.row;
        V* copied = to.data + i * to.row;
        for (int j = 0; j < to.cols; ++j) copied[j] = row[j];
    }
}

}  // namespace headlab::HEADLAB_ISA
