/* Writes a line to standard output in every call, where a host may be sending blocks, or to descriptor -DDESCRIPTOR. */
#define _POSIX_C_SOURCE 200809L
#ifndef DESCRIPTOR
#define DESCRIPTOR 1
#endif
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-printer"
#endif
#define BEFORE(direction, in, in_len) print(is_turn(direction))

#include <unistd.h>

static inline void print(int turn) {
  static const char line[] = "this core is talkative\n";
  if (turn && write(DESCRIPTOR, line, sizeof line - 1) < 0) return;
}

#include "stored-core.h"
