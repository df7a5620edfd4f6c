import { describe, expect, it, test } from 'vitest';
import { encodeChunk } from '../../src/container/format/chunk.js';
import { TAIL_CHUNK_BYTES as CONTAINER_TAIL_CHUNK_BYTES, TAIL_STATE } from '../../src/container/format/layout.js';
import { encodeTail, parseTail, tailAtEnd } from '../../src/container/format/tail.js';
import { TAIL_CHUNK_BYTES, isFinalTail, tailCopyOf } from '../../src/storage/tail-copy.js';
import { H4Error } from '../../src/utils/error.js';
import { chunkOf, closedRecording, interleaved, patched } from '../support/container.js';

const tailChunk = (self: number, state: 0 | 1 | 2): Uint8Array => {
  const links = { records: 1, meta: 8, seek: 0, veri: 0, sign: 0, prev: 0, tiles: [], root: new Uint8Array(32) };
  return encodeChunk('TAIL', encodeTail({ self, state, ...links }));
};

const refusal = (bytes: Uint8Array): H4Error => {
  try {
    tailCopyOf(bytes, 'x.tail');
  } catch (error) {
    if (error instanceof H4Error) return error;
    throw error;
  }
  throw new Error('Expected an H4Error');
};

test('storage and container agree on what a TAIL chunk is', async () => {
  expect(TAIL_CHUNK_BYTES).toBe(CONTAINER_TAIL_CHUNK_BYTES);
  const file = await closedRecording(interleaved(6), {
    pointEvery: 3,
    tracks: [
      { id: 0, kind: 'video' },
      { id: 1, kind: 'audio' },
    ],
  });
  for (const n of [0, -1]) {
    const { offset, payload } = chunkOf(file, 'TAIL', n);
    const copy = tailCopyOf(file.subarray(offset, offset + TAIL_CHUNK_BYTES), 'x.tail');
    const { self, state } = parseTail(payload);
    expect([copy.end, copy.isFinal]).toEqual([self + TAIL_CHUNK_BYTES, state === TAIL_STATE.final]);
    expect(copy.tailChunk).toEqual(file.subarray(offset, copy.end));
  }
  const last = file.subarray(-TAIL_CHUNK_BYTES);
  expect(isFinalTail(last, file.length)).toBe(true);
  expect(tailAtEnd(last, file.length)?.state).toBe(TAIL_STATE.final);
});

describe('a sidecar', () => {
  const whole = tailChunk(1000, 0);

  it('says how much of the file it speaks for, and whether that is all', () => {
    expect(tailCopyOf(whole, 'x.tail')).toEqual({ tailChunk: whole, end: 1000 + 172, isFinal: false });
    expect(tailCopyOf(tailChunk(5, 1), 'x.tail')).toMatchObject({ end: 177, isFinal: true });
    expect(tailCopyOf(tailChunk(5, 2), 'x.tail').isFinal).toBe(false);
  });

  it('is refused at any other length, which the message tells as far as it was read', () => {
    for (const [bytes, said] of [
      [whole.subarray(0, 171), '171 bytes'],
      [new Uint8Array(0), '0 bytes'],
      [new Uint8Array(173), 'more bytes'],
    ] as const) {
      const { code, message } = refusal(bytes);
      expect([code, message]).toEqual(['H4_TAIL_LAYOUT', `x.tail has ${said}; a TAIL chunk has 172`]);
    }
  });

  it('is refused with any bit flipped: no CRC but its own fits', () => {
    for (const [at, byte] of whole.entries()) {
      expect([at, refusal(patched(whole, at, byte ^ 1)).code]).toEqual([at, 'H4_TAIL_LAYOUT']);
    }
  });

  it('that speaks of more bytes than can be counted is refused', () => {
    const payload = patched(whole.subarray(12), 0, 2n ** 60n, 8);
    expect(refusal(encodeChunk('TAIL', payload)).code).toBe('H4_LIMIT_U64');
  });
});

describe('isFinalTail', () => {
  it('is false of a live TAIL, of one that stands elsewhere, and of what is no TAIL', () => {
    expect(isFinalTail(tailChunk(1000, 1), 1172)).toBe(true);
    expect(isFinalTail(tailChunk(1000, 0), 1172)).toBe(false);
    expect(isFinalTail(tailChunk(1000, 1), 1173)).toBe(false);
    expect(isFinalTail(new Uint8Array(172), 172)).toBe(false);
    expect(isFinalTail(new Uint8Array(5), 5)).toBe(false);
  });

  it('passes on what is no verdict about the bytes', () => {
    const broken = new Proxy(tailChunk(1000, 1), {
      get: (target, key) => {
        if (key === 'subarray') throw new TypeError('detached');
        return Reflect.get(target, key) as unknown;
      },
    });
    expect(() => isFinalTail(broken, 1172)).toThrow(TypeError);
  });
});
