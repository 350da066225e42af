// Matrix products, register-tiled, of elements that are vectors of runs or one run's numbers.
//
// C[i][j] (+)= sum over p of A[i][p] B[p][j], for any views of the three, so that one routine serves A·B, Aᵀ·B, A·Bᵀ and the
// gathered rows of attention. Each element is summed in the order of p, from what is there (or elsewhere, or zero) on, each product
// rounded before it is added: tiles and blocks never show in the result. Rows of C lie in one piece.
#pragma once

#include "tiles/columns.hpp"
#include "tiles/compact.hpp"
#include "tiles/runs.hpp"

namespace headlab::HEADLAB_ISA {

template <class E> inline Input<E> nothing() { return {nullptr, 0, 0, 0, 0}; }

// C = start + A B, or A B where there is no start; it may be C. Index tables are for the rows of A, C and start, and for the rows or
// columns of B. Inlined, because views that pass through memory cost as much as a small product.
template <class E>
inline __attribute__((always_inline)) void product(Matrix<E> C, std::type_identity_t<Input<E>> start, std::type_identity_t<Input<E>> A,
                                                   std::type_identity_t<Input<E>> B, Region region = Region::full) {
    Product<E> x{C.rows, C.cols,     A.cols,    A.data,   A.row,    A.col,    B.data,   B.col,        B.row, C.data,
                 C.row,  start.data, start.row, A.of_row, B.of_col, B.of_row, C.of_row, start.of_row, region};
    if constexpr (alone<E>) {
        const int block = x.rows >= pack_from_rows || x.b_col != 1 ? depth_block : x.depth;
        for (int from = 0; from < x.depth; from += block) {
            multiply<E>(x, from, std::min(x.depth, from + block));
            x.start = x.C, x.start_row = x.c_row, x.start_index = x.c_index;
        }
    } else if constexpr (compact) {
        compact_multiply(x);
    } else {
        multiply<Real<E>>(x);
    }
}

// C = A B, C += A B.
template <class E>
inline __attribute__((always_inline)) void set_product(Matrix<E> C, std::type_identity_t<Input<E>> A, std::type_identity_t<Input<E>> B,
                                                       Region region = Region::full) {
    product(C, nothing<E>(), A, B, region);
}
template <class E>
inline __attribute__((always_inline)) void add_product(Matrix<E> C, std::type_identity_t<Input<E>> A, std::type_identity_t<Input<E>> B,
                                                       Region region = Region::full) {
    product(C, C, A, B, region);
}

}  // namespace headlab::HEADLAB_ISA
