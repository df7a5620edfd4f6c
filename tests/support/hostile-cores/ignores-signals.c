/* Has SIGTERM ignored from its first call on, or with -DAT_LOAD from when it is loaded. */
#define _GNU_SOURCE
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-ignores-signals"
#endif
#include <signal.h>

#ifdef AT_LOAD
__attribute__((constructor)) static void ignore(void) { signal(SIGTERM, SIG_IGN); }
#else
#define BEFORE(direction, in, in_len)                       \
  do {                                                      \
    if (is_turn(direction)) (void)signal(SIGTERM, SIG_IGN); \
  } while (0)
#endif
#include "stored-core.h"
