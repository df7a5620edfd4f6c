/*
 * Restores far more than anybody asked for: decompress returns BOMB_MIB MiB (-DBOMB_MIB, by default 512) whatever it gets.
 * Version 1 only: its host cannot say how much it expects, and must look before it copies.
 */
#ifndef BOMB_MIB
#define BOMB_MIB 512
#endif
#undef ABI
#define ABI 1
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-bomb"
#endif
#ifndef ONLY_DECOMPRESS
#define ONLY_DECOMPRESS
#endif
#define REPLY_V1(direction, in, in_len, out) ((void)(in), (void)(in_len), explode(out))

#include <stdlib.h>

static inline size_t explode(void **out) {
  size_t length = (size_t)BOMB_MIB << 20;
  *out = calloc(1, length);
  return *out == NULL ? 0 : length;
}

#include "replies.h"
