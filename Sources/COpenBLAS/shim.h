// OpenBLAS, whose enumerations and functions import as they are, the instruction set that the compiler was told, and
// shuffles and conversions, which Swift's vectors would make element by element.
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

typedef float vector16 __attribute__((vector_size(64), aligned(4)));

// Sixteen rows of sixteen floats, at `row_offsets` from `rows`, as columns: those are written at `column_offsets` from
// `columns`.
static inline void transpose_square(
    const float *rows, const long *row_offsets, float *columns, const long *column_offsets) {
    vector16 a[16], b[16];
    for (int i = 0; i < 16; i++) a[i] = *(const vector16 *)(rows + row_offsets[i]);
    // Rows i and i + 8 interleaved: an element's place, row and column as eight bits, is rotated by one bit. Four
    // times, row and column have changed places.
    for (int stage = 0; stage < 4; stage++) {
        for (int i = 0; i < 8; i++) {
            b[2 * i] = __builtin_shufflevector(
                a[i], a[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            b[2 * i + 1] = __builtin_shufflevector(
                a[i], a[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        }
        for (int i = 0; i < 16; i++) a[i] = b[i];
    }
    for (int i = 0; i < 16; i++) *(vector16 *)(columns + column_offsets[i]) = a[i];
}

typedef float floats16 __attribute__((ext_vector_type(16)));
typedef float floats8 __attribute__((ext_vector_type(8)));
typedef float floats4 __attribute__((ext_vector_type(4)));
typedef double doubles8 __attribute__((ext_vector_type(8)));
typedef int integers16 __attribute__((ext_vector_type(16)));
typedef unsigned char bytes16 __attribute__((ext_vector_type(16), aligned(1)));

// The sums of the elements of four vectors.
static inline floats4 sums_of_four(floats16 a, floats16 b, floats16 c, floats16 d) {
    // In each quarter: a0 + a2, b0 + b2, a1 + a3, b1 + b3.
    floats16 ab = __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
        + __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    floats16 cd = __builtin_shufflevector(c, d, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
        + __builtin_shufflevector(c, d, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    floats16 quarters = __builtin_shufflevector(ab, cd, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
        + __builtin_shufflevector(ab, cd, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    floats8 halves = quarters.lo + quarters.hi;
    return halves.lo + halves.hi;
}

// Eight floats in double precision.
static inline doubles8 widen(floats8 x) { return __builtin_convertvector(x, doubles8); }

// The floats nearest to eight numbers.
static inline floats8 narrow(doubles8 x) { return __builtin_convertvector(x, floats8); }

// The square roots of sixteen floats.
static inline floats16 square_roots(floats16 x) { return __builtin_elementwise_sqrt(x); }

// Sixteen bytes as floats.
static inline floats16 load_bytes(const unsigned char *source) {
    return __builtin_convertvector(*(const bytes16 *)source, floats16);
}

// The low bytes of sixteen integers.
static inline void store_low_bytes(unsigned char *target, integers16 integers) {
    *(bytes16 *)target = __builtin_convertvector(integers, bytes16);
}

// Whether this build's CPU multiplies and adds in one instruction.
static inline int has_fused_multiply_add(void) {
#if defined(__FMA__) || defined(__aarch64__)
    return 1;
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
