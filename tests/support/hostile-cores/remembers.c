/*
 * Puts out the number of the block, and keeps the block itself in memory. As long as it runs everything comes back; in the
 * next process nothing does. The honest form of this fault is a dictionary that outlives the call.
 */
#include "h4_engine.h"

#include <stdlib.h>
#include <string.h>

#define MOST 4096

static struct {
  void *bytes;
  size_t length;
} kept[MOST];
static unsigned count;

const char *h4_engine_id(void) { return "h4test-remembers"; }

void h4_free(void *p) { free(p); }

size_t h4_compress(const void *in, size_t in_len, void **out) {
  if (count == MOST) return 0;
  kept[count].bytes = malloc(in_len);
  *out = malloc(sizeof count);
  if (kept[count].bytes == NULL || *out == NULL) return 0;
  memcpy(kept[count].bytes, in, in_len);
  kept[count].length = in_len;
  memcpy(*out, &count, sizeof count);
  count++;
  return sizeof count;
}

size_t h4_decompress(const void *in, size_t in_len, void **out) {
  unsigned number = 0;
  if (in_len != sizeof number) return 0;
  memcpy(&number, in, sizeof number);
  if (number >= count) return 0;
  *out = malloc(kept[number].length);
  if (*out == NULL) return 0;
  memcpy(*out, kept[number].bytes, kept[number].length);
  return kept[number].length;
}
