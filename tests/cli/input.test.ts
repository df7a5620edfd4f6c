import { mkdir, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { Interruption } from '../../src/cli/exit.js';
import { encodeTail } from '../../src/container/format/tail.js';
import { encodeChunk } from '../../src/container/format/chunk.js';
import { cli, jsonOf } from './support/harness.js';
import { TEN_BLOCKS, noise, ownTemporaryFolder, recording, temporaryFolder } from './support/files.js';

const folder = temporaryFolder();
ownTemporaryFolder(folder);

describe('a container on standard input', () => {
  test('is laid into a file, and hashed there beside the check', async () => {
    const stdin = await recording([{ pts: 0, bytes: noise(9 * 1024 * 1024) }], {}, {});
    expect((await cli(['verify', '-'], { stdin })).code).toBe(0);
  });

  test('that cannot be read is an error of input', async () => {
    const failing = (): Readable =>
      Readable.from(
        (function* () {
          yield Buffer.from('H4MK');
          throw Object.assign(new Error('read EIO'), { code: 'EIO' });
        })(),
      );
    for (const argv of [
      ['verify', '-'],
      ['inspect', '-'],
      ['seek', '-', '0'],
      ['extract', '-', '-o', '-'],
    ]) {
      const { code, stderr } = await cli(argv, { stdin: failing() });
      expect([code, stderr.includes('Cannot read standard input: the device reports an error')]).toEqual([4, true]);
    }
  });

  test('needs a place for temporary files', async () => {
    await rm(folder.path('tmp'), { recursive: true });
    for (const argv of [['inspect', '-'], ['demo']]) {
      const { code, stderr } = await cli(argv, { stdin: noise(10) });
      expect([code, stderr.includes('H4_WRITE: Cannot make a temporary folder in')]).toEqual([4, true]);
    }
    await mkdir(folder.path('tmp'));
  });

  test('may be interrupted while it is awaited', async () => {
    const controller = new AbortController();
    const running = cli(['inspect', '-'], {
      stdin: new Readable({ read: () => undefined }),
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(new Interruption('SIGINT')), 20);
    expect((await running).code).toBe(130);
  });
});

test('what only claims to be a slice can be inspected, but neither sought in nor extracted', async () => {
  const live = await recording(TEN_BLOCKS);
  const tail = encodeTail({
    self: live.length,
    state: 2,
    records: 12,
    meta: 8,
    seek: 0,
    veri: 0,
    sign: 0,
    prev: 0,
    tiles: [],
    root: new Uint8Array(32),
  });
  const file = await folder.write('slice.h4mk', Buffer.concat([live, encodeChunk('TAIL', tail)]));
  for (const argv of [
    ['seek', file, '0'],
    ['extract', file, '-o', '-'],
  ]) {
    const { code, stderr } = await cli(argv);
    // Its TAIL says that it is one, and nothing in it proves anything.
    expect([code, stderr]).toEqual([1, expect.stringContaining('H4_TAIL_')]);
  }
  expect(jsonOf((await cli(['inspect', file, '--json'])).stdout)).toMatchObject({
    format: 'H4MK v1 slice',
    closed: false,
  });
});
