import { describe, expect, it, test } from 'vitest';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import {
  type KnownPart,
  type LaterChunk,
  TooManyCandidates,
  findLaterChunk,
} from '../../../src/container/recover/damage-search.js';
import { MODE } from '../../../src/container/format/layout.js';
import { type Limits, createLimits } from '../../../src/container/format/limits.js';
import { scanRecording } from '../../../src/container/recover/recovery-scan.js';
import { parseTokn } from '../../../src/container/format/tokn.js';
import { leafHash } from '../../../src/container/tree/merkle.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import { H4Error } from '../../../src/utils/error.js';
import {
  AUDIO,
  VIDEO,
  chunkOf,
  chunksOf,
  closedRecording,
  interleaved,
  mediaRecord,
  patched,
  recordZero,
  rejection,
  sourceOf,
  withField,
  written,
} from '../../support/container.js';
import { noteOf, signNothing } from '../../support/notes.js';

const tracks = [VIDEO, AUDIO];
const file = await closedRecording(interleaved(20), { tracks, pointEvery: 7, sign: signNothing });
const chunks = chunksOf(file);
const fileId = leafHash(parseTokn(chunkOf(file, 'TOKN').payload).entry);

/** What is known after record 4: three blocks of track 0 and one and a half of track 1. */
const known: KnownPart = { fileId, records: 5, mediaEnd: 0, posOf: (track) => [6, 6][track] };
const nothing = new Uint8Array(0);

/** The chunk, header and payload, as it stands in `of`. */
const bytesOf = (tag: string, n = 0, of = file): Uint8Array => {
  const { offset, size } = chunkOf(of, tag, n);
  return of.subarray(offset, offset + 12 + size);
};
/** A record: its TOKN and what follows. */
const recordBytes = (seq: number, of = file): Uint8Array => {
  const { offset } = chunkOf(of, 'TOKN', seq);
  const payload = chunksOf(of).find((chunk) => chunk.offset > offset);
  return of.subarray(offset, (payload?.offset ?? 0) + 12 + (payload?.size ?? 0));
};

const found = (
  bytes: Uint8Array,
  options: { readonly start?: number; readonly known?: KnownPart; readonly limits?: Partial<Limits> } = {},
): Promise<LaterChunk | undefined> =>
  findLaterChunk(createMemorySource(bytes), options.start ?? 0, options.known ?? known, createLimits(options.limits));

describe('what proves that a recording went on', () => {
  it('is a TAIL that stands where it says, and counts at least the known records', async () => {
    const tail = chunkOf(file, 'TAIL', 1);
    const upTo = concatBytes(new Uint8Array(tail.offset), bytesOf('TAIL', 1));
    expect(await found(upTo)).toEqual({ tag: 'TAIL', offset: tail.offset, records: 14 });
    expect(await found(upTo, { known: { ...known, records: 14 } })).toBeDefined();
    expect(await found(upTo, { known: { ...known, records: 15 } })).toBeUndefined();
    expect(await found(concatBytes(new Uint8Array(1), upTo))).toBeUndefined();
    expect(await found(upTo.subarray(0, -1))).toBeUndefined();
  });

  it('is also a TAIL that cannot be read here, as long as it stands where it says', async () => {
    const tail = chunkOf(file, 'TAIL', 1);
    const upTo = concatBytes(new Uint8Array(tail.offset), bytesOf('TAIL', 1));
    const later = { tag: 'TAIL', offset: tail.offset, records: known.records };
    expect(await found(withField(upTo, tail, 8, 9, 1))).toEqual(later);
    expect(await found(withField(upTo, tail, 32, 2n ** 60n, 8))).toEqual(later);
    expect(await found(withField(upTo, tail, 0, 2n ** 60n, 8))).toBeUndefined();
  });

  it('is a SIGN of this recording, wherever it stands', async () => {
    const sign = bytesOf('SIGN', 1);
    expect(await found(concatBytes(new Uint8Array(100), sign))).toEqual({ tag: 'SIGN', offset: 100, records: 14 });
    const other = encodeChunk('SIGN', noteOf({ fileId: new Uint8Array(32), size: 14, root: new Uint8Array(32) }));
    expect(await found(other)).toBeUndefined();
    expect(await found(encodeChunk('SIGN', new Uint8Array(200)))).toBeUndefined();
    expect(await found(encodeChunk('SIGN', new Uint8Array(65_537)))).toBeUndefined();
  });

  it('is a whole record that follows the rules at a later place', async () => {
    const record = recordBytes(9);
    expect(await found(concatBytes(new Uint8Array(7), record))).toEqual({ tag: 'TOKN', offset: 7, records: 9 });
    // Records that are known have been read already, and are no later ones.
    expect(await found(recordBytes(4))).toBeUndefined();
    expect(await found(recordBytes(4), { known: { ...known, posOf: () => 0 } })).toBeUndefined();
    expect(await found(recordBytes(5), { known: { ...known, posOf: () => 0 } })).toMatchObject({ records: 5 });
    // The end record is of no track.
    expect(await found(recordBytes(21))).toMatchObject({ tag: 'TOKN', records: 21 });
  });

  it('has a track that is known, and a place in it that is not behind', async () => {
    const record = recordBytes(9);
    const { pos, track } = parseTokn(chunkOf(file, 'TOKN', 9).payload);
    expect(await found(record, { known: { ...known, posOf: () => undefined } })).toBeUndefined();
    expect(await found(record, { known: { ...known, posOf: (of) => (of === track ? pos : 0) } })).toBeDefined();
    expect(await found(record, { known: { ...known, posOf: () => pos + 1 } })).toBeUndefined();
  });

  it('is whole: a record with a payload of another tag, size, CRC or content is none', async () => {
    const tokn = bytesOf('TOKN', 9);
    const { payload } = chunkOf(file, 'CORE', 8);
    const record = recordBytes(9);
    expect(await found(concatBytes(tokn, encodeChunk('CORE', payload)))).toBeDefined();
    for (const [what, bytes] of [
      ['nothing', tokn],
      ['half a header', record.subarray(0, tokn.length + 11)],
      ['half a payload', record.subarray(0, -1)],
      ['another tag', concatBytes(tokn, encodeChunk('MASK', payload))],
      ['another size', concatBytes(tokn, encodeChunk('CORE', new Uint8Array(4)))],
      ['another content', concatBytes(tokn, encodeChunk('CORE', patched(payload, 0, 0xee)))],
      ['another CRC', patched(record, tokn.length + 8, 0)],
    ] as const) {
      expect([what, await found(bytes)]).toEqual([what, undefined]);
    }
    expect(await found(record, { limits: { maxChunkBytes: 2 } })).toBeUndefined();
  });

  it('has a TOKN that parses', async () => {
    const n = chunkOf(file, 'TOKN', 9);
    const start = chunkOf(file, 'TOKN', 9).offset;
    const wrong = withField(file, n, 0, 9, 1);
    expect(await found(wrong.subarray(start, start + 200))).toBeUndefined();
    for (const size of [79, 81, 85]) {
      expect(await found(encodeChunk('TOKN', new Uint8Array(size)))).toBeUndefined();
    }
    expect(await found(encodeChunk('TOKN', new Uint8Array(80 + 12 * 3)), { limits: { maxTokens: 1 } })).toBeUndefined();
  });

  it('may be a record with a blind', async () => {
    const blinded = await written(async (writer) => {
      await writer.record(recordZero());
      await writer.record({ ...mediaRecord({ pts: 0, key: true }), blind: new Uint8Array(16).fill(5) });
    });
    const { length } = chunkOf(blinded, 'TOKN', 1).payload;
    expect((length - 80) % 12).toBe(4);
    const place = { fileId, records: 1, mediaEnd: 0, posOf: () => 0 };
    expect(await found(recordBytes(1, blinded), { known: place })).toEqual({ tag: 'TOKN', offset: 0, records: 1 });
  });

  it('is none of the other chunks, and no noise', async () => {
    for (const tag of ['CORE', 'TILE', 'SEEK', 'VERI']) expect(await found(bytesOf(tag))).toBeUndefined();
    expect(await found(nothing)).toBeUndefined();
    expect(await found(new TextEncoder().encode('TAIL SIGN TOKN TTTTSSSS TAI'))).toBeUndefined();
  });
});

describe('the search', () => {
  it('gives the first one, and looks only at and behind its start', async () => {
    const both = concatBytes(recordBytes(8), recordBytes(9));
    expect(await found(both)).toMatchObject({ offset: 0, records: 8 });
    expect(await found(both, { start: 1 })).toMatchObject({ offset: recordBytes(8).length, records: 9 });
    expect(await found(both, { start: both.length - 11 })).toBeUndefined();
  });

  it('finds what straddles the windows in which it reads', async () => {
    const record = recordBytes(9);
    const window = 1 << 20;
    for (const before of [window - 13, window - 12, window - 11, window - 1, window, window + 1, 2 * window - 3]) {
      const bytes = concatBytes(new Uint8Array(before), record);
      expect([before, await found(bytes)]).toEqual([before, { tag: 'TOKN', offset: before, records: 9 }]);
      // The last place at which a whole chunk header fits.
      expect(await found(bytes.subarray(0, before + 12))).toBeUndefined();
    }
  });

  it('reads each window once where there is nothing to look at closer', async () => {
    const reads: number[] = [];
    const size = (5 << 20) + 5;
    const source = sourceOf(size, (start, end) => {
      reads.push(end - start);
      return Promise.resolve(new Uint8Array(end - start));
    });
    expect(await findLaterChunk(source, 0, known, createLimits())).toBeUndefined();
    expect(reads).toEqual([...Array<number>(4).fill((1 << 20) + 12), (1 << 20) + 5]);
  });

  it('passes on what is no verdict about a candidate', async () => {
    const record = recordBytes(9);
    for (const code of ['H4_IO', 'H4_HTTP_RANGE'] as const) {
      const source = sourceOf(record.length, (start, end) =>
        start === 0 ? Promise.resolve(record.subarray(start, end)) : Promise.reject(new H4Error(code, 'no more')),
      );
      expect((await rejection(findLaterChunk(source, 0, known, createLimits()))).code).toBe(code);
    }
    // The header of the payload is read where a TOKN has been believed.
    const at = bytesOf('TOKN', 9).length;
    for (const thrown of [new H4Error('H4_HTTP_RANGE', 'no more'), new TypeError('a defect')]) {
      const source = sourceOf(record.length, (start, end) =>
        start === at ? Promise.reject(thrown) : Promise.resolve(record.subarray(start, end)),
      );
      await expect(findLaterChunk(source, 0, known, createLimits())).rejects.toBe(thrown);
    }
  });

  it('gives up where everything looks like something, and says so', async () => {
    const header = encodeChunk('TOKN', new Uint8Array(80 + 12 * 60_000)).subarray(0, 12);
    const bait = new Uint8Array(3 << 20);
    for (let at = 0; at + 12 <= bait.length; at += 12) bait.set(header, at);
    await expect(found(bait)).rejects.toBeInstanceOf(TooManyCandidates);
  });
});

test('the search finds something in every recording with a hole, at whatever length of hole', async () => {
  const start = chunkOf(file, 'TOKN', 5).offset;
  const behind = chunks.filter(({ offset }) => offset > start);
  for (const { offset } of behind.slice(0, -1)) {
    const holed = concatBytes(file.subarray(0, start), new Uint8Array(offset - start), file.subarray(offset));
    const scan = await scanRecording(createMemorySource(holed));
    expect([offset, scan.condition, scan.records]).toEqual([offset, 'damaged', 5]);
    expect(scan.damage?.later?.offset).toBeGreaterThanOrEqual(offset);
  }
});

test('META of a later record counts as one, wherever the tracks stand', async () => {
  expect(parseTokn(chunkOf(file, 'TOKN', 21).payload).mode).toBe(MODE.meta);
  expect(await found(recordBytes(21), { known: { ...known, posOf: () => undefined } })).toBeDefined();
});
