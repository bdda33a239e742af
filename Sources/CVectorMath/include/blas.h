#ifndef ZIGZAG_BLAS_H
#define ZIGZAG_BLAS_H

#include <stddef.h>

/* OpenBLAS, loaded when it is asked for: loaded with the program, it would start a thread for every core in
   all verbs, and where memory is limited these threads try for ever to get some, even while the program
   ends. Swift reaches it through BLASRuntime.swift and MatrixProduct.swift only. */

/* Loads it with one thread, anew if it is there; 0 where there is none. `kernels` names a kernel set, NULL
   leaves the choice to OpenBLAS. No product may run meanwhile. */
int zz_blas_load(const char *kernels);

/* The name of the kernel set in use, "Haswell" say; NULL before it is loaded. */
const char *zz_blas_kernel(void);

/* How it was built, "OpenBLAS 0.3.21 DYNAMIC_ARCH …"; NULL before it is loaded. */
const char *zz_blas_configuration(void);

/* C (m, n) = A (m, k) * B (k, n), or C += where `accumulate` is not 0; it must be loaded.
   Element (i, p) of A is a[i * a_row + p * a_column], and B likewise; one of the two strides is 1. */
void zz_blas_multiply(
    size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_column, const float *b,
    size_t b_row, size_t b_column, float *c, size_t c_row, int accumulate);

/* zz_multiply_rows of float32 weights: a product with a vector for each of the m rows. */
void zz_blas_multiply_rows(
    const float *w, size_t n, size_t k, size_t stride, const float *x, size_t x_row, size_t m,
    float *y, size_t y_row, int accumulate);

#endif
