// What logits become: shares of 1 of each row, down to a share of 0, and logarithms.
#pragma once

#include <algorithm>

#include "element.hpp"

namespace headlab::HEADLAB_ISA {

// A row's own columns are in the lanes.
inline void softmax_rows(int64_t n, int32_t width, const double* rows, double* shares) {
    for (int64_t row = 0; row < n; ++row, rows += width, shares += width) {
        const double top = largest_of(rows, width);
        for (int32_t at = 0; at < width; at += lanes<double>) {
            const std::size_t bytes = std::min(lanes<double>, width - at) * sizeof(double);
            Vec<double> x{}, share = splat<double>(1);
            std::memcpy(&x, rows + at, bytes);
            x -= top;
            for (int factor = 0; factor < 2; ++factor) {  // the second one for what is beyond the first one's reach
                share *= exp_nonpositive<double>(x);
                x = x - Lanes<double>::smallest;
                x = x < 0.0 ? x : Vec<double>{};
            }
            std::memcpy(shares + at, &share, bytes);
        }
        const double inverse = 1 / sum_of(shares, width);
        for (int32_t at = 0; at < width; ++at) shares[at] = canonical(shares[at] * inverse);
    }
}

// Of any numbers: tiny ones are made normal first.
inline void logarithms(int64_t n, const double* numbers, double* to) {
    constexpr double infinity = __builtin_huge_val();
    for (int64_t i = 0; i < n; ++i) {
        const double x = numbers[i], shift = x < DBL_MIN ? 54 : 0;
        const double found = ln(shift ? x * 0x1p54 : x) - shift * 0.69314718055994531;
        to[i] = x > 0 ? (x < infinity ? found : x) : x == 0 ? -infinity : __builtin_nan("");
    }
}

}  // namespace headlab::HEADLAB_ISA
