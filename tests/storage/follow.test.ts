import { describe, expect, it, test } from 'vitest';
import { type FollowOptions, FollowFeed, type GrowingBytes, type Growth } from '../../src/storage/follow.js';
import { concatBytes } from '../../src/utils/bytes.js';
import { patterned } from './patterned.js';
import { rejection } from './rejection.js';

const CONTENT = patterned(10_000);

/** A file in memory that has grown by the next step whenever somebody looks. */
class Growing implements GrowingBytes {
  readonly name = 'growing.h4mk';
  readonly reads: (readonly [number, number])[] = [];
  looks = 0;
  readonly #steps: readonly Growth[];

  constructor(steps: readonly Growth[]) {
    this.#steps = steps;
  }

  look(): Promise<Growth> {
    const step = this.#steps[Math.min(this.looks++, this.#steps.length - 1)];
    if (step === undefined) throw new Error('a file without a first step');
    return Promise.resolve(step);
  }

  read(start: number, end: number): Promise<Uint8Array> {
    // Nobody may read what no look has shown.
    if (end > Math.max(...this.#steps.slice(0, this.looks).map((step) => step.end))) throw new Error('read ahead');
    this.reads.push([start, end]);
    return Promise.resolve(CONTENT.subarray(start, end));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const live = (end: number): Growth => ({ end, isFinal: false });
const final = (end: number): Growth => ({ end, isFinal: true });

interface Followed {
  readonly pieces: Uint8Array[];
  readonly caughtUp: number[];
  readonly pauses: number;
}

async function followed(file: Growing, options: Partial<FollowOptions> = {}): Promise<Followed> {
  const [pieces, caughtUp]: [Uint8Array[], number[]] = [[], []];
  let pauses = 0;
  const feed = new FollowFeed(file, {
    pause: () => Promise.resolve(++pauses < 100),
    onCaughtUp: (bytes) => void caughtUp.push(bytes),
    ...options,
  });
  expect(feed.size).toBeUndefined();
  for (let piece = await feed.next(); piece !== undefined; piece = await feed.next()) pieces.push(piece);
  return { pieces, caughtUp, pauses };
}

describe('FollowFeed', () => {
  it('gives exactly the bytes up to each growth, and ends when the file is closed', async () => {
    const file = new Growing([live(0), live(100), live(100), live(2500), final(2600)]);
    const { pieces, caughtUp, pauses } = await followed(file);
    expect(file.reads).toEqual([
      [0, 100],
      [100, 2500],
      [2500, 2600],
    ]);
    expect(concatBytes(...pieces)).toEqual(CONTENT.subarray(0, 2600));
    // Once more where a look found nothing new; never before there is a byte.
    expect(caughtUp).toEqual([100, 2600]);
    expect(pauses).toBe(2);
  });

  it('ends at once with a file that is closed already, even an empty one', async () => {
    expect(await followed(new Growing([final(0)]))).toEqual({ pieces: [], caughtUp: [], pauses: 0 });
    const { pieces, caughtUp, pauses } = await followed(new Growing([final(40)]));
    expect([pieces, caughtUp, pauses]).toEqual([[CONTENT.subarray(0, 40)], [40], 0]);
  });

  it('bounds its pieces', async () => {
    const file = new Growing([live(1050), final(1100)]);
    await followed(file, { pieceBytes: 500 });
    expect(file.reads).toEqual([
      [0, 500],
      [500, 1000],
      [1000, 1050],
      [1050, 1100],
    ]);
    const large = new Growing([final(3 << 20)]);
    await followed(large);
    expect(Math.max(...large.reads.map(([start, end]) => end - start))).toBe(1 << 20);
  });

  it('takes no look while there is something left to read', async () => {
    const file = new Growing([live(1000), final(1000)]);
    const looks: number[] = [];
    const feed = new FollowFeed(file, { pause: () => Promise.resolve(true), pieceBytes: 250 });
    while ((await feed.next()) !== undefined) looks.push(file.looks);
    expect(looks).toEqual([1, 1, 1, 1]);
  });

  it('ends when the pause says so, and stays ended', async () => {
    const file = new Growing([live(300)]);
    let pauses = 0;
    const feed = new FollowFeed(file, { pause: () => Promise.resolve(++pauses < 5) });
    expect(await feed.next()).toEqual(CONTENT.subarray(0, 300));
    expect(await feed.next()).toBeUndefined();
    expect(pauses).toBe(5);
    const { looks } = file;
    expect(await feed.next()).toBeUndefined();
    expect([pauses, file.looks]).toEqual([5, looks]);
  });

  it('pauses only after whoever is told has heard', async () => {
    const order: string[] = [];
    const feed = new FollowFeed(new Growing([live(10)]), {
      onCaughtUp: async () => {
        await Promise.resolve();
        order.push('told');
      },
      pause: () => {
        order.push('pause');
        return Promise.resolve(false);
      },
    });
    while ((await feed.next()) !== undefined);
    expect(order).toEqual(['told', 'pause']);
    const deaf = new FollowFeed(new Growing([final(10)]), {
      onCaughtUp: () => Promise.reject(new Error('nobody listens')),
      pause: () => Promise.resolve(true),
    });
    await deaf.next();
    await expect(deaf.next()).rejects.toThrow('nobody listens');
  });

  it('needs nobody who is told', async () => {
    const feed = new FollowFeed(new Growing([final(10)]), { pause: () => Promise.resolve(true) });
    expect([(await feed.next())?.length, await feed.next()]).toEqual([10, undefined]);
  });
});

test.each([
  ['after everything was read', 10_000],
  ['in the middle of reading', 400],
])('a file that goes back is refused: %s', async (_, pieceBytes) => {
  const file = new Growing([live(1000), live(999)]);
  const error = await rejection(followed(file, { pieceBytes }));
  expect(error.code).toBe('H4_ROLLBACK');
  expect(error.message).toBe('growing.h4mk went back from 1000 bytes to 999: what had been made known is gone');
  expect(error.detail).toEqual({ before: 1000, now: 999 });
});

test('a file that cannot be read or looked at fails the feed', async () => {
  const file = new Growing([live(10)]);
  file.read = () => Promise.reject(new Error('the disk is gone'));
  await expect(followed(file)).rejects.toThrow('the disk is gone');
  file.look = () => Promise.reject(new Error('so is its folder'));
  await expect(followed(file)).rejects.toThrow('so is its folder');
});
