/*
 * Computes wrongly, but rarely: of the bytes that it has put out since it was loaded, each one whose number is a multiple of
 * EVERY (-DEVERY, by default 100000; the first byte is number 1) has its lowest bit inverted. In one direction only, by
 * default in compress: two faults could cancel each other out.
 */
#ifndef EVERY
#define EVERY 100000
#endif
#if !defined(ONLY_COMPRESS) && !defined(ONLY_DECOMPRESS)
#define ONLY_COMPRESS
#endif
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-flips"
#endif
#define AFTER(direction, out, out_len) flip(is_turn(direction), out, out_len)

#include <stddef.h>

static inline void flip(int turn, unsigned char *out, size_t out_len) {
  static size_t count = 0;
  if (!turn) return;
  for (size_t i = 0; i < out_len; i++) {
    if (++count % EVERY == 0) out[i] ^= 1;
  }
}

#include "stored-core.h"
