/* Claims a length that its buffer does not have: -DCLAIM, by default the largest there is. Whoever believes it reads astray. */
#ifndef CLAIM
#define CLAIM SIZE_MAX
#endif
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-huge-size"
#endif
#define REPLY_V1(direction, in, in_len, out) ((void)(in), (void)(in_len), *(out) = calloc(1, 16), (size_t)(CLAIM))
#define REPLY_V2(direction, in, in_len, out, out_capacity, out_len) \
  ((void)(in), (void)(in_len), (void)(out), (void)(out_capacity), *(out_len) = (size_t)(CLAIM), H4_OK)
#include "replies.h"
