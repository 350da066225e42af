// Initial weights, drawn from a counter so that a seed gives the same ones anywhere.
//
// Weight number w (as it is trained) of array number a (in the table of weights) under seed s is word w mod 4 of Philox4x32-10
// with counter (w div 4, a, 0, 0) and key (s mod 2^32, s div 2^32). A word r becomes u = (r >> 8) 2^-24 in [0, 1), exactly, and
// the weight (2u - 1) limit, in float32. Source: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3.
#pragma once

#include <cstdint>

#include "weights.hpp"

namespace headlab {

void philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]);

// One run's weights, to the caller's places.
template <class T>
void draw_initial(const hl_shape& shape, const Places& places, const std::vector<int64_t>& gather, double scale, uint64_t seed, T* weights);

}  // namespace headlab
