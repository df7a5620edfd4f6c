/*
 * FAULTY ON PURPOSE. A re-creation of the two faults of the example stub that was once published for version 1, so that
 * tests can show what a host has to survive. cores/stub/stub.c is the one to copy.
 *
 * Fault 1: decompress takes twice the input for its buffer. A pair (value, count) can stand for 255 bytes, and so the stub
 *          writes over the heap on its own, perfectly valid output.
 * Fault 2: decompress reads pairs without looking whether a second byte is there: the last step over an odd number of bytes
 *          reads one byte behind the input.
 */
#include "h4_engine.h"

#include <stdlib.h>

size_t h4_compress(const void *in_ptr, size_t in_len, void **out_ptr) {
  const unsigned char *in = in_ptr;
  unsigned char *out = malloc(in_len * 2);
  size_t used = 0;
  for (size_t i = 0; i < in_len;) {
    unsigned char value = in[i];
    unsigned char count = 0;
    while (i < in_len && in[i] == value && count < 255) i++, count++;
    out[used++] = value;
    out[used++] = count;
  }
  *out_ptr = out;
  return used;
}

size_t h4_decompress(const void *in_ptr, size_t in_len, void **out_ptr) {
  const unsigned char *in = in_ptr;
  unsigned char *out = malloc(in_len * 2); /* fault 1 */
  size_t used = 0;
  for (size_t i = 0; i < in_len; i += 2) {
    unsigned char count = in[i + 1]; /* fault 2 */
    for (unsigned char k = 0; k < count; k++) out[used++] = in[i];
  }
  *out_ptr = out;
  return used;
}

void h4_free(void *p) { free(p); }

const char *h4_engine_id(void) { return "h4stub-rle-v1"; }
