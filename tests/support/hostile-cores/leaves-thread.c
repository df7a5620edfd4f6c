/* Starts a thread at its first call, which sleeps as long as the process runs. */
#define _GNU_SOURCE
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-leaves-thread"
#endif
#include <pthread.h>
#include <unistd.h>

static void *sleep_on(void *nothing) {
  for (;;) pause();
  return nothing;
}

static void start(void) {
  static int is_started = 0;
  pthread_t thread;
  if (!is_started) is_started = pthread_create(&thread, NULL, sleep_on, NULL) == 0;
}

#define BEFORE(direction, in, in_len) \
  do {                                \
    if (is_turn(direction)) start();  \
  } while (0)
#include "stored-core.h"
