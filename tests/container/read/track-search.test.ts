import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MODE } from '../../../src/container/format/layout.js';
import { payloadBefore } from '../../../src/container/read/record-index.js';
import type { LocatedHead } from '../../../src/container/read/record-reader.js';
import { firstIndex } from '../../../src/container/format/seek.js';
import { tileBytes } from '../../../src/container/format/tile.js';
import {
  type Guide,
  findByPosition,
  findKeyByPts,
  keyOf,
  lastOfTrack,
} from '../../../src/container/read/track-search.js';
import { H4Error } from '../../../src/utils/error.js';
import { rejection } from '../../support/container.js';

interface Sketch {
  readonly track: number;
  readonly raw?: number;
  readonly size?: number;
  readonly key?: boolean;
  readonly pts?: number;
}

/** Where the record after this one stands: behind the tiles that this one completes. */
const placeAfter = ({ seq, offset, size }: LocatedHead): { readonly seq: number; readonly offset: number } => {
  let after = offset + 12 + 80 + 12 + 12 + size;
  for (let span = 256; (seq + 1) % span === 0; span *= 256) after += 12 + tileBytes(256);
  return { seq: seq + 1, offset: after };
};

/** Heads with `seq`, `pos`, `back`, `offset` and, where it is not given, `pts` as a writer fills them in. */
const headsOf = (sketches: readonly Sketch[]): LocatedHead[] => {
  const state = new Map<number, { pos: number; key: number | undefined }>();
  let offset = 8;
  return sketches.map(({ track, raw = 10, size = raw, key = false, pts }, seq) => {
    const own = state.get(track) ?? { pos: 0, key: undefined };
    const head: LocatedHead = {
      mode: MODE.core,
      key,
      track,
      epoch: 0,
      seq,
      pts: pts ?? 10 * seq,
      pos: own.pos,
      back: own.key === undefined ? 0 : seq - own.key,
      count: 1,
      raw,
      size,
      commit: new Uint8Array(32),
      offset,
    };
    offset = placeAfter(head).offset;
    state.set(track, { pos: own.pos + raw, key: key ? seq : own.key });
    return head;
  });
};

/** Reads of `heads`, counted; each record may be read once or more, but must exist. */
const reading = (heads: readonly LocatedHead[]) => {
  const reads: number[] = [];
  const read = (seq: number): Promise<LocatedHead> => {
    reads.push(seq);
    const head = heads[seq];
    return head === undefined
      ? Promise.reject(new H4Error('H4_PARAM', `There is no record ${seq}`))
      : Promise.resolve(head);
  };
  return { reads, read };
};

const anyRecording = fc
  .array(
    fc.record({
      track: fc.integer({ min: 0, max: 3 }),
      raw: fc.oneof(fc.constantFrom(0, 1, 10), fc.integer({ min: 0, max: 5000 })),
      key: fc.boolean(),
    }),
    { maxLength: 80 },
  )
  .map(headsOf);

describe('findByPosition()', () => {
  const rawLength = (heads: readonly LocatedHead[], track: number): number =>
    heads.filter((head) => head.track === track).reduce((sum, { raw }) => sum + raw, 0);
  const holds = (head: LocatedHead, track: number, position: number): boolean =>
    head.track === track && head.pos <= position && position < head.pos + head.raw;
  /** What an index that knows all places says. */
  const guideOf = (heads: readonly LocatedHead[], track: number): Guide => {
    const last = heads.at(-1);
    return {
      first: { seq: 0, offset: 8, pos: 0 },
      last: { seq: heads.length, offset: 0, pos: rawLength(heads, track), ...(last && placeAfter(last)) },
      nearPayload: (payload, from, to) => {
        const before = (seq: number): number => payloadBefore(seq, heads[seq]?.offset ?? NaN);
        return Promise.resolve(from + firstIndex(to - from - 1, (i) => before(from + i + 1) > payload));
      },
    };
  };

  test('agrees with a walk at the edges of every record, and reads no record twice', async () => {
    await fc.assert(
      fc.asyncProperty(anyRecording, fc.integer({ min: 0, max: 4 }), async (heads, track) => {
        const length = rawLength(heads, track);
        const edges = heads.filter((head) => head.track === track).flatMap(({ pos, raw }) => [pos, pos + raw - 1]);
        for (const position of new Set([...edges, 0, length - 1, length, length + 1])) {
          const { reads, read } = reading(heads);
          const expected = heads.find((head) => holds(head, track, position));
          expect(await findByPosition(read, heads.length, track, position, guideOf(heads, track))).toBe(expected);
          expect(new Set(reads).size).toBe(reads.length);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a guide that lies leads to the same answer, and within the bound', async () => {
    const anyNumber = fc.oneof(
      fc.integer({ min: -5, max: 700 }),
      fc.maxSafeNat(),
      fc.constantFrom(NaN, -Infinity, Infinity),
    );
    const landmark = fc.record({
      seq: fc.nat(700),
      offset: fc.maxSafeNat(),
      pos: fc.oneof(fc.nat(100), fc.maxSafeNat()),
    });
    const heads = headsOf(Array.from({ length: 600 }, (_, i) => ({ track: i % 2, raw: 100 })));
    await fc.assert(
      fc.asyncProperty(landmark, landmark, fc.array(anyNumber), fc.nat(30_000), async (first, last, lies, position) => {
        const nearPayload = (): Promise<number> => Promise.resolve(lies.pop() ?? 0);
        const { reads, read } = reading(heads);
        const found = await findByPosition(read, heads.length, 1, position, { first, last, nearPayload });
        expect(found).toBe(heads.find((head) => holds(head, 1, position)));
        expect(new Set(reads).size).toBe(reads.length);
        expect(reads.length).toBeLessThanOrEqual(2 * (8 + Math.ceil(Math.log2(601))));
      }),
    );
  });

  test('finds a block of one track with one read, whatever the sizes of the blocks are', async () => {
    const recordings = [() => 1000, (i: number) => 1 + ((i * 7919) % 3001), (i: number) => 1 + Math.floor(i / 10) ** 2];
    for (const raw of recordings) {
      const heads = headsOf(Array.from({ length: 10_000 }, (_, i) => ({ track: 0, raw: raw(i) })));
      for (const { pos, raw: size } of heads.filter((_, i) => i % 997 === 0 || i % 256 > 253)) {
        for (const position of [pos, pos + size - 1]) {
          const { reads, read } = reading(heads);
          await findByPosition(read, heads.length, 0, position, guideOf(heads, 0));
          expect(reads.length).toBe(1);
        }
      }
    }
  });

  test('takes few reads where payloads are compressed and another track comes in bursts', async () => {
    const heads = headsOf(
      Array.from({ length: 60_000 }, (_, i) => {
        const isBurst = i % 9000 > 6000;
        return { track: i % 2, raw: i % 2 === 1 && isBurst ? 9000 : 700, size: 100 + ((i * 7919) % 501) };
      }),
    );
    const counts: number[] = [];
    for (const { pos } of heads.filter(({ track }, i) => track === 0 && i % 607 === 0)) {
      const { reads, read } = reading(heads);
      await findByPosition(read, heads.length, 0, pos, guideOf(heads, 0));
      counts.push(reads.length);
    }
    expect(counts.length).toBeGreaterThan(40);
    expect(Math.max(...counts)).toBeLessThanOrEqual(20);
  });

  test('goes further and then halves where guesses do not help', async () => {
    const heads = headsOf(Array.from({ length: 10_000 }, () => ({ track: 0, raw: 1 })));
    const first: Guide['nearPayload'] = (_, from) => Promise.resolve(from);
    const last: Guide['nearPayload'] = (_, __, to) => Promise.resolve(to - 1);
    for (const nearPayload of [first, last]) {
      for (const position of [0, 1, 100, 5000, 9999]) {
        const { reads, read } = reading(heads);
        const guide = { ...guideOf(heads, 0), nearPayload };
        expect((await findByPosition(read, heads.length, 0, position, guide))?.seq).toBe(position);
        expect(reads.length).toBeLessThanOrEqual(8 + Math.ceil(Math.log2(10_001)));
      }
    }
  });

  test('looks for the neighbour of its track in the same tile', async () => {
    const heads = headsOf(Array.from({ length: 512 }, (_, i) => ({ track: i % 2 })));
    const near = { ...guideOf(heads, 0), nearPayload: () => Promise.resolve(255) };
    const { reads, read } = reading(heads);
    expect((await findByPosition(read, heads.length, 0, 1275, near))?.seq).toBe(254);
    expect(reads).toEqual([255, 254]);
    const other = reading(heads);
    expect(await findByPosition(other.read, heads.length, 9, 0, near)).toBeUndefined();
    expect(other.reads.slice(0, 2)).toEqual([255, 254]);
    expect(new Set(other.reads).size).toBe(512);
    expect(other.reads.length).toBe(512);
  });

  test('finds nothing in no records, and reads none', async () => {
    const { reads, read } = reading([]);
    expect(await findByPosition(read, 0, 0, 0, guideOf([], 0))).toBeUndefined();
    expect(reads).toEqual([]);
  });

  test('ends where heads contradict each other', async () => {
    const any = fc.array(fc.record({ track: fc.integer({ min: 0, max: 1 }), pos: fc.nat(100), raw: fc.nat(50) }), {
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(any, fc.nat(120), async (lies, position) => {
        const heads = headsOf(lies).map((head, i) => ({ ...head, pos: lies[i]?.pos ?? 0 }));
        const { reads, read } = reading(heads);
        const found = await findByPosition(read, heads.length, 0, position, guideOf(heads, 0));
        if (found !== undefined) expect(holds(found, 0, position)).toBe(true);
        expect(new Set(reads).size).toBe(reads.length);
      }),
    );
  });
});

describe('lastOfTrack()', () => {
  test('walks backwards to the last record of a track', async () => {
    const heads = headsOf([{ track: 0 }, { track: 1 }, { track: 0 }, { track: 2 }, { track: 2 }]);
    const { reads, read } = reading(heads);
    expect(await lastOfTrack(read, 5, 0)).toBe(heads[2]);
    expect(reads).toEqual([4, 3, 2]);
    expect(await lastOfTrack(read, 2, 0)).toBe(heads[0]);
    expect(await lastOfTrack(read, 5, 9)).toBeUndefined();
    expect(await lastOfTrack(read, 0, 0)).toBeUndefined();
  });
});

describe('keyOf()', () => {
  const heads = headsOf([{ track: 0 }, { track: 0, key: true }, { track: 1, key: true }, { track: 0 }, { track: 1 }]);
  const at = (seq: number): LocatedHead => heads[seq] ?? (headsOf([{ track: 0 }])[0] as LocatedHead);

  test('is the record itself, the one its back names, or none', async () => {
    const { reads, read } = reading(heads);
    expect(await keyOf(read, at(1))).toBe(heads[1]);
    expect(await keyOf(read, at(0))).toBeUndefined();
    expect(reads).toEqual([]);
    expect(await keyOf(read, at(3))).toBe(heads[1]);
    expect(await keyOf(read, at(4))).toBe(heads[2]);
  });

  test.each([
    ['a record that is no key', 3],
    ['a key of another track', 1],
    ['a record before the first one', 5],
    ['a record far before the first one', 2 ** 32 - 1],
  ])('refuses a back that leads to %s', async (_, back) => {
    const { read } = reading(heads);
    expect((await rejection(keyOf(read, { ...at(3), seq: 3, back }))).code).toBe('H4_TOKN_BACK');
  });
});

describe('findKeyByPts()', () => {
  test('agrees with a walk around every key', async () => {
    await fc.assert(
      fc.asyncProperty(anyRecording, fc.integer({ min: 0, max: 4 }), async (heads, track) => {
        const keys = heads.filter((head) => head.track === track && head.key);
        for (const pts of [-1, Infinity, ...keys.flatMap((key) => [key.pts - 1, key.pts, key.pts + 1])]) {
          const { read } = reading(heads);
          expect(await findKeyByPts(read, heads.length, track, pts)).toBe(keys.findLast((key) => key.pts <= pts));
        }
      }),
      { numRuns: 60 },
    );
  });

  test('takes two reads per step where tracks take turns', async () => {
    const heads = headsOf(Array.from({ length: 4096 }, (_, i) => ({ track: i % 2, key: i % 20 < 2 })));
    const { reads, read } = reading(heads);
    const found = await findKeyByPts(read, heads.length, 1, 10 * 2345);
    expect(found?.seq).toBe(2341);
    expect(reads.length).toBeLessThanOrEqual(3 * 13);
  });

  test('refuses a back that leads nowhere', async () => {
    const heads = headsOf([{ track: 0, key: true }, { track: 0 }, { track: 0 }]).map((head) => ({
      ...head,
      back: head.seq === 0 ? 0 : 3,
    }));
    expect((await rejection(findKeyByPts(reading(heads).read, 3, 0, 100))).code).toBe('H4_TOKN_BACK');
  });
});
