#include "vector_math.h"

#include <string.h>

#pragma clang fp contract(fast)

#if defined(__x86_64__) && defined(__linux__)
/* One copy per x86-64 level, chosen when the program is loaded. */
#define VECTOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define VECTOR
#endif

VECTOR void zz_widen_bfloat16(const uint16_t *restrict x, float *restrict y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = (uint32_t)x[i] << 16;
    memcpy(&y[i], &bits, 4);
  }
}

/* Integer arithmetic only, so that every compiler target gives the same bits: rebias the exponent,
   and scale denormals by a multiplication that is exact. */
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
