// THE table of weights: every array that a model can have, in flat order. Shapes, places, initial draws and the caller's
// order of the vocabulary are read from here; there is no other list.
#pragma once

#include <cstdint>
#include <vector>

#include "headlab.h"

namespace headlab {

enum class Axis { vocab, ctx, model, head, value, layers, heads };
enum class Limit { embedding, glorot };  // of the uniform draws: 0.05, or sqrt(6 / (in + out))

struct Weight {
    const char* name;
    int n_axes;
    Axis axes[4];  // outermost first; every head's array begins with layers and heads
    Limit limit;
    bool (*there)(const hl_shape&);
};

constexpr bool always(const hl_shape&) { return true; }
constexpr Weight weight_table[HL_WEIGHTS] = {
    {"W_E", 2, {Axis::vocab, Axis::model}, Limit::embedding, always},
    {"W_pos", 2, {Axis::ctx, Axis::model}, Limit::embedding, [](const hl_shape& s) { return s.positions != 0; }},
    {"W_Q", 4, {Axis::layers, Axis::heads, Axis::model, Axis::head}, Limit::glorot, always},
    {"W_K", 4, {Axis::layers, Axis::heads, Axis::model, Axis::head}, Limit::glorot, always},
    {"W_V", 4, {Axis::layers, Axis::heads, Axis::model, Axis::value}, Limit::glorot, always},
    {"W_O", 4, {Axis::layers, Axis::heads, Axis::value, Axis::model}, Limit::glorot, [](const hl_shape& s) { return s.factored_values != 0; }},
    {"W_U", 2, {Axis::model, Axis::vocab}, Limit::glorot, [](const hl_shape& s) { return s.unembed != 0; }},
};

int64_t size_of(const hl_shape& shape, Axis axis);
// Whether an axis counts the vocabulary's tokens: the residual stream does where it is the logits.
bool follows_vocabulary(const hl_shape& shape, Axis axis);
// How many things add up to the stream that a layer reads: token, position, what earlier heads wrote.
int features_of(const hl_shape& shape, int layer);

struct Range {
    int64_t from = 0, to = 0;
    int64_t size() const { return to - from; }
};

// Where each weight stands in the flat vector of one run; of those that the model has not, nothing.
struct Places {
    Range of[HL_WEIGHTS];
    int64_t end = 0;
    int64_t operator[](int weight) const { return of[weight].from; }
};
// columns: rows are filled up to so many numbers, or a multiple of that
Places places_of(const hl_shape& shape, int columns = 1);

// The caller's place of each weight as it is trained, -1 where a row is filled up; order: the caller's id of each token as it is trained.
std::vector<int64_t> gather_of(const hl_shape& shape, const std::vector<int32_t>& order, int columns = 1);

}  // namespace headlab
