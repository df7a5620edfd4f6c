/*
 * What the cores of this folder share: a correct core that stores blocks as they are. A hostile core includes it and spoils
 * one thing, through the macros below. Which versions of the interface are exported is chosen at compile time, with -DABI.
 *
 *     ABI            1 (the default), 2, or 12 for both
 *     ENGINE_ID      the id, a C string or NULL; every core has one of its own
 *     NO_ENGINE_ID   leaves out h4_engine_id
 *     ENGINE_FP      the declared fingerprint, as the inside of an initialiser; without it there is no h4_engine_fp
 *     ONLY_COMPRESS, ONLY_DECOMPRESS   misbehave in one direction; without them in both
 *     OMIT_...       leaves out a symbol
 */
#ifndef STORED_CORE_H
#define STORED_CORE_H

#include "h4_engine.h"

#include <stdlib.h>
#include <string.h>

#ifndef ABI
#define ABI 1
#endif

enum direction { COMPRESS, DECOMPRESS };

/* Whether this call is one in which to misbehave. */
static inline int is_turn(enum direction direction) {
#if defined(ONLY_COMPRESS)
  return direction == COMPRESS;
#elif defined(ONLY_DECOMPRESS)
  return direction == DECOMPRESS;
#else
  (void)direction;
  return 1;
#endif
}

/* Whether the block begins with this word. Stored blocks do so on both sides. */
static inline int begins_with(const void *in, size_t in_len, const char *word) {
  size_t length = strlen(word);
  return in_len >= length && memcmp(in, word, length) == 0;
}

/* What a core does before and after its work; a core defines them before the include. */
#ifndef BEFORE
#define BEFORE(direction, in, in_len) ((void)(direction))
#endif
#ifndef AFTER
#define AFTER(direction, out, out_len) ((void)(direction))
#endif

#if ABI == 1 || ABI == 12
static inline size_t stored_v1(enum direction direction, const void *in, size_t in_len, void **out) {
  BEFORE(direction, in, in_len);
  *out = malloc(in_len);
  if (*out == NULL) return 0;
  memcpy(*out, in, in_len);
  AFTER(direction, *out, in_len);
  return in_len;
}
#ifndef OMIT_COMPRESS
size_t h4_compress(const void *in, size_t in_len, void **out) { return stored_v1(COMPRESS, in, in_len, out); }
#endif
#ifndef OMIT_DECOMPRESS
size_t h4_decompress(const void *in, size_t in_len, void **out) { return stored_v1(DECOMPRESS, in, in_len, out); }
#endif
#endif

#if ABI == 2 || ABI == 12
static inline int32_t stored_v2(enum direction direction, const void *in, size_t in_len, void *out,
                                size_t out_capacity, size_t *out_len) {
  BEFORE(direction, in, in_len);
  if (in_len > out_capacity) return H4_E_CAPACITY;
  memcpy(out, in, in_len);
  *out_len = in_len;
  AFTER(direction, out, in_len);
  return H4_OK;
}
#ifndef OMIT_COMPRESS
int32_t h4_compress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  return stored_v2(COMPRESS, in, in_len, out, out_capacity, out_len);
}
#endif
#ifndef OMIT_DECOMPRESS
int32_t h4_decompress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  return stored_v2(DECOMPRESS, in, in_len, out, out_capacity, out_len);
}
#endif
#ifndef OMIT_BOUND
size_t h4_bound_v2(size_t in_len) { return in_len; }
#endif
#endif

#ifndef OMIT_FREE
void h4_free(void *p) { free(p); }
#endif

#if defined(ENGINE_ID) && !defined(NO_ENGINE_ID)
const char *h4_engine_id(void) { return ENGINE_ID; }
#endif

#ifdef ENGINE_FP
const unsigned char *h4_engine_fp(void) {
  static const unsigned char fingerprint[H4_FP_BYTES] = {ENGINE_FP};
  return fingerprint;
}
#endif

#endif
