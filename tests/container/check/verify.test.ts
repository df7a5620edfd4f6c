import { describe, expect, test } from 'vitest';
import type { HashingSource } from '../../../src/container/io/io.js';
import { type Limits } from '../../../src/container/format/limits.js';
import { leafHash } from '../../../src/container/tree/merkle.js';
import { parseTail } from '../../../src/container/format/tail.js';
import { parseTokn } from '../../../src/container/format/tokn.js';
import { type VerifyOptions, verifyContainer } from '../../../src/container/check/verify.js';
import { createCountingSource } from '../../../src/storage/counting.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes, toHex, utf8Encode } from '../../../src/utils/bytes.js';
import { H4Error } from '../../../src/utils/error.js';
import { sha256 } from '../../../src/utils/sha256.js';
import {
  AUDIO,
  VIDEO,
  assembled,
  chunkOf,
  chunksOf,
  closedRecording,
  interleaved,
  mediaRecord,
  metaRecord,
  patched,
  recordZero,
  rejection,
  resealed,
  sourceOf,
  withField,
  written,
} from '../../support/container.js';
import { signNothing } from '../../support/notes.js';

const TRACKS = { tracks: [VIDEO, AUDIO] };
const closed = await closedRecording(interleaved(20), { ...TRACKS, totals: true });

const check = (file: Uint8Array, options?: VerifyOptions) => verifyContainer(createMemorySource(file), options);
const codesOf = async (file: Uint8Array, options?: VerifyOptions): Promise<string[]> =>
  (await check(file, options)).errors.map(({ code }) => code);

describe('the report', () => {
  test('of a sound and closed file without a signature', async () => {
    expect(await check(closed)).toEqual({
      format: 'H4MK v1 final',
      state: 'NOT_SIGNED',
      proven: false,
      exit_code: 0,
      root: toHex(parseTail(chunkOf(closed, 'TAIL').payload).root),
      file_id: toHex(leafHash(parseTokn(chunkOf(closed, 'TOKN').payload).entry)),
      records: 22,
      tree_size: 22,
      signed_size: 0,
      redacted: 0,
      redacted_records: [],
      unexplained: [],
      unexplained_count: 0,
      still_there: [],
      still_there_count: 0,
      timebase: [1, 1_000_000],
      shift: 0,
      gaps: [],
      gap_count: 0,
      bytes: closed.length,
      checkpoint: null,
      signatures: [],
      signature_count: 0,
      statements: [],
      statement_count: 0,
      errors: [],
      warnings: [],
      error_count: 0,
      warning_count: 0,
    });
  });

  test('of a signed one says that no key was configured', async () => {
    const signed = await closedRecording(interleaved(4), { ...TRACKS, sign: signNothing });
    expect(await check(signed)).toMatchObject({
      state: 'SIGNED_UNTRUSTED_KEY',
      proven: false,
      exit_code: 0,
      signature_count: 1,
    });
  });

  test('of a live file is exit code 3', async () => {
    const live = resealed(chunksOf(closed).slice(0, -6));
    expect(await check(live)).toMatchObject({ format: 'H4MK v1 live', state: 'NOT_SIGNED', exit_code: 3 });
  });

  test('of a broken file is exit code 1, with what could be read', async () => {
    const broken = patched(closed, chunkOf(closed, 'CORE', 3).offset + 12, 0xff);
    expect(await check(broken)).toMatchObject({
      format: 'H4MK v1 final',
      state: 'NOT_OK',
      exit_code: 1,
      records: 22,
      error_count: 3,
    });
    expect(await codesOf(broken)).toEqual(['H4_CRC_MISMATCH', 'H4_COMMIT_MISMATCH', 'H4_VERI_MISMATCH']);
  });

  test.each<[string, Uint8Array, string, number]>([
    ['no bytes', new Uint8Array(0), 'H4_TOO_SHORT', 0],
    ['7 bytes', closed.subarray(0, 7), 'H4_TOO_SHORT', 0],
    ['another magic', patched(closed, 3, 0), 'H4_BAD_MAGIC', 0],
    ['version 2', patched(closed, 5, 2), 'H4_BAD_VERSION', 0],
    ['reserved bytes', patched(closed, 6, 2), 'H4_HEADER_RESERVED', 0],
    ['no tag', patched(closed, 8, 0), 'H4_BAD_TAG', 8],
  ])('of a file with %s has no format', async (_, file, code, offset) => {
    expect(await check(file)).toMatchObject({
      format: 'unknown',
      state: 'NOT_OK',
      exit_code: 1,
      records: 0,
      root: null,
      file_id: null,
      bytes: file.length,
      errors: [{ code, offset }],
    });
  });

  test('of a file whose tags go wrong later keeps what was read before', async () => {
    const { offset } = chunkOf(closed, 'TOKN', 5);
    expect(await check(patched(closed, offset, 0x1f))).toMatchObject({
      format: 'H4MK v1 live',
      records: 5,
      errors: [{ code: 'H4_BAD_TAG', offset }],
      error_count: 1,
    });
  });
});

describe('findings', () => {
  test('are in the order of the file', async () => {
    let broken = closed;
    for (const n of [2, 9, 15]) broken = patched(broken, chunkOf(closed, 'CORE', n).offset + 12, 0xee);
    const { errors } = await check(broken);
    const offsets = errors.map(({ offset }) => offset);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
    expect(errors).toHaveLength(7);
  });

  test('are listed up to the limit and all counted; the first of each code is always there', async () => {
    const strangers = (count: number) =>
      Array.from({ length: count }, () => ({ tag: 'xABC', payload: new Uint8Array(0) }));
    const flood = assembled([
      ...chunksOf(closed).slice(0, -1),
      ...strangers(10_500),
      { tag: 'VERI', payload: new Uint8Array(0) },
      { tag: 'VERI', payload: new Uint8Array(0) },
    ]);
    const report = await check(flood);
    expect(report.error_count).toBe(10_502);
    expect(report.errors).toHaveLength(10_001);
    expect(report.errors.at(-1)?.code).toBe('H4_CHUNK_DUPLICATE');
    expect(report.warnings.map(({ code }) => code)).toEqual(['H4_TAIL_MISSING']);

    const short = await check(flood, { limits: { maxReport: 5 } });
    expect([short.errors.length, short.error_count, short.state]).toEqual([6, 10_502, 'NOT_OK']);
    const none = await check(flood, { limits: { maxReport: 0 } });
    expect([none.errors.length, none.error_count, none.exit_code]).toEqual([2, 10_502, 1]);
  });
});

describe('limits', () => {
  const block = mediaRecord({
    pts: 0,
    key: true,
    payload: new Uint8Array(500),
    tokens: Array.from({ length: 5 }, (_, i) => ({ delta: i, duration: 1, key: i === 0, size: 100 })),
  });
  test.each<[keyof Limits, number, string]>([
    ['maxChunkBytes', 500, 'H4_LIMIT_CHUNK'],
    ['maxMetaBytes', recordZero(TRACKS).payload.length, 'H4_LIMIT_META'],
    ['maxJsonDepth', 4, 'H4_LIMIT_META'],
    ['maxTokens', 5, 'H4_LIMIT_TOKENS'],
    ['maxBlockBytes', 500, 'H4_LIMIT_BLOCK'],
    ['maxNotes', 2, 'H4_LIMIT_NOTES'],
    ['maxRecords', 3, 'H4_LIMIT_RECORDS'],
  ])('%s of %i suffices, one less is %s', async (name, value, code) => {
    const file = await closedRecording([block], { ...TRACKS, sign: signNothing, pointEvery: 1 });
    expect(await codesOf(file, { limits: { [name]: value } })).toEqual([]);
    const { errors, state, exit_code } = await check(file, { limits: { [name]: value - 1 } });
    expect(errors.map((finding) => finding.code)).toEqual([code]);
    expect([state, exit_code]).toEqual(['NOT_OK', 1]);
  });

  test('maxTileLevel 1 suffices for 300 records, 0 is H4_LIMIT_TILE', async () => {
    const file = await closedRecording(interleaved(298), TRACKS);
    expect(await codesOf(file, { limits: { maxTileLevel: 1 } })).toEqual([]);
    expect(await codesOf(file, { limits: { maxTileLevel: 0 } })).toEqual(['H4_LIMIT_TILE']);
  });

  test('a limit that is none is refused before anything is read', async () => {
    const source = createCountingSource(createMemorySource(closed));
    expect((await rejection(verifyContainer(source, { limits: { maxNotes: -1 } }))).code).toBe('H4_PARAM');
    expect(source.count).toBe(0);
  });

  test('a number beyond 2^53-1 ends the walk', async () => {
    const broken = withField(closed, chunkOf(closed, 'TAIL'), 24, 2n ** 53n, 8);
    expect(await codesOf(broken)).toEqual(['H4_LIMIT_U64']);
  });

  test('the JSON of one META counts by itself, not of all', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero());
      for (let i = 0; i < 20; i++) await writer.record(metaRecord({ x: 'y'.repeat(400) }));
    });
    expect(await codesOf(file, { limits: { maxMetaBytes: 500 } })).toEqual([]);
  });
});

/** A closed file of `megabytes` and a bit. */
const large = (megabytes: number): Promise<Uint8Array> =>
  closedRecording(
    Array.from({ length: megabytes }, (_, i) =>
      mediaRecord({ pts: i, key: true, payload: new Uint8Array(1024 * 1024).fill(i) }),
    ),
  );
const nineMegabytes = await large(9);

describe('onProgress', () => {
  test('tells how far the check has come, about every megabyte and at the end', async () => {
    const seen: number[] = [];
    await check(nineMegabytes, { onProgress: (bytes) => seen.push(bytes) });
    expect(seen.length).toBeGreaterThanOrEqual(9);
    expect(seen.length).toBeLessThanOrEqual(10);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(nineMegabytes.length);
  });

  test('is called once for a small file, and for a broken one with how far it came', async () => {
    const seen: number[] = [];
    const onProgress = (bytes: number) => seen.push(bytes);
    await check(closed, { onProgress });
    const { offset } = chunkOf(closed, 'TOKN', 5);
    await check(patched(closed, offset, 0), { onProgress });
    expect(seen).toEqual([closed.length, offset]);
  });
});

describe('an AbortSignal', () => {
  test('that was aborted before ends the check at once', async () => {
    const source = createCountingSource(createMemorySource(closed));
    expect((await rejection(verifyContainer(source, { signal: AbortSignal.abort() }))).code).toBe('H4_CANCELLED');
    expect(source.count).toBeLessThanOrEqual(1);
  });

  test('ends a check that is under way: there is no report of half a file', async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const checking = check(nineMegabytes, {
      signal: controller.signal,
      onProgress(bytes) {
        seen.push(bytes);
        if (seen.length === 2) controller.abort();
      },
    });
    await expect(checking).rejects.toThrow();
    expect(seen).toHaveLength(2);
  });
});

describe('a source', () => {
  test('is read once, from front to back, beside its last 172 bytes', async () => {
    const source = createCountingSource(createMemorySource(nineMegabytes));
    await verifyContainer(source);
    const size = nineMegabytes.length;
    const [tail, ...pieces] = source.reads;
    expect(tail).toEqual([size - 172, size]);
    expect([pieces[0]?.[0], pieces.at(-1)?.[1]]).toEqual([0, size]);
    expect(pieces.slice(1).map(([start]) => start)).toEqual(pieces.slice(0, -1).map(([, end]) => end));
  });

  test('that fails ends the check: that says nothing about the file', async () => {
    for (const code of ['H4_IO', 'H4_STATE', 'H4_INTERNAL'] as const) {
      const failure = new H4Error(code, 'The source is gone');
      for (const fails of [1, 2]) {
        let reads = 0;
        const source = sourceOf(closed.length, (start, end) =>
          ++reads === fails ? Promise.reject(failure) : Promise.resolve(closed.subarray(start, end)),
        );
        expect(await rejection(verifyContainer(source))).toBe(failure);
      }
    }
  });

  test('that fails with an error of another kind passes it on', async () => {
    const failure = new TypeError('a defect');
    const source = sourceOf(closed.length, () => Promise.reject(failure));
    await expect(verifyContainer(source)).rejects.toBe(failure);
  });
});

describe('a source that hashes', () => {
  const hashing = (file: Uint8Array, digest?: (bytes: Uint8Array) => Promise<Uint8Array>) =>
    createCountingSource(
      Object.assign(createMemorySource(file), {
        sha256: (start: number, end: number): Promise<Uint8Array> =>
          digest?.(file.subarray(start, end)) ?? Promise.resolve(sha256(file.subarray(start, end))),
      }) satisfies HashingSource,
    );
  const veri = chunkOf(nineMegabytes, 'VERI').offset;

  test('computes VERI beside the walk, from where TAIL says it stands', async () => {
    const source = hashing(nineMegabytes);
    expect(await verifyContainer(source)).toMatchObject({ error_count: 0, exit_code: 0 });
    expect(source.hashes).toEqual([[8, veri]]);
  });

  test('is believed: its hash is compared with VERI', async () => {
    const source = hashing(nineMegabytes, () => Promise.resolve(new Uint8Array(32)));
    expect((await verifyContainer(source)).errors.map(({ code }) => code)).toEqual(['H4_VERI_MISMATCH']);
  });

  test('hashes again where TAIL lied', async () => {
    const tail = chunkOf(nineMegabytes, 'TAIL');
    for (const [lie, hashes] of [
      [veri + 1, 2],
      [100, 2],
      [9, 2],
      [8, 1],
      [0, 1],
      [nineMegabytes.length, 1],
      [Number.MAX_SAFE_INTEGER, 1],
    ] as const) {
      const source = hashing(withField(nineMegabytes, tail, 40, lie, 8));
      expect((await verifyContainer(source)).errors.map(({ code }) => code)).toEqual(['H4_TAIL_FIELD']);
      expect(source.hashes).toHaveLength(hashes);
      expect(source.hashes.at(-1)).toEqual([8, veri]);
    }
  });

  test('notices a byte that changed', async () => {
    const source = hashing(patched(nineMegabytes, chunkOf(nineMegabytes, 'CORE', 4).offset + 8, 0, 4));
    expect((await verifyContainer(source)).errors.map(({ code }) => code)).toEqual([
      'H4_CRC_MISMATCH',
      'H4_VERI_MISMATCH',
    ]);
  });

  test('whose hash fails ends the check', async () => {
    const failure = new H4Error('H4_IO', 'The other thread is gone');
    const source = hashing(nineMegabytes, () => Promise.reject(failure));
    expect(await rejection(verifyContainer(source))).toBe(failure);
  });

  test('whose hash fails is forgiven where no VERI is reached', async () => {
    const source = hashing(patched(nineMegabytes, chunkOf(nineMegabytes, 'TOKN', 3).offset, 0), () =>
      Promise.reject(new H4Error('H4_IO', 'The other thread is gone')),
    );
    expect((await verifyContainer(source)).errors.map(({ code }) => code)).toEqual(['H4_BAD_TAG']);
    // A turn of the event loop in which an unhandled rejection would end the process.
    await new Promise((resolve) => setImmediate(resolve));
  });

  test('is not asked for a small file, or for one that does not end in a TAIL', async () => {
    for (const file of [closed, nineMegabytes.subarray(0, -1)]) {
      const source = hashing(file);
      await verifyContainer(source);
      expect(source.hashes).toEqual([]);
    }
  });

  test('is asked once for a file with two VERI', async () => {
    const twice = concatBytes(
      nineMegabytes,
      resealed([...chunksOf(nineMegabytes), chunkOf(nineMegabytes, 'VERI'), chunkOf(nineMegabytes, 'TAIL')]).subarray(
        nineMegabytes.length,
      ),
    );
    const source = hashing(twice);
    const { errors } = await verifyContainer(source);
    expect(errors[0]?.code).toBe('H4_CHUNK_DUPLICATE');
    expect(source.hashes.filter(([, end]) => end === veri)).toHaveLength(1);
  });
});

test('verification decodes no block: an engine that nobody has is no obstacle', async () => {
  const json = JSON.parse(new TextDecoder().decode(recordZero().payload)) as { compression: { engine_id: string } };
  json.compression.engine_id = 'nobody-has-this';
  const file = await written(async (writer) => {
    await writer.record({ mode: 3, pts: 0, payload: utf8Encode(JSON.stringify(json)) });
    await writer.record(mediaRecord({ pts: 0, key: true }));
  });
  expect(await codesOf(file)).toEqual([]);
});
