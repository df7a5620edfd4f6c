/* Never releases a buffer: h4_free does nothing. Version 2 leaks as much as it was given to read. */
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-leaker"
#endif
#define OMIT_FREE
#define BEFORE(direction, in, in_len) leak(is_turn(direction) && ABI != 1, in_len)

#include <stdlib.h>
#include <string.h>

static void *volatile lost;
static inline void leak(int turn, size_t length) {
  void *bytes = turn ? malloc(length) : 0;
  if (bytes != 0) memset(bytes, 1, length), lost = bytes;
}

#include "stored-core.h"

void h4_free(void *p) { lost = p; }
