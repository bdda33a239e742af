#include <cblas.h>

/* Names of OpenBLAS's own that its cblas.h of 0.3.21 does not declare in every build. */
char *openblas_get_corename(void);
char *openblas_get_config(void);
