#ifndef ZIGZAG_VECTOR_MATH_H
#define ZIGZAG_VECTOR_MATH_H

#include <stddef.h>
#include <stdint.h>

/* Widens n bfloat16 values to float32, exactly. */
void zz_widen_bfloat16(const uint16_t *x, float *y, size_t n);

/* Widens n IEEE half-precision values to float32, exactly. */
void zz_widen_float16(const uint16_t *x, float *y, size_t n);

#endif
