/*
 * Writes past the end of the host's buffer: OVERRUN bytes (-DOVERRUN, by default 64) after out_capacity, then says H4_OK.
 * Version 2 only. Nothing inside the process can prevent it; a guard behind the buffer can notice it.
 */
#ifndef OVERRUN
#define OVERRUN 64
#endif
#undef ABI
#define ABI 2
#ifndef ENGINE_ID
#define ENGINE_ID "h4test-overrun"
#endif
#define REPLY_V2(direction, in, in_len, out, out_capacity, out_len) overrun(in, in_len, out, out_capacity, out_len)

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline int32_t overrun(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  memset(out, 0xAA, out_capacity + OVERRUN);
  memcpy(out, in, in_len < out_capacity ? in_len : out_capacity);
  *out_len = in_len < out_capacity ? in_len : out_capacity;
  return 0;
}

#include "replies.h"
