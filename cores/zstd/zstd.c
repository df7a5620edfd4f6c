/*
 * Zstandard as a core. libzstd is linked into this file statically, so that the fingerprint covers every instruction that
 * touches a block; what stays outside is the C library's memory management.
 *
 * One block is one frame: level 3, no dictionary, one thread, the content size in its header, no checksum (the container
 * commits to every byte already). Level and library version are part of the engine id, because either one changes bytes.
 */
#include "h4_engine.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define LEVEL 3
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

/*
 * Hooks that libzstd calls wherever the process defines them, as weak symbols. Bound here, nothing outside the measured
 * file can slip in between.
 */
struct ZSTD_Trace;
unsigned long long ZSTD_trace_compress_begin(const ZSTD_CCtx *context);
unsigned long long ZSTD_trace_decompress_begin(const ZSTD_DCtx *context);
void ZSTD_trace_compress_end(unsigned long long trace, const struct ZSTD_Trace *what);
void ZSTD_trace_decompress_end(unsigned long long trace, const struct ZSTD_Trace *what);
unsigned long long ZSTD_trace_compress_begin(const ZSTD_CCtx *context) { return (void)context, 0; }
unsigned long long ZSTD_trace_decompress_begin(const ZSTD_DCtx *context) { return (void)context, 0; }
void ZSTD_trace_compress_end(unsigned long long trace, const struct ZSTD_Trace *what) { (void)trace, (void)what; }
void ZSTD_trace_decompress_end(unsigned long long trace, const struct ZSTD_Trace *what) { (void)trace, (void)what; }

static int32_t status_of(size_t result, int32_t otherwise) {
  switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_no_error: return H4_OK;
    case ZSTD_error_memory_allocation: return H4_E_MEMORY;
    case ZSTD_error_dstSize_tooSmall: return H4_E_CAPACITY;
    default: return otherwise;
  }
}

/* 0 for a block that h4_decompress would not restore: what is written must be readable. */
size_t h4_bound_v2(size_t in_len) {
  return in_len == 0 || in_len > H4_MAX_BLOCK ? 0 : ZSTD_compressBound(in_len);
}

int32_t h4_compress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  if (h4_bound_v2(in_len) == 0) return H4_E_PARAM;
  ZSTD_CCtx *context = ZSTD_createCCtx(); /* one per call: a context that was used before is a state */
  if (context == NULL) return H4_E_MEMORY;
  size_t result = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL);
  if (!ZSTD_isError(result)) result = ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1);
  if (!ZSTD_isError(result)) result = ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 0);
  if (!ZSTD_isError(result)) result = ZSTD_compress2(context, out, out_capacity, in, in_len);
  ZSTD_freeCCtx(context);
  if (!ZSTD_isError(result)) *out_len = result;
  return status_of(result, H4_E_PARAM);
}

/*
 * The length of the block inside, or 0 where the input is anything but one whole frame of this engine. Asked before a byte
 * is allocated. The magic number is compared here because libzstd would also read skippable frames and the formats of its
 * own past.
 */
static size_t content_of(const unsigned char *in, size_t in_len) {
  if (in_len < 4 || in[0] != 0x28 || in[1] != 0xB5 || in[2] != 0x2F || in[3] != 0xFD) return 0;
  if (ZSTD_findFrameCompressedSize(in, in_len) != in_len) return 0; /* cut off, or something follows */
  unsigned long long content = ZSTD_getFrameContentSize(in, in_len);
  /* "Unknown" and "error" are the two largest values of the type. */
  return content > H4_MAX_BLOCK ? 0 : (size_t)content;
}

int32_t h4_decompress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  size_t content = content_of(in, in_len);
  if (content == 0) return H4_E_CORRUPT;
  if (content > out_capacity) return H4_E_CAPACITY;
  size_t result = ZSTD_decompress(out, content, in, in_len);
  if (!ZSTD_isError(result)) *out_len = result;
  return status_of(result, H4_E_CORRUPT);
}

size_t h4_compress(const void *in, size_t in_len, void **out) {
  size_t bound = h4_bound_v2(in_len);
  size_t length = 0;
  *out = bound == 0 ? NULL : malloc(bound);
  if (*out != NULL && h4_compress_v2(in, in_len, *out, bound, &length) == H4_OK) return length;
  free(*out);
  *out = NULL;
  return 0;
}

size_t h4_decompress(const void *in, size_t in_len, void **out) {
  size_t content = content_of(in, in_len);
  size_t length = 0;
  *out = content == 0 ? NULL : malloc(content);
  if (*out != NULL && h4_decompress_v2(in, in_len, *out, content, &length) == H4_OK) return length;
  free(*out);
  *out = NULL;
  return 0;
}

void h4_free(void *p) { free(p); }

const char *h4_engine_id(void) { return "h4zstd-" ZSTD_VERSION_STRING "-l" TEXT(LEVEL); }
