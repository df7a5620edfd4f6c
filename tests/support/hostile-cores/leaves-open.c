/* Leaves a descriptor open in every call. */
#define _GNU_SOURCE
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-leaves-open"
#endif
#include <fcntl.h>

#define BEFORE(direction, in, in_len)                                                  \
  do {                                                                                 \
    if (is_turn(direction) && open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) (void)in_len; \
  } while (0)
#include "stored-core.h"
