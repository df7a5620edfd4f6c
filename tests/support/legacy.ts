/** Legacy files made in memory: chunks without records, as the original software wrote them. */
import { compressRleDelta } from '../../src/compression/rle.js';
import { concatBytes, utf8Encode, viewOf } from '../../src/utils/bytes.js';
import { sha256 } from '../../src/utils/sha256.js';
import { LegacyMask } from '../../src/container/legacy/legacy-mask.js';
import { encodeHeader } from '../../src/container/format/header.js';
import { type Piece, assembled, chunkOf, chunksOf, patched } from './container.js';

export const core = (bytes: Uint8Array): Piece => ({ tag: 'CORE', payload: bytes });
/** A block of `size` bytes in the fewest pairs. */
export const block = (size: number): Piece => core(compressRleDelta(new Uint8Array(size).fill(65)));

export const seek = (
  entries: readonly (readonly [number | bigint, number | bigint])[],
  count = entries.length,
): Piece => {
  const payload = new Uint8Array(4 + 16 * entries.length);
  const view = viewOf(payload);
  view.setUint32(0, count);
  for (const [i, [pts, offset]] of entries.entries()) {
    view.setBigUint64(4 + 16 * i, BigInt(pts));
    view.setBigUint64(12 + 16 * i, BigInt(offset));
  }
  return { tag: 'SEEK', payload };
};

export const META = {
  project: 'HarmonyØ4',
  fps_hint: 29.97,
  huge: 2 ** 60,
  masked: false,
  compression: { engine: 'geometric-reference' },
};
export const meta = (json: unknown = META): Piece => ({ tag: 'META', payload: utf8Encode(JSON.stringify(json)) });
export const safe: Piece = { tag: 'SAFE', payload: utf8Encode('{"scope":"container+transport-only"}') };
export const chunk = (tag: string, payload: Uint8Array = new Uint8Array(1)): Piece => ({ tag, payload });

/** Chunks and the VERI that belongs to them. */
export const closed = (...pieces: readonly Piece[]): Uint8Array => {
  const body = assembled(pieces);
  return concatBytes(body, assembled([chunk('VERI', sha256(body.subarray(8)))]).subarray(8));
};

/** Blocks that start at 0, 300 and 316 and end at 318. */
export const blocks = [block(300), block(16), block(2)];
export const entries = [
  [0, 0],
  [66_666, 316],
] as const;
/** A whole file with these blocks, and its chunks before VERI. */
export const whole = closed(...blocks, seek(entries), meta(), safe);
export const open = [...blocks, seek(entries), meta(), safe];

/** The same content, masked with a key of 32 bytes. */
export const LEGACY_KEY = Uint8Array.from({ length: 32 }, (_, i) => i);
export const masked = (...contents: readonly Uint8Array[]): Piece[] =>
  contents.map((bytes, i) => {
    const copy = bytes.slice();
    new LegacyMask(LEGACY_KEY).apply(i, copy);
    return core(compressRleDelta(copy));
  });
export const maskedLegacyFile = closed(
  ...masked(...[300, 16, 2].map((size) => new Uint8Array(size).fill(65))),
  seek(entries),
  meta({ ...META, masked: true }),
  safe,
);

const huge = patched(whole, 8 + 4, 0xffff_ffff, 4);
/** 8 KiB that decompress to a mebibyte. */
export const BOMB = core(new Uint8Array(8224).fill(255));

/** The negative cases of section 13 and others like them, with all that a full check finds. */
export const REFUSED: readonly (readonly [name: string, file: Uint8Array, errors: readonly string[]])[] = [
  ['too_short', whole.subarray(0, 7), ['H4_TOO_SHORT']],
  ['bad_magic', patched(whole, 0, 0), ['H4_BAD_MAGIC']],
  ['version_2', patched(whole, 4, 2, 2), ['H4_BAD_VERSION']],
  ['reserved_nonzero', patched(whole, 6, 1, 2), ['H4_HEADER_RESERVED']],
  ['header_only', encodeHeader(), ['H4_NO_RECORDS']],
  ['nonascii_tag', patched(whole, 8, 0xc3), ['H4_BAD_TAG']],
  ['nonascii_tag of a later chunk', patched(whole, chunkOf(whole, 'META').offset, 0x1f), ['H4_BAD_TAG']],
  ['crc_bad', patched(whole, 8 + 8, 0, 4), ['H4_CRC_MISMATCH', 'H4_VERI_MISMATCH']],
  ['huge_declared', huge, ['H4_TRUNCATED']],
  ['truncated_mid_chunk', whole.subarray(0, chunkOf(whole, 'META').offset + 30), ['H4_TRUNCATED']],
  ['truncated in a chunk header', whole.subarray(0, chunkOf(whole, 'META').offset + 3), ['H4_TRUNCATED']],
  ['trailing_junk_5', concatBytes(whole, new Uint8Array(5)), ['H4_TRAILING_BYTES']],
  ['veri_stale', assembled([...open, block(1), chunkOf(whole, 'VERI')]), ['H4_VERI_MISMATCH']],
  ['veri_16_bytes', assembled([...open, chunk('VERI', new Uint8Array(16))]), ['H4_VERI_SIZE']],
  ['veri_not_last', assembled([...chunksOf(whole), chunk('xtra')]), ['H4_CHUNK_AFTER_VERI']],
  ['core_after_veri', assembled([...chunksOf(whole), block(1)]), ['H4_CHUNK_AFTER_VERI']],
  [
    'part of a chunk after VERI',
    concatBytes(whole, patched(new Uint8Array(20).fill(65), 4, 9, 4)),
    ['H4_CHUNK_AFTER_VERI'],
  ],
  ['two_meta', closed(...open, meta()), ['H4_CHUNK_DUPLICATE']],
  ['two SEEK', closed(...open, seek([])), ['H4_CHUNK_DUPLICATE']],
  ['two SAFE', closed(...open, safe), ['H4_CHUNK_DUPLICATE']],
  ['two VERI', assembled([...chunksOf(whole), chunkOf(whole, 'VERI')]), ['H4_CHUNK_DUPLICATE']],
  ['meta_not_json', closed(...blocks, chunk('META', utf8Encode('{'))), ['H4_META_JSON']],
  ['meta_json_array', closed(...blocks, meta([])), ['H4_META_JSON']],
  ['META with a duplicate key', closed(chunk('META', utf8Encode('{"a":1,"a":1}'))), ['H4_META_JSON']],
  ['masked that is neither true nor false', closed(...blocks, meta({ ...META, masked: 1 })), ['H4_META_FIELD']],
  ['seek_count_lie', closed(...blocks, seek(entries, 3), meta()), ['H4_SEEK_SIZE']],
  ['seek_count_max', closed(...blocks, seek(entries, 0xffff_ffff), meta()), ['H4_SEEK_SIZE']],
  ['seek_short_3', closed(...blocks, chunk('SEEK', new Uint8Array(3)), meta()), ['H4_SEEK_SIZE']],
  [
    'seek_trailing',
    closed(...blocks, chunk('SEEK', concatBytes(seek(entries).payload, new Uint8Array(1))), meta()),
    ['H4_SEEK_SIZE'],
  ],
  [
    'seek_unsorted by time',
    closed(
      ...blocks,
      seek([
        [5, 0],
        [4, 316],
      ]),
      meta(),
    ),
    ['H4_SEEK_ORDER'],
  ],
  [
    'seek_unsorted by offset',
    closed(
      ...blocks,
      seek([
        [4, 316],
        [5, 0],
      ]),
      meta(),
    ),
    ['H4_SEEK_ORDER'],
  ],
  [
    'two SEEK entries of one time',
    closed(
      ...blocks,
      seek([
        [4, 0],
        [4, 316],
      ]),
      meta(),
    ),
    ['H4_SEEK_ORDER'],
  ],
  [
    'two SEEK entries of one offset',
    closed(
      ...blocks,
      seek([
        [4, 0],
        [5, 0],
      ]),
      meta(),
    ),
    ['H4_SEEK_ORDER'],
  ],
  ['seek_u64_max', closed(...blocks, seek([[0, 2n ** 64n - 1n]]), meta()), ['H4_U64_RANGE']],
  ['a time in SEEK beyond 2^63', closed(...blocks, seek([[2n ** 63n, 0]]), meta()), ['H4_U64_RANGE']],
  ['core_odd_rle', closed(core(new Uint8Array(3).fill(1)), meta()), ['H4_RLE_ODD']],
  ['core_rle_run0', closed(core(Uint8Array.of(1, 1, 1, 0)), meta()), ['H4_RLE_ZERO_RUN']],
  ['no META, odd pairs', closed(core(new Uint8Array(3).fill(1))), ['H4_RLE_ODD']],
];
