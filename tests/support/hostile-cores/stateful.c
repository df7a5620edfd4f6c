/*
 * Changes with the number of its calls: a block is a byte that says how the rest is stored, and the rest as it was, or inverted
 * from call AFTER (-DAFTER, by default 5000) on. Either way it comes back: only whoever compares blocks will see it. With
 * -DONLY_DECOMPRESS blocks stay the same, and from that call on the last byte of what is restored is wrong.
 */
#ifndef AFTER
#define AFTER 5000
#endif
enum { CALLS_BEFORE = AFTER };
/* In stored-core.h the word means something else. */
#undef AFTER
#if !defined(ONLY_COMPRESS) && !defined(ONLY_DECOMPRESS)
#define ONLY_COMPRESS
#endif
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-stateful"
#endif
#define OMIT_COMPRESS
#define OMIT_DECOMPRESS
#define OMIT_BOUND
#include "stored-core.h"

static int is_late(enum direction direction) {
  static size_t count = 0;
  return is_turn(direction) && ++count >= CALLS_BEFORE;
}

static void pack(const unsigned char *in, size_t in_len, unsigned char *out) {
  unsigned char mask = is_late(COMPRESS) ? 0xff : 0;
  out[0] = mask;
  for (size_t i = 0; i < in_len; i++) out[i + 1] = in[i] ^ mask;
}

static void unpack(const unsigned char *in, size_t raw_len, unsigned char *out) {
  for (size_t i = 0; i < raw_len; i++) out[i] = in[i + 1] ^ in[0];
  if (is_late(DECOMPRESS)) out[raw_len - 1] ^= 1;
}

#if ABI == 1 || ABI == 12
size_t h4_compress(const void *in, size_t in_len, void **out) {
  *out = malloc(in_len + 1);
  if (*out == NULL) return 0;
  pack(in, in_len, *out);
  return in_len + 1;
}
size_t h4_decompress(const void *in, size_t in_len, void **out) {
  *out = in_len < 2 ? NULL : malloc(in_len - 1);
  if (*out == NULL) return 0;
  unpack(in, in_len - 1, *out);
  return in_len - 1;
}
#endif

#if ABI == 2 || ABI == 12
size_t h4_bound_v2(size_t in_len) { return in_len + 1; }
int32_t h4_compress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  if (in_len >= out_capacity) return H4_E_CAPACITY;
  pack(in, in_len, out);
  *out_len = in_len + 1;
  return H4_OK;
}
int32_t h4_decompress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  if (in_len < 2 || in_len - 1 != out_capacity) return H4_E_CORRUPT;
  unpack(in, out_capacity, out);
  *out_len = out_capacity;
  return H4_OK;
}
#endif
