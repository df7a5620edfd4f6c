/*
 * Calls a core from C, for as long as it is told to: what the same library costs without us.
 *
 *     core-timer LIB BLOCK         BLOCK is a file; its whole content is one block
 *
 * A line `compress N` or `decompress N` on standard input makes N calls of version 2 and answers with the seconds of CPU time
 * that they took: others on the same machine take none of that. Buffers are made once: the host in C that is easiest to beat would be no measure.
 */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef int32_t (*transform_fn)(const void *, size_t, void *, size_t, size_t *);
typedef size_t (*bound_fn)(size_t);

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *need(void *what) {
  if (what == NULL) exit(2);
  return what;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  void *library = need(dlopen(argv[1], RTLD_NOW | RTLD_LOCAL));
  transform_fn compress, decompress;
  bound_fn bound;
  *(void **)&compress = need(dlsym(library, "h4_compress_v2"));
  *(void **)&decompress = need(dlsym(library, "h4_decompress_v2"));
  *(void **)&bound = need(dlsym(library, "h4_bound_v2"));
  FILE *file = need(fopen(argv[2], "rb"));
  fseek(file, 0, SEEK_END);
  size_t length = (size_t)ftell(file);
  rewind(file);
  unsigned char *block = need(malloc(length)), *restored = need(malloc(length));
  if (fread(block, 1, length, file) != length) return 2;
  size_t capacity = bound(length), compressed_length = 0, restored_length = 0;
  unsigned char *compressed = need(malloc(capacity));
  if (compress(block, length, compressed, capacity, &compressed_length) != 0) return 3;
  memset(restored, 0, length);

  char direction[16];
  int calls;
  while (scanf("%15s %d", direction, &calls) == 2) {
    int is_compression = strcmp(direction, "compress") == 0;
    double start = now();
    for (int i = 0; i < calls; i++) {
      int32_t status = is_compression
                           ? compress(block, length, compressed, capacity, &compressed_length)
                           : decompress(compressed, compressed_length, restored, length, &restored_length);
      if (status != 0) return 3;
    }
    printf("%.9f\n", now() - start);
    fflush(stdout);
  }
  return restored_length > 0 && memcmp(block, restored, length) != 0 ? 3 : 0;
}
