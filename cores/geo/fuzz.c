/*
 * fuzz.c: libFuzzer on geo.c. The first byte chooses: the rest is decompressed, at one of several capacities, or compressed and restored.
 *
 *     clang-14 -std=c11 -O2 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o geo-fuzz fuzz.c geo.c
 *
 * Buffers are exactly as long as they are said to be, so that AddressSanitizer sees one byte too many. Output is filled with
 * two different patterns: a decoder that reads before it writes gives two different blocks.
 */
#include <stdlib.h>
#include <string.h>

#include "../include/h4_engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decompress(const uint8_t *in, size_t length, size_t capacity) {
  uint8_t *one = malloc(capacity ? capacity : 1), *two = malloc(capacity ? capacity : 1);
  size_t one_size = 0, two_size = 0;
  if (!one || !two) abort();
  memset(one, 0x55, capacity);
  memset(two, 0xaa, capacity);
  int32_t one_status = h4_decompress_v2(in, length, one, capacity, &one_size);
  int32_t two_status = h4_decompress_v2(in, length, two, capacity, &two_size);
  if (one_status != two_status) abort();
  if (one_status == H4_OK && (one_size > capacity || one_size != two_size || memcmp(one, two, one_size) != 0)) abort();

  void *block = NULL;
  size_t block_size = h4_decompress(in, length, &block);
  if (one_status == H4_OK && one_size > 0 && (block_size != one_size || memcmp(block, one, one_size) != 0)) abort();
  if (block_size > H4_MAX_BLOCK || (block_size == 0 && block)) abort();
  h4_free(block);
  free(one);
  free(two);
}

static void round_trip(const uint8_t *in, size_t size) {
  size_t bound = h4_bound_v2(size), length = 0, again = 0, restored = 0;
  uint8_t *packed = malloc(bound), *back = malloc(size);
  if (!packed || !back) abort();
  if (h4_compress_v2(in, size, packed, bound, &length) != H4_OK || length == 0 || length > bound) abort();
  uint8_t *tight = malloc(length);
  if (!tight) abort();
  if (h4_compress_v2(in, size, tight, length, &again) != H4_OK || again != length) abort();
  if (memcmp(tight, packed, length) != 0) abort();
  if (h4_compress_v2(in, size, tight, length - 1, &again) != H4_E_CAPACITY) abort();
  if (h4_decompress_v2(packed, length, back, size, &restored) != H4_OK) abort();
  if (restored != size || memcmp(back, in, size) != 0) abort();
  free(packed);
  free(back);
  free(tight);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const size_t capacities[] = {1, 15, 16, 17, 33, 255, 256, 600, 4096, 16384, 65536, 131073, 300000};
  if (size < 2) return 0;
  uint8_t *input = malloc(size - 1);
  if (!input) abort();
  memcpy(input, data + 1, size - 1);
  if (data[0] < 208) decompress(input, size - 1, capacities[data[0] % (sizeof capacities / sizeof *capacities)]);
  else round_trip(input, size - 1);
  free(input);
  return 0;
}
