#include "matrix_product.h"

#include <string.h>

#include "vector_math.h"

#pragma clang fp contract(fast)

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

typedef float lanes __attribute__((vector_size(64), aligned(4)));

/* Blocks of A and B that stay in the caches: a family's rows of A by its depth, at most DEPTH, in the first level,
   that depth by `across` of B in the second: 192 KiB with AVX2, since most of its CPUs hold 512 there. */
#define DEPTH 512

/* A kernel multiplies up to `rows` rows of A by `width` columns of one panel, all sums in registers. */
typedef void kernel(
    size_t k, const float *a, size_t a_row, size_t a_column, const float *b, size_t b_row, float *c,
    size_t c_row, int accumulate);

/* Vectors stay inside one function: by value their width would be part of the calling convention. */
#define KERNEL(NAME, TARGET, ROWS, PARTS)                                                        \
  TARGET static void NAME(                                                                       \
      size_t k, const float *a, size_t a_row, size_t a_column, const float *b, size_t b_row,     \
      float *c, size_t c_row, int accumulate) {                                                  \
    lanes sum[ROWS][PARTS], right[PARTS], before;                                                \
    UNROLL for (int i = 0; i < ROWS; i++) UNROLL for (int h = 0; h < PARTS; h++) sum[i][h] =     \
        (lanes){};                                                                               \
    for (size_t p = 0; p < k; p++) {                                                             \
      UNROLL for (int h = 0; h < PARTS; h++) memcpy(&right[h], b + p * b_row + 16 * h, 64);      \
      UNROLL for (int i = 0; i < ROWS; i++) {                                                    \
        float left = a[i * a_row + p * a_column];                                                \
        UNROLL for (int h = 0; h < PARTS; h++) sum[i][h] += left * right[h];                     \
      }                                                                                          \
    }                                                                                            \
    UNROLL for (int i = 0; i < ROWS; i++) UNROLL for (int h = 0; h < PARTS; h++) {               \
      float *out = c + i * c_row + 16 * h;                                                       \
      if (accumulate) {                                                                          \
        memcpy(&before, out, 64);                                                                \
        sum[i][h] += before;                                                                     \
      }                                                                                          \
      memcpy(out, &sum[i][h], 64);                                                               \
    }                                                                                            \
  }

/* Every number of rows up to a family's largest, so that no row is computed in vain. For so few rows a
   block of B, `depth` by `across`, is read from the second-level cache once. */
struct family {
  size_t rows, width, depth, across;
  kernel *kernels[15];
};

#define SIX(PREFIX, TARGET, PARTS)                                                         \
  KERNEL(PREFIX##1, TARGET, 1, PARTS)                                                      \
  KERNEL(PREFIX##2, TARGET, 2, PARTS)                                                      \
  KERNEL(PREFIX##3, TARGET, 3, PARTS)                                                      \
  KERNEL(PREFIX##4, TARGET, 4, PARTS)                                                      \
  KERNEL(PREFIX##5, TARGET, 5, PARTS)                                                      \
  KERNEL(PREFIX##6, TARGET, 6, PARTS)
#define NAMES(P) P##1, P##2, P##3, P##4, P##5, P##6

SIX(any, , 1)
#if defined(__aarch64__)
static const struct family any_family = {6, 16, DEPTH, 384, {0, NAMES(any)}};
#else
/* Sixteen registers of four floats hold the sums of three rows. */
static const struct family any_family = {3, 16, DEPTH, 384, {0, NAMES(any)}};
#endif

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))

/* AVX2 has sixteen registers of eight floats: twelve hold the sums of three rows, three the left factors, and one
   the right ones, each read as it is used. Read before, as above, they would not all fit; and six rows by half a
   panel would read every other line of it, which lie in half of the first-level cache. */
typedef float eight __attribute__((vector_size(32), aligned(4)));
#define AVX2_KERNEL(ROWS)                                                                        \
  AVX2 static void avx2_##ROWS(                                                                  \
      size_t k, const float *a, size_t a_row, size_t a_column, const float *b, size_t b_row,     \
      float *c, size_t c_row, int accumulate) {                                                  \
    eight sum[ROWS][4], right;                                                                   \
    float left[ROWS];                                                                            \
    UNROLL for (int i = 0; i < ROWS; i++) UNROLL for (int h = 0; h < 4; h++) sum[i][h] =         \
        (eight){};                                                                               \
    _Pragma("clang loop unroll_count(4)") for (size_t p = 0; p < k; p++) {                       \
      UNROLL for (int i = 0; i < ROWS; i++) left[i] = a[i * a_row];                              \
      UNROLL for (int h = 0; h < 4; h++) {                                                       \
        memcpy(&right, b + 8 * h, 32);                                                           \
        UNROLL for (int i = 0; i < ROWS; i++) sum[i][h] += left[i] * right;                      \
      }                                                                                          \
      a += a_column;                                                                             \
      b += b_row;                                                                                \
    }                                                                                            \
    UNROLL for (int i = 0; i < ROWS; i++) UNROLL for (int h = 0; h < 4; h++) {                   \
      float *out = c + i * c_row + 8 * h;                                                        \
      if (accumulate) {                                                                          \
        memcpy(&right, out, 32);                                                                 \
        sum[i][h] += right;                                                                      \
      }                                                                                          \
      memcpy(out, &sum[i][h], 32);                                                               \
    }                                                                                            \
  }
AVX2_KERNEL(1)
AVX2_KERNEL(2)
AVX2_KERNEL(3)
SIX(avx512_, AVX512, 2)
KERNEL(avx512_7, AVX512, 7, 2)
KERNEL(avx512_8, AVX512, 8, 2)
KERNEL(avx512_9, AVX512, 9, 2)
KERNEL(avx512_10, AVX512, 10, 2)
KERNEL(avx512_11, AVX512, 11, 2)
KERNEL(avx512_12, AVX512, 12, 2)
KERNEL(avx512_13, AVX512, 13, 2)
KERNEL(avx512_14, AVX512, 14, 2)
static const struct family avx2_family = {3, 32, 128, 384, {0, avx2_1, avx2_2, avx2_3}};
static const struct family avx512_family = {
    14,
    32,
    DEPTH,
    384,
    {0, NAMES(avx512_), avx512_7, avx512_8, avx512_9, avx512_10, avx512_11, avx512_12, avx512_13,
     avx512_14}};
static const struct family *const families[] = {&any_family, &avx2_family, &avx512_family};
#else
static const struct family *const families[] = {&any_family, &any_family, &any_family};
#endif

static int highest_level = 0;

__attribute__((constructor)) static void find_highest_level(void) {
#if defined(__x86_64__)
  int has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                 __builtin_cpu_supports("f16c");
  highest_level = zz_has_avx512() ? 2 : has_avx2 ? 1 : 0;
#endif
}

int zz_product_level(void) { return highest_level; }

#define MOST_ROWS 14
/* A copied row starts this far from the next: not a power of two, which the caches dislike. */
#define COPIED_ROW (DEPTH + 16)

struct operand {
  const float *start;
  size_t row, column;
};

/* The last columns of a panel that is not full: through a copy of B and a tile of its own. */
static void multiply_edge(
    kernel *multiply, size_t rows, size_t width, size_t k, const struct operand *a, const float *b,
    size_t b_row, size_t columns, float *c, size_t c_row, int accumulate) {
  float panel[DEPTH * ZZ_PANEL], tile[MOST_ROWS * ZZ_PANEL];
  for (size_t p = 0; p < k; p++) {
    memcpy(panel + p * width, b + p * b_row, columns * sizeof *b);
    memset(panel + p * width + columns, 0, (width - columns) * sizeof *b);
  }
  multiply(k, a->start, a->row, a->column, panel, width, tile, width, 0);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++)
      c[i * c_row + j] = (accumulate ? c[i * c_row + j] : 0) + tile[i * width + j];
}

/* `rows` rows of A, no more than the family's, by `n` columns; `k` is at most DEPTH. */
static void multiply_rows_by_panels(
    const struct family *family, size_t rows, size_t n, size_t k, const struct operand *a,
    const float *b, size_t b_panel, size_t b_row, float *c, size_t c_row, int accumulate) {
  kernel *multiply = family->kernels[rows];
  for (size_t j = 0; j < n; j += family->width) {
    const float *right = b + j / ZZ_PANEL * b_panel + j % ZZ_PANEL;
    if (n - j >= family->width)
      multiply(k, a->start, a->row, a->column, right, b_row, c + j, c_row, accumulate);
    else
      multiply_edge(
          multiply, rows, family->width, k, a, right, b_row, n - j, c + j, c_row, accumulate);
  }
}

/* Rows of A one behind the other, where they lie a multiple of a page apart, and so would all be
   kept in the same few lines of the first-level cache. */
static void copy_rows(struct operand *a, size_t rows, size_t k, float *copy) {
  if (a->column != 1 || a->row * sizeof(float) % 4096 != 0) return;
  for (size_t i = 0; i < rows; i++)
    memcpy(copy + i * COPIED_ROW, a->start + i * a->row, k * sizeof *copy);
  a->start = copy;
  a->row = COPIED_ROW;
}

void zz_multiply(
    int level, size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_column,
    const float *b, size_t b_panel, size_t b_row, float *c, size_t c_row, int accumulate) {
  const struct family *family = families[level];
  size_t blocks = (m + family->rows - 1) / family->rows;
  float copy[MOST_ROWS * COPIED_ROW];
  if (k == 0 && !accumulate)
    for (size_t i = 0; i < m; i++) memset(c + i * c_row, 0, n * sizeof *c);
  /* Blocks of B of about one width, whole panels each. */
  size_t parts = (n + family->across - 1) / family->across;
  size_t even = parts ? (n + parts - 1) / parts : 0;
  size_t width = (even + ZZ_PANEL - 1) / ZZ_PANEL * ZZ_PANEL;
  for (size_t p = 0; p < k; p += family->depth) {
    size_t depth = k - p < family->depth ? k - p : family->depth;
    for (size_t j = 0; j < n; j += width) {
      size_t columns = n - j < width ? n - j : width;
      const float *right = b + j / ZZ_PANEL * b_panel + p * b_row;
      for (size_t block = 0; block < blocks; block++) {
        size_t first = block * m / blocks, rows = (block + 1) * m / blocks - first;
        struct operand left = {a + first * a_row + p * a_column, a_row, a_column};
        copy_rows(&left, rows, depth, copy);
        multiply_rows_by_panels(
            family, rows, columns, depth, &left, right, b_panel, b_row, c + first * c_row + j, c_row,
            accumulate || p > 0);
      }
    }
  }
}
