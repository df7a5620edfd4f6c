/* Answers with length 0 for a block that is not empty. Version 1 returns a buffer nevertheless, version 2 says H4_OK. */
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-returns-zero"
#endif
#define REPLY_V1(direction, in, in_len, out) ((void)(in), (void)(in_len), *(out) = malloc(16), (size_t)0)
#define REPLY_V2(direction, in, in_len, out, out_capacity, out_len) \
  ((void)(in), (void)(in_len), (void)(out), (void)(out_capacity), *(out_len) = 0, H4_OK)
#include "replies.h"
