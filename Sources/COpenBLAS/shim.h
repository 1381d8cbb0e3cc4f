// OpenBLAS, whose enumerations and functions import as they are, and the instruction set that the compiler was told.
#pragma once
#include <cblas.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

// Whether the calling thread takes denormal numbers, read or made, for zero.
static inline void set_denormals_flushed(int flushed) {
#if defined(__x86_64__)
    unsigned int bits = 0x8040;  // flush to zero, denormals are zero
    _mm_setcsr(flushed ? _mm_getcsr() | bits : _mm_getcsr() & ~bits);
#elif defined(__aarch64__)
    unsigned long long control, bit = 1ull << 24;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" : : "r"(flushed ? control | bit : control & ~bit));
#endif
}

static inline int flushes_denormals(void) {
#if defined(__x86_64__)
    return (_mm_getcsr() & 0x8040) == 0x8040;
#elif defined(__aarch64__)
    unsigned long long control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    return (control >> 24) & 1;
#else
    return 0;
#endif
}

static inline const char *steadfast_instruction_set(void) {
#if defined(__AVX512F__) && defined(__AVX512VL__) && defined(__AVX512DQ__) && defined(__AVX512BW__)
    return "x86-64-v4";
#elif defined(__AVX2__) && defined(__FMA__)
    return "x86-64-v3";
#elif defined(__x86_64__)
    return "x86-64";
#else
    return "arm64";
#endif
}
