/*
 * Starts a process at its first call, which sleeps for SECONDS (-DSECONDS, by default 300) and holds open whatever its parent had.
 * With -DSESSION it has a session of its own, so that it is in no group with those who started it.
 */
#define _GNU_SOURCE
#ifndef SECONDS
#define SECONDS 300
#endif
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-leaves-process"
#endif
#include <unistd.h>

static void start(void) {
  static int is_started = 0;
  if (is_started) return;
  is_started = 1;
  if (fork() != 0) return;
#ifdef SESSION
  setsid();
#endif
  sleep(SECONDS);
  _exit(0);
}

#define BEFORE(direction, in, in_len) \
  do {                                \
    if (is_turn(direction)) start();  \
  } while (0)
#include "stored-core.h"
