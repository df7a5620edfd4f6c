/*
 * geo.c: `h4geo-v1`, a fast lossless engine for what cameras, microphones, sensors and logs produce.
 *
 * The format. Lengths are LEB128 varints, offsets and samples little-endian; before the block there are zeros.
 *
 *   block := method body
 *     0         the bytes themselves                           \ exactly as `h4ref-geo-v1` has them
 *     1 .. 5    run-length pairs (value, run 1..255) of the     > (h4mk.md section 19)
 *               delta with stride method - 1                   /
 *     6 .. 10   raw_length body: LZ of the delta with stride method - 6
 *     16 .. 20  raw_length body: packed residuals of the bytes, stride method - 16
 *     32 .. 39  raw_length body: packed residuals of 16-bit samples; 32 + 2 * (channels - 1) + (order - 1)
 *     64        raw_length { kind body_length body }: segments of 128 KiB, the last one shorter; kinds are the methods above
 *
 *   Stride 0 means no delta. In methods 6 to 39 the block is one segment. Deltas, and LZ of stride 0, look back across the
 *   beginning of a segment.
 *
 *   LZ      { token [more] literals [offset16 [more]] }: the high half of the token is the number of literals, the low half
 *           the length of the match - 4; 15 means that a varint is added. Ends with the segment, after literals or a match.
 *   packed  [first bytes of the block] { width rows } last bytes. See "Packing".
 *
 * How the encoder chooses, segment by segment: packings are measured on a sample. A delta that is almost flat gets LZ. LZ of
 * the bytes themselves runs until it falls too far behind. The winner is compared with the exact number of run-length pairs:
 * but for the heads of its segments, a block is never longer than the reference makes it. Integers only, and nothing is kept
 * between two calls: the same bytes on every machine.
 *
 * Encoders write to scratch that is larger than the longest body, and give up before its end. Decoders trust no byte of their
 * input: a length is compared with what is left on both sides before it is used. They may write beyond their position (a
 * "wild" copy) where later bytes will go, never at or after the end of the segment, and read back only what is written.
 */
#include "../include/h4_engine.h"

enum {
  STORED = 0, PAIRS = 1, LZ = 6, PACKED8 = 16, PACKED16 = 32, SEGMENTS = 64,
  MAX_STRIDE = 4, MAX_CHANNELS = 4, MAX_RUN = 255, MAX_RAW = 256 << 20,
  SEGMENT = 128 << 10,  /* at this size, the heads of segments cost less than 1 % of even the shortest pairs */
  MIN_SEGMENT_BYTES = 3 /* kind, length and some body */
};

/* Numbers are unaligned, and little-endian everywhere. Compilers make single instructions of these. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LITTLE(bits, value) __builtin_bswap##bits(value)
#else
#define LITTLE(bits, value) (value)
#endif

static inline uint16_t load16(const uint8_t *p) { uint16_t v; __builtin_memcpy(&v, p, 2); return LITTLE(16, v); }
static inline uint64_t load64(const uint8_t *p) { uint64_t v; __builtin_memcpy(&v, p, 8); return LITTLE(64, v); }
static inline void store16(uint8_t *p, uint16_t v) { v = LITTLE(16, v); __builtin_memcpy(p, &v, 2); }
static inline void store64(uint8_t *p, uint64_t v) { v = LITTLE(64, v); __builtin_memcpy(p, &v, 8); }
static inline void copy16(uint8_t *to, const uint8_t *from) { __builtin_memcpy(to, from, 16); }
static inline size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

/* Exactly `length` bytes; they do not overlap. */
static void copy(uint8_t *to, const uint8_t *from, size_t length) {
  size_t i = 0;
  for (; length - i >= 16; i += 16) copy16(to + i, from + i);
  for (; i < length; i++) to[i] = from[i];
}

/* How many bytes at `a` are those at `b`, which lies before it, up to `end`. */
static inline size_t common_length(const uint8_t *a, const uint8_t *b, const uint8_t *end) {
  const uint8_t *start = a;
  for (; end - a >= 8; a += 8, b += 8) {
    uint64_t difference = load64(a) ^ load64(b);
    if (difference) return (size_t)(a - start) + ((unsigned)__builtin_ctzll(difference) >> 3);
  }
  while (a < end && *a == *b) a++, b++;
  return (size_t)(a - start);
}

static uint8_t *put_varint(uint8_t *out, size_t value) {
  for (; value >= 128; value >>= 7) *out++ = (uint8_t)(value | 128);
  return *out = (uint8_t)value, out + 1;
}

typedef struct { const uint8_t *at, *end; } Reader;
static inline size_t left(const Reader *in) { return (size_t)(in->end - in->at); }

/* Adds a number of at most MAX_RAW to *value, far from overflow. 0: it is larger, or the input ends. */
static int add_varint(Reader *in, size_t *value) {
  uint64_t number = 0; /* 35 bits, so that no machine loses the highest */
  for (unsigned shift = 0; shift <= 28 && in->at < in->end; shift += 7) {
    number |= (uint64_t)(*in->at & 127) << shift;
    if (*in->at++ < 128) return *value += (size_t)number, number <= MAX_RAW;
  }
  return 0;
}

/* Every byte minus the one `stride` places before. */
static void delta(const uint8_t *block, size_t start, size_t end, size_t stride, uint8_t *restrict out) {
  size_t at = start;
  for (; at < end && (at < stride || stride == 0); at++) *out++ = block[at];
  for (; at < end; at++) *out++ = (uint8_t)(block[at] - block[at - stride]);
}

/* In place; `start` is 0 or at least MAX_STRIDE. Sums live in registers, for which `stride` has to be a constant. */
static inline void sum_bytes(uint8_t *block, size_t start, size_t end, size_t stride) {
  uint8_t sum[MAX_STRIDE] = {0};
  size_t at = start;
  for (size_t lane = 0; lane < stride && start >= stride; lane++) sum[lane] = block[start - stride + lane];
  for (; end - at >= stride; at += stride) {
    for (size_t lane = 0; lane < stride; lane++) block[at + lane] = sum[lane] = (uint8_t)(sum[lane] + block[at + lane]);
  }
  for (size_t lane = 0; at < end; lane++, at++) block[at] = (uint8_t)(sum[lane] + block[at]);
}

static void undo_delta(uint8_t *block, size_t start, size_t end, size_t stride) {
  if (stride == 1) sum_bytes(block, start, end, 1);
  if (stride == 2) sum_bytes(block, start, end, 2);
  if (stride == 3) sum_bytes(block, start, end, 3);
  if (stride == 4) sum_bytes(block, start, end, 4);
}

/* Writes greedy pairs (value, run 1..255). Returns their length, or 0 if it is not below `limit`. */
static size_t encode_pairs(const uint8_t *raw, size_t size, size_t limit, uint8_t *out) {
  size_t written = 0;
  for (size_t at = 0, run; at < size; at += run, written += 2) {
    if (written + 2 >= limit) return 0;
    run = 1 + common_length(raw + at + 1, raw + at, raw + min_size(at + MAX_RUN, size)); /* a match with the byte before */
    out[written] = raw[at], out[written + 1] = (uint8_t)run;
  }
  return written;
}

/* Finds a lower bound for the number of pairs, for all strides at once: the places where a run of the delta has to end. With
 * e[i] = b[i] - b[i-1], a run of stride 0 ends where e[i] is not 0, one of stride s where e[i] is not e[i-s]. The first
 * places are left out. Stops as soon as no stride can do with fewer pairs than `enough`. */
static void bound_pairs(const uint8_t *block, size_t start, size_t end, size_t enough, size_t pairs[MAX_STRIDE + 1]) {
  for (size_t s = 0; s <= MAX_STRIDE; s++) pairs[s] = 1;
  for (size_t at = start + MAX_STRIDE + 1, size, fewest = 0; at < end && fewest < enough; at += size) {
    uint8_t count[MAX_STRIDE + 1] = {0};
    size = min_size(end - at, 128); /* below 256: the counters are bytes */
    for (const uint8_t *b = block + at, *strip_end = b + size; b < strip_end; b++) {
      uint8_t e = (uint8_t)(b[0] - b[-1]);
      count[0] = (uint8_t)(count[0] + (e != 0));
      for (int s = 1; s <= MAX_STRIDE; s++) count[s] = (uint8_t)(count[s] + (e != (uint8_t)(b[-s] - b[-s - 1])));
    }
    fewest = enough;
    for (size_t s = 0; s <= MAX_STRIDE; s++) fewest = min_size(fewest, pairs[s] += count[s]);
  }
}

/* Finds out what pairs amount to. 0: they are none, or too many. */
static int measure_pairs(Reader in, size_t *size) {
  uint64_t sum = 0; /* for size_t may have 32 bits */
  size_t empty = left(&in) % 2;
  for (size_t i = 1; i < left(&in); i += 2) sum += in.at[i], empty += in.at[i] == 0;
  *size = sum > MAX_RAW ? 0 : (size_t)sum;
  return empty == 0 && sum <= MAX_RAW;
}

/* The pairs have been measured: they fill [start, end). */
static void decode_pairs(const uint8_t *pairs, uint8_t *block, size_t start, size_t end) {
  for (size_t at = start; at < end; pairs += 2) {
    for (const size_t run_end = at + pairs[1]; at < run_end; at++) block[at] = pairs[0];
  }
}

enum {
  MIN_MATCH = 4, MAX_OFFSET = 65535,
  HASH_BITS = 13, /* 14 gain 2 % and cost a quarter of the speed: the places leave the first-level cache */
  LZ_TAIL = 16,   /* so many bytes at the end are literals: what reads ahead reads less */
  PATIENCE = 6,   /* after 2^PATIENCE places without a match the search begins to skip */
  BODY_SLACK = 32 /* what a sequence may need besides its literals, and a wild copy of those */
};

/* Where the last place is kept that began with the same five bytes, or with others of that hash. */
static inline uint32_t *place_of(uint32_t *places, uint64_t eight) {
  return &places[((eight << 24) * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - HASH_BITS)];
}

static inline uint8_t *put_token(uint8_t *out, size_t literals, size_t match) {
  *out++ = (uint8_t)(min_size(literals, 15) << 4 | min_size(match, 15));
  return literals < 15 ? out : put_varint(out, literals - 15);
}

/* Returns the length of the body, or 0: it is not below the size, or so far behind an alternative of `goal` bytes that it is
 * not worth going on. `places` holds zeros or what an earlier call for the same block has left there: hints, all of them. */
static size_t encode_lz(const uint8_t *block, size_t start, size_t end, uint32_t *places, size_t goal, uint8_t *body) {
  const size_t size = end - start, head_start = size / 8;
  uint8_t *out = body;
  size_t anchor = start, misses = 0;
  for (size_t at = start; at < end && end - at > LZ_TAIL;) {
    uint64_t eight = load64(block + at);
    uint32_t *place = place_of(places, eight);
    size_t from = *place;
    *place = (uint32_t)at;
    if (at - from - 1 >= MAX_OFFSET || (uint32_t)(load64(block + from) ^ eight) != 0) { /* wraps if `from` is not before */
      at += 1 + (misses++ >> PATIENCE);
      continue;
    }
    size_t match = common_length(block + at + MIN_MATCH, block + from + MIN_MATCH, block + end);
    for (; at > anchor && from > 0 && block[at - 1] == block[from - 1]; at--, from--) match++;
    size_t literals = at - anchor, written = (size_t)(out - body) + literals;
    if (written >= size || (uint64_t)written * size > (uint64_t)goal * (at - start + head_start)) return 0;
    out = put_token(out, literals, match);
    for (size_t i = 0; i < literals; i += 16) copy16(out + i, block + anchor + i); /* wild; LZ_TAIL is there to read */
    out += literals;
    store16(out, (uint16_t)(at - from));
    out += 2;
    if (match >= 15) out = put_varint(out, match - 15);
    anchor = at += match + MIN_MATCH;
    misses = 0;
    if (end - at > LZ_TAIL) *place_of(places, load64(block + at - 2)) = (uint32_t)(at - 2);
  }
  const size_t rest = end - anchor;
  if ((size_t)(out - body) + rest >= size) return 0;
  if (rest > 0) out = put_token(out, rest, 0);
  copy(out, block + anchor, rest);
  return (size_t)(out - body) + rest;
}

/* A match may overlap itself. What repeats every `offset` bytes repeats every 2 * offset, too: soon it does so no more. */
static inline void repeat(uint8_t *to, size_t offset, size_t length, const uint8_t *end) {
  for (; offset < 16 && length > offset; to += offset, length -= offset, offset *= 2) {
    for (size_t i = 0; i < offset; i++) to[i] = *(to + i - offset);
  }
  for (; offset >= 16 && length > 0 && end - to >= 16; to += 16, length -= min_size(length, 16)) copy16(to, to - offset);
  for (size_t i = 0; i < length; i++) to[i] = *(to + i - offset);
}

/* Fills [start, end); matches reach back to `floor`. 0: this is not an LZ body of that size. */
static int decode_lz(Reader in, uint8_t *block, size_t floor, size_t start, size_t end) {
  uint8_t *out = block + start, *const first = block + floor, *const out_end = block + end;
  while (out < out_end && in.at < in.end) {
    uint8_t token = *in.at++;
    size_t literals = token >> 4, match = token & 15;
    if (literals == 15 && !add_varint(&in, &literals)) return 0;
    if (literals > left(&in) || literals > (size_t)(out_end - out)) return 0;
    if (literals < 15 && left(&in) >= 16 && out_end - out >= 16) copy16(out, in.at);
    else copy(out, in.at, literals);
    out += literals;
    in.at += literals;
    if (out == out_end) break;
    if (left(&in) < 2) return 0;
    size_t offset = load16(in.at);
    in.at += 2;
    if (match == 15 && !add_varint(&in, &match)) return 0;
    match += MIN_MATCH;
    if (offset == 0 || offset > (size_t)(out - first) || match > (size_t)(out_end - out)) return 0;
    repeat(out, offset, match, out_end);
    out += match;
  }
  return out == out_end && in.at == in.end;
}

/*
 * Packing. 64 residuals, of `lane` = 8 or 16 bits, lie as `lane` rows of 8 bytes. They become `width` rows, as many as the
 * largest has bits. Each column is packed by itself, the residual of the first row in the lowest bits; shifts and masks on a
 * row as one word do this for all columns at once. A group is 64 residuals: a byte with their width, and those rows. The first
 * 16 bytes of a block, and the last ones of a segment that fill no group, stay as they are, before and after the groups.
 */
enum { ROW = 8, MAX_GROUP = 16 * ROW, LEAD = 4 * MAX_CHANNELS }; /* LEAD: what the widest prediction looks back to */

static unsigned lane_of(unsigned kind) { return kind < PACKED16 ? 8 : 16; }
static int is_packing(unsigned kind) {
  return kind <= PACKED8 + MAX_STRIDE ? kind >= PACKED8 : kind >= PACKED16 && kind < PACKED16 + 2 * MAX_CHANNELS;
}

static inline uint64_t low_bits(unsigned lane, unsigned bits) {
  return ((1u << bits) - 1) * (lane == 8 ? UINT64_C(0x0101010101010101) : UINT64_C(0x0001000100010001));
}

static inline unsigned width_of(const uint8_t *residuals, unsigned lane) {
  uint64_t all = 0;
  for (unsigned r = 0; r < lane; r++) all |= load64(residuals + ROW * r);
  for (unsigned shift = 32; shift >= lane; shift /= 2) all |= all >> shift;
  all &= (1u << lane) - 1;
  return all == 0 ? 0 : 64 - (unsigned)__builtin_clzll(all);
}

static inline uint8_t *pack(const uint8_t *residuals, unsigned lane, unsigned width, uint8_t *out) {
  uint64_t row = 0;
  for (unsigned r = 0, filled = 0; r < lane; r++) {
    uint64_t values = load64(residuals + ROW * r);
    row |= (values & low_bits(lane, lane - filled)) << filled;
    if ((filled += width) < lane) continue;
    filled -= lane;
    store64(out, row);
    out += ROW;
    row = values >> (width - filled) & low_bits(lane, filled);
  }
  return out;
}

static inline void unpack(const uint8_t *in, unsigned lane, unsigned width, uint8_t *residuals) {
  for (unsigned r = 0, used = 0; r < lane; r++) {
    unsigned here = lane - used;
    uint64_t values = width == 0 ? 0 : load64(in) >> used & low_bits(lane, here);
    if (here < width) values |= load64(in + ROW) << here & ~low_bits(lane, here);
    store64(residuals + ROW * r, values & low_bits(lane, width));
    if ((used += width) >= lane) used -= lane, in += ROW;
  }
}

/* Finds how each byte or sample differs from what is expected, as 0, -1, 1, -2, 2 ..., and the width of the largest. */
static unsigned residuals_of(const uint8_t *now, unsigned kind, uint8_t *restrict residuals) {
  if (kind < PACKED16) {
    const uint8_t *before = now - (kind - PACKED8);
    for (size_t i = 0; i < 8 * ROW; i++) {
      uint8_t d = (uint8_t)(now[i] - before[i]);
      residuals[i] = (uint8_t)(d << 1 ^ -(d >> 7));
    }
    if (kind == PACKED8) copy(residuals, now, 8 * ROW); /* nothing is expected */
    return width_of(residuals, 8);
  }
  const size_t distance = (kind - PACKED16) / 2 * 2 + 2;
  const uint8_t *before = now - distance, *earlier = before - distance;
  const uint16_t with_slope = (kind - PACKED16) % 2 == 0 ? 0 : 0xffff; /* order 2 expects the last step again */
  for (size_t i = 0; i < 16 * ROW; i += 2) {
    uint16_t last = load16(before + i), slope = (uint16_t)(last - load16(earlier + i)) & with_slope;
    uint16_t d = (uint16_t)(load16(now + i) - last - slope);
    store16(residuals + i, (uint16_t)((unsigned)d << 1 ^ -((unsigned)d >> 15)));
  }
  return width_of(residuals, 16);
}

static size_t encode_packed(const uint8_t *block, size_t start, size_t end, unsigned kind, uint8_t *body) {
  const size_t size = end - start, group = lane_of(kind) * ROW, lead = start == 0 ? LEAD : 0;
  uint8_t residuals[MAX_GROUP], *out = body + lead;
  size_t at = start + lead;
  copy(body, block, lead);
  for (; end - at >= group && (size_t)(out - body) < size; at += group) {
    *out = (uint8_t)residuals_of(block + at, kind, residuals);
    out = kind < PACKED16 ? pack(residuals, 8, *out, out + 1) : pack(residuals, 16, *out, out + 1);
  }
  const size_t length = (size_t)(out - body) + (end - at);
  if (length < size) copy(out, block + at, end - at);
  return length < size ? length : 0;
}

/* Finds the packing that is shortest on a sample; returns how long it may be expected to be. */
static size_t choose_packing(const uint8_t *block, size_t start, size_t end, unsigned *chosen) {
  const size_t size = end - start, groups = size / MAX_GROUP, step = groups / 64 + 1;
  uint8_t residuals[MAX_GROUP];
  size_t best = size;
  for (unsigned kind = PACKED8; kind < PACKED16 + 2 * MAX_CHANNELS && groups > 1; kind++) {
    size_t length = 0, sampled = 0;
    if (!is_packing(kind)) continue;
    for (size_t g = 1; g < groups; g += step, sampled++) {
      length += 1 + ROW * residuals_of(block + start + g * MAX_GROUP, kind, residuals);
    }
    size_t estimate = size / (lane_of(kind) * ROW) * length / sampled;
    if (estimate < best) best = estimate, *chosen = kind;
  }
  return best;
}

/* As in sum_bytes, the constants keep the state in registers. */
static inline void sum_samples(const uint8_t *residuals, uint8_t *now, size_t channels, unsigned order) {
  uint16_t last[MAX_CHANNELS], slope[MAX_CHANNELS];
  for (size_t c = 0; c < channels; c++) {
    last[c] = load16(now - 2 * (channels - c));
    slope[c] = (uint16_t)(last[c] - load16(now - 2 * (2 * channels - c)));
  }
  for (size_t i = 0; i < 16 * ROW;) {
    for (size_t c = 0; c < channels && i < 16 * ROW; c++, i += 2) {
      uint16_t r = load16(residuals + i), d = (uint16_t)(r >> 1 ^ -(r & 1));
      slope[c] = order == 1 ? d : (uint16_t)(slope[c] + d);
      last[c] = (uint16_t)(last[c] + slope[c]);
      store16(now + i, last[c]);
    }
  }
}

static void restore_group(const uint8_t *residuals, uint8_t *now, unsigned kind) {
  switch (kind) {
    case PACKED8: copy(now, residuals, 8 * ROW); return;
    case PACKED16: sum_samples(residuals, now, 1, 1); return;
    case PACKED16 + 1: sum_samples(residuals, now, 1, 2); return;
    case PACKED16 + 2: sum_samples(residuals, now, 2, 1); return;
    case PACKED16 + 3: sum_samples(residuals, now, 2, 2); return;
    case PACKED16 + 4: sum_samples(residuals, now, 3, 1); return;
    case PACKED16 + 5: sum_samples(residuals, now, 3, 2); return;
    case PACKED16 + 6: sum_samples(residuals, now, 4, 1); return;
    case PACKED16 + 7: sum_samples(residuals, now, 4, 2); return;
  }
  for (size_t i = 0; i < 8 * ROW; i++) now[i] = (uint8_t)(residuals[i] >> 1 ^ -(residuals[i] & 1));
  undo_delta(now - MAX_STRIDE, MAX_STRIDE, MAX_STRIDE + 8 * ROW, kind - PACKED8);
}

static int decode_packed(Reader in, uint8_t *block, size_t start, size_t end, unsigned kind) {
  const unsigned lane = lane_of(kind);
  const size_t lead = start == 0 ? LEAD : 0;
  uint8_t residuals[MAX_GROUP];
  size_t at = start + lead;
  if (!is_packing(kind) || end - start < lead || left(&in) < lead) return 0;
  copy(block, in.at, lead);
  in.at += lead;
  for (; end - at >= lane * ROW; at += lane * ROW) {
    if (in.at == in.end) return 0;
    const unsigned width = *in.at++;
    if (width > lane || left(&in) < ROW * width) return 0;
    if (lane == 8) unpack(in.at, 8, width, residuals);
    else unpack(in.at, 16, width, residuals);
    restore_group(residuals, block + at, kind);
    in.at += ROW * width;
  }
  if (left(&in) != end - at) return 0;
  copy(block + at, in.at, end - at);
  return 1;
}

/* Where the encoder works. Of the two bodies, one is the best so far and the other the next attempt. */
typedef struct {
  uint32_t places[1 << HASH_BITS], delta_places[1 << HASH_BITS];
  uint8_t delta[SEGMENT], bodies[2][SEGMENT + MAX_GROUP + BODY_SLACK];
} Work;

/* `cost` is the length with the raw_length, of up to 3 bytes, that the methods of the reference do without. */
typedef struct { unsigned kind; size_t length, cost; const uint8_t *body; uint8_t *spare; } Choice;

static void consider(Choice *best, unsigned kind, size_t length, Work *work) {
  size_t cost = kind < LZ ? length : length + 3;
  if (length == 0 || cost >= best->cost) return;
  *best = (Choice){kind, length, cost, best->spare, work->bodies[best->spare == work->bodies[0]]};
}

static Choice encode_segment(Work *work, const uint8_t *block, size_t start, size_t end) {
  const size_t size = end - start;
  Choice best = {STORED, size, size, block + start, work->bodies[0]};
  unsigned packing = STORED;
  const size_t estimate = choose_packing(block, start, end, &packing);
  if (packing > PACKED8 && packing < PACKED16 && estimate < size / 2) {
    const unsigned stride = packing - PACKED8;
    delta(block, start, end, stride, work->delta);
    __builtin_memset(work->delta_places, 0, sizeof work->delta_places);
    const size_t goal = estimate - estimate / 4; /* LZ takes longer than packing: it has to be worth it */
    consider(&best, LZ + stride, encode_lz(work->delta, 0, size, work->delta_places, goal, best.spare), work);
  }
  consider(&best, LZ, encode_lz(block, start, end, work->places, min_size(estimate, best.length), best.spare), work);
  if (estimate < best.length) consider(&best, packing, encode_packed(block, start, end, packing, best.spare), work);
  if (best.cost > 2 * (size / MAX_RUN)) {
    size_t pairs[MAX_STRIDE + 1];
    bound_pairs(block, start, end, (best.cost + 1) / 2, pairs);
    for (unsigned s = 0; s <= MAX_STRIDE; s++) {
      if (2 * pairs[s] >= best.cost) continue;
      delta(block, start, end, s, work->delta);
      consider(&best, PAIRS + s, encode_pairs(work->delta, size, best.cost, best.spare), work);
    }
  }
  return best;
}

static int decode_segment(unsigned kind, Reader in, uint8_t *block, size_t start, size_t end) {
  size_t sum;
  if (kind == STORED) {
    if (left(&in) != end - start) return 0;
    copy(block + start, in.at, end - start);
  } else if (kind <= PAIRS + MAX_STRIDE) {
    if (!measure_pairs(in, &sum) || sum != end - start) return 0;
    decode_pairs(in.at, block, start, end);
    undo_delta(block, start, end, kind - PAIRS);
  } else if (kind <= LZ + MAX_STRIDE) {
    if (!decode_lz(in, block, kind == LZ ? 0 : start, start, end)) return 0;
    undo_delta(block, start, end, kind - LZ);
  } else {
    return decode_packed(in, block, start, end, kind);
  }
  return 1;
}

/* Never longer than size + 1. What does not fit `capacity` is refused, never encoded differently. */
static int32_t encode_block(Work *work, const uint8_t *block, size_t size, uint8_t *out, size_t capacity, size_t *out_len) {
  size_t written = 0;
  __builtin_memset(work->places, 0, sizeof work->places);
  for (size_t start = 0, end; start < size; start = end) {
    end = start + min_size(SEGMENT, size - start);
    Choice best = encode_segment(work, block, start, end);
    uint8_t head[16], *to = head;
    if (size > SEGMENT && start == 0) *to++ = SEGMENTS, to = put_varint(to, size);
    *to++ = (uint8_t)best.kind;
    if (size > SEGMENT) to = put_varint(to, best.length);
    else if (best.kind >= LZ) to = put_varint(to, size);
    size_t head_length = (size_t)(to - head);
    if (written + head_length + best.length > size + 1) { /* already longer than the block as it is */
      head[0] = STORED, head_length = 1, written = 0;
      best.body = block, best.length = end = size;
    }
    if (written + head_length + best.length > capacity) return H4_E_CAPACITY;
    copy(out + written, head, head_length);
    copy(out + written + head_length, best.body, best.length);
    written += head_length + best.length;
  }
  *out_len = written;
  return H4_OK;
}

/* Finds out how long the block was, and leaves `in` at what is to be decoded. 0: no output of this engine. */
static int open_block(Reader *in, unsigned *method, size_t *size) {
  *size = 0;
  if (in->at == in->end) return 0;
  *method = *in->at++;
  if (*method == STORED) return *size = left(in), 1;
  if (*method <= PAIRS + MAX_STRIDE) return measure_pairs(*in, size);
  if (!add_varint(in, size) || *size == 0) return 0;
  if (*method != SEGMENTS) return *size <= SEGMENT;
  return (*size + SEGMENT - 1) / SEGMENT <= left(in) / MIN_SEGMENT_BYTES;
}

static int decode_block(unsigned method, Reader in, uint8_t *block, size_t size) {
  if (method != SEGMENTS) return decode_segment(method, in, block, 0, size);
  for (size_t start = 0, end; start < size; start = end) {
    end = start + min_size(SEGMENT, size - start);
    if (in.at == in.end) return 0;
    unsigned kind = *in.at++;
    size_t length = 0;
    if (!add_varint(&in, &length) || length > left(&in)) return 0;
    if (!decode_segment(kind, (Reader){in.at, in.at + length}, block, start, end)) return 0;
    in.at += length;
  }
  return in.at == in.end;
}

#ifdef __wasm__
/* The heap is a row of pieces, each with its size in front; free neighbours are joined when somebody passes. */
typedef struct { size_t size, used; } Piece;
extern uint8_t __heap_base[]; /* from the linker */
static Piece *heap_end;
static Work the_work;

static Piece *after(Piece *piece) { return (Piece *)((uint8_t *)piece + piece->size); }

void *h4_alloc(size_t size) {
  if (size > MAX_RAW) return NULL;
  size = (size + sizeof(Piece) + 15) & ~(size_t)15;
  Piece *piece = (Piece *)(((size_t)__heap_base + 15) & ~(size_t)15);
  if (!heap_end) heap_end = piece;
  for (; piece != heap_end; piece = after(piece)) {
    if (piece->used) continue;
    while (after(piece) != heap_end && !after(piece)->used) piece->size += after(piece)->size;
    if (piece->size >= size || after(piece) == heap_end) break; /* the last one can grow */
  }
  if (piece == heap_end || piece->size < size) {
    size_t end = (size_t)piece + size, pages = (end + 0xffff) >> 16, present = __builtin_wasm_memory_size(0);
    if (pages > present && __builtin_wasm_memory_grow(0, pages - present) == SIZE_MAX) return NULL;
    piece->size = size;
    heap_end = after(piece);
  } else if (piece->size > size) {
    const size_t rest = piece->size - size;
    piece->size = size, *after(piece) = (Piece){rest, 0};
  }
  piece->used = 1;
  return piece + 1;
}

void h4_free(void *p) { if (p) ((Piece *)p - 1)->used = 0; }
static Work *take_work(void) { return &the_work; }
static void return_work(Work *work) { (void)work; }

#else
#include <stdlib.h>

void h4_free(void *p) { free(p); }
static Work *take_work(void) { return malloc(sizeof(Work)); }
static void return_work(Work *work) { free(work); }

size_t h4_compress(const void *in, size_t in_len, void **out) {
  size_t length, bound = in_len > H4_MAX_BLOCK ? 0 : h4_bound_v2(in_len);
  *out = bound ? malloc(bound) : NULL;
  if (*out && h4_compress_v2(in, in_len, *out, bound, &length) == H4_OK) return length;
  free(*out);
  return *out = NULL, 0;
}

size_t h4_decompress(const void *in, size_t in_len, void **out) {
  Reader reader = {in, in ? (const uint8_t *)in + in_len : in}; /* NULL is empty, and refused */
  unsigned method;
  size_t size;
  *out = open_block(&reader, &method, &size) && size > 0 && size <= H4_MAX_BLOCK ? malloc(size) : NULL;
  if (*out && decode_block(method, reader, *out, size)) return size;
  free(*out);
  return *out = NULL, 0;
}
#endif

const char *h4_engine_id(void) { return "h4geo-v1"; }
size_t h4_bound_v2(size_t in_len) { return in_len > MAX_RAW ? 0 : in_len + 1; }

int32_t h4_compress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  if (!in || in_len == 0 || in_len > MAX_RAW || !out || !out_len) return H4_E_PARAM;
  Work *work = take_work();
  if (!work) return H4_E_MEMORY;
  int32_t status = encode_block(work, in, in_len, out, out_capacity, out_len);
  return_work(work);
  return status;
}

int32_t h4_decompress_v2(const void *in, size_t in_len, void *out, size_t out_capacity, size_t *out_len) {
  if (!in || !out || !out_len) return H4_E_PARAM;
  Reader reader = {in, (const uint8_t *)in + in_len};
  unsigned method;
  size_t size;
  if (!open_block(&reader, &method, &size)) return H4_E_CORRUPT;
  if (size > out_capacity) return H4_E_CAPACITY;
  if (!decode_block(method, reader, out, size)) return H4_E_CORRUPT;
  *out_len = size;
  return H4_OK;
}
