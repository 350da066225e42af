#include "functions.hpp"

#ifndef HEADLAB_ISA  // vectors as every processor has them, of which one lane is used
#define HEADLAB_ISA functions
#endif
#include "element.hpp"

namespace headlab {

namespace {

// x = n π/2 + high + low, |high| ≤ π/4 and a little. π/2 is cut into parts of 33 bits, whose products with |n| < 2^20 are exact, and a rest.
struct Turned {
    double high, low;
    int quarter;  // n mod 4
};

Turned turned(double x) {
    constexpr double parts[] = {0x1.921fb54400000p+0, 0x1.0b4611a600000p-34, 0x1.3198a2e000000p-69}, rest = 0x1.b839a252049c1p-104;
    constexpr double round_magic = HEADLAB_ISA::Lanes<double>::round_magic, two_over_pi = 0.63661977236758134;
    const double n = (x * two_over_pi + round_magic) - round_magic;
    double high = x, low = 0;
    for (const double part : parts) {  // each difference, and exactly what its rounding leaves (Knuth)
        const double taken = -(n * part), sum = high + taken, back = sum - high;
        low += (high - (sum - back)) + (taken - back);
        high = sum;
    }
    low -= n * rest;
    const double all = high + low;
    return {all, (high - all) + low, int(n) & 3};
}

// Taylor to r^17 and r^16: on |r| ≤ π/4 what is left out is below 1e-19 of the result.
double series(const double* coefficients, int n, double r2) {
    double sum = coefficients[0];
    for (int i = 1; i < n; ++i) sum = sum * r2 + coefficients[i];
    return sum;
}

double sine_near_0(const Turned& of) {
    constexpr double c[] = {1 / 355687428096000.0, -1 / 1307674368000.0, 1 / 6227020800.0, -1 / 39916800.0,
                            1 / 362880.0,          -1 / 5040.0,          1 / 120.0,        -1 / 6.0};
    const double r = of.high, r2 = r * r;
    return r + (of.low * (1 - 0.5 * r2) + r * (r2 * series(c, 8, r2)));
}

double cosine_near_0(const Turned& of) {
    constexpr double c[] = {1 / 20922789888000.0, -1 / 87178291200.0, 1 / 479001600.0, -1 / 3628800.0, 1 / 40320.0, -1 / 720.0, 1 / 24.0};
    const double r = of.high, r2 = r * r, half = 0.5 * r2, most = 1 - half;
    return most + (((1 - most) - half) + (r2 * r2 * series(c, 7, r2) - r * of.low));
}

double wave(double x, int quarters_on) {
    const Turned of = turned(x);
    const int quarter = (of.quarter + quarters_on) & 3;
    const double found = quarter & 1 ? cosine_near_0(of) : sine_near_0(of);
    return quarter & 2 ? -found : found;
}

}  // namespace

double sine(double x) { return wave(x, 0); }
double cosine(double x) { return wave(x, 1); }
double exponential(double x) { return HEADLAB_ISA::exp_nonpositive<double>(HEADLAB_ISA::splat(x))[0]; }
double logarithm(double x) { return HEADLAB_ISA::ln(x); }

// Wichura 1988, Algorithm AS 241 (PPND16), without the tails beyond √(−ln p) = 5, which are rarer than 2^-33.
double normal_quantile(double probability) {
    constexpr double top[] = {2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
                              13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608},
                     bottom[] = {5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
                                 5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1};
    constexpr double far_top[] = {7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
                                  3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734},
                     far_bottom[] = {1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
                                     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1};
    const double q = probability - 0.5;
    if (q >= -0.425 && q <= 0.425) {
        const double r = 0.180625 - q * q;
        return series(top, 8, r) * q / series(bottom, 8, r);
    }
    const double r = __builtin_sqrt(-logarithm(q < 0 ? probability : 1 - probability)) - 1.6;
    const double found = series(far_top, 8, r) / series(far_bottom, 8, r);
    return q < 0 ? -found : found;
}

}  // namespace headlab
