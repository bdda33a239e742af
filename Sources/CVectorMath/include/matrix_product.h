#ifndef ZIGZAG_MATRIX_PRODUCT_H
#define ZIGZAG_MATRIX_PRODUCT_H

#include <stddef.h>
#include <stdint.h>

/* Products of float32 matrices on one core, with kernels for AVX-512 (level 2), AVX2 (1) and everything
   else (0). Swift reaches them through MatrixProduct.swift only; a `level` is one that the CPU has.

   The right operand B (k, n) lies in panels of 32 columns: element (p, j) is at
   b[(j / 32) * panel + p * row + j % 32]. Packed, row = 32 and panel = 32 * k, the columns behind
   the last one being zeros. A row-major matrix as it stands has row = its stride and panel = 32. */
#define ZZ_PANEL 32

/* How the elements of a weight are stored. */
enum zz_type { ZZ_FLOAT32, ZZ_FLOAT16, ZZ_BFLOAT16 };

/* The highest level that the CPU has. */
int zz_product_level(void);

/* C (m, n) = A (m, k) * B (k, n), or C += where `accumulate` is not 0.
   Element (i, p) of A is a[i * a_row + p * a_column], so that a transposed matrix needs no copy.
   Sums run over p in order: a result depends on k and the level alone, not on m, n or the tile. */
void zz_multiply(
    int level, size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_column,
    const float *b, size_t b_panel, size_t b_row, float *c, size_t c_row, int accumulate);

/* Packs w (n, k), whose rows lie `stride` elements apart, as B = transposed w: n columns of k.
   `panels` holds ceil(n / 32) * 32 * k floats. */
void zz_pack_transposed(
    int level, enum zz_type type, const void *w, size_t n, size_t k, size_t stride, float *panels);

/* Packs w (k, n) as B = w. */
void zz_pack(
    int level, enum zz_type type, const void *w, size_t k, size_t n, size_t stride, float *panels);

/* y[i * y_row + j] = sum over p of x[i * x_row + p] * w[j * k + p] for m <= 8 rows of x and n of w:
   each weight is read once, as it is stored. Sums run in 16 lanes. */
void zz_multiply_rows(
    int level, enum zz_type type, const void *w, size_t n, size_t k, size_t stride, const float *x,
    size_t x_row, size_t m, float *y, size_t y_row, int accumulate);

#endif
