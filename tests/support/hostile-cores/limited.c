/*
 * Takes no block of more than LONGEST bytes (-DLONGEST, by default 8 MiB), as it may. It says so with a bound of 0, and with
 * -DBY_STATUS with H4_E_PARAM instead. With -DSHORTEST it also refuses blocks of fewer bytes, which is no length that is too long.
 * Version 2 only: version 1 has no reasons.
 */
#ifndef LONGEST
#define LONGEST 8388608
#endif
#ifndef SHORTEST
#define SHORTEST 0
#endif
#undef ABI
#define ABI 2
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-limited"
#endif
#define OMIT_COMPRESS
#define OMIT_BOUND
#include "stored-core.h"

static int is_refused(size_t in_len) { return in_len > LONGEST || in_len + 1 <= SHORTEST; }

size_t h4_bound_v2(size_t in_len) {
#ifdef BY_STATUS
  return in_len;
#else
  return is_refused(in_len) ? 0 : in_len;
#endif
}

int32_t h4_compress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  if (is_refused(in_len)) return H4_E_PARAM;
  return stored_v2(COMPRESS, in, in_len, out, out_capacity, out_len);
}
