/* Version 1 answers with a length and no buffer. Version 2 says H4_OK and leaves *out_len as it was. */
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-returns-null"
#endif
#define REPLY_V1(direction, in, in_len, out) ((void)(in), *(out) = NULL, (in_len))
#define REPLY_V2(direction, in, in_len, out, out_capacity, out_len) \
  ((void)(in), (void)(in_len), (void)(out), (void)(out_capacity), (void)(out_len), H4_OK)
#include "replies.h"
