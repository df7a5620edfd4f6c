/** The same bytes in pieces of any size: the check says the same, and the reader hands out the same records. */
import { isDeepStrictEqual } from 'node:util';
import type { ByteFeed } from '../../src/container/source/feed.js';
import { H4MKStreamReader } from '../../src/container/read/stream-reader.js';
import { type VerificationReport, verifyStream } from '../../src/container/check/verify.js';
import { Breach, checkReport, describe, expectThat, refusedOr } from './invariants.js';
import { chunksOf } from './oracle.js';
import { checkBlock } from './target-indexed.js';
import { type Target, type Trial, engines } from './targets.js';
import type { Random } from './random.js';

/** How many pieces a case may cost. */
const MAX_PIECES = 2500;

/** Where the pieces end that a file arrives in. */
const drawEnds = (bytes: Uint8Array, random: Random): number[] => {
  const { length } = bytes;
  const shape = random.below(5);
  if (shape === 0) return [];
  if (shape === 1 && length <= MAX_PIECES) return Array.from({ length }, (_, i) => i + 1);
  if (shape === 2) {
    const places = chunksOf(bytes).flatMap(({ offset, end }) => [offset, offset + 12, end]);
    return places.map((place) => place + random.pick([0, 0, -1, 1])).sort((a, b) => a - b);
  }
  const size = random.pick([7, 12, 64, 100, 1000, 5000]);
  const step = Math.max(1, shape === 3 ? size : Math.ceil(length / MAX_PIECES));
  return Array.from({ length: Math.min(MAX_PIECES, Math.ceil(length / step)) }, (_, i) => (i + 1) * step);
};

class PieceFeed implements ByteFeed {
  readonly size: number | undefined = undefined;
  readonly #bytes: Uint8Array;
  readonly #ends: readonly number[];
  #piece = 0;
  #at = 0;

  constructor(bytes: Uint8Array, ends: readonly number[]) {
    this.#bytes = bytes;
    this.#ends = ends;
  }

  next(): Promise<Uint8Array | undefined> {
    while (this.#at < this.#bytes.length) {
      const end = this.#ends[this.#piece++] ?? this.#bytes.length;
      if (end <= this.#at) continue;
      // Pieces are a copy: who keeps a view of another one would see it here.
      const piece = this.#bytes.slice(this.#at, end);
      this.#at += piece.length;
      return Promise.resolve(piece);
    }
    return Promise.resolve(undefined);
  }
}

/** A slice is known by its third chunk or by its last one, neither of which a stream may have come to. */
const isUnproven = ({ report, bytes }: Trial): boolean => {
  if (report.format !== 'H4MK v1 slice') return false;
  const third = chunksOf(bytes)[2];
  return third?.tag !== 'PROF' || report.errors.some(({ offset }) => offset < third.offset);
};

const run = async (trial: Trial): Promise<void> => {
  const { bytes, report, count, fuzzed, limits } = trial;
  const random = fuzzed.random.fork(2);
  const ends = drawEnds(bytes, random);
  const pieces = (): string => `pieces of ${JSON.stringify(ends.slice(0, 8))}`;
  let streamed: VerificationReport;
  try {
    streamed = await verifyStream(new PieceFeed(bytes, ends), { limits });
  } catch (error) {
    throw new Breach('verifyStream throws', describe(error), error);
  }
  checkReport(streamed, bytes.length, count);
  const exempt = isUnproven(trial);
  if (!exempt) {
    // Where the walk ended early, only what had arrived is counted.
    const comparable = { ...streamed, bytes: report.bytes };
    expectThat(isDeepStrictEqual(comparable, report), 'stream and file agree', () => {
      return `${pieces()}\nstream ${JSON.stringify(comparable)}\nfile ${JSON.stringify(report)}`.slice(0, 3000);
    });
  }
  if (random.chance(0.5)) await readRecords(trial, ends, exempt);
  else await readBlocks(trial, ends);
};

const readRecords = async (trial: Trial, ends: readonly number[], exempt: boolean): Promise<void> => {
  const { bytes, report, sound, count, limits } = trial;
  const reader = new H4MKStreamReader(new PieceFeed(bytes, ends), { engines, limits });
  let records = 0;
  const outcome = await refusedOr(
    'stream records',
    async () => {
      for await (const { tokn, offset, payload } of reader.records()) {
        const oracle = sound?.[records++];
        if (oracle === undefined) continue;
        expectThat(
          oracle.offset === offset && oracle.seq === tokn.seq,
          'stream record',
          () => `${tokn.seq} at ${offset}`,
        );
        expectThat((payload === undefined) === oracle.isVoid, 'stream redaction', () => `${tokn.seq}`);
        if (payload !== undefined) expectThat(oracle.payload.equals(payload), 'stream payload', () => `${tokn.seq}`);
      }
    },
    count,
  );
  if (exempt) return;
  const [first] = report.errors;
  if ('error' in outcome) {
    const isLegacy = report.format === 'H4MK v1 legacy' && outcome.error.code === 'H4_ENGINE_UNKNOWN';
    const isFirst = outcome.error.code === first?.code || isLegacy;
    expectThat(isFirst, 'stream refuses with the first finding', () => `${outcome.error.code}, not ${first?.code}`);
  } else {
    expectThat(first === undefined, 'stream refuses', () => `read to the end, but ${first?.code}`);
    expectThat(
      records === report.records || sound === undefined,
      'stream reads all',
      () => `${records} of ${report.records}`,
    );
    expectThat(isDeepStrictEqual(reader.report(), report), 'stream reader report', () =>
      JSON.stringify(reader.report()),
    );
  }
};

const readBlocks = async ({ bytes, count, limits }: Trial, ends: readonly number[]): Promise<void> => {
  const reader = new H4MKStreamReader(new PieceFeed(bytes, ends), { engines, limits });
  await refusedOr(
    'stream blocks',
    async () => {
      for await (const block of reader.blocks()) {
        checkBlock(bytes, block, reader.metas?.info?.compression.engine_id ?? '');
      }
    },
    count,
  );
};

export const stream: Target = { name: 'stream', takes: () => true, run };
