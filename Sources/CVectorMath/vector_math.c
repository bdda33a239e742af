#include "vector_math.h"

#include <math.h>
#include <string.h>

#pragma clang fp contract(fast)

#if defined(__x86_64__) && defined(__linux__) && !__has_feature(thread_sanitizer)
/* One copy per x86-64 level, chosen when the program is loaded; ThreadSanitizer is not, by then. */
#define VECTOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTOR
#endif
#define INLINE static inline __attribute__((always_inline))

#define LANES 16
typedef float lanes __attribute__((vector_size(64), aligned(4)));
typedef int32_t ilanes __attribute__((vector_size(64), aligned(4)));

INLINE void load(lanes *v, const float *x) { memcpy(v, x, sizeof *v); }
INLINE void store(const lanes *v, float *x) { memcpy(x, v, sizeof *v); }

/* Loads n < 16 values and fills the other lanes. */
INLINE void load_some(lanes *v, const float *x, size_t n, float fill) {
  float padded[LANES];
  for (size_t i = 0; i < LANES; i++) padded[i] = fill;
  memcpy(padded, x, n * sizeof *x);
  memcpy(v, padded, sizeof *v);
}

INLINE void store_some(const lanes *v, float *x, size_t n) { memcpy(x, v, n * sizeof *x); }

INLINE float sum_of(const lanes *v) {
  float x[LANES];
  memcpy(x, v, sizeof x);
  for (size_t width = LANES / 2; width > 0; width /= 2)
    for (size_t i = 0; i < width; i++) x[i] += x[i + width];
  return x[0];
}

INLINE float max_of(const lanes *v) {
  float x[LANES];
  memcpy(x, v, sizeof x);
  for (size_t width = LANES / 2; width > 0; width /= 2)
    for (size_t i = 0; i < width; i++) x[i] = x[i] > x[i + width] ? x[i] : x[i + width];
  return x[0];
}

/* exp by Cody-Waite reduction to [-ln2/2, ln2/2] and a polynomial of degree 6 (coefficients of Cephes'
   expf, Moshier); the power of two is put together in the exponent bits. Rounding to the nearest
   integer is the addition and subtraction of 1.5 * 2^23, which -ffast-math would remove. */
INLINE void exp_lanes(lanes *v) {
  const lanes lowest = (lanes){} - 87.33654f, highest = (lanes){} + 88.37626f;
  lanes x = __builtin_elementwise_min(__builtin_elementwise_max(*v, lowest), highest);
  const lanes magic = (lanes){} + 12582912.0f;
  lanes shifted = x * 1.44269504f + magic;
  lanes n = shifted - magic;
  lanes r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  lanes p = (lanes){} + 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  ilanes exponent, bits;
  memcpy(&exponent, &shifted, sizeof exponent);
  memcpy(&bits, &p, sizeof bits);
  bits += (exponent - 0x4b400000) << 23;
  ilanes keep = *v > lowest;
  bits &= keep;
  memcpy(v, &bits, sizeof *v);
}

int zz_has_avx512(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#else
  return 0;
#endif
}

void zz_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

VECTOR void zz_exp(const float *x, float *y, size_t n) {
  size_t i = 0;
  lanes v;
  for (; i + LANES <= n; i += LANES) {
    load(&v, x + i);
    exp_lanes(&v);
    store(&v, y + i);
  }
  if (i < n) {
    load_some(&v, x + i, n - i, 0);
    exp_lanes(&v);
    store_some(&v, y + i, n - i);
  }
}

INLINE float max_row(const float *x, size_t n) {
  lanes top = (lanes){} - INFINITY, v;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    load(&v, x + i);
    top = __builtin_elementwise_max(top, v);
  }
  if (i < n) {
    load_some(&v, x + i, n - i, -INFINITY);
    top = __builtin_elementwise_max(top, v);
  }
  return max_of(&top);
}

/* x[i] = exp(x[i] - shift), returning the sum. */
INLINE float exp_row(float *x, size_t n, float shift) {
  lanes total = {}, v;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    load(&v, x + i);
    v = v - shift;
    exp_lanes(&v);
    store(&v, x + i);
    total += v;
  }
  if (i < n) {
    load_some(&v, x + i, n - i, -INFINITY);
    v = v - shift;
    exp_lanes(&v);
    store_some(&v, x + i, n - i);
    total += v;
  }
  return sum_of(&total);
}

VECTOR float zz_softmax_tile(float *s, size_t n, size_t lo, size_t hi, float *max, float *sum) {
  if (lo > 0) memset(s, 0, lo * sizeof *s);
  if (hi < n) memset(s + hi, 0, (n - hi) * sizeof *s);
  if (lo >= hi) return 1;
  float before = *max, top = max_row(s + lo, hi - lo);
  if (top < before) top = before;
  float tile = exp_row(s + lo, hi - lo, top);
  float correction = before == -INFINITY ? 0 : before == top ? 1 : expf(before - top);
  *max = top;
  *sum = *sum * correction + tile;
  return correction;
}

VECTOR void zz_softmax_from_log(float *s, size_t n, size_t lo, size_t hi, float log_sum_exp) {
  if (lo > hi) lo = hi;
  if (lo > 0) memset(s, 0, lo * sizeof *s);
  if (hi < n) memset(s + hi, 0, (n - hi) * sizeof *s);
  exp_row(s + lo, hi - lo, log_sum_exp);
}

VECTOR void zz_softmax_backward(const float *restrict p, float *restrict dp, size_t n, float delta) {
  for (size_t i = 0; i < n; i++) dp[i] = p[i] * (dp[i] - delta);
}

VECTOR void zz_scale(float *restrict x, size_t n, float a) {
  for (size_t i = 0; i < n; i++) x[i] *= a;
}

VECTOR void zz_scale_into(const float *restrict x, float *restrict y, size_t n, float a) {
  for (size_t i = 0; i < n; i++) y[i] = a * x[i];
}

VECTOR void zz_add_scaled(const float *restrict x, float *restrict y, size_t n, float a) {
  for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

VECTOR void zz_keep_larger(const float *restrict x, float *restrict y, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = x[i] > y[i] ? x[i] : y[i];
}

VECTOR void zz_blend(
    const float *restrict x, const float *restrict y, float *restrict z, size_t n, float a, float b) {
  for (size_t i = 0; i < n; i++) z[i] = a * x[i] + b * y[i];
}

VECTOR float zz_dot(const float *x, const float *y, size_t n) {
  lanes total = {}, u, v;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    load(&u, x + i);
    load(&v, y + i);
    total += u * v;
  }
  if (i < n) {
    load_some(&u, x + i, n - i, 0);
    load_some(&v, y + i, n - i, 0);
    total += u * v;
  }
  return sum_of(&total);
}

VECTOR float zz_dot_difference(const float *x, const float *y, const float *z, size_t n) {
  lanes total = {}, u, v, w;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    load(&u, x + i);
    load(&v, y + i);
    load(&w, z + i);
    total += u * (v - w);
  }
  if (i < n) {
    load_some(&u, x + i, n - i, 0);
    load_some(&v, y + i, n - i, 0);
    load_some(&w, z + i, n - i, 0);
    total += u * (v - w);
  }
  return sum_of(&total);
}

VECTOR float zz_dot3(const float *x, const float *w, const float *y, size_t n) {
  lanes total = {}, u, v, t;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    load(&u, x + i);
    load(&t, w + i);
    load(&v, y + i);
    total += u * t * v;
  }
  if (i < n) {
    load_some(&u, x + i, n - i, 0);
    load_some(&t, w + i, n - i, 0);
    load_some(&v, y + i, n - i, 0);
    total += u * t * v;
  }
  return sum_of(&total);
}

VECTOR void zz_scale_by(
    const float *restrict x, const float *restrict w, float *restrict y, size_t n, float a) {
  for (size_t i = 0; i < n; i++) y[i] = x[i] * a * w[i];
}

VECTOR void zz_rms_norm_backward(
    const float *restrict dy, const float *restrict w, const float *restrict x, float *restrict dx,
    size_t n, float a, float b) {
  for (size_t i = 0; i < n; i++) dx[i] += a * w[i] * dy[i] - b * x[i];
}

VECTOR void zz_rotate(
    float *restrict x, const float *restrict cosine, const float *restrict sine, size_t half,
    float sign) {
  float *restrict low = x, *restrict high = x + half;
  for (size_t i = 0; i < half; i++) {
    float a = low[i], b = high[i], c = cosine[i], s = sign * sine[i];
    low[i] = a * c - b * s;
    high[i] = b * c + a * s;
  }
}

VECTOR void zz_rotate_neighbours(
    float *restrict x, const float *restrict cosine, const float *restrict sine, size_t half,
    float sign) {
  for (size_t i = 0; i < half; i++) {
    float a = x[2 * i], b = x[2 * i + 1], c = cosine[i], s = sign * sine[i];
    x[2 * i] = a * c - b * s;
    x[2 * i + 1] = b * c + a * s;
  }
}

INLINE void sigmoid_lanes(lanes *v) {
  lanes e = -*v;
  exp_lanes(&e);
  *v = 1.0f / (1.0f + e);
}

/* All activations are g * sigmoid(a(g)): a(g) = g for SiLU, and for GELU with tanh
   a(g) = 2 * sqrt(2 / pi) * (g + 0.044715 * g^3), since (1 + tanh u) / 2 = sigmoid(2 u). gpt-oss has
   a(g) = 1.702 * g, no g above 7, and in the place of up the sum of 1 and up within -7...7. */
enum activation { SILU, GELU, CLAMPED };
#define GELU_SLOPE 1.5957691216057308f
#define GELU_CUBE 0.044715f
#define CLAMPED_SLOPE 1.702f
#define CLAMPED_LIMIT 7.0f

/* Vectors go by pointer: by value their width would be part of the calling convention. */
INLINE void gate_lanes(const lanes *gate, lanes *s, enum activation kind) {
  lanes g = *gate;
  if (kind == GELU) g = GELU_SLOPE * g * (1.0f + GELU_CUBE * g * g);
  if (kind == CLAMPED) g *= CLAMPED_SLOPE;
  sigmoid_lanes(&g);
  *s = g;
}

/* What gate and up are multiplied as. */
INLINE void clamp_lanes(lanes *gate, lanes *up) {
  const lanes limit = (lanes){} + CLAMPED_LIMIT;
  *gate = __builtin_elementwise_min(*gate, limit);
  *up = __builtin_elementwise_max(__builtin_elementwise_min(*up, limit), -limit) + 1.0f;
}

INLINE void gated_lanes(const lanes *gate, const lanes *up, lanes *y, enum activation kind) {
  lanes s, g = *gate, u = *up;
  if (kind == CLAMPED) clamp_lanes(&g, &u);
  gate_lanes(&g, &s, kind);
  *y = g * s * u;
}

INLINE void gated_row(const float *gate, const float *up, float *y, size_t n, enum activation kind) {
  size_t i = 0;
  lanes g, u, v;
  for (; i + LANES <= n; i += LANES) {
    load(&g, gate + i);
    load(&u, up + i);
    gated_lanes(&g, &u, &v, kind);
    store(&v, y + i);
  }
  if (i < n) {
    load_some(&g, gate + i, n - i, 0);
    load_some(&u, up + i, n - i, 0);
    gated_lanes(&g, &u, &v, kind);
    store_some(&v, y + i, n - i);
  }
}

VECTOR void zz_swiglu(const float *gate, const float *up, float *y, size_t n) {
  gated_row(gate, up, y, n, SILU);
}

VECTOR void zz_geglu(const float *gate, const float *up, float *y, size_t n) {
  gated_row(gate, up, y, n, GELU);
}

VECTOR void zz_clamped_swiglu(const float *gate, const float *up, float *y, size_t n) {
  gated_row(gate, up, y, n, CLAMPED);
}

INLINE void gated_backward_lanes(lanes *gate, lanes *up, const lanes *dy, enum activation kind) {
  lanes s, g = *gate, u = *up;
  if (kind == CLAMPED) clamp_lanes(&g, &u);
  gate_lanes(&g, &s, kind);
  lanes dup = *dy * g * s;
  lanes inner = g * (1.0f - s);
  if (kind == GELU) inner *= GELU_SLOPE * (1.0f + 3.0f * GELU_CUBE * g * g);
  if (kind == CLAMPED) inner *= CLAMPED_SLOPE;
  lanes dgate = *dy * u * s * (1.0f + inner);
  if (kind == CLAMPED) {
    /* Nothing passes what was cut off; comparisons are -1 where they hold. */
    const lanes limit = (lanes){} + CLAMPED_LIMIT;
    dgate *= -__builtin_convertvector(*gate <= limit, lanes);
    dup *= -__builtin_convertvector((*up <= limit) & (*up >= -limit), lanes);
  }
  *gate = dgate;
  *up = dup;
}

INLINE void gated_backward_row(float *gate, float *up, const float *dy, size_t n, enum activation kind) {
  size_t i = 0;
  lanes g, u, d;
  for (; i + LANES <= n; i += LANES) {
    load(&g, gate + i);
    load(&u, up + i);
    load(&d, dy + i);
    gated_backward_lanes(&g, &u, &d, kind);
    store(&g, gate + i);
    store(&u, up + i);
  }
  if (i < n) {
    load_some(&g, gate + i, n - i, 0);
    load_some(&u, up + i, n - i, 0);
    load_some(&d, dy + i, n - i, 0);
    gated_backward_lanes(&g, &u, &d, kind);
    store_some(&g, gate + i, n - i);
    store_some(&u, up + i, n - i);
  }
}

VECTOR void zz_swiglu_backward(float *gate, float *up, const float *dy, size_t n) {
  gated_backward_row(gate, up, dy, n, SILU);
}

VECTOR void zz_geglu_backward(float *gate, float *up, const float *dy, size_t n) {
  gated_backward_row(gate, up, dy, n, GELU);
}

VECTOR void zz_clamped_swiglu_backward(float *gate, float *up, const float *dy, size_t n) {
  gated_backward_row(gate, up, dy, n, CLAMPED);
}

VECTOR size_t zz_argmax(const float *x, size_t n) {
  float top = max_row(x, n);
  for (size_t i = 0; i < n; i++)
    if (x[i] == top) return i;
  return 0;
}

VECTOR void zz_widen_bfloat16(const uint16_t *restrict x, float *restrict y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = (uint32_t)x[i] << 16;
    memcpy(&y[i], &bits, 4);
  }
}

/* Integer arithmetic, so that every compiler target gives the same bits: the exponent is rebiased;
   denormals are scaled by a multiplication that is exact. */
VECTOR void zz_widen_float16(const uint16_t *restrict x, float *restrict y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t h = x[i], sign = (h & 0x8000u) << 16, magnitude = h & 0x7fffu;
    uint32_t normal = (magnitude << 13) + 0x38000000u;
    uint32_t special = (magnitude << 13) | 0x7f800000u;
    float tiny = (float)magnitude * 0x1p-24f;
    uint32_t denormal;
    memcpy(&denormal, &tiny, 4);
    uint32_t bits = magnitude >= 0x7c00u ? special : magnitude >= 0x0400u ? normal : denormal;
    bits |= sign;
    memcpy(&y[i], &bits, 4);
  }
}

VECTOR void zz_narrow_bfloat16(const float *restrict x, uint16_t *restrict y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], 4);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    uint32_t nan = (bits >> 16) | 0x40u;
    y[i] = (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
  }
}

/* A denormal is rounded by the addition of a half, whose last bit is worth its step. */
VECTOR void zz_narrow_float16(const float *restrict x, uint16_t *restrict y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], 4);
    uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
    uint32_t normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
    float shifted;
    memcpy(&shifted, &magnitude, 4);
    shifted += 0.5f;
    uint32_t denormal;
    memcpy(&denormal, &shifted, 4);
    denormal -= 0x3f000000u;
    uint32_t half = magnitude < 0x38800000u ? denormal : normal;
    half = magnitude >= 0x47800000u ? 0x7c00u : half;
    half = magnitude > 0x7f800000u ? 0x7e00u : half;
    y[i] = (uint16_t)(half | sign);
  }
}
