// OpenBLAS, whose enumerations and functions import as they are, and the instruction set that the compiler was told.
#pragma once
#include <cblas.h>

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
