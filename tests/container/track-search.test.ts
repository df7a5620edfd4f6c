import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MODE } from '../../src/container/layout.js';
import type { ToknHead } from '../../src/container/tokn.js';
import { findByPosition, findKeyByPts, keyOf, lastOfTrack } from '../../src/container/track-search.js';
import { H4Error } from '../../src/utils/error.js';
import { rejection } from '../support/container.js';

interface Sketch {
  readonly track: number;
  readonly raw?: number;
  readonly key?: boolean;
  readonly pts?: number;
}

/** Heads with `seq`, `pos`, `back` and, where it is not given, `pts` as a writer fills them in. */
const headsOf = (sketches: readonly Sketch[]): ToknHead[] => {
  const state = new Map<number, { pos: number; key: number | undefined }>();
  return sketches.map(({ track, raw = 10, key = false, pts }, seq) => {
    const own = state.get(track) ?? { pos: 0, key: undefined };
    const head: ToknHead = {
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
      size: raw,
      commit: new Uint8Array(32),
    };
    state.set(track, { pos: own.pos + raw, key: key ? seq : own.key });
    return head;
  });
};

/** Reads of `heads`, counted; each record may be read once or more, but must exist. */
const reading = (heads: readonly ToknHead[]) => {
  const reads: number[] = [];
  const read = (seq: number): Promise<ToknHead> => {
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
  const rawLength = (heads: readonly ToknHead[], track: number): number =>
    heads.filter((head) => head.track === track).reduce((sum, { raw }) => sum + raw, 0);
  const holds = (head: ToknHead, track: number, position: number): boolean =>
    head.track === track && head.pos <= position && position < head.pos + head.raw;

  test('agrees with a walk at the edges of every record, and reads no record twice', async () => {
    await fc.assert(
      fc.asyncProperty(anyRecording, fc.integer({ min: 0, max: 4 }), async (heads, track) => {
        const length = rawLength(heads, track);
        const edges = heads.filter((head) => head.track === track).flatMap(({ pos, raw }) => [pos, pos + raw - 1]);
        for (const position of new Set([...edges, 0, length - 1, length, length + 1])) {
          const { reads, read } = reading(heads);
          const expected = heads.find((head) => holds(head, track, position));
          expect(await findByPosition(read, heads.length, track, position, length)).toBe(expected);
          expect(new Set(reads).size).toBe(reads.length);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a wrong length guides it badly, but to the same answer', async () => {
    const heads = headsOf(Array.from({ length: 200 }, (_, i) => ({ track: i % 2, raw: 100 })));
    for (const length of [0, 1, 5000, 10 ** 12, Number.NaN, -5]) {
      for (const position of [0, 99, 100, 5050, 9999]) {
        const { reads, read } = reading(heads);
        const found = await findByPosition(read, heads.length, 1, position, length);
        expect(found).toBe(heads.find((head) => holds(head, 1, position)));
        expect(reads.length).toBeLessThanOrEqual(50);
      }
    }
  });

  test('a wrong stretch of media guides it badly, but to the same answer', async () => {
    const heads = headsOf(Array.from({ length: 100 }, (_, i) => ({ track: i % 2, raw: 100 })));
    for (const from of [0, 2, 99, 100, 1000]) {
      for (const to of [0, 1, 50, 98, 100, 10 ** 9]) {
        for (const position of [0, 99, 100, 2550, 4999, 5000]) {
          const { reads, read } = reading(heads);
          const found = await findByPosition(read, heads.length, 1, position, 5000, { from, to });
          expect(found).toBe(heads.find((head) => holds(head, 1, position)));
          expect(new Set(reads).size).toBe(reads.length);
        }
      }
    }
  });

  test('interpolates: blocks of one size are found with a few reads', async () => {
    const heads = headsOf(Array.from({ length: 10_000 }, () => ({ track: 0, raw: 1000 })));
    for (const position of [0, 4_999_999, 5_000_000, 9_999_999]) {
      const { reads, read } = reading(heads);
      await findByPosition(read, heads.length, 0, position, 10_000_000);
      expect(reads.length).toBeLessThanOrEqual(3);
    }
  });

  test('halves where interpolating does not help', async () => {
    // Nearly all bytes are in the last record: interpolating alone would creep along.
    const heads = headsOf([
      ...Array.from({ length: 10_000 }, () => ({ track: 0, raw: 1 })),
      { track: 0, raw: 10 ** 9 },
    ]);
    for (const position of [1, 5000, 9999, 10_000, 10 ** 9]) {
      const { reads, read } = reading(heads);
      expect(await findByPosition(read, heads.length, 0, position, 10_000 + 10 ** 9)).toBe(
        heads.find((head) => holds(head, 0, position)),
      );
      expect(reads.length).toBeLessThanOrEqual(40);
    }
  });

  test('finds nothing in no records, and reads none', async () => {
    const { reads, read } = reading([]);
    expect(await findByPosition(read, 0, 0, 0, 100)).toBeUndefined();
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
        const found = await findByPosition(read, heads.length, 0, position, 100);
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
  const at = (seq: number): ToknHead => heads[seq] ?? (headsOf([{ track: 0 }])[0] as ToknHead);

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
