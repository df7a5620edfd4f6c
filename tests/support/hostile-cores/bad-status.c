/* Version 2 with a status that nobody defined: -DSTATUS, by default -1. Version 1 fails properly. */
#ifndef STATUS
#define STATUS -1
#endif
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-bad-status"
#endif
#define REPLY_V1(direction, in, in_len, out) ((void)(in), (void)(in_len), *(out) = NULL, (size_t)0)
#define REPLY_V2(direction, in, in_len, out, out_capacity, out_len) \
  ((void)(in), (void)(in_len), (void)(out), (void)(out_capacity), *(out_len) = (in_len), (int32_t)(STATUS))
#include "replies.h"
