// What logits become: shares of 1 of each row, and logarithms. A row a lane.
#pragma once

#include "arena.hpp"
#include "blocks/attention.hpp"

namespace headlab::HEADLAB_ISA {

inline void softmax_rows(int64_t n, int32_t width, const double* rows, double* shares) {
    constexpr int together = lanes<double>;
    Arena<Vec<double>> arena;
    Vec<double>* const row = arena.take(width);
    for (int64_t first = 0; first < n; first += together) {
        for (int lane = 0; lane < together; ++lane) load_lane(row, rows + std::min(first + lane, n - 1) * width, nullptr, width, lane);
        softmax_row<Vec<double>>(row, width, width, 1);
        for (int lane = 0; lane < std::min<int64_t>(together, n - first); ++lane) store_lane(shares + (first + lane) * width, row, nullptr, width, lane);
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
