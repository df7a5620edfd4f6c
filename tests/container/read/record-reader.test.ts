import { describe, expect, test } from 'vitest';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import { DEFAULT_LIMITS, createLimits } from '../../../src/container/format/limits.js';
import { readHeadAt, readRawRecordAt, readRecordAt } from '../../../src/container/read/record-reader.js';
import { parseTokn } from '../../../src/container/format/tokn.js';
import { verifyPayload } from '../../../src/container/check/verified.js';
import { type CountingSource, createCountingSource } from '../../../src/storage/counting.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import { lcgBytes } from '../../compression/lcg.js';
import {
  type Piece,
  assembled,
  chunkOf,
  chunksOf,
  headOf,
  mediaRecord,
  patched,
  recordZero,
  rejection,
  withPayload,
  written,
} from '../../support/container.js';
import { refusal } from '../../utils/refusal.js';

const payload = lcgBytes(1, 60_000);

/** Record 0, record 1 with 60 000 bytes, record 2 with 5 bytes. */
const file = await written(async (writer) => {
  await writer.record(recordZero());
  await writer.record(mediaRecord({ pts: 7, key: true, payload }));
  await writer.record(mediaRecord({ pts: 8, payload: lcgBytes(2, 5), blind: new Uint8Array(16).fill(9) }));
});
const [at0, at1, at2] = [0, 1, 2].map((n) => chunkOf(file, 'TOKN', n).offset) as [number, number, number];

const counted = (bytes: Uint8Array): CountingSource => createCountingSource(createMemorySource(bytes));

const readRecord = (
  source: CountingSource | Uint8Array,
  place: { readonly offset: number; readonly end: number },
  seq: number,
  limits = DEFAULT_LIMITS,
) => readRecordAt(source instanceof Uint8Array ? counted(source) : source, place, seq, limits, undefined);

const readHead = (bytes: Uint8Array, offset: number, seq?: number, limits = DEFAULT_LIMITS) =>
  readHeadAt(counted(bytes), offset, seq, limits, undefined);

describe('readHeadAt()', () => {
  test('reads 92 bytes and gives the head with its place', async () => {
    const source = counted(file);
    const head = await readHeadAt(source, at1, 1, DEFAULT_LIMITS, undefined);
    expect(head).toEqual({ ...headOf(parseTokn(chunkOf(file, 'TOKN', 1).payload)), offset: at1 });
    expect(source.reads).toEqual([[at1, at1 + 92]]);
  });

  test('takes whichever record stands there if none is demanded', async () => {
    expect((await readHead(file, at2)).seq).toBe(2);
  });

  test.each<[string, Uint8Array, number, string]>([
    ['another record', file, at2, 'H4_INDEX_MISMATCH'],
    ['a payload', file, chunkOf(file, 'CORE').offset, 'H4_INDEX_MISMATCH'],
    ['no tag', file, at1 + 4, 'H4_BAD_TAG'],
    ['the end of the file', file, file.length, 'H4_INDEX_MISMATCH'],
    ['less than a chunk header', file, file.length - 11, 'H4_INDEX_MISMATCH'],
    ['far behind the end', file, Number.MAX_SAFE_INTEGER, 'H4_INDEX_MISMATCH'],
    ['a TOKN that is cut', file.subarray(0, at1 + 91), at1, 'H4_TOKN_SIZE'],
    ['a TOKN of another suite', patched(file, at1 + 12, 2), at1, 'H4_TOKN_SUITE'],
    ['VOID', patched(file, at1, 0x564f4944, 4), at1, 'H4_INDEX_MISMATCH'],
    ['a TOKN beyond the limit', patched(file, at1 + 4, 2 ** 32 - 1, 4), at1, 'H4_LIMIT_CHUNK'],
  ])('refuses %s', async (_, bytes, offset, code) => {
    const source = counted(bytes);
    expect((await rejection(readHeadAt(source, offset, 1, DEFAULT_LIMITS, undefined))).code).toBe(code);
    expect(source.bytes).toBeLessThanOrEqual(92);
  });

  test('a message names both records', async () => {
    expect((await rejection(readHead(file, at2, 1))).message).toBe(
      `The index promises record 1 at offset ${at2}, but record 2 stands there`,
    );
  });

  test('passes the signal on', async () => {
    const source = counted(file);
    expect((await rejection(readHeadAt(source, at1, 1, DEFAULT_LIMITS, AbortSignal.abort()))).code).toBe(
      'H4_CANCELLED',
    );
  });
});

describe('readRecordAt()', () => {
  const expected = { tokn: parseTokn(chunkOf(file, 'TOKN', 1).payload), offset: at1, payload };

  test('reads a record of known extent at once', async () => {
    const source = counted(file);
    expect(await readRecord(source, { offset: at1, end: at2 }, 1)).toEqual(expected);
    expect(source.reads).toEqual([[at1, at2]]);
  });

  test.each<[string, number]>([
    ['not known', 0],
    ['before its beginning', at1],
    ['too early', at1 + 100],
    ['after the header of its payload', at1 + 12 + 92 + 20],
    ['one byte too early', at2 - 1],
    ['after the next record', file.length],
    ['behind the end of the file', file.length + 1],
    ['so far away that no record reaches there', 2 ** 40],
  ])('gives the same record where its end is %s', async (_, end) => {
    const source = counted(file);
    expect(await readRecord(source, { offset: at1, end }, 1)).toEqual(expected);
    expect(source.count).toBeLessThanOrEqual(3);
    for (const [start, stop] of source.reads) {
      expect(start).toBe(at1);
      expect(stop).toBeLessThanOrEqual(Math.max(at2, Math.min(end, file.length)));
    }
  });

  test('reads a small record of unknown extent at once, and never beyond the file', async () => {
    const source = counted(file);
    expect((await readRecord(source, { offset: at2, end: 0 }, 2)).payload).toEqual(lcgBytes(2, 5));
    expect(source.reads).toEqual([[at2, file.length]]);
    source.reset();
    await readRecord(source, { offset: at0, end: 0 }, 0);
    expect(source.reads).toEqual([[at0, at0 + 48 * 1024]]);
  });

  test('a plausible end is no reason to read more than the limits allow', async () => {
    const limits = createLimits({ maxChunkBytes: 2000, maxTokens: 10 });
    const source = counted(concatBytes(file.subarray(0, at1), file.subarray(at2), new Uint8Array(200_000)));
    expect(
      await rejection(readRecordAt(source, { offset: at1, end: at1 + 150_000 }, 1, limits, undefined)),
    ).toBeDefined();
    expect(source.bytes).toBeLessThanOrEqual(48 * 1024);
  });

  test('gives no payload for a redacted record, compacted or not', async () => {
    const entry = (blind: number): Piece[] => {
      const tokn = chunkOf(file, 'TOKN', 2).payload;
      return [{ tag: 'TOKN', payload: concatBytes(tokn.subarray(0, -16), new Uint8Array(16).fill(blind)) }];
    };
    for (const size of [5, 0]) {
      const redacted = assembled([...entry(0), { tag: 'VOID', payload: new Uint8Array(size) }]);
      const record = await readRecord(redacted, { offset: 8, end: 0 }, 2);
      expect(record).toMatchObject({ payload: undefined, tokn: { seq: 2, size: 5 } });
    }
  });

  const tokn = chunkOf(file, 'TOKN', 2);
  const core = chunkOf(file, 'CORE', 1);
  const lone = (pieces: readonly Piece[]): Uint8Array => assembled(pieces);
  test.each<[string, Uint8Array, number, string]>([
    ['another record', file, at1, 'H4_INDEX_MISMATCH'],
    ['a payload', file, core.offset, 'H4_INDEX_MISMATCH'],
    ['no tag', file, at2 + 1, 'H4_BAD_TAG'],
    ['the end of the file', file, file.length, 'H4_INDEX_MISMATCH'],
    ['far behind the end', file, Number.MAX_SAFE_INTEGER, 'H4_INDEX_MISMATCH'],
    ['a TOKN without a payload', lone([tokn]), 8, 'H4_TRUNCATED'],
    ['a TOKN that is cut', file.subarray(0, at2 + 100), at2, 'H4_TRUNCATED'],
    ['a payload header that is cut', file.subarray(0, core.offset + 11), at2, 'H4_TRUNCATED'],
    ['a payload that is cut', file.subarray(0, file.length - 1), at2, 'H4_TRUNCATED'],
    ['a payload longer than the file', patched(file, core.offset + 4, 6, 4), at2, 'H4_TRUNCATED'],
    ['a payload of 4 GiB', patched(file, core.offset + 4, 2 ** 32 - 1, 4), at2, 'H4_LIMIT_CHUNK'],
    ['a TOKN of 4 GiB', patched(file, at2 + 4, 2 ** 32 - 1, 4), at2, 'H4_LIMIT_CHUNK'],
    ['a TOKN with another CRC', patched(file, at2 + 8, 1, 4), at2, 'H4_CRC_MISMATCH'],
    ['a TOKN with a flipped bit', patched(file, at2 + 12 + 90, 1), at2, 'H4_CRC_MISMATCH'],
    ['a payload of another mode', lone([tokn, { tag: 'SAFE', payload: core.payload }]), 8, 'H4_INDEX_MISMATCH'],
    ['a TOKN in place of the payload', lone([tokn, tokn]), 8, 'H4_INDEX_MISMATCH'],
    ['a payload of another size', lone([tokn, { tag: 'CORE', payload: new Uint8Array(4) }]), 8, 'H4_PAYLOAD_SIZE'],
    [
      'a payload that was changed',
      withPayload(file, 'CORE', 1, (bytes) => patched(bytes, 0, 1)),
      at2,
      'H4_COMMIT_MISMATCH',
    ],
    [
      'a blind that was changed',
      withPayload(file, 'TOKN', 2, (bytes) => patched(bytes, bytes.length - 1, 8)),
      at2,
      'H4_COMMIT_MISMATCH',
    ],
  ])('refuses %s', async (_, bytes, offset, code) => {
    expect((await rejection(readRecord(bytes, { offset, end: 0 }, 2))).code).toBe(code);
  });

  test('compares the payload with its commitment, not with the CRC of its chunk', async () => {
    const [zero, meta, one, first] = chunksOf(file);
    expect([zero, meta, one, first].every((chunk) => chunk !== undefined)).toBe(true);
    const wrongCrc = patched(file, core.offset + 8, 0, 4);
    expect((await readRecord(wrongCrc, { offset: at2, end: 0 }, 2)).payload).toEqual(lcgBytes(2, 5));
  });

  test('a payload as large as the limit of chunks is read, a larger one is refused', async () => {
    const place = { offset: at1, end: at2 };
    const read = (maxChunkBytes: number) => readRecord(file, place, 1, createLimits({ maxChunkBytes }));
    expect((await read(60_000)).payload).toEqual(payload);
    expect((await rejection(read(59_999))).code).toBe('H4_LIMIT_CHUNK');
  });

  test('holds to the limits of tokens and blocks', async () => {
    expect((await rejection(readRecord(file, { offset: at2, end: 0 }, 2, createLimits({ maxTokens: 0 })))).code).toBe(
      'H4_LIMIT_TOKENS',
    );
    expect(
      (await rejection(readRecord(file, { offset: at2, end: 0 }, 2, createLimits({ maxBlockBytes: 4 })))).code,
    ).toBe('H4_LIMIT_BLOCK');
  });

  test('passes the signal on', async () => {
    const reading = readRecordAt(counted(file), { offset: at1, end: 0 }, 1, DEFAULT_LIMITS, AbortSignal.abort());
    expect((await rejection(reading)).code).toBe('H4_CANCELLED');
  });

  test('an extent within a chunk of another kind is refused after one read', async () => {
    const source = counted(concatBytes(file, encodeChunk('xABC', file)));
    expect((await rejection(readRecord(source, { offset: file.length, end: 0 }, 1))).code).toBe('H4_INDEX_MISMATCH');
    expect(source.count).toBe(1);
  });
});

describe('verifyPayload()', () => {
  const tokn = parseTokn(chunkOf(file, 'TOKN', 2).payload);
  const right = chunkOf(file, 'CORE', 1).payload;

  test('gives back the very bytes it was given', () => {
    expect(verifyPayload(tokn, right)).toBe(right);
  });

  test('refuses any other length', () => {
    for (const wrong of [right.subarray(1), concatBytes(right, right), new Uint8Array(0)]) {
      expect(refusal(() => verifyPayload(tokn, wrong))).toMatchObject({
        code: 'H4_PAYLOAD_SIZE',
        message: `The payload of record 2 has ${wrong.length} bytes instead of 5`,
      });
    }
  });

  test('refuses any flipped bit, of the payload, the blind or the commitment', () => {
    for (let bit = 0; bit < 40; bit++) {
      const wrong = patched(right, bit >> 3, (right[bit >> 3] ?? 0) ^ (1 << (bit & 7)));
      expect(refusal(() => verifyPayload(tokn, wrong)).code).toBe('H4_COMMIT_MISMATCH');
    }
    const blind = new Uint8Array(16);
    expect(refusal(() => verifyPayload({ ...tokn, blind }, right)).code).toBe('H4_COMMIT_MISMATCH');
    const commit = patched(tokn.commit, 31, (tokn.commit[31] ?? 0) ^ 1);
    expect(refusal(() => verifyPayload({ ...tokn, commit }, right)).code).toBe('H4_COMMIT_MISMATCH');
  });
});

describe('readRawRecordAt()', () => {
  const raw = (bytes: Uint8Array, seq: number, offset: number) =>
    readRawRecordAt(counted(bytes), { offset, end: 0 }, seq, DEFAULT_LIMITS, undefined);
  /** The last record with VOID in the place of its payload, its blind as given. */
  const redacted = (content: Uint8Array, blind: number): Uint8Array =>
    assembled(
      chunksOf(file).map(({ tag, payload: bytes, offset }) => {
        if (offset === at2)
          return { tag, payload: concatBytes(bytes.subarray(0, -16), new Uint8Array(16).fill(blind)) };
        return offset > at2 ? { tag: 'VOID', payload: content } : { tag, payload: bytes };
      }),
    );

  test('gives a record as it stands, with its payload verified', async () => {
    const record = await raw(file, 1, at1);
    expect([record.tag, record.tokn.seq]).toEqual(['CORE', 1]);
    expect(Buffer.compare(record.payload, payload)).toBe(0);
    const damaged = file.slice();
    damaged[at2 - 1] = (damaged[at2 - 1] ?? 0) ^ 1;
    expect((await rejection(raw(damaged, 1, at1))).code).toBe('H4_COMMIT_MISMATCH');
  });

  test('gives a redacted record with its VOID, whole or compacted', async () => {
    for (const content of [new Uint8Array(5), new Uint8Array(0)]) {
      const record = await raw(redacted(content, 0), 2, at2);
      expect([record.tag, record.payload]).toEqual(['VOID', content]);
    }
  });

  test('refuses a VOID that holds something, and a blind that was left', async () => {
    expect((await rejection(raw(redacted(new Uint8Array(5).fill(1), 0), 2, at2))).code).toBe('H4_VOID_PAYLOAD');
    expect((await rejection(raw(redacted(new Uint8Array(4), 0), 2, at2))).code).toBe('H4_VOID_PAYLOAD');
    expect((await rejection(raw(redacted(new Uint8Array(5), 9), 2, at2))).code).toBe('H4_VOID_BLIND');
  });
});
