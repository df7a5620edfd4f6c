/*
 * For cores whose fault is the reply itself: REPLY_V1(direction, in, in_len, out) and
 * REPLY_V2(direction, in, in_len, out, out_capacity, out_len) take the place of the stored codec in the directions that
 * -DONLY_COMPRESS and -DONLY_DECOMPRESS leave to them.
 */
#ifndef REPLIES_H
#define REPLIES_H

#define OMIT_COMPRESS
#define OMIT_DECOMPRESS
#include "stored-core.h"

#if ABI == 1 || ABI == 12
size_t h4_compress(const void *in, size_t in_len, void **out) {
  return is_turn(COMPRESS) ? REPLY_V1(COMPRESS, in, in_len, out) : stored_v1(COMPRESS, in, in_len, out);
}
size_t h4_decompress(const void *in, size_t in_len, void **out) {
  return is_turn(DECOMPRESS) ? REPLY_V1(DECOMPRESS, in, in_len, out) : stored_v1(DECOMPRESS, in, in_len, out);
}
#endif

#if ABI == 2 || ABI == 12
int32_t h4_compress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  return is_turn(COMPRESS) ? REPLY_V2(COMPRESS, in, in_len, out, out_capacity, out_len)
                           : stored_v2(COMPRESS, in, in_len, out, out_capacity, out_len);
}
int32_t h4_decompress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  return is_turn(DECOMPRESS) ? REPLY_V2(DECOMPRESS, in, in_len, out, out_capacity, out_len)
                             : stored_v2(DECOMPRESS, in, in_len, out, out_capacity, out_len);
}
#endif

#endif
