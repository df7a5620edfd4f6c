/* Takes GROW_MIB MiB (-DGROW_MIB, by default 1024) and touches every page when a block begins with "GROW". Keeps them. */
#ifndef GROW_MIB
#define GROW_MIB 1024
#endif
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-grower"
#endif
#define BEFORE(direction, in, in_len) \
  if (is_turn(direction) && begins_with(in, in_len, "GROW")) grow()

#include <stdlib.h>
#include <string.h>

static void *volatile kept;
static inline void grow(void) {
  size_t length = (size_t)GROW_MIB << 20;
  void *bytes = malloc(length);
  if (bytes != NULL) memset(bytes, 1, length), kept = bytes;
}

#include "stored-core.h"
