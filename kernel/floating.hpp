// The floating-point mode that the bits rest on: rounding to nearest, tiny numbers kept. Set for as long as this lives.
#pragma once

#include <cstdint>
#if defined(__x86_64__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace headlab {

class FloatingMode {
  public:
    FloatingMode() : before(get()) { set(usual); }
    ~FloatingMode() { set(before); }
    FloatingMode(const FloatingMode&) = delete;
    FloatingMode& operator=(const FloatingMode&) = delete;

  private:
#if defined(__x86_64__) || defined(_M_X64)
    static constexpr uint64_t usual = 0x1F80;  // no exception traps
    static uint64_t get() { return _mm_getcsr(); }
    static void set(uint64_t mode) { _mm_setcsr(uint32_t(mode)); }
#elif defined(__aarch64__)
    static constexpr uint64_t usual = 0;
    static uint64_t get() {
        uint64_t mode;
        __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
        return mode;
    }
    static void set(uint64_t mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }
#else  // WebAssembly has one mode
    static constexpr uint64_t usual = 0;
    static uint64_t get() { return 0; }
    static void set(uint64_t) {}
#endif
    const uint64_t before;
};

}  // namespace headlab
