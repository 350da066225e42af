// Vectors of numbers. Every operation here is lane by lane: nothing ever crosses lanes.
#pragma once

#include <cfloat>
#include <cstdint>
#include <cstring>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

static_assert(FLT_EVAL_METHOD == 0, "numbers are rounded to their own type after every operation");

namespace headlab::HEADLAB_ISA {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

// In the module, which travels, code that stands in many places is there once.
#if defined(__wasm__)
#define HEADLAB_INLINE __attribute__((noinline))
constexpr bool compact = true;
#else
#define HEADLAB_INLINE inline
constexpr bool compact = false;
#endif

template <class T> struct Lanes;
template <> struct Lanes<float> {
    typedef float V __attribute__((vector_size(vector_bytes)));
    typedef int32_t I __attribute__((vector_size(vector_bytes)));
    static constexpr int mantissa = 23, bias = 127, log_terms = 5;
    static constexpr float round_magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to a whole number
    static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f, smallest = -87.0f, largest = 88.0f;
    static constexpr double large_product = 0x1p63;
};
template <> struct Lanes<double> {
    typedef double V __attribute__((vector_size(vector_bytes)));
    typedef int64_t I __attribute__((vector_size(vector_bytes)));
    static constexpr int mantissa = 52, bias = 1023, log_terms = 12;
    static constexpr double round_magic = 6755399441055744.0;
    static constexpr double ln2_high = 6.93145751953125e-1, ln2_low = 1.42860682030941723212e-6, smallest = -708.0,
                            largest = 709.0, large_product = 0x1p511;
};

template <class T> using Vec = typename Lanes<T>::V;
template <class T> using Int = typename Lanes<T>::I;
template <class T> constexpr int lanes = vector_bytes / int(sizeof(T));

template <class T> inline Vec<T> splat(T x) { return Vec<T>{} + x; }
template <class T> inline Int<T> bits(Vec<T> x) { return (Int<T>)x; }
template <class V> inline V max(V a, V b) { return a > b ? a : b; }
template <class T> inline bool any(Int<T> mask) {
    uint64_t words[vector_bytes / 8], all = 0;
    std::memcpy(words, &mask, sizeof(words));
    for (uint64_t word : words) all |= word;
    return all != 0;
}

inline Vec<float> exp_polynomial(Vec<float> r) {  // e^r on |r| <= ln2/2, minimax (Cephes expf)
    Vec<float> p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    return p * (r * r) + (r + 1.0f);
}
inline Vec<double> exp_polynomial(Vec<double> r) {  // Taylor to r^13: the rest is below 5e-18
    Vec<double> p = splat<double>(1.0 / 6227020800.0);
    constexpr double c[] = {1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
                            1.0 / 720,       1.0 / 120,      1.0 / 24,      1.0 / 6,      0.5,         1.0, 1.0};
    for (double k : c) p = p * r + k;
    return p;
}

// e^x = 2^n e^r for x <= 0 (or NaN). Arguments are held inside the range of normal numbers; NaN stays NaN.
template <class T> inline __attribute__((always_inline)) Vec<T> exp_nonpositive(Vec<T> x) {
    using L = Lanes<T>;
    x = max(splat<T>(L::smallest), x);
    const Vec<T> shifted = x * T(1.4426950408889634) + L::round_magic;
    const Vec<T> n = shifted - L::round_magic;
    const Vec<T> r = (x - n * L::ln2_high) - n * L::ln2_low;
    return (Vec<T>)(bits<T>(exp_polynomial(r)) + (bits<T>(shifted) << L::mantissa));
}
template <class T> inline Vec<T> exp(Vec<T> x) { return exp_nonpositive<T>(x > Lanes<T>::largest ? splat<T>(Lanes<T>::largest) : x); }

// ln x = e ln2 + 2 artanh((m-1)/(m+1)) for x = 2^e m, m in [sqrt(1/2), sqrt 2); for normal positive x.
template <class T> HEADLAB_INLINE Vec<T> log(Vec<T> x) {
    using L = Lanes<T>;
    const T half_root = T(0.70710678118654752);
    Int<T> e = (bits<T>(x) >> L::mantissa) - (L::bias - 1);
    Vec<T> m = (Vec<T>)((bits<T>(x) & (((Int<T>{} + 1) << L::mantissa) - 1)) | bits<T>(splat<T>(T(0.5))));
    const auto low = m < half_root;
    m = low ? m + m : m;
    e = e + (Int<T>)low;  // a true lane is -1
    const Vec<T> f = (m - T(1)) / (m + T(1)), f2 = f * f;
    Vec<T> series = splat<T>(T(1) / T(2 * L::log_terms + 1));
    for (int k = L::log_terms - 1; k >= 0; --k) series = series * f2 + T(1) / T(2 * k + 1);
    const Vec<T> power = __builtin_convertvector(e, Vec<T>);
    const Vec<T> result = power * L::ln2_high + (power * L::ln2_low + (f + f) * series);
    return x == x ? result : x;
}

#if defined(__clang__)
#define HEADLAB_SQRT(of) __builtin_elementwise_sqrt(x)
#elif defined(__AVX512F__)
#define HEADLAB_SQRT(of) _mm512_maskz_sqrt_##of(-1, x)
#elif defined(__AVX2__)
#define HEADLAB_SQRT(of) _mm256_sqrt_##of(x)
#elif defined(__SSE2__)
#define HEADLAB_SQRT(of) _mm_sqrt_##of(x)
#endif
template <class T> inline Vec<T> sqrt(Vec<T> x) {  // rounded to the nearest, of all lanes at once or one by one
#if defined(HEADLAB_SQRT)
    if constexpr (sizeof(T) == 4)
        return HEADLAB_SQRT(ps);
    else
        return HEADLAB_SQRT(pd);
#else
    Vec<T> root{};
    for (int i = 0; i < lanes<T>; ++i) root[i] = sizeof(T) == 4 ? T(__builtin_sqrtf(float(x[i]))) : T(__builtin_sqrt(double(x[i])));
    return root;
#endif
}

// What is no number has one pattern with the caller.
template <class T> inline T canonical(T x) { return x == x ? x : T(__builtin_nan("")); }

}  // namespace headlab::HEADLAB_ISA
