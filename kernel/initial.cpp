#include "initial.hpp"

#include <algorithm>

#include "functions.hpp"

namespace headlab {

void philox4x32_10(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; ++round) {
        const uint64_t first = uint64_t(c0) * 0xD2511F53u, second = uint64_t(c2) * 0xCD9E8D57u;
        c0 = uint32_t(second >> 32) ^ c1 ^ k0;
        c1 = uint32_t(second);
        c2 = uint32_t(first >> 32) ^ c3 ^ k1;
        c3 = uint32_t(first);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

namespace {

hl_draw usual(const hl_shape& shape, const Weight& weight) {
    if (weight.start == Start::zeros || weight.start == Start::ones) return {HL_CONSTANT, double(weight.start == Start::ones)};
    if (weight.start == Start::embedding) return {HL_UNIFORM, 0.05};
    const int64_t in = size_of(shape, weight.axes[weight.n_axes - 2]), out = size_of(shape, weight.axes[weight.n_axes - 1]);
    return {HL_UNIFORM, __builtin_sqrt(6.0 / double(in + out))};
}

constexpr int most_positions = 1 << 20;  // that a sine is right of

// set(number, weight) of an array of n weights, from its words.
template <class Set> void draw(const hl_draw& by, double scale, int array, const uint32_t key[2], int64_t n, const Set& set) {
    const double deviation = by.size * scale;
    const float limit = float(deviation);
    for (int64_t i = 0; i < n; i += 4) {
        const uint32_t counter[4] = {uint32_t(i / 4), uint32_t(array), 0, 0};
        uint32_t words[4];
        philox4x32_10(counter, key, words);
        for (int64_t j = 0; j < std::min<int64_t>(4, n - i); ++j)
            set(i + j, !attention_alone && by.rule == HL_NORMAL ? float(normal_quantile((double(words[j]) + 0.5) * 0x1p-32) * deviation)
                                            : (float(words[j] >> 8) * 0x1p-24f * 2 - 1) * limit);
    }
}

template <class Set> void wave(double size, int n_rows, int width, const Set& set) {
    for (int column = 0; column < width; ++column) {
        const double turns = exponential(-9.210340371976182736 * double(column / 2 * 2) / double(width));  // ln 10000
        for (int row = 0; row < n_rows; ++row)
            set(int64_t(row) * width + column, float(size * (column % 2 ? cosine(row * turns) : sine(row * turns))));
    }
}

}  // namespace

const char* wrong_draws(const hl_shape& shape, const hl_draw* given) {
    for (int w = 0; given && w < HL_WEIGHTS; ++w) {
        const hl_draw& draw = given[w];
        if (draw.rule < HL_USUAL || draw.rule > HL_SINUSOIDAL) return "the rule of a draw must be one of HL_USUAL … HL_SINUSOIDAL";
        if (!(draw.size < __builtin_huge_val() && draw.size > -__builtin_huge_val()) || (draw.size < 0 && draw.rule != HL_CONSTANT))
            return "the size of a draw must be a finite number, and at least 0 but for constants";
        if (draw.rule == HL_SINUSOIDAL && (w != HL_W_POS || shape.n_ctx > most_positions))
            return "a sinusoid must be of W_pos, of at most 2^20 positions";
    }
    return nullptr;
}

Draws draws_of(const hl_shape& shape, const hl_draw* given) {
    Draws draws{};
    for (int w = 0; w < HL_WEIGHTS; ++w) draws[w] = given && given[w].rule != HL_USUAL ? given[w] : usual(shape, weight_table[w]);
    return draws;
}

template <class T>
void draw_initial(const hl_shape& shape, const Places& places, const std::vector<int64_t>& gather, const Draws& draws, double scale, uint64_t seed,
                  T* weights) {
    const uint32_t key[2] = {uint32_t(seed), uint32_t(seed >> 32)};
    for (int w = 0; w < HL_WEIGHTS; ++w) {
        const Range place = places.of[w];
        const hl_draw& by = draws[w];
        const auto set = [&](int64_t i, float x) { weights[gather[place.from + i]] = T(x); };
        if (place.size() == 0) continue;
        if (attention_alone)
            draw(by, scale, w, key, place.size(), set);
        else if (by.rule == HL_CONSTANT)
            for (int64_t i = 0; i < place.size(); ++i) set(i, float(by.size));
        else if (by.rule == HL_SINUSOIDAL)
            wave(by.size, shape.n_ctx, shape.d_model, set);
        else
            draw(by, scale, w, key, place.size(), set);
    }
}

template void draw_initial<float>(const hl_shape&, const Places&, const std::vector<int64_t>&, const Draws&, double, uint64_t, float*);
template void draw_initial<double>(const hl_shape&, const Places&, const std::vector<int64_t>&, const Draws&, double, uint64_t, double*);

void draw_words(uint64_t seed, uint32_t stream, uint64_t first, int64_t n, int32_t from, int32_t count, uint32_t* words) {
    const uint32_t key[2] = {uint32_t(seed), uint32_t(seed >> 32)};
    const int64_t to = int64_t(from) + count;
    for (int64_t i = 0; i < n; ++i, words += count) {
        const uint64_t example = first + uint64_t(i);
        for (int64_t block = from / 4; block * 4 < to; ++block) {
            const uint32_t counter[4] = {uint32_t(block), 0x80000000u | stream, uint32_t(example), uint32_t(example >> 32)};
            uint32_t four[4];
            philox4x32_10(counter, key, four);
            const int64_t begin = std::max<int64_t>(from, block * 4), end = std::min(to, block * 4 + 4);
            std::copy(four + (begin - block * 4), four + (end - block * 4), words + (begin - from));
        }
    }
}

}  // namespace headlab
