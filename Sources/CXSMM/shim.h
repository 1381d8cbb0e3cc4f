// LIBXSMM's batch-reduce kernels are variadic functions, which Swift cannot call.
#pragma once
#include <libxsmm.h>

typedef unsigned long long xsmm_offset;

static inline const char *xsmm_version(void) { return LIBXSMM_VERSION; }

// The kernel C += sum over t of A_t B_t (or C = without `accumulates`), column-major: A_t is m x k, B_t is k x n
// (stored n x k if transposed). NULL where this CPU has none. LIBXSMM keeps the kernels that it makes.
static inline const void *xsmm_kernel(
    int m, int n, int k, int a_stride, int b_stride, int c_stride, int accumulates, int b_transposed) {
    const libxsmm_blasint lda = a_stride, ldb = b_stride, ldc = c_stride;
    const float alpha = 1, beta = accumulates ? 1 : 0;
    const int flags = b_transposed ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    return (const void *)libxsmm_smmdispatch_reducebatch_offs(m, n, k, &lda, &ldb, &ldc, &alpha, &beta, &flags, NULL);
}

// Runs a kernel over `count` pairs, A_t and B_t at byte offsets from `a` and `b`.
static inline void xsmm_run(
    const void *kernel, const float *a, const float *b, float *c, xsmm_offset count, const xsmm_offset *a_offsets,
    const xsmm_offset *b_offsets) {
    ((libxsmm_smmfunction_reducebatch_offs)kernel)(a, b, c, &count, a_offsets, b_offsets);
}
