/* compress gives the same eight bytes for every block. decompress is the stored one, so that no block comes back. */
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-garbage"
#endif
#ifndef ONLY_COMPRESS
#define ONLY_COMPRESS
#endif
#define OMIT_BOUND
#define REPLY_V1(direction, in, in_len, out) ((void)(in), (void)(in_len), garbage_v1(out))
#define REPLY_V2(direction, in, in_len, out, out_capacity, out_len) \
  ((void)(in), (void)(in_len), garbage_v2(out, out_capacity, out_len))

#include "h4_engine.h"

#include <stdlib.h>
#include <string.h>

static const unsigned char GARBAGE[8] = {0xDE, 0xAD, 0xBE, 0xEF, 0xDE, 0xAD, 0xBE, 0xEF};

static inline size_t garbage_v1(void **out) {
  *out = malloc(sizeof GARBAGE);
  if (*out == NULL) return 0;
  memcpy(*out, GARBAGE, sizeof GARBAGE);
  return sizeof GARBAGE;
}

static inline int32_t garbage_v2(void *out, size_t out_capacity, size_t *out_len) {
  if (out_capacity < sizeof GARBAGE) return H4_E_CAPACITY;
  memcpy(out, GARBAGE, sizeof GARBAGE);
  *out_len = sizeof GARBAGE;
  return H4_OK;
}

#include "replies.h"

#if ABI == 2 || ABI == 12
size_t h4_bound_v2(size_t in_len) { return in_len < sizeof GARBAGE ? sizeof GARBAGE : in_len; }
#endif
