// What a model is made of: each block reads the stream below it and writes the one above.
#pragma once

#include "../arena.hpp"
#include "../plan.hpp"
#include "../product.hpp"

namespace headlab::HEADLAB_ISA {

// rows: what a step works on, of a batch that the plan knows the sizes of; weights, gradient: all of the model's, in flat order as
// trained; in, out: the streams; d_…: gradients of the loss. What the backward pass needs of the forward pass, a block keeps itself.
template <class E> class Block {
  public:
    virtual ~Block() = default;
    virtual int64_t size() const = 0;  // of the stream that it writes, at most
    virtual void forward(const Rows& rows, const E* weights, const E* in, E* out) = 0;
    // Sets the gradient of its own weights and d_in.
    virtual void backward(const Rows& rows, const E* weights, const E* in, const E* d_out, E* gradient, E* d_in) = 0;
};

// A bias, as what the sums of every row go on from; null: none.
template <class E> inline Input<E> every_row(const E* bias, int rows, int cols) {
    return bias ? Input<E>{bias, rows, cols, 0, 1} : nothing<E>();
}

// to[j] = sum over the rows of column j: the gradient of a bias.
template <class E> inline void sum_rows(E* to, std::type_identity_t<Input<E>> of) {
    clear_row(to, of.cols);
    for (int i = 0; i < of.rows; ++i) {
        const E* row = of.at(i);
        each_but_filling<E>(of.cols, [&](auto at) { at.set(to, at(to) + at(row)); });
    }
}

}  // namespace headlab::HEADLAB_ISA
