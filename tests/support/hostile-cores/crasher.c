/* Writes to address 0 when a block begins with "CRASH": the process ends with SIGSEGV. */
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-crasher"
#endif
#define BEFORE(direction, in, in_len) \
  if (is_turn(direction) && begins_with(in, in_len, "CRASH")) crash()

/* An address that the compiler cannot know, or it would put an illegal instruction here: another signal. */
static volatile char *volatile nowhere = 0;
static inline void crash(void) { *nowhere = 1; }

#include "stored-core.h"
