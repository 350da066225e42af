#include "initial.hpp"

#include <algorithm>

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

double limit_of(const hl_shape& shape, const Weight& weight) {
    if (weight.start == Start::embedding) return 0.05;
    const int64_t in = size_of(shape, weight.axes[weight.n_axes - 2]), out = size_of(shape, weight.axes[weight.n_axes - 1]);
    return __builtin_sqrt(6.0 / double(in + out));
}

}  // namespace

template <class T>
void draw_initial(const hl_shape& shape, const Places& places, const std::vector<int64_t>& gather, double scale, uint64_t seed, T* weights) {
    const uint32_t key[2] = {uint32_t(seed), uint32_t(seed >> 32)};
    for (int w = 0; w < HL_WEIGHTS; ++w) {
        const Range place = places.of[w];
        const Start start = weight_table[w].start;
        if (start == Start::zeros || start == Start::ones) {
            for (int64_t i = place.from; i < place.to; ++i) weights[gather[i]] = T(start == Start::ones);
            continue;
        }
        const float limit = float(limit_of(shape, weight_table[w]) * scale);
        for (int64_t i = 0; i < place.size(); i += 4) {
            const uint32_t counter[4] = {uint32_t(i / 4), uint32_t(w), 0, 0};
            uint32_t words[4];
            philox4x32_10(counter, key, words);
            for (int64_t j = 0; j < std::min<int64_t>(4, place.size() - i); ++j)
                weights[gather[place.from + i + j]] = T((float(words[j] >> 8) * 0x1p-24f * 2 - 1) * limit);
        }
    }
}

template void draw_initial<float>(const hl_shape&, const Places&, const std::vector<int64_t>&, double, uint64_t, float*);
template void draw_initial<double>(const hl_shape&, const Places&, const std::vector<int64_t>&, double, uint64_t, double*);

}  // namespace headlab
