// THE table of weights: every array that a model can have, in flat order. Shapes, places, initial draws and the caller's
// order of the vocabulary are read from here; there is no other list.
#pragma once

#include <cstdint>
#include <vector>

#include "shape.hpp"

namespace headlab {

enum class Axis { vocab, ctx, model, head, value, layers, heads, mlp, out, embed };
enum class Start { embedding, glorot, zeros, ones };  // uniform draws within 0.05, or within sqrt(6 / (in + out)); or no draws

struct Weight {
    const char* name;
    int n_axes;
    Axis axes[4];  // outermost first; every head's array begins with layers and heads
    Start start;
    bool (*there)(const hl_shape&);
};

constexpr bool always(const hl_shape&) { return true; }
constexpr bool has_values(const hl_shape& s) { return s.stream_values == 0; }
constexpr bool has_biases(const hl_shape& s) { return s.biases != 0; }
constexpr bool has_mlp(const hl_shape& s) { return s.d_mlp != 0; }
constexpr bool has_norm(const hl_shape& s) { return s.norm != HL_NO_NORM; }
constexpr bool has_layer_norm(const hl_shape& s) { return s.norm == HL_LAYER_NORM; }
constexpr Weight weight_table[HL_WEIGHTS] = {
    {"W_E", 2, {Axis::vocab, Axis::embed}, Start::embedding, always},
    {"W_pos", 2, {Axis::ctx, Axis::model}, Start::embedding, [](const hl_shape& s) { return s.positions != 0; }},
    {"W_Q", 4, {Axis::layers, Axis::heads, Axis::model, Axis::head}, Start::glorot, always},
    {"W_K", 4, {Axis::layers, Axis::heads, Axis::model, Axis::head}, Start::glorot, always},
    {"W_V", 4, {Axis::layers, Axis::heads, Axis::model, Axis::value}, Start::glorot, has_values},
    {"W_O", 4, {Axis::layers, Axis::heads, Axis::value, Axis::model}, Start::glorot, [](const hl_shape& s) { return s.factored_values != 0; }},
    {"W_U", 2, {Axis::model, Axis::out}, Start::glorot, [](const hl_shape& s) { return s.unembed != 0 && !s.tied; }},
    {"W_R", 4, {Axis::layers, Axis::heads, Axis::ctx, Axis::head}, Start::embedding, [](const hl_shape& s) { return s.relative != 0; }},
    {"b_Q", 3, {Axis::layers, Axis::heads, Axis::head}, Start::zeros, has_biases},
    {"b_K", 3, {Axis::layers, Axis::heads, Axis::head}, Start::zeros, has_biases},
    {"b_V", 3, {Axis::layers, Axis::heads, Axis::value}, Start::zeros, [](const hl_shape& s) { return has_biases(s) && has_values(s); }},
    {"b_O", 2, {Axis::layers, Axis::model}, Start::zeros, has_biases},
    {"b_U", 1, {Axis::out}, Start::zeros, [](const hl_shape& s) { return has_biases(s) && s.unembed != 0; }},
    {"W_in", 3, {Axis::layers, Axis::model, Axis::mlp}, Start::glorot, has_mlp},
    {"b_in", 2, {Axis::layers, Axis::mlp}, Start::zeros, has_mlp},
    {"W_out", 3, {Axis::layers, Axis::mlp, Axis::model}, Start::glorot, has_mlp},
    {"b_out", 2, {Axis::layers, Axis::model}, Start::zeros, has_mlp},
    {"ln1_w", 2, {Axis::layers, Axis::model}, Start::ones, has_norm},
    {"ln1_b", 2, {Axis::layers, Axis::model}, Start::zeros, has_layer_norm},
    {"ln2_w", 2, {Axis::layers, Axis::model}, Start::ones, [](const hl_shape& s) { return has_norm(s) && has_mlp(s); }},
    {"ln2_b", 2, {Axis::layers, Axis::model}, Start::zeros, [](const hl_shape& s) { return has_layer_norm(s) && has_mlp(s); }},
    {"ln_final_w", 1, {Axis::model}, Start::ones, [](const hl_shape& s) { return has_norm(s) && s.norm_final != 0; }},
    {"ln_final_b", 1, {Axis::model}, Start::zeros, [](const hl_shape& s) { return has_layer_norm(s) && s.norm_final != 0; }},
};

bool is_there(const hl_shape& shape, int weight);
int64_t size_of(const hl_shape& shape, Axis axis);
int64_t ids_of(const hl_shape& shape);  // how many ids there are: of tokens, or of pairs of them
// Whether an axis counts the vocabulary's tokens: the residual stream does where it is the logits, and these where they are as many.
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
