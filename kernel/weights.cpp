#include "weights.hpp"

namespace headlab {

namespace {

int64_t filled(int64_t n, int columns) { return (n + columns - 1) / columns * columns; }

}  // namespace

bool is_there(const hl_shape& shape, int weight) {
    const Weight& of = weight_table[weight];
    return of.there(shape) && (of.axes[0] != Axis::layers || shape.n_layers > 0);
}

int64_t size_of(const hl_shape& s, Axis axis) {
    switch (axis) {
        case Axis::vocab: return s.d_vocab;
        case Axis::ctx: return s.n_ctx;
        case Axis::model: return s.d_model;
        case Axis::head: return s.d_head;
        case Axis::value: return s.factored_values ? s.d_head : s.d_model;
        case Axis::layers: return s.n_layers;
        case Axis::embed: return s.pairs ? s.d_model / 2 : s.d_model;
        case Axis::mlp: return s.d_mlp;
        case Axis::out: return s.d_vocab_out ? s.d_vocab_out : s.d_vocab;
        default: return s.n_heads;
    }
}

bool follows_vocabulary(const hl_shape& shape, Axis axis) {
    const bool stream = axis == Axis::model || axis == Axis::embed || (axis == Axis::value && !shape.factored_values);
    const bool logits = axis == Axis::out && size_of(shape, axis) == shape.d_vocab;
    return axis == Axis::vocab || logits || (stream && !shape.unembed);
}

int64_t ids_of(const hl_shape& shape) { return shape.pairs ? int64_t(shape.d_vocab) * shape.d_vocab : shape.d_vocab; }

int features_of(const hl_shape& shape, int layer) {
    if (shape.residual) return 2 + layer * shape.n_heads;
    return layer == 0 ? 2 : shape.n_heads;
}

Places places_of(const hl_shape& shape, int columns) {
    Places places;
    for (int w = 0; w < HL_WEIGHTS; ++w) {
        const Weight& weight = weight_table[w];
        const int last = weight.n_axes - 1;
        int64_t size = is_there(shape, w) ? filled(size_of(shape, weight.axes[last]), columns) : 0;
        for (int a = 0; a < last; ++a) size *= size_of(shape, weight.axes[a]);
        places.of[w] = {places.end, places.end + size};
        places.end += size;
    }
    return places;
}

std::vector<int64_t> gather_of(const hl_shape& shape, const std::vector<int32_t>& order, int columns) {
    const Places places = places_of(shape, columns), given = places_of(shape);
    std::vector<int64_t> gather(places.end, -1);
    for (int w = 0; w < HL_WEIGHTS; ++w) {
        const Weight& weight = weight_table[w];
        const int last = weight.n_axes - 1;
        const int64_t width = size_of(shape, weight.axes[last]), step = filled(width, columns);
        const bool turns = follows_vocabulary(shape, weight.axes[last]);
        for (int64_t from = places.of[w].from; from < places.of[w].to; from += step) {
            int64_t rest = (from - places.of[w].from) / step, stride = width, at = given.of[w].from;
            for (int a = last - 1; a >= 0; --a) {  // the innermost axis first
                const int64_t size = size_of(shape, weight.axes[a]), index = rest % size;
                at += stride * (follows_vocabulary(shape, weight.axes[a]) ? order[index] : index);
                rest /= size;
                stride *= size;
            }
            for (int64_t i = 0; i < width; ++i) gather[from + i] = at + (turns ? order[i] : i);
        }
    }
    return gather;
}

}  // namespace headlab
