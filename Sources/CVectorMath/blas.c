#include "blas.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* Of cblas.h. */
enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111, TRANSPOSE = 112 };

typedef void sgemm_function(
    int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
    int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef void sgemv_function(
    int order, int transpose, int m, int n, float alpha, const float *a, int lda, const float *x,
    int incx, float beta, float *y, int incy);

static void *library;
static sgemm_function *sgemm;
static sgemv_function *sgemv;

static void *open_library(void) {
  static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", "libopenblas.dylib"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    void *found = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (found) return found;
  }
  return NULL;
}

int zz_blas_load(const char *kernels) {
  if (library) dlclose(library);
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  if (kernels) setenv("OPENBLAS_CORETYPE", kernels, 1);
  library = open_library();
  sgemm = library ? (sgemm_function *)dlsym(library, "cblas_sgemm") : NULL;
  sgemv = library ? (sgemv_function *)dlsym(library, "cblas_sgemv") : NULL;
  if (kernels && !(sgemm && sgemv)) unsetenv("OPENBLAS_CORETYPE");
  return sgemm && sgemv;
}

/* What a function of OpenBLAS without arguments says. */
static const char *text_of(const char *name) {
  char *(*function)(void) = library ? (char *(*)(void))dlsym(library, name) : NULL;
  return function ? function() : NULL;
}

const char *zz_blas_kernel(void) { return text_of("openblas_get_corename"); }
const char *zz_blas_configuration(void) { return text_of("openblas_get_config"); }

/* The distance of rows of at least `length` elements: where there is one row, views may give less. */
static int leading(size_t stride, size_t length) {
  return (int)(stride > length ? stride : length > 0 ? length : 1);
}

void zz_blas_multiply(
    size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_column, const float *b,
    size_t b_row, size_t b_column, float *c, size_t c_row, int accumulate) {
  int a_plain = a_column == 1, b_plain = b_column == 1;
  if (m == 0 || n == 0) return;
  sgemm(
      ROW_MAJOR, a_plain ? NO_TRANSPOSE : TRANSPOSE, b_plain ? NO_TRANSPOSE : TRANSPOSE, (int)m,
      (int)n, (int)k, 1, a, a_plain ? leading(a_row, k) : leading(a_column, m), b,
      b_plain ? leading(b_row, n) : leading(b_column, k), (float)(accumulate != 0), c,
      leading(c_row, n));
}

void zz_blas_multiply_rows(
    const float *w, size_t n, size_t k, size_t stride, const float *x, size_t x_row, size_t m,
    float *y, size_t y_row, int accumulate) {
  if (n == 0) return;
  for (size_t i = 0; i < m; i++) {
    float *out = y + i * y_row;
    /* Some versions keep a NaN of y under a factor of 0. */
    if (!accumulate) memset(out, 0, n * sizeof *out);
    sgemv(
        ROW_MAJOR, NO_TRANSPOSE, (int)n, (int)k, 1, w, leading(stride, k), x + i * x_row, 1, 1, out,
        1);
  }
}
