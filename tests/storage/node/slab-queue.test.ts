import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slabRing } from '../../../src/storage/node/slab-memory.js';
import { SlabQueue } from '../../../src/storage/node/slab-queue.js';
import { patterned } from '../patterned.js';

interface Submitted {
  readonly slab: number;
  readonly bytes: Uint8Array;
}

function createQueue(slabBytes: number, slabCount: number, turn?: Promise<void>) {
  const ring = slabRing({ buffer: new ArrayBuffer(slabBytes * slabCount), slabBytes });
  const submitted: Submitted[] = [];
  const queue = new SlabQueue(ring, (slab, length) => {
    submitted.push({ slab, bytes: ring[slab]?.slice(0, length) ?? new Uint8Array(0) });
    return turn;
  });
  return { queue, submitted };
}

const text = (submitted: readonly Submitted[]) => submitted.map(({ bytes }) => Buffer.from(bytes).toString());
const bytesOf = (letters: string) => new TextEncoder().encode(letters);

describe('SlabQueue', () => {
  it('collects small pieces and submits full slabs', () => {
    const { queue, submitted } = createQueue(4, 3);

    expect(queue.push(bytesOf('ab'))).toBeUndefined();
    expect(text(submitted)).toEqual([]);
    expect(queue.push(bytesOf('cdefg'))).toBeUndefined();
    expect(text(submitted)).toEqual(['abcd']);
    expect(queue.push(bytesOf('h'))).toBeUndefined();
    expect(text(submitted)).toEqual(['abcd', 'efgh']);
  });

  it('has taken the bytes when it returns undefined', () => {
    const { queue, submitted } = createQueue(4, 2);
    const buffer = bytesOf('abc');
    void queue.push(buffer);
    buffer.fill(0);
    void queue.push(bytesOf('d'));

    expect(text(submitted)).toEqual(['abcd']);
  });

  it('makes callers wait while all slabs are being written, and serves them in order', async () => {
    const { queue, submitted } = createQueue(4, 2);
    const order: string[] = [];
    expect(queue.push(bytesOf('abcdefgh'))).toBeUndefined();
    const first = queue.push(bytesOf('ijklmnopq'))?.then(() => order.push('first'));
    const second = queue.push(bytesOf('r'))?.then(() => order.push('second'));
    expect(first).toBeInstanceOf(Promise);
    expect(second).toBeInstanceOf(Promise);

    queue.release(0);
    await Promise.resolve();
    expect(order).toEqual([]);
    queue.release(1);
    queue.release(0);
    await Promise.all([first, second]);

    expect(order).toEqual(['first', 'second']);
    expect(text(submitted)).toEqual(['abcd', 'efgh', 'ijkl', 'mnop']);
  });

  it('hands on what the receiver wants waited for, once', () => {
    const turn = Promise.resolve();
    const { queue } = createQueue(4, 3, turn);

    expect(queue.push(bytesOf('abc'))).toBeUndefined();
    expect(queue.push(bytesOf('def'))).toBe(turn);
    expect(queue.push(bytesOf('g'))).toBeUndefined();
  });

  it('runs a barrier after what was pushed before it and before what is pushed later', async () => {
    const { queue, submitted } = createQueue(4, 1);
    void queue.push(bytesOf('abcd'));
    const before = queue.push(bytesOf('ef'));
    const seen = queue.barrier(() => Promise.resolve(text(submitted)));
    const after = queue.push(bytesOf('gh'));
    queue.release(0);
    queue.release(0);
    await Promise.all([before, after]);

    expect(await seen).toEqual(['abcd', 'ef']);
    await queue.barrier(() => Promise.resolve());
    expect(text(submitted)).toEqual(['abcd', 'ef', 'gh']);
  });

  it('runs a barrier at once when nothing waits, and submits nothing empty', async () => {
    const { queue, submitted } = createQueue(4, 1);
    await queue.barrier(() => Promise.resolve());

    expect(submitted).toEqual([]);
  });

  it('rejects what waits and what comes once it has failed, with the first error', async () => {
    const { queue } = createQueue(4, 1);
    const error = new Error('first');
    void queue.push(bytesOf('abcd'));
    const waiting = [queue.push(bytesOf('e')), queue.barrier(() => Promise.resolve())];
    queue.fail(error);
    queue.fail(new Error('second'));

    for (const promise of [...waiting, queue.push(bytesOf('f')), queue.barrier(() => Promise.resolve())]) {
      await expect(promise).rejects.toBe(error);
    }
    queue.release(0);
  });

  it('submits every byte once and in order, from a constant number of slabs, whatever the sizes', async () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 1, max: 4 }),
        async (list, bytes, count) => {
          const { queue, submitted } = createQueue(bytes, count);
          const total = list.reduce((sum, size) => sum + size, 0);
          const all = patterned(total);
          let at = 0;
          let released = 0;
          const releaseAll = () => {
            for (; released < submitted.length; released++) {
              queue.release(submitted[released]?.slab ?? 0);
            }
          };
          for (const size of list) {
            const wait = queue.push(all.subarray(at, at + size));
            at += size;
            releaseAll();
            await wait;
          }
          const end = queue.barrier(() => Promise.resolve());
          releaseAll();
          await end;

          expect(Buffer.concat(submitted.map((piece) => piece.bytes)).equals(all)).toBe(true);
          expect(submitted.every(({ slab }) => slab < count)).toBe(true);
        },
      ),
    );
  });
});
