/*
 * Loads a core and calls one function of it: for `npm run cores`, which asks cores for their ids, and for tests. What is
 * loaded here was compiled from this repository a moment ago; a service measures first and loads then (spec/engine.md).
 *
 *     core-driver LIB id                        the engine id
 *     core-driver LIB fp                        the declared fingerprint, 32 bytes
 *     core-driver LIB compress|decompress [N]   version 1, standard input to standard output; N times, writing the last
 *     core-driver LIB compress_v2|decompress_v2 CAPACITY
 *     core-driver LIB bound_v2 LENGTH           the bound, as a number
 *
 * With CORE_DRIVER_PEAK in its environment it ends with the line "peak N", in KiB, on standard error.
 *
 * Exits with 0, with 10 + status where version 2 refused, with 20 where version 1 did, with 3 where a symbol is missing.
 */
#define _DEFAULT_SOURCE /* getrusage */
#include "h4_engine.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { USAGE = 2, MISSING = 3, REFUSED_V2 = 10, REFUSED_V1 = 20 };

/* Input in a buffer of exactly its length, so that a sanitizer sees one byte too many. */
static unsigned char *read_all(size_t *length) {
  size_t capacity = 1 << 16, used = 0, got;
  unsigned char *bytes = malloc(capacity);
  while (bytes != NULL && (got = fread(bytes + used, 1, capacity - used, stdin)) > 0) {
    used += got;
    if (used == capacity) bytes = realloc(bytes, capacity *= 2);
  }
  if (bytes != NULL && used > 0) bytes = realloc(bytes, used);
  if (bytes == NULL) exit(USAGE);
  *length = used;
  return bytes;
}

static void *symbol(void *library, const char *name) {
  char full[64];
  snprintf(full, sizeof full, "h4_%s", name);
  void *found = dlsym(library, full);
  if (found == NULL) fprintf(stderr, "undefined symbol: %s\n", full), exit(MISSING);
  return found;
}

static void tell_peak(void) {
  struct rusage usage;
  if (getenv("CORE_DRIVER_PEAK") != NULL && getrusage(RUSAGE_SELF, &usage) == 0) {
    fprintf(stderr, "peak %ld\n", usage.ru_maxrss);
  }
}

static int run_v1(void *library, const char *name, size_t times) {
  h4_transform_fn transform;
  h4_free_fn release;
  *(void **)&transform = symbol(library, name);
  *(void **)&release = symbol(library, "free");
  size_t in_len;
  unsigned char *in = read_all(&in_len);
  void *out = NULL;
  size_t out_len = transform(in, in_len, &out);
  while (times-- > 1) {
    release(out);
    out_len = transform(in, in_len, &out);
  }
  if (out_len > 0 && out != NULL) fwrite(out, 1, out_len, stdout);
  if (out != NULL) release(out);
  free(in);
  return out_len > 0 && out != NULL ? 0 : REFUSED_V1;
}

static int run_v2(void *library, const char *name, size_t capacity) {
  h4_transform_v2_fn transform;
  *(void **)&transform = symbol(library, name);
  size_t in_len, out_len = 0;
  unsigned char *in = read_all(&in_len), *out = malloc(capacity > 0 ? capacity : 1);
  if (out == NULL) return USAGE;
  int32_t status = transform(in, in_len, out, capacity, &out_len);
  if (status == H4_OK && out_len <= capacity) fwrite(out, 1, out_len, stdout);
  free(in);
  free(out);
  return status == H4_OK ? 0 : REFUSED_V2 + (int)status;
}

static int run_identity(void *library, const char *name) {
  if (strcmp(name, "id") == 0) {
    h4_engine_id_fn id;
    *(void **)&id = symbol(library, "engine_id");
    fputs(id(), stdout);
  } else {
    h4_engine_fp_fn fp;
    *(void **)&fp = symbol(library, "engine_fp");
    fwrite(fp(), 1, H4_FP_BYTES, stdout);
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) return USAGE;
  atexit(tell_peak);
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return fprintf(stderr, "%s\n", dlerror()), USAGE;
  const char *name = argv[2];
  size_t number = argc > 3 ? (size_t)strtoull(argv[3], NULL, 10) : 0;
  if (strcmp(name, "id") == 0 || strcmp(name, "fp") == 0) return run_identity(library, name);
  if (strcmp(name, "compress") == 0 || strcmp(name, "decompress") == 0) return run_v1(library, name, number);
  if (strcmp(name, "compress_v2") == 0 || strcmp(name, "decompress_v2") == 0) return run_v2(library, name, number);
  if (strcmp(name, "bound_v2") == 0) {
    h4_bound_v2_fn bound;
    *(void **)&bound = symbol(library, name);
    return printf("%zu", bound(number)) < 0;
  }
  return USAGE;
}
