import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createPaint, plainPaint } from '../../src/cli/paint.js';
import { ClosedPipe, Printer, writeTo } from '../../src/cli/render.js';
import { H4Error } from '../../src/utils/error.js';

function failing(code: string): Writable {
  const stream = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(`write ${code}`), { code })),
  });
  stream.on('error', () => undefined);
  return stream;
}

function keeping(options: { highWaterMark?: number } = {}) {
  const writes: string[] = [];
  const stream = new Writable({
    ...options,
    write: (chunk: Buffer, _encoding, done) => {
      writes.push(chunk.toString());
      setImmediate(done);
    },
  });
  return { stream, writes };
}

describe('Printer', () => {
  test('gathers lines away from a terminal', async () => {
    const { stream, writes } = keeping();
    const printer = new Printer(stream, plainPaint);
    for (let i = 0; i < 5000; i++) await printer.line(`line ${i}`);
    await printer.flush();
    await printer.flush();
    expect(writes.length).toBeLessThan(10);
    expect(writes.join('').split('\n')).toHaveLength(5001);
  });

  test('shows every line at once on a terminal, and breaks sentences there', async () => {
    const { stream, writes } = keeping();
    const printer = new Printer(Object.assign(stream, { isTTY: true, columns: 20 }), createPaint());
    await printer.field('size', '5');
    await printer.paragraph('a sentence that is long', { indent: 2, colour: 'red' });
    expect(writes).toEqual([
      '  \x1b[2msize         \x1b[0m5\n',
      '  \x1b[31ma sentence that is\x1b[0m\n',
      '  \x1b[31mlong\x1b[0m\n',
    ]);
  });

  test('never takes more than 120 columns, and 80 where it knows nothing', () => {
    const { stream } = keeping();
    expect(new Printer(stream, plainPaint).columns).toBe(80);
    expect(new Printer(Object.assign(stream, { columns: 0 }), plainPaint).columns).toBe(80);
    expect(new Printer(Object.assign(stream, { columns: 300 }), plainPaint).columns).toBe(120);
  });

  test('paints no empty text', () => {
    expect(createPaint()('red', '')).toBe('');
  });
});

describe('writeTo()', () => {
  test('waits until a slow stream has room again', async () => {
    const { stream, writes } = keeping({ highWaterMark: 4 });
    await Promise.all([writeTo(stream, 'abcdef'), writeTo(stream, Uint8Array.of(65))]);
    expect(writes).toEqual(['abcdef', 'A']);
    expect(stream.writableNeedDrain).toBe(false);
  });

  test('tells a reader that has gone from a disk that is full', async () => {
    await expect(writeTo(failing('EPIPE'), 'text')).rejects.toMatchObject({ isIncomplete: false });
    await expect(writeTo(failing('EPIPE'), Uint8Array.of(1))).rejects.toMatchObject({ isIncomplete: true });
    const full = await writeTo(failing('ENOSPC'), 'text').catch((error: unknown) => error);
    expect(full).toBeInstanceOf(H4Error);
    expect(full).toMatchObject({ code: 'H4_WRITE', message: expect.stringContaining('disk is full') as unknown });
  });

  test('knows a stream that has ended before', async () => {
    const { stream } = keeping();
    stream.destroy();
    await expect(writeTo(stream, 'text')).rejects.toBeInstanceOf(ClosedPipe);
    const broken = failing('ENOSPC');
    await writeTo(broken, 'x').catch(() => undefined);
    await expect(writeTo(broken, 'x')).rejects.toMatchObject({ code: 'H4_WRITE' });
  });
});
