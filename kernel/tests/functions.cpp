// The kernel's own functions against those of the C library in extended precision, and the normal quantile against its inverse.
#include <cmath>
#include <cstdint>

#include "check.h"
#include "functions.hpp"

using Wide = long double;

// Units in the last place between a number and what it should be.
static double units(double found, Wide wanted) {
    const double near = double(wanted), one = std::nextafter(std::fabs(near), INFINITY) - std::fabs(near);
    return double(std::fabs(Wide(found) - wanted) / Wide(one));
}

static uint64_t state = 1;
static double drawn() {  // in [0, 1)
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return double(state >> 11) * 0x1p-53;
}

int main() {
    double sine = 0, cosine = 0, pythagoras = 0, exponential = 0, logarithm = 0, quantile = 0;
    const int n = 200000;
    for (int i = 0; i < n; ++i) {
        const double x = (2 * drawn() - 1) * std::pow(2.0, 30 * drawn() - 10), s = headlab::sine(x), c = headlab::cosine(x);
        sine = std::fmax(sine, units(s, std::sin(Wide(x))));
        cosine = std::fmax(cosine, units(c, std::cos(Wide(x))));
        pythagoras = std::fmax(pythagoras, std::fabs(s * s + c * c - 1));
        const double y = -700 * drawn(), z = std::pow(2.0, 200 * drawn() - 100);
        const Wide ln = std::log(Wide(z));
        exponential = std::fmax(exponential, units(headlab::exponential(y), std::exp(Wide(y))));
        logarithm = std::fmax(logarithm, double(std::fabs(headlab::logarithm(z) - ln) / std::fmax(Wide(1), std::fabs(ln))));
    }
    check(sine < 1 && cosine < 1, "sine and cosine are within 1 unit in the last place: %.3f, %.3f of %d", sine, cosine, n);
    check(pythagoras < 4e-16, "their squares add up to 1: %.1e", pythagoras);
    check(exponential < 2 && logarithm < 3e-16, "exponential within 2 units, logarithm within 3e-16: %.3f, %.1e", exponential, logarithm);

    // The doubles next to whole numbers of quarter turns, where most of the digits are lost.
    double near = 0;
    const Wide half_pi = 1.57079632679489661923132169163975144L;
    for (int k = 1; k < 600000; ++k) {
        const double x = double(k * half_pi);
        near = std::fmax(near, k % 2 ? units(headlab::cosine(x), std::cos(Wide(x))) : units(headlab::sine(x), std::sin(Wide(x))));
    }
    check(near < 1, "sine and cosine are so next to their zeros, too: %.3f", near);
    check(headlab::sine(0) == 0 && headlab::cosine(0) == 1, "sine of 0 is 0, cosine 1");

    double last = -INFINITY;
    bool rises = true, odd = true;
    for (int64_t word = 0; word < (INT64_C(1) << 32); word += 20011) {
        const double p = (double(word) + 0.5) * 0x1p-32, x = headlab::normal_quantile(p);
        const Wide tail = x < 0 ? p : 1 - p, back = 0.5L * std::erfc(std::fabs(Wide(x)) / std::sqrt(2.0L));
        const Wide density = std::exp(-0.5L * x * x) / std::sqrt(2 * 3.14159265358979323846L);
        quantile = std::fmax(quantile, double(std::fabs((back - tail) / density) / std::fmax(Wide(1e-3), std::fabs(Wide(x)))));
        rises = rises && x > last;
        odd = odd && headlab::normal_quantile(1 - p) == -x;
        last = x;
    }
    check(quantile < 1e-14, "normal quantiles are those of the error function: %.1e", quantile);
    check(rises && odd, "they rise, and are odd");
    check(headlab::normal_quantile(0x1p-33) == -headlab::normal_quantile(1 - 0x1p-33), "the first and the last word are alike");
    return checked();
}
