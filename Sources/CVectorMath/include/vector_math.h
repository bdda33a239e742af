#ifndef ZIGZAG_VECTOR_MATH_H
#define ZIGZAG_VECTOR_MATH_H

#include <stddef.h>
#include <stdint.h>

/* Vector loops that need the widest instructions the CPU has. Every function works on one contiguous
   row of n floats; sums run in 16 fixed lanes, so that the order of additions never depends on the
   CPU. Swift reaches them through VectorMath.swift only. */

/* Whether the CPU, and the system, run AVX-512 (F, DQ, BW, VL); 0 on other architectures. */
int zz_has_avx512(void);

/* Tells the CPU that a loop is waiting. */
void zz_pause(void);

/* y[i] = exp(x[i]); relative error below 3e-7 on [-87, 88], 0 below. */
void zz_exp(const float *x, float *y, size_t n);

/* One tile of a running softmax. The visible scores are s[lo..<hi]; the others get weight 0.
   Raises *max to the maximum seen, replaces s by exp(s - *max), updates *sum,
   and returns exp(old max - new max), by which everything summed before must be multiplied. */
float zz_softmax_tile(float *s, size_t n, size_t lo, size_t hi, float *max, float *sum);

/* s[i] = exp(s[i] - log_sum_exp) for i in lo..<hi, else 0. */
void zz_softmax_from_log(float *s, size_t n, size_t lo, size_t hi, float log_sum_exp);

/* p[i] = p[i] * (dp[i] - delta): the derivative of a softmax row. */
void zz_softmax_backward(const float *p, float *dp, size_t n, float delta);

/* x[i] *= a */
void zz_scale(float *x, size_t n, float a);

/* y[i] = a * x[i] */
void zz_scale_into(const float *x, float *y, size_t n, float a);

/* y[i] += a * x[i] */
void zz_add_scaled(const float *x, float *y, size_t n, float a);

/* y[i] = the larger of x[i] and y[i] */
void zz_keep_larger(const float *x, float *y, size_t n);

/* z[i] = a * x[i] + b * y[i] */
void zz_blend(const float *x, const float *y, float *z, size_t n, float a, float b);

/* sum of x[i] * y[i] */
float zz_dot(const float *x, const float *y, size_t n);

/* sum of x[i] * (y[i] - z[i]) */
float zz_dot_difference(const float *x, const float *y, const float *z, size_t n);

/* y[i] = x[i] * w[i] * a */
void zz_scale_by(const float *x, const float *w, float *y, size_t n, float a);

/* dx[i] += a * w[i] * dy[i] - b * x[i] */
void zz_rms_norm_backward(
    const float *dy, const float *w, const float *x, float *dx, size_t n, float a, float b);

/* sum of x[i] * w[i] * y[i] */
float zz_dot3(const float *x, const float *w, const float *y, size_t n);

/* Rotates the pairs (x[i], x[i + half]) by the angles whose cosines and sines are given; `sign` is 1,
   or -1 for the inverse. */
void zz_rotate(float *x, const float *cosine, const float *sine, size_t half, float sign);

/* The same for the pairs (x[2 i], x[2 i + 1]). */
void zz_rotate_neighbours(
    float *x, const float *cosine, const float *sine, size_t half, float sign);

/* y[i] = gate[i] * sigmoid(gate[i]) * up[i] */
void zz_swiglu(const float *gate, const float *up, float *y, size_t n);

/* gate[i] and up[i] are replaced by the gradients with respect to them; dy is the output's. */
void zz_swiglu_backward(float *gate, float *up, const float *dy, size_t n);

/* y[i] = gelu(gate[i]) * up[i], gelu in its form with tanh */
void zz_geglu(const float *gate, const float *up, float *y, size_t n);

/* y[i] = g * sigmoid(1.702 g) * (1 + u), g = min(gate[i], 7) and u = up[i] within -7...7 (gpt-oss) */
void zz_clamped_swiglu(const float *gate, const float *up, float *y, size_t n);

/* As zz_swiglu_backward, of zz_clamped_swiglu. */
void zz_clamped_swiglu_backward(float *gate, float *up, const float *dy, size_t n);

/* As zz_swiglu_backward, of zz_geglu. */
void zz_geglu_backward(float *gate, float *up, const float *dy, size_t n);

/* The index of the largest value, the first of equals; NaN never wins. n >= 1. */
size_t zz_argmax(const float *x, size_t n);

/* Widens n bfloat16 values to float32, exactly. */
void zz_widen_bfloat16(const uint16_t *x, float *y, size_t n);

/* Widens n IEEE half-precision values to float32, exactly. */
void zz_widen_float16(const uint16_t *x, float *y, size_t n);

/* Rounds n float32 values to the nearest bfloat16, ties to even. */
void zz_narrow_bfloat16(const float *x, uint16_t *y, size_t n);

/* Rounds n float32 values to the nearest half-precision value, ties to even; too large ones become infinity. */
void zz_narrow_float16(const float *x, uint16_t *y, size_t n);

#endif
