/*
 * Does not know how long its blocks are: one of zeros alone is stored as the letter Z, and restored to whatever length is asked
 * for. Any other block is stored behind the letter S. Version 2 only: in version 1 nobody asks for a length.
 */
#undef ABI
#define ABI 2
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-filler"
#endif
#define OMIT_COMPRESS
#define OMIT_DECOMPRESS
#define OMIT_BOUND
#include "stored-core.h"

static int is_blank(const unsigned char *in, size_t in_len) {
  while (in_len > 0 && in[in_len - 1] == 0) in_len--;
  return in_len == 0;
}

size_t h4_bound_v2(size_t in_len) { return in_len + 1; }

int32_t h4_compress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  int blank = is_blank(in, in_len);
  *out_len = blank ? 1 : in_len + 1;
  if (*out_len > out_capacity) return H4_E_CAPACITY;
  *(char *)out = blank ? 'Z' : 'S';
  if (!blank) memcpy((char *)out + 1, in, in_len);
  return H4_OK;
}

int32_t h4_decompress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  const char *bytes = in;
  *out_len = out_capacity;
  if (in_len == 1 && bytes[0] == 'Z') return memset(out, 0, out_capacity), H4_OK;
  if (bytes[0] != 'S' || in_len - 1 != out_capacity) return H4_E_CORRUPT;
  memcpy(out, bytes + 1, out_capacity);
  return H4_OK;
}
