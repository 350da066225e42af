// The shapes of models that a build is for.
#pragma once

#include <cstdint>

#include "headlab.h"

namespace headlab {

// What a build knows of a shape. The module that pages carry is for models of attention alone: what others have is zero there when it is
// compiled, and no code is left of it.
#if defined(HEADLAB_ATTENTION_ALONE)
constexpr bool attention_alone = true;
struct Shape : hl_shape {
    Shape(const hl_shape& of) : hl_shape(of) {}
    static constexpr int32_t d_mlp = 0, activation = 0, norm = 0, norm_after = 0, norm_final = 0, biases = 0, tied = 0, relative = 0,
                             stream_values = 0, pairs = 0;
};
#else
constexpr bool attention_alone = false;
using Shape = hl_shape;
#endif

}  // namespace headlab
