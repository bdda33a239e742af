#include <string.h>

#include "matrix_product.h"
#include "vector_math.h"

#pragma clang fp contract(fast)

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

typedef float lanes __attribute__((vector_size(64), aligned(4)));
typedef uint32_t ulanes __attribute__((vector_size(64), aligned(4)));
typedef uint16_t shorts __attribute__((vector_size(32), aligned(2)));
#if defined(__x86_64__) || defined(__aarch64__)
typedef _Float16 halves __attribute__((vector_size(32), aligned(2)));
#endif

INLINE size_t size_of(enum zz_type type) { return type == ZZ_FLOAT32 ? 4 : 2; }

/* Sixteen float16 as float32 with the CPU's instruction. */
#define CONVERT_HALVES(IN, OUT)                          \
  do {                                                   \
    halves half;                                         \
    memcpy(&half, IN, sizeof half);                      \
    *(OUT) = __builtin_convertvector(half, lanes);       \
  } while (0)
/* The same without it. */
#define WIDEN_HALVES(IN, OUT) zz_widen_float16((const uint16_t *)(IN), (float *)(OUT), 16)

/* The functions of one level. HALVES widens float16.

   LOAD: 16 weights from element `i` on as float32; TRANSPOSE: 16 vectors of 16 in place, by four rounds
   of a perfect shuffle. */
#define WEIGHT_ROWS(PREFIX, TARGET, HALVES)                                                        \
  TARGET INLINE void PREFIX##load(enum zz_type type, const void *w, size_t i, lanes *out) {        \
    if (type == ZZ_FLOAT32) {                                                                      \
      memcpy(out, (const float *)w + i, sizeof *out);                                              \
    } else if (type == ZZ_BFLOAT16) {                                                              \
      shorts s;                                                                                    \
      memcpy(&s, (const uint16_t *)w + i, sizeof s);                                               \
      ulanes bits = __builtin_convertvector(s, ulanes) << 16;                                      \
      memcpy(out, &bits, sizeof *out);                                                             \
    } else {                                                                                       \
      HALVES((const uint16_t *)w + i, out);                                                        \
    }                                                                                              \
  }                                                                                                \
                                                                                                   \
  TARGET INLINE void PREFIX##load_some(                                                            \
      enum zz_type type, const void *w, size_t i, size_t n, lanes *out) {                          \
    uint32_t padded[16] = {0};                                                                     \
    memcpy(padded, (const char *)w + i * size_of(type), n * size_of(type));                        \
    PREFIX##load(type, padded, 0, out);                                                            \
  }                                                                                                \
                                                                                                   \
  TARGET INLINE void PREFIX##transpose(lanes *x) {                                                 \
    lanes y[16];                                                                                   \
    UNROLL for (int round = 0; round < 4; round++) {                                               \
      UNROLL for (int i = 0; i < 8; i++) {                                                         \
        y[2 * i] = __builtin_shufflevector(                                                        \
            x[i], x[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);               \
        y[2 * i + 1] = __builtin_shufflevector(                                                    \
            x[i], x[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);         \
      }                                                                                            \
      UNROLL for (int i = 0; i < 16; i++) x[i] = y[i];                                             \
    }                                                                                              \
  }                                                                                                \
                                                                                                   \
  TARGET INLINE void PREFIX##pack_typed(                                                           \
      enum zz_type type, const char *w, size_t n, size_t k, size_t stride, float *panels) {        \
    for (size_t j = 0; j < n; j += 16) {                                                           \
      float *panel = panels + j / ZZ_PANEL * ZZ_PANEL * k + j % ZZ_PANEL;                          \
      size_t rows = n - j < 16 ? n - j : 16;                                                       \
      for (size_t p = 0; p < k; p += 16) {                                                         \
        size_t columns = k - p < 16 ? k - p : 16;                                                  \
        lanes x[16];                                                                               \
        for (size_t i = 0; i < 16; i++) {                                                          \
          const char *row = w + (j + i) * stride * size_of(type);                                  \
          if (i >= rows)                                                                           \
            x[i] = (lanes){};                                                                      \
          else if (columns == 16)                                                                  \
            PREFIX##load(type, row, p, &x[i]);                                                     \
          else                                                                                     \
            PREFIX##load_some(type, row, p, columns, &x[i]);                                       \
        }                                                                                          \
        PREFIX##transpose(x);                                                                      \
        for (size_t i = 0; i < columns; i++)                                                       \
          memcpy(panel + (p + i) * ZZ_PANEL, &x[i], sizeof x[i]);                                  \
      }                                                                                            \
    }                                                                                              \
    if (n % ZZ_PANEL != 0 && n % ZZ_PANEL <= 16)                                                   \
      for (size_t p = 0; p < k; p++)                                                               \
        memset(panels + n / ZZ_PANEL * ZZ_PANEL * k + p * ZZ_PANEL + 16, 0, 16 * sizeof *panels);  \
  }                                                                                                \
                                                                                                   \
  TARGET static void PREFIX##pack_transposed(                                                      \
      enum zz_type type, const void *w, size_t n, size_t k, size_t stride, float *panels) {        \
    if (type == ZZ_FLOAT32)                                                                        \
      PREFIX##pack_typed(ZZ_FLOAT32, w, n, k, stride, panels);                                     \
    else if (type == ZZ_FLOAT16)                                                                   \
      PREFIX##pack_typed(ZZ_FLOAT16, w, n, k, stride, panels);                                     \
    else                                                                                           \
      PREFIX##pack_typed(ZZ_BFLOAT16, w, n, k, stride, panels);                                    \
  }                                                                                                \
                                                                                                   \
  TARGET static void PREFIX##pack(                                                                 \
      enum zz_type type, const void *w, size_t k, size_t n, size_t stride, float *panels) {        \
    for (size_t p = 0; p < k; p++) {                                                               \
      const char *row = (const char *)w + p * stride * size_of(type);                              \
      for (size_t j = 0; j < (n + 31) / 32 * 32; j += 16) {                                        \
        lanes x = {};                                                                              \
        if (j + 16 <= n)                                                                           \
          PREFIX##load(type, row, j, &x);                                                          \
        else if (j < n)                                                                            \
          PREFIX##load_some(type, row, j, n - j, &x);                                              \
        memcpy(panels + j / ZZ_PANEL * ZZ_PANEL * k + p * ZZ_PANEL + j % ZZ_PANEL, &x, sizeof x);  \
      }                                                                                            \
    }                                                                                              \
  }                                                                                                \
                                                                                                   \
  /* One row of w with one x: a single stream through memory, which the CPU fetches ahead of time. */\
  TARGET INLINE float PREFIX##one_row(                                                             \
      enum zz_type type, const char *w, size_t k, const float *x) {                                \
    lanes sum[4] = {}, right, left;                                                                \
    size_t p = 0;                                                                                  \
    for (; p + 64 <= k; p += 64)                                                                   \
      UNROLL for (int q = 0; q < 4; q++) {                                                         \
        memcpy(&right, x + p + 16 * q, sizeof right);                                              \
        PREFIX##load(type, w, p + 16 * q, &left);                                                  \
        sum[q] += left * right;                                                                    \
      }                                                                                            \
    for (; p + 16 <= k; p += 16) {                                                                 \
      memcpy(&right, x + p, sizeof right);                                                         \
      PREFIX##load(type, w, p, &left);                                                             \
      sum[0] += left * right;                                                                      \
    }                                                                                              \
    if (p < k) {                                                                                   \
      PREFIX##load_some(ZZ_FLOAT32, x, p, k - p, &right);                                          \
      PREFIX##load_some(type, w, p, k - p, &left);                                                 \
      sum[0] += left * right;                                                                      \
    }                                                                                              \
    sum[0] += sum[1] + (sum[2] + sum[3]);                                                          \
    float s[16];                                                                                   \
    memcpy(s, &sum[0], sizeof s);                                                                  \
    UNROLL for (int width = 8; width > 0; width /= 2)                                              \
      UNROLL for (int i = 0; i < width; i++) s[i] += s[i + width];                                 \
    return s[0];                                                                                   \
  }                                                                                                \
                                                                                                   \
  TARGET INLINE void PREFIX##rows_typed(                                                           \
      enum zz_type type, const char *w, size_t n, size_t k, size_t stride, const float *x,         \
      size_t x_row, size_t m, float *y, size_t y_row, int accumulate) {                            \
    for (size_t j = 0; j < n; j++) {                                                               \
      for (size_t i = 0; i < m; i++) {                                                             \
        float *out = y + i * y_row + j;                                                            \
        float sum = PREFIX##one_row(type, w + j * stride * size_of(type), k, x + i * x_row);       \
        *out = (accumulate ? *out : 0) + sum;                                                      \
      }                                                                                            \
    }                                                                                              \
  }                                                                                                \
                                                                                                   \
  TARGET static void PREFIX##multiply_rows(                                                        \
      enum zz_type type, const void *w, size_t n, size_t k, size_t stride, const float *x,         \
      size_t x_row, size_t m, float *y, size_t y_row, int accumulate) {                            \
    if (type == ZZ_FLOAT32)                                                                        \
      PREFIX##rows_typed(ZZ_FLOAT32, w, n, k, stride, x, x_row, m, y, y_row, accumulate);          \
    else if (type == ZZ_FLOAT16)                                                                   \
      PREFIX##rows_typed(ZZ_FLOAT16, w, n, k, stride, x, x_row, m, y, y_row, accumulate);          \
    else                                                                                           \
      PREFIX##rows_typed(ZZ_BFLOAT16, w, n, k, stride, x, x_row, m, y, y_row, accumulate);         \
  }

#if defined(__aarch64__)
WEIGHT_ROWS(any_, , CONVERT_HALVES)
#else
WEIGHT_ROWS(any_, , WIDEN_HALVES)
#endif

#if defined(__x86_64__)
WEIGHT_ROWS(avx2_, __attribute__((target("avx2,fma,f16c"))), CONVERT_HALVES)
WEIGHT_ROWS(
    avx512_, __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))),
    CONVERT_HALVES)
#define DISPATCH(CALL)                  \
  switch (level) {                      \
    case 2: avx512_##CALL; break;       \
    case 1: avx2_##CALL; break;         \
    default: any_##CALL; break;         \
  }
#else
#define DISPATCH(CALL) \
  (void)level;         \
  any_##CALL;
#endif

void zz_pack_transposed(
    int level, enum zz_type type, const void *w, size_t n, size_t k, size_t stride, float *panels) {
  DISPATCH(pack_transposed(type, w, n, k, stride, panels))
}

void zz_pack(
    int level, enum zz_type type, const void *w, size_t k, size_t n, size_t stride, float *panels) {
  DISPATCH(pack(type, w, k, n, stride, panels))
}

void zz_multiply_rows(
    int level, enum zz_type type, const void *w, size_t n, size_t k, size_t stride, const float *x,
    size_t x_row, size_t m, float *y, size_t y_row, int accumulate) {
  DISPATCH(multiply_rows(type, w, n, k, stride, x, x_row, m, y, y_row, accumulate))
}
