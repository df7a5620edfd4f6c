import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { type CliIo, createContext } from '../../src/cli/context.js';
import { Progress } from '../../src/cli/progress.js';

function screen(options: { isTTY: boolean; columns?: number; json?: boolean }) {
  let text = '';
  let time = 0;
  const stream = (): Writable =>
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        text += chunk.toString();
        done();
      },
    });
  const { isTTY, columns = 80, json = false } = options;
  const context = createContext(
    {
      stderr: Object.assign(stream(), { isTTY, columns }),
      stdout: stream(),
      env: {},
      now: () => time,
    } as unknown as CliIo,
    { json },
  );
  return { context, text: () => text, at: (ms: number) => (time = ms) };
}

describe('Progress', () => {
  test('tells how much is done, how fast, and how long it will take', () => {
    const { context, text, at } = screen({ isTTY: true });
    const progress = new Progress(context, { label: 'exporting x', total: 10 * 1024 ** 2, enabled: true });
    at(1000);
    progress.update(4 * 1024 ** 2);
    expect(text()).toBe('\r\x1b[K 40 %  4 MiB of 10 MiB  4 MiB/s  0:02 left  exporting x');
    progress.clear();
    expect(text().endsWith('\r\x1b[K')).toBe(true);
  });

  test('knows no end where there is no total', () => {
    const { context, text, at } = screen({ isTTY: true });
    const progress = new Progress(context, { label: 'exporting standard input', enabled: true });
    at(2000);
    progress.update(1024);
    expect(text()).toContain('1 KiB  512 bytes/s  exporting standard input');
  });

  test('is never wider than the terminal, and never beyond 100 %', () => {
    const { context, text, at } = screen({ isTTY: true, columns: 20 });
    const progress = new Progress(context, { label: 'x'.repeat(50), total: 5, enabled: true });
    at(1000);
    progress.update(10);
    expect(text()).toBe('\r\x1b[K100 %  10 bytes of…');
  });

  test('divides by no zero', () => {
    const { context, text, at } = screen({ isTTY: true });
    const progress = new Progress(context, { label: 'x', total: 100, enabled: true });
    at(1000);
    progress.update(0);
    expect(text()).toContain('0:00 left');
  });

  test('draws no line for what is over at once, and at most ten a second', () => {
    const { context, text, at } = screen({ isTTY: true });
    const progress = new Progress(context, { label: 'x', total: 100, enabled: true });
    at(299);
    progress.update(50);
    progress.clear();
    expect(text()).toBe('');
    at(300);
    progress.update(60);
    at(399);
    progress.update(70);
    at(400);
    progress.update(80);
    expect(text().match(/%/g)).toHaveLength(2);
  });

  test.each([
    ['away from a terminal', { isTTY: false }, true],
    ['with --no-progress', { isTTY: true }, false],
    ['with --json', { isTTY: true, json: true }, true],
  ])('says nothing %s', (_name, options, enabled) => {
    const { context, text, at } = screen(options);
    const progress = new Progress(context, { label: 'x', total: 100, enabled });
    at(5000);
    progress.update(50);
    progress.clear();
    expect(text()).toBe('');
  });
});
