// Multiply-adds as the kernel has them, each rounded twice: independent sums that stay in registers, so that nothing but the core's
// arithmetic limits them. benchmarks/peak.py compiles it for an instruction set.

#if defined(__AVX512F__)
constexpr int bytes = 64, sums = 24;
#elif defined(__AVX2__)
constexpr int bytes = 32, sums = 14;
#elif defined(__aarch64__)
constexpr int bytes = 16, sums = 24;
#else
constexpr int bytes = 16, sums = 14;
#endif
typedef float Vec __attribute__((vector_size(bytes)));

// Returns how many there were; out: what they come to.
extern "C" long multiply_adds(long rounds, float factor, float term, float* out) {
    Vec sum[sums], factors = Vec{} + factor, terms = Vec{} + term;
    for (int i = 0; i < sums; ++i) sum[i] = terms * float(i);  // no two alike, or they would be computed once
    for (long n = 0; n < rounds; ++n)
#pragma GCC unroll 24
        for (int i = 0; i < sums; ++i) sum[i] = sum[i] * factors + terms;
    *out = 0;
    for (int i = 0; i < sums; ++i)
        for (int lane = 0; lane < bytes / 4; ++lane) *out += sum[i][lane];
    return rounds * sums * (bytes / 4);
}
