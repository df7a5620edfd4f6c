import { describe, expect, it } from 'vitest';
import { createDiscardSink, createMemorySink, createMemorySource } from '../../src/storage/memory.js';
import { patterned } from './patterned.js';
import { rejection } from './rejection.js';

describe('createMemorySource()', () => {
  it('reads exactly the range asked for, the empty one at the end included', async () => {
    const bytes = patterned(100);
    const source = createMemorySource(bytes);

    expect(source.size).toBe(100);
    expect(await source.read(0, 100)).toEqual(bytes);
    expect(await source.read(10, 13)).toEqual(bytes.slice(10, 13));
    expect(await source.read(100, 100)).toEqual(new Uint8Array(0));
  });

  it.each([
    [0, 101],
    [-1, 5],
    [6, 5],
    [0.5, 2],
    [0, Number.NaN],
    [Number.MAX_SAFE_INTEGER + 1, Number.MAX_SAFE_INTEGER + 2],
  ])('refuses the range [%d, %d) of 100 bytes', async (start, end) => {
    const error = await rejection(createMemorySource(new Uint8Array(100)).read(start, end));

    expect(error).toMatchObject({
      code: 'H4_PARAM',
      message: `Cannot read [${start}, ${end}) of a memory source: it has 100 bytes`,
    });
  });

  it('refuses to read for a caller who has cancelled', async () => {
    const reason = new Error('enough');
    const error = await rejection(createMemorySource(new Uint8Array(9)).read(0, 9, AbortSignal.abort(reason)));

    expect(error).toMatchObject({ code: 'H4_CANCELLED', cause: reason });
    expect(error.message).toBe('Reading [0, 9) from memory was cancelled');
  });

  it('refuses to read after it has been closed', async () => {
    const source = createMemorySource(new Uint8Array(9));
    await source.close();
    await source.close();

    expect((await rejection(source.read(0, 1))).code).toBe('H4_STATE');
  });
});

describe('createMemorySink()', () => {
  it('holds what was written, however it was cut, and has copied it', async () => {
    const bytes = patterned(300_000);
    const sink = createMemorySink();
    const buffer = new Uint8Array(70_000);
    for (let at = 0, size = 1; at < bytes.length; size = (size * 7) % 69_997) {
      const piece = bytes.subarray(at, at + size);
      buffer.set(piece);
      expect(sink.write(buffer.subarray(0, piece.length))).toBeUndefined();
      buffer.fill(0xee);
      at += piece.length;
      expect(sink.length).toBe(at);
    }
    await sink.commit();

    expect(Buffer.compare(sink.bytes(), bytes)).toBe(0);
    expect(sink.bytes()).toBe(sink.bytes());
  });

  it('gives no bytes before it has been committed', () => {
    const sink = createMemorySink();
    void sink.write(new Uint8Array(3));

    expect(() => sink.bytes()).toThrow('before it has been committed');
  });

  it('refuses more than maxBytes, and everything after that, with the same error', async () => {
    const sink = createMemorySink({ maxBytes: 10 });
    await sink.write(new Uint8Array(10));
    const error = await rejection(sink.write(new Uint8Array(1)));

    expect(error).toMatchObject({
      code: 'H4_WRITE',
      message: 'Cannot write 1 bytes at offset 10 to memory: the limit is 10 bytes',
      detail: { offset: 10, length: 1 },
    });
    expect(await rejection(sink.write(new Uint8Array(0)))).toBe(error);
    expect(await rejection(sink.commit())).toBe(error);
    expect(sink.length).toBe(10);
    await sink.abort();
  });

  it('says so when there is not enough memory', async () => {
    const sink = createMemorySink();
    // A length that no allocation can have, on bytes that are never read.
    const huge = Object.defineProperty(new Uint8Array(0), 'length', { value: 2 ** 52 });

    expect(await rejection(sink.write(huge))).toMatchObject({
      code: 'H4_WRITE',
      cause: expect.any(RangeError) as unknown,
    });
  });
});

describe.each([
  ['createMemorySink()', createMemorySink],
  ['createDiscardSink()', createDiscardSink],
])('%s', (_name, createSink) => {
  it('counts what is written', async () => {
    const sink = createSink();
    await sink.write(new Uint8Array(12));
    await sink.write(new Uint8Array(88));

    expect(sink.length).toBe(100);
  });

  it('refuses to be written to or committed once it has been committed', async () => {
    const sink = createSink();
    await sink.commit();
    await sink.abort();

    expect(await rejection(sink.write(new Uint8Array(1)))).toMatchObject({
      code: 'H4_STATE',
      message: 'Cannot write to a sink after it has been committed',
    });
    expect((await rejection(sink.commit())).code).toBe('H4_STATE');
  });

  it('refuses to be written to or committed once it has been aborted', async () => {
    const sink = createSink();
    await sink.write(new Uint8Array(5));
    await sink.abort();
    await sink.abort();

    expect((await rejection(sink.write(new Uint8Array(1)))).message).toContain('aborted');
    expect((await rejection(sink.commit())).code).toBe('H4_STATE');
  });
});
