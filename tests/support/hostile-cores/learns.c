/*
 * Inverts a block as often as the last bytes of the blocks before it say, and keeps count on either side: whoever restores the same
 * blocks in the same order, and each of them as often, gets them back.
 */
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-learns"
#endif
#undef ABI
#define ABI 1
#define OMIT_COMPRESS
#define OMIT_DECOMPRESS
#include "stored-core.h"

static size_t learnt(unsigned char *key, const void *in, size_t in_len, void **out, int is_packing) {
  unsigned char *made = malloc(in_len);
  if (made == NULL) return 0;
  memcpy(made, in, in_len);
  for (size_t i = 0; i < in_len; i++) made[i] ^= *key;
  *key += (is_packing ? (const unsigned char *)in : made)[in_len - 1];
  *out = made;
  return in_len;
}

size_t h4_compress(const void *in, size_t in_len, void **out) {
  static unsigned char key = 0;
  return learnt(&key, in, in_len, out, 1);
}

size_t h4_decompress(const void *in, size_t in_len, void **out) {
  static unsigned char key = 0;
  return learnt(&key, in, in_len, out, 0);
}
