/*
 * check.c: tries geo.c on a corpus that it makes itself, or on files, and prints one line: how many blocks and bytes came out,
 * and the CRC-32 of them all. The line has to be the same on every machine and with every compiler; check.mjs prints it for
 * geo.wasm.
 *
 *     check                 the corpus
 *     check FILE...         these files, each one block
 *     check --corpus FILE   writes the corpus: for every block u32 length, little-endian, and the bytes
 *
 * For every block: all round trips of versions 1 and 2; a capacity of one byte less is refused, exactly enough gives the same
 * bytes; never longer than `h4ref-geo-v1`, but for the heads of several segments. For blocks of up to 64 bytes: with every byte
 * changed and every length cut off, decoders neither crash nor say that they wrote more than there is room for. Buffers are
 * exactly as long as needed, so that AddressSanitizer sees the rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../include/h4_engine.h"

enum { SMALL = 600, MEDIUM = 300000, MIX = 16 << 20, SEGMENT = 128 << 10 };

static uint32_t crc = 0xffffffff, table[256];
static unsigned blocks, better, equal, worse;
static uint64_t total_in, total_out;
static FILE *corpus;

static void fail(const char *what, size_t size) {
  fprintf(stderr, "check: block %u of %zu bytes: %s\n", blocks, size, what);
  exit(1);
}

static void *exactly(size_t size) {
  void *p = malloc(size ? size : 1);
  if (!p) fail("no memory", size);
  return p;
}

static void add_to_crc(const uint8_t *p, size_t size) {
  for (size_t i = 0; i < size; i++) crc = table[(crc ^ p[i]) & 255] ^ crc >> 8;
}

/* The length that h4ref-geo-v1 gives a block, as its specification says it, with no thought of speed. */
static size_t reference_length(const uint8_t *b, size_t size) {
  size_t best = size;
  for (size_t stride = 0; stride <= 4; stride++) {
    size_t pairs = 0;
    int value = -1, run = 0;
    for (size_t i = 0; i < size; i++) {
      int d = stride == 0 || i < stride ? b[i] : (b[i] - b[i - stride]) & 255;
      if (d != value || run == 255) pairs++, run = 0;
      value = d;
      run++;
    }
    if (2 * pairs < best) best = 2 * pairs;
  }
  return 1 + best;
}

/* What a damaged block gives is nobody's business, but it stays within its buffer and says so. */
static void damage(uint8_t *packed, size_t length, size_t size) {
  for (size_t i = 0; i < length; i++) {
    for (int round = 0; round < 2; round++) {
      size_t cut = round ? i : length, restored = 0;
      uint8_t *copy = exactly(cut), *back = exactly(size);
      memcpy(copy, packed, cut);
      if (round == 0) copy[i] ^= (uint8_t)(1 + i % 255);
      if (h4_decompress_v2(copy, cut, back, size, &restored) == H4_OK && restored > size) fail("longer than its room", size);
      void *made = NULL;
      if (h4_decompress(copy, cut, &made) > H4_MAX_BLOCK) fail("more than a block", size);
      h4_free(made);
      free(copy);
      free(back);
    }
  }
}

static void check(const uint8_t *block, size_t size) {
  if (size == 0) return;
  size_t length = 0, again = 0, restored = 0;
  uint8_t *packed = exactly(h4_bound_v2(size)), *back = exactly(size);
  if (h4_compress_v2(block, size, packed, h4_bound_v2(size), &length) != H4_OK) fail("not compressed", size);
  if (length == 0 || length > h4_bound_v2(size)) fail("longer than the bound", size);

  uint8_t *tight = exactly(length);
  if (h4_compress_v2(block, size, tight, length, &again) != H4_OK) fail("does not fit where it fits", size);
  if (again != length || memcmp(tight, packed, length) != 0) fail("is not deterministic", size);
  if (h4_compress_v2(block, size, back, length - 1, &again) != H4_E_CAPACITY) fail("fits where it does not", size);
  if (h4_decompress_v2(tight, length, back, size, &restored) != H4_OK) fail("not restored", size);
  if (restored != size || memcmp(back, block, size) != 0) fail("restored wrongly", size);
  if (h4_decompress_v2(tight, length, back, size - 1, &restored) != H4_E_CAPACITY) fail("room for less was enough", size);
  if (size <= 64) damage(packed, length, size);

  void *made = NULL;
  if (h4_compress(block, size, &made) != length || memcmp(made, packed, length) != 0) fail("version 1 differs", size);
  h4_free(made);
  if (h4_decompress(tight, length, &made) != size || memcmp(made, block, size) != 0) fail("version 1 fails", size);
  h4_free(made);

  size_t reference = reference_length(block, size);
  size_t segments = (size + SEGMENT - 1) / SEGMENT, heads = segments == 1 ? 0 : 5 + 6 * segments; /* and a split run each */
  if (length > reference + heads) fail("longer than the reference makes it", size);
  better += length < reference;
  equal += length == reference;
  worse += length > reference;
  add_to_crc(packed, length);
  blocks++;
  total_in += size;
  total_out += length;
  free(packed);
  free(back);
  free(tight);
  if (corpus) {
    uint8_t head[4] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), (uint8_t)(size >> 24)};
    if (fwrite(head, 1, 4, corpus) != 4 || fwrite(block, 1, size, corpus) != size) fail("corpus not written", size);
  }
}

/* ---- The corpus: integers only, for it has to be the same everywhere ---- */

static uint32_t state = 12345;
static uint32_t chance(void) { return (state = state * 1103515245u + 12345u) >> 16; } /* 16 bits */
static int around(int spread) { /* four dice: nearly a bell */
  int sum = 0;
  for (int i = 0; i < 4; i++) sum += (int)(chance() % (unsigned)(2 * spread + 1)) - spread;
  return sum / 2;
}

/* -32768 .. 32767 for a phase of 0 .. 65535: two parabolas, as near to a sine as matters here. */
static int wave(uint32_t phase) {
  int32_t x = (int32_t)(phase & 32767) - 16384;
  int32_t y = 32767 - (int32_t)((int64_t)x * x * 32767 / (16384 * 16384));
  return phase & 32768 ? -y : y;
}

static void samples(uint8_t *out, size_t size, unsigned channels, int spread) {
  for (size_t i = 0; i + 1 < size; i += 2) {
    uint32_t t = (uint32_t)(i / 2 / channels), c = (uint32_t)(i / 2 % channels);
    int v = wave(t * (331 + 17 * c)) / 5 + wave(t * 907 + c * 9000) / 13 + around(spread);
    out[i] = (uint8_t)v;
    out[i + 1] = (uint8_t)((unsigned)v >> 8);
  }
}

static void pixels(uint8_t *out, size_t size, int spread, int flat_areas) {
  for (size_t i = 0; i < size; i++) {
    uint32_t x = (uint32_t)(i / 3 % 640), y = (uint32_t)(i / 3 / 640), c = (uint32_t)(i % 3);
    int flat = flat_areas && ((x >> 6) + (y >> 4)) % 3 == 0;
    int v = flat ? 40 + 50 * (int)c : 128 + wave(x * 90 + c * 7000) / 800 + wave(y * 300 + x * 40) / 1000;
    v += flat || spread == 0 ? 0 : around(spread);
    out[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
  }
}

static void lines(uint8_t *out, size_t size, int json) {
  static const char *const words[] = {"block", "written", "signed", "the", "of", "segment", "checkpoint", "a", "closed", "is"};
  char line[160];
  for (size_t at = 0, n = 0; at < size; n++) {
    int length;
    uint32_t value = chance(); /* one at a time: the order in which C evaluates arguments is open */
    const char *one = words[chance() % 10], *two = words[chance() % 10];
    if (json) {
      length = snprintf(line, sizeof line, "{\"t\":%u,\"id\":%u,\"key\":%s,\"v\":0.%05u,\"msg\":\"%s %s\"}\n", (unsigned)n * 33333u,
                        (unsigned)n, n % 30 ? "false" : "true", (unsigned)value, one, two);
    } else {
      length = snprintf(line, sizeof line, "%s%s", one, value % 9 ? " " : ".\n");
    }
    for (int i = 0; i < length && at < size; i++) out[at++] = (uint8_t)line[i];
  }
}

enum { ZEROS, RUNS, RAMP, STEEP, TEXT, JSON, NOISE, MONO, STEREO, LOUD, SENSOR, FRAME, PHOTO, GRAIN, NIBBLES, KINDS };

static void make(uint8_t *out, size_t size, int kind) {
  uint8_t value = (uint8_t)chance();
  memset(out, 0, size);
  switch (kind) {
    case RUNS: for (size_t i = 0; i < size; i++) out[i] = value = chance() % 19 ? value : (uint8_t)chance(); break;
    case RAMP: for (size_t i = 0; i < size; i++) out[i] = value++; break;
    case STEEP: for (size_t i = 0; i < size; i++) out[i] = (uint8_t)(value + 7 * (i / 3) * (i % 3)); break;
    case TEXT: lines(out, size, 0); break;
    case JSON: lines(out, size, 1); break;
    case NOISE: for (size_t i = 0; i < size; i++) out[i] = (uint8_t)chance(); break;
    case MONO: samples(out, size, 1, 20); break;
    case STEREO: samples(out, size, 2, 40); break;
    case LOUD: samples(out, size, 2, 4000); break;
    case SENSOR: samples(out, size, 3, 5); break;
    case FRAME: pixels(out, size, 0, 0); break;
    case PHOTO: pixels(out, size, 2, 1); break;
    case GRAIN: pixels(out, size, 12, 1); break;
    case NIBBLES: for (size_t i = 0; i < size; i++) out[i] = (uint8_t)(chance() % 11); break;
    default: break;
  }
}

static void check_corpus(void) {
  uint8_t *buffer = exactly(MIX);
  for (int kind = 0; kind < KINDS; kind++) {
    for (size_t size = 1; size <= SMALL; size++) {
      uint8_t *block = exactly(size);
      make(block, size, kind);
      check(block, size);
      free(block);
    }
    const size_t sizes[] = {4096, 65536, 131071, 131072, 131073, MEDIUM, 3 * MEDIUM + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      make(buffer, sizes[i], kind);
      check(buffer, sizes[i]);
    }
  }
  for (size_t most = 3000; most <= 300000; most *= 10) { /* mixes: pieces of all kinds, the same noise again now and then */
    for (size_t at = 0, size; at < MIX; at += size) {
      size = chance() * 16;
      size = 1 + (size + chance()) % most;
      if (size > MIX - at) size = MIX - at;
      if (chance() % 8 == 0 && at >= size) memcpy(buffer + at, buffer + at - size, size);
      else make(buffer + at, size, (int)(chance() % KINDS));
    }
    check(buffer, most == 300000 ? MIX : MIX / 8);
  }
  free(buffer);
}

static void check_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0) fail(path, 0);
  long size = ftell(file);
  uint8_t *block = exactly((size_t)size);
  rewind(file);
  if (size < 0 || fread(block, 1, (size_t)size, file) != (size_t)size) fail(path, 0);
  fclose(file);
  check(block, (size_t)size);
  free(block);
}

int main(int count, char **arguments) {
  for (uint32_t i = 0; i < 256; i++) {
    table[i] = i;
    for (int bit = 0; bit < 8; bit++) table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
  }
  if (count == 3 && strcmp(arguments[1], "--corpus") == 0) {
    corpus = fopen(arguments[2], "wb");
    if (!corpus) fail(arguments[2], 0);
  }
  if (count == 1 || corpus) check_corpus();
  else for (int i = 1; i < count; i++) check_file(arguments[i]);
  if (corpus && fclose(corpus) != 0) fail(arguments[2], 0);
  printf("%s blocks %u raw %llu compressed %llu crc32 %08x\n", h4_engine_id(), blocks, (unsigned long long)total_in,
         (unsigned long long)total_out, (unsigned)~crc);
  fprintf(stderr, "against h4ref-geo-v1: %u shorter, %u equal, %u longer\n", better, equal, worse);
  return 0;
}
