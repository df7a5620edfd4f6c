import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_BLOCK_BYTES, assertBlockBytes, reblock } from '../../src/tokenizers/reblock.js';
import { lcgBytes } from '../compression/lcg.js';
import { refusal } from '../utils/refusal.js';
import { collect, inPieces } from './pieces.js';

const copy = (block: Uint8Array) => [...block];

function plainBlocks(bytes: Uint8Array, blockBytes: number): number[][] {
  const count = Math.ceil(bytes.length / blockBytes);
  return Array.from({ length: count }, (_, i) => [...bytes.subarray(i * blockBytes, (i + 1) * blockBytes)]);
}

describe('reblock()', () => {
  test('gives the same blocks however the stream is cut', async () => {
    const lengths = fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 6 }).filter((all) => Math.max(...all) > 0);
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 1, max: 50 }),
        lengths,
        async (bytes, size, cut) => {
          expect(await collect(reblock(inPieces(bytes, cut), size), copy)).toEqual(plainBlocks(bytes, size));
        },
      ),
    );
  });

  test('takes arrays as well as asynchronous sources', async () => {
    const pieces = [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3, 4, 5)];
    expect(await collect(reblock(pieces, 4), copy)).toEqual([[1, 2, 3, 4], [5]]);
  });

  test('gives no block for no bytes', async () => {
    expect(await collect(reblock([], 4), copy)).toEqual([]);
    expect(await collect(reblock([new Uint8Array(0)], 4), copy)).toEqual([]);
  });

  test('copies nothing where a piece holds whole blocks', async () => {
    const piece = lcgBytes(1, 12);
    const buffers = await collect(reblock([piece], 4), (block) => [block.buffer, block.byteOffset]);
    expect(buffers).toEqual([
      [piece.buffer, 0],
      [piece.buffer, 4],
      [piece.buffer, 8],
    ]);
  });

  test('collects blocks that span pieces in one buffer, so a block is only lent', async () => {
    const buffers = await collect(reblock(inPieces(lcgBytes(1, 64), [3]), 8), (block) => block.buffer);
    expect(new Set(buffers).size).toBe(1);
  });

  test('leaves the source free to reuse its buffer for the next piece', async () => {
    const bytes = lcgBytes(2, 100);
    function* fromOneBuffer(): Generator<Uint8Array> {
      const buffer = new Uint8Array(16);
      for (let at = 0; at < bytes.length; at += 7) {
        const piece = bytes.subarray(at, at + 7);
        buffer.fill(0xaa).set(piece);
        yield buffer.subarray(0, piece.length);
      }
    }
    expect(await collect(reblock(fromOneBuffer(), 3), copy)).toEqual(plainBlocks(bytes, 3));
  });

  test('lets the consumer change a block without harm to the next one', async () => {
    const bytes = lcgBytes(3, 50);
    const blocks = await collect(reblock(inPieces(Uint8Array.from(bytes), [5]), 4), (block) => {
      const kept = [...block];
      block.fill(0xaa);
      return kept;
    });
    expect(blocks).toEqual(plainBlocks(bytes, 4));
  });

  test('reads no further than the block that is asked for', async () => {
    let read = 0;
    function* counting(): Generator<Uint8Array> {
      for (;;) {
        read++;
        yield new Uint8Array(4);
      }
    }
    const blocks = reblock(counting(), 8);
    await blocks.next();
    expect(read).toBe(2);
    await blocks.return();
  });

  test('closes the source when the consumer leaves', async () => {
    let closed = false;
    function* source(): Generator<Uint8Array> {
      try {
        for (;;) {
          yield new Uint8Array(4);
        }
      } finally {
        closed = true;
      }
    }
    for await (const block of reblock(source(), 4)) {
      expect(block).toHaveLength(4);
      break;
    }
    expect(closed).toBe(true);
  });

  test('passes on the failure of the source, after the blocks that were whole', async () => {
    function* failing(): Generator<Uint8Array> {
      yield new Uint8Array(6);
      throw new Error('the camera is gone');
    }
    const blocks = reblock(failing(), 4);
    expect((await blocks.next()).value).toHaveLength(4);
    await expect(blocks.next()).rejects.toThrow('the camera is gone');
  });

  test('checks the block size before it reads', async () => {
    await expect(reblock([], 0).next()).rejects.toMatchObject({ code: 'H4_PARAM' });
  });
});

describe('assertBlockBytes()', () => {
  test.each([1, MAX_BLOCK_BYTES])('accepts %d', (blockBytes) => {
    expect(() => assertBlockBytes(blockBytes)).not.toThrow();
  });

  test.each([0, -1, 1.5, MAX_BLOCK_BYTES + 1, Number.NaN, Infinity])('refuses %d and names the field', (blockBytes) => {
    const error = refusal(() => assertBlockBytes(blockBytes));
    expect(error.code).toBe('H4_PARAM');
    expect(error.detail).toEqual({ field: 'blockSize' });
    expect(error.message).toBe(`blockSize is ${blockBytes}, it must be from 1 to 67108864 bytes`);
  });
});
