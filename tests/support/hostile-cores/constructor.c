/*
 * Runs code as soon as it is loaded, before any function of it is called: it creates the file that the environment variable
 * H4_TEST_MARKER names. A host that loads first and measures afterwards leaves that file behind.
 */
#define _POSIX_C_SOURCE 200809L
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-constructor"
#endif
#include "stored-core.h"

#include <stdio.h>

__attribute__((constructor)) static void when_loaded(void) {
  const char *path = getenv("H4_TEST_MARKER");
  FILE *marker = path == NULL ? NULL : fopen(path, "w");
  if (marker == NULL) return;
  fputs("loaded\n", marker);
  fclose(marker);
}
