#ifndef ZIGZAG_BLAS_H
#define ZIGZAG_BLAS_H

/* OpenBLAS, the yardstick of `zigzag bench`, loaded when it is asked for: loaded with the program, it
   would start a thread for every core in all verbs, and where memory is limited these threads try for
   ever to get some, even while the program ends. Swift reaches it through BLASRuntime.swift only. */

/* Loads it with one thread; 0 where there is none. */
int zz_blas_load(void);

/* The name of the kernel set in use, "Haswell" say; NULL before it is loaded. */
const char *zz_blas_kernel(void);

/* C (m, n) = A (m, k) * B (k, n), all row-major without gaps; it must be loaded. */
void zz_blas_multiply(int m, int n, int k, const float *a, const float *b, float *c);

#endif
