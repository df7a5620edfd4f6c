import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { AnswerSink } from '../../src/api/answer-sink.js';
import { H4Error } from '../../src/utils/error.js';
import { rejection } from '../support/container.js';

const bytes = (length: number, value = 1): Uint8Array => new Uint8Array(length).fill(value);
const create = (heldBytes: number, idleMillis = 60_000): AnswerSink => new AnswerSink({ heldBytes, idleMillis });

describe('AnswerSink', () => {
  it('holds a small answer until it is complete', async () => {
    const sink = create(10);
    expect(sink.write(bytes(4))).toBeUndefined();
    expect(sink.write(bytes(6, 2))).toBeUndefined();
    expect([sink.length, sink.buffered, sink.isStreaming]).toEqual([10, 10, false]);
    await sink.commit();
    expect(await sink.answer).toEqual({ kind: 'whole', bytes: Uint8Array.of(1, 1, 1, 1, 2, 2, 2, 2, 2, 2) });
  });

  it('keeps bytes that their owner changes after the write', async () => {
    const sink = create(10);
    const lent = bytes(3);
    await sink.write(lent);
    lent.fill(9);
    await sink.commit();
    expect(await sink.answer).toMatchObject({ bytes: bytes(3) });
  });

  it('streams a larger one, and takes the next bytes when the last ones have gone', async () => {
    const sink = create(10);
    void sink.write(bytes(8));
    let isTaken = false;
    const written = sink.write(bytes(200_000, 2))?.then(() => (isTaken = true));
    const answer = await sink.answer;
    if (answer.kind !== 'stream') throw new Error('expected a stream');
    await new Promise((resolve) => setImmediate(resolve));
    expect([isTaken, sink.buffered, sink.isStreaming]).toEqual([false, 200_008, true]);
    const pieces: Buffer[] = [];
    answer.stream.on('data', (piece: Buffer) => pieces.push(piece));
    await written;
    expect(sink.buffered).toBe(0);
    await sink.write(bytes(5, 3));
    await sink.commit();
    await once(answer.stream, 'end');
    expect(Buffer.concat(pieces).equals(Buffer.concat([bytes(8), bytes(200_000, 2), bytes(5, 3)]))).toBe(true);
  });

  it('that fails before it has a form is a failure and no answer', async () => {
    const sink = create(10);
    await sink.write(bytes(4));
    sink.fail(new H4Error('H4_ENGINE_CRASHED', 'first'));
    sink.fail(new H4Error('H4_BUSY', 'second'));
    expect((await rejection(sink.answer)).message).toBe('first');
    expect((await rejection(Promise.resolve(sink.write(bytes(1))))).message).toBe('first');
    expect((await rejection(sink.commit())).message).toBe('first');
    expect(sink.buffered).toBe(0);
  });

  it('that fails as a stream destroys it, and whoever waits to write hears of it', async () => {
    const sink = create(1);
    const waiting = Promise.resolve(sink.write(bytes(100_000)));
    const answer = await sink.answer;
    if (answer.kind !== 'stream') throw new Error('expected a stream');
    const failed = once(answer.stream, 'error');
    sink.fail(new H4Error('H4_ENGINE_CRASHED', 'died'));
    expect((await rejection(waiting)).code).toBe('H4_ENGINE_CRASHED');
    expect(await failed).toMatchObject([{ code: 'H4_ENGINE_CRASHED' }]);
  });

  it('is cancelled when its stream is closed from outside, and when it is aborted', async () => {
    const sink = create(1);
    const waiting = Promise.resolve(sink.write(bytes(100_000)));
    const answer = await sink.answer;
    if (answer.kind === 'stream') answer.stream.destroy();
    expect((await rejection(waiting)).code).toBe('H4_CANCELLED');
    const other = create(1);
    await other.abort();
    expect((await rejection(other.answer)).code).toBe('H4_CANCELLED');
  });

  it('gives up on a client that does not read', async () => {
    const sink = create(1, 20);
    expect((await rejection(Promise.resolve(sink.write(bytes(100_000))))).message).toContain('stopped reading');
  });

  it('that is complete cannot fail any more', async () => {
    const sink = create(10);
    await sink.write(bytes(1));
    await sink.commit();
    sink.fail(new Error('too late'));
    expect(await sink.answer).toMatchObject({ kind: 'whole' });
  });
});
