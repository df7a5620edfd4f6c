/**
 * A small host in C, compiled when it is needed: valgrind watches every access of a core here, without the megabytes of a
 * JavaScript engine around it. It calls both versions of the interface, with buffers of exactly the length that was agreed.
 *
 *     driver LIB BLOCKS DAMAGES      BLOCKS is a file of u32le length and bytes, over and over
 *
 * Exits with 0, with 2 if it could not do its work, with 3 and a line on standard output at the first wrong answer.
 */
export const MEMCHECK_DRIVER = String.raw`
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef size_t (*v1_fn)(const void *, size_t, void **);
typedef int32_t (*v2_fn)(const void *, size_t, void *, size_t, size_t *);
typedef size_t (*bound_fn)(size_t);
typedef void (*free_fn)(void *);

static v1_fn compress_v1, decompress_v1;
static v2_fn compress_v2, decompress_v2;
static bound_fn bound_v2;
static free_fn release;
static uint32_t seed = 0x6861726d;

static uint32_t below(uint32_t end) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed % end;
}

static void *copy_of(const void *bytes, size_t length) {
  void *copy = malloc(length > 0 ? length : 1);
  if (copy == NULL) exit(2);
  if (length > 0) memcpy(copy, bytes, length);
  return copy;
}

static void wrong(const char *what, size_t length) {
  printf("%s, with a block of %zu bytes\n", what, length);
  exit(3);
}

/* What the core makes of the block, in memory of ours. */
static unsigned char *compressed(int version, const unsigned char *raw, size_t raw_len, size_t *length) {
  unsigned char *in = copy_of(raw, raw_len), *out = NULL;
  if (version == 1) {
    void *made = NULL;
    *length = compress_v1(in, raw_len, &made);
    if (*length == 0 || made == NULL || *length > 2 * raw_len + 65536) wrong("h4_compress failed", raw_len);
    out = copy_of(made, *length);
    release(made);
  } else {
    size_t capacity = bound_v2(raw_len);
    if (capacity == 0 || capacity > 2 * raw_len + 65536) wrong("h4_bound_v2 is out of bounds", raw_len);
    unsigned char *room = malloc(capacity);
    if (room == NULL) exit(2);
    *length = 0;
    if (compress_v2(in, raw_len, room, capacity, length) != 0 || *length == 0 || *length > capacity)
      wrong("h4_compress_v2 failed", raw_len);
    out = copy_of(room, *length);
    free(room);
  }
  free(in);
  return out;
}

/* Whether exactly the block came back. expected is NULL for damaged input, of which anything may come. */
static int restored(int version, const unsigned char *bytes, size_t length, const unsigned char *expected, size_t raw_len) {
  unsigned char *in = copy_of(bytes, length);
  int is_right = 0;
  if (version == 1) {
    void *made = NULL;
    size_t made_len = decompress_v1(in, length, &made);
    is_right = made != NULL && made_len == raw_len && expected != NULL && memcmp(made, expected, raw_len) == 0;
    if (made != NULL) release(made);
  } else {
    unsigned char *room = malloc(raw_len);
    size_t made_len = 0;
    if (room == NULL) exit(2);
    int32_t status = decompress_v2(in, length, room, raw_len, &made_len);
    is_right = status == 0 && made_len == raw_len && expected != NULL && memcmp(room, expected, raw_len) == 0;
    free(room);
  }
  free(in);
  return is_right;
}

static void damage(int version, const unsigned char *bytes, size_t length, size_t raw_len, int count) {
  for (int i = 0; i < count; i++) {
    size_t kept = below(3) == 0 ? 1 + below((uint32_t)length) : length;
    unsigned char *copy = copy_of(bytes, kept);
    for (uint32_t left = 1 + below(4); left > 0; left--) {
      size_t at = below(2) == 0 ? below((uint32_t)kept) : below((uint32_t)(kept < 16 ? kept : 16));
      copy[at] = (unsigned char)(below(4) == 0 ? 255 : below(256));
    }
    restored(version, copy, kept, NULL, below(4) == 0 ? 1 + below(4096) : raw_len);
    free(copy);
  }
}

static void try_block(int has_v1, int has_v2, const unsigned char *raw, size_t raw_len, int damages) {
  unsigned char *out[3] = {NULL, NULL, NULL};
  size_t length[3] = {0, 0, 0};
  for (int version = 1; version <= 2; version++) {
    if (!(version == 1 ? has_v1 : has_v2)) continue;
    out[version] = compressed(version, raw, raw_len, &length[version]);
    if (!restored(version, out[version], length[version], raw, raw_len))
      wrong(version == 1 ? "h4_decompress does not restore" : "h4_decompress_v2 does not restore", raw_len);
    damage(version, out[version], length[version], raw_len, damages);
  }
  if (has_v1 && has_v2 && (length[1] != length[2] || memcmp(out[1], out[2], length[1]) != 0))
    wrong("versions 1 and 2 make different bytes", raw_len);
  free(out[1]);
  free(out[2]);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return 2;
  *(void **)&compress_v1 = dlsym(library, "h4_compress");
  *(void **)&decompress_v1 = dlsym(library, "h4_decompress");
  *(void **)&compress_v2 = dlsym(library, "h4_compress_v2");
  *(void **)&decompress_v2 = dlsym(library, "h4_decompress_v2");
  *(void **)&bound_v2 = dlsym(library, "h4_bound_v2");
  *(void **)&release = dlsym(library, "h4_free");
  if (release == NULL) return 2;
  int has_v1 = compress_v1 != NULL && decompress_v1 != NULL;
  int has_v2 = compress_v2 != NULL && decompress_v2 != NULL && bound_v2 != NULL;
  release(NULL);
  FILE *file = fopen(argv[2], "rb");
  unsigned char head[4];
  if (file == NULL) return 2;
  while (fread(head, 1, 4, file) == 4) {
    size_t length = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    unsigned char *block = malloc(length);
    if (block == NULL || fread(block, 1, length, file) != length) return 2;
    try_block(has_v1, has_v2, block, length, atoi(argv[3]));
    free(block);
  }
  fclose(file);
  return 0;
}
`;
