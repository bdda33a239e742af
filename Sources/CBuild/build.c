#include "build.h"

const char *zz_commit(void) { return ZIGZAG_COMMIT; }
