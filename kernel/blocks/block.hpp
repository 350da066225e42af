// What a model is made of: each block reads the stream below it and writes the one above.
#pragma once

#include "../arena.hpp"
#include "../plan.hpp"

namespace headlab::HEADLAB_ISA {

// weights, gradient: all of the model's, in flat order as trained; in, out: the streams; d_…: gradients of the loss.
// What the backward pass needs of the forward pass, a block keeps itself.
template <class E> class Block {
  public:
    virtual ~Block() = default;
    virtual int64_t size() const = 0;  // of the stream that it writes
    virtual void forward(const E* weights, const E* in, E* out) = 0;
    // Sets the gradient of its own weights and d_in.
    virtual void backward(const E* weights, const E* in, const E* d_out, E* gradient, E* d_in) = 0;
};

}  // namespace headlab::HEADLAB_ISA
