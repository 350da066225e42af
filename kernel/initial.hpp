// Initial weights and words for data, drawn from a counter so that a seed gives the same ones anywhere.
//
// Weight number w (as it is trained) of array number a (in the table of weights) under seed s is made of word w mod 4 of
// Philox4x32-10 with counter (w div 4, a, 0, 0) and key (s mod 2^32, s div 2^32). Of a word r, a uniform weight is (2u - 1) limit with
// u = (r >> 8) 2^-24 in [0, 1), exactly, in float32; a normal one is the quantile of (r + 1/2) 2^-32 times its standard deviation, in
// double, rounded to float32. Word w of example k in stream z of a data seed is word w mod 4 with counter (w div 4, 2^31 | z,
// k mod 2^32, k div 2^32) and the data seed as key: no array has such a number.
// Source: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3.
#pragma once

#include <array>
#include <cstdint>

#include "weights.hpp"

namespace headlab {

using Draws = std::array<hl_draw, HL_WEIGHTS>;  // none of them HL_USUAL

void philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]);

// What is wrong with rules for the weights of a shape, or null; and the rules, with the usual ones in their places.
const char* wrong_draws(const hl_shape& shape, const hl_draw* given);
Draws draws_of(const hl_shape& shape, const hl_draw* given);

// One run's weights, to the caller's places.
template <class T>
void draw_initial(const hl_shape& shape, const Places& places, const std::vector<int64_t>& gather, const Draws& draws, double scale, uint64_t seed,
                  T* weights);

void draw_words(uint64_t seed, uint32_t stream, uint64_t first, int64_t n, int32_t from, int32_t count, uint32_t* words);

}  // namespace headlab
