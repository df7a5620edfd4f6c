/* Sleeps for SECONDS (-DSECONDS, by default 600) when a block begins with "SLEEP". */
#define _POSIX_C_SOURCE 200809L
#ifndef SECONDS
#define SECONDS 600
#endif
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-sleeper"
#endif
#define BEFORE(direction, in, in_len) \
  if (is_turn(direction) && begins_with(in, in_len, "SLEEP")) fall_asleep()

#include <time.h>

static inline void fall_asleep(void) {
  struct timespec rest = {SECONDS, 0};
  while (nanosleep(&rest, &rest) != 0) continue;
}

#include "stored-core.h"
