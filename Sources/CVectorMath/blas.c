#include "blas.h"

#include <dlfcn.h>
#include <stdlib.h>

/* Of cblas.h: CblasRowMajor, CblasNoTrans. */
enum { ROW_MAJOR = 101, NO_TRANSPOSE = 111 };

typedef void sgemm_function(
    int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
    int lda, const float *b, int ldb, float beta, float *c, int ldc);

static sgemm_function *sgemm;
static char *(*kernel)(void);

int zz_blas_load(void) {
  if (sgemm) return 1;
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  static const char *const names[] = {"libopenblas.so.0", "libopenblas.so", "libopenblas.dylib"};
  void *library = NULL;
  for (unsigned i = 0; !library && i < sizeof names / sizeof *names; i++) {
    library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  }
  if (!library) return 0;
  kernel = (char *(*)(void))dlsym(library, "openblas_get_corename");
  sgemm = (sgemm_function *)dlsym(library, "cblas_sgemm");
  return sgemm != NULL;
}

const char *zz_blas_kernel(void) { return kernel ? kernel() : NULL; }

void zz_blas_multiply(int m, int n, int k, const float *a, const float *b, float *c) {
  sgemm(ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, m, n, k, 1, a, k, b, n, 0, c, n);
}
