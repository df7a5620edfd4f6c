/*
 * The smallest complete core: run-length pairs of (value, count), count 1..255. Version 1 of the interface only.
 * Both directions make two passes: measure, then allocate exactly what was measured. It is here to be read and copied.
 */
#include "h4_engine.h"

#include <stdlib.h>

/* Length of the run that starts at in[i]: at least 1, at most 255. */
static size_t run_at(const unsigned char *in, size_t in_len, size_t i) {
  size_t run = 1;
  while (run < 255 && run < in_len - i && in[i + run] == in[i]) run++;
  return run;
}

size_t h4_compress(const void *in_ptr, size_t in_len, void **out_ptr) {
  const unsigned char *in = in_ptr;
  *out_ptr = NULL;
  if (in_len == 0 || in_len > H4_MAX_BLOCK) return 0; /* below, 2 * pairs cannot overflow */

  size_t pairs = 0;
  for (size_t i = 0; i < in_len; i += run_at(in, in_len, i)) pairs++;

  unsigned char *out = malloc(2 * pairs);
  if (out == NULL) return 0;
  for (size_t i = 0, o = 0; i < in_len; o += 2) {
    size_t run = run_at(in, in_len, i);
    out[o] = in[i];
    out[o + 1] = (unsigned char)run;
    i += run;
  }
  *out_ptr = out;
  return 2 * pairs;
}

size_t h4_decompress(const void *in_ptr, size_t in_len, void **out_ptr) {
  const unsigned char *in = in_ptr;
  *out_ptr = NULL;
  if (in_len == 0 || in_len % 2 != 0) return 0; /* half a pair: reading on would leave the input */

  size_t total = 0;
  for (size_t i = 1; i < in_len; i += 2) {
    if (in[i] == 0) return 0;                        /* no encoder writes an empty run */
    if (in[i] > H4_MAX_BLOCK - total) return 0;      /* compared before it is added: total never overflows */
    total += in[i];
  }

  unsigned char *out = malloc(total);
  if (out == NULL) return 0;
  for (size_t i = 0, o = 0; i < in_len; i += 2) {
    for (unsigned run = in[i + 1]; run > 0; run--) out[o++] = in[i];
  }
  *out_ptr = out;
  return total;
}

void h4_free(void *p) { free(p); }

const char *h4_engine_id(void) { return "h4stub-rle-v1"; }
