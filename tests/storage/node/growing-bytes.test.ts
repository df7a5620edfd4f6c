import { appendFile, mkdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it, test } from 'vitest';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import { encodeTail } from '../../../src/container/format/tail.js';
import { FollowFeed, type GrowingBytes } from '../../../src/storage/follow.js';
import { openGrowingBytes } from '../../../src/storage/node/growing-bytes.js';
import { createLiveFileSink } from '../../../src/storage/node/live-file.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import { patterned } from '../patterned.js';
import { rejection } from '../rejection.js';
import { useTempFolder } from './temp-folder.js';

const path = useTempFolder();
let files = 0;
const opened: GrowingBytes[] = [];

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

/** A TAIL chunk that ends at `end`. */
const tailEndingAt = (end: number, state: 0 | 1 = 0): Uint8Array => {
  const links = { records: 1, meta: 8, seek: 0, veri: 0, sign: 0, prev: 0, tiles: [], root: new Uint8Array(32) };
  return encodeChunk('TAIL', encodeTail({ self: end - 172, state, ...links }));
};

interface Subject {
  readonly name: string;
  readonly file: GrowingBytes;
}

async function growing(bytes: Uint8Array, sidecar?: Uint8Array): Promise<Subject> {
  const name = path(`file-${++files}.h4mk`);
  await writeFile(name, bytes);
  if (sidecar !== undefined) await writeFile(`${name}.tail`, sidecar);
  const file = await openGrowingBytes(name);
  opened.push(file);
  return { name, file };
}

const CONTENT = patterned(5000);

describe('how far a growing file may be read', () => {
  it('is told by its sidecar, each time anew', async () => {
    const { name, file } = await growing(CONTENT, tailEndingAt(1000));
    expect(file.name).toBe(name);
    expect(await file.look()).toEqual({ end: 1000, isFinal: false });
    await writeFile(`${name}.tail`, tailEndingAt(4000));
    expect(await file.look()).toEqual({ end: 4000, isFinal: false });
    await writeFile(`${name}.tail`, tailEndingAt(5000, 1));
    expect(await file.look()).toEqual({ end: 5000, isFinal: true });
  });

  it('without a sidecar is what is there', async () => {
    const { name, file } = await growing(CONTENT.subarray(0, 100));
    expect(await file.look()).toEqual({ end: 100, isFinal: false });
    await appendFile(name, CONTENT.subarray(100, 900));
    expect(await file.look()).toEqual({ end: 900, isFinal: false });
    expect(await file.read(50, 900)).toEqual(CONTENT.subarray(50, 900));
  });

  it('is nothing while it is empty', async () => {
    const { file } = await growing(new Uint8Array(0));
    expect(await file.look()).toEqual({ end: 0, isFinal: false });
  });

  it('is all of it once it ends in a final TAIL, whatever an old sidecar says', async () => {
    const closed = concatBytes(CONTENT, tailEndingAt(5172, 1));
    expect(await (await growing(closed, tailEndingAt(1000))).file.look()).toEqual({ end: 5172, isFinal: true });
    expect(await (await growing(closed)).file.look()).toEqual({ end: 5172, isFinal: true });
    const live = concatBytes(CONTENT, tailEndingAt(5172));
    expect(await (await growing(live)).file.look()).toEqual({ end: 5172, isFinal: false });
    expect(await (await growing(live, tailEndingAt(1000))).file.look()).toEqual({ end: 1000, isFinal: false });
  });

  it('is less than was made known, if the sidecar speaks of more than is there: that is refused', async () => {
    const { file } = await growing(CONTENT, tailEndingAt(5001));
    const error = await rejection(file.look());
    expect([error.code, error.detail]).toEqual(['H4_ROLLBACK', { before: 5001, now: 5000 }]);
  });

  it('is what is there, where something else stands in the place of the sidecar', async () => {
    for (const bytes of [new Uint8Array(172), new Uint8Array(3), patterned(500)]) {
      const { file } = await growing(CONTENT, bytes);
      expect(await file.look()).toEqual({ end: 5000, isFinal: false });
    }
  });

  it('does not go back when a first sidecar comes that speaks of less than had been there', async () => {
    const { name, file } = await growing(CONTENT);
    expect(await file.look()).toEqual({ end: 5000, isFinal: false });
    await writeFile(`${name}.tail`, tailEndingAt(4000));
    expect(await file.look()).toEqual({ end: 5000, isFinal: false });
    await appendFile(name, CONTENT);
    await writeFile(`${name}.tail`, tailEndingAt(7000));
    expect(await file.look()).toEqual({ end: 7000, isFinal: false });
    // What two sidecars say is another matter: that is for whoever follows to refuse.
    await writeFile(`${name}.tail`, tailEndingAt(6000));
    expect(await file.look()).toEqual({ end: 6000, isFinal: false });
  });
});

describe('a growing file is refused', () => {
  it('if it is not there, is no file, or cannot be opened', async () => {
    const missing = await rejection(openGrowingBytes(path('missing.h4mk')));
    expect([missing.code, missing.message]).toEqual([
      'H4_IO',
      expect.stringContaining(`Cannot open ${path('missing.h4mk')}: `) as string,
    ]);
    await mkdir(path('folder.h4mk'));
    const folder = await rejection(openGrowingBytes(path('folder.h4mk')));
    expect([folder.code, folder.message]).toEqual([
      'H4_IO',
      `Cannot follow ${path('folder.h4mk')}: it is no regular file`,
    ]);
    // Opening it must not wait for a writer.
    expect(spawnSync('mkfifo', [path('pipe.h4mk')]).status).toBe(0);
    expect((await rejection(openGrowingBytes(path('pipe.h4mk')))).message).toContain('no regular file');
  });

  it('once it was replaced or removed, although the old one can still be read', async () => {
    const { name, file } = await growing(CONTENT, tailEndingAt(1000));
    await file.look();
    await writeFile(`${name}.new`, CONTENT);
    await rename(`${name}.new`, name);
    const replaced = await rejection(file.look());
    expect([replaced.code, replaced.message]).toEqual([
      'H4_IO',
      `Cannot follow ${name}: it was removed or replaced by another file`,
    ]);
    expect(await file.read(0, 5000)).toEqual(CONTENT);
    await rm(name);
    expect((await rejection(file.look())).message).toBe(replaced.message);
  });

  it('where bytes are gone that had been there', async () => {
    const { name, file } = await growing(CONTENT);
    const feed = new FollowFeed(file, { pause: () => Promise.resolve(true), pieceBytes: 1000 });
    await feed.next();
    await truncate(name, 1500);
    const error = await rejection(feed.next());
    expect([error.code, error.message]).toEqual([
      'H4_IO',
      `Cannot read [1000, 2000) of ${name}: it has become shorter`,
    ]);
    const { name: other, file: shrinking } = await growing(CONTENT);
    const whole = new FollowFeed(shrinking, { pause: () => Promise.resolve(true) });
    await whole.next();
    await truncate(other, 4999);
    expect((await rejection(whole.next())).code).toBe('H4_ROLLBACK');
  });

  it('once it is closed', async () => {
    const { name, file } = await growing(CONTENT);
    opened.pop();
    await file.close();
    const error = await rejection(file.read(0, 10));
    expect([error.code, error.message]).toEqual([
      'H4_IO',
      expect.stringContaining(`Cannot read [0, 10) of ${name}: `) as string,
    ]);
    expect(error.cause).toBeDefined();
  });
});

test('a live file is followed to the byte from before its first sidecar to its end', async () => {
  const name = path('live.h4mk');
  const sink = await createLiveFileSink(name, { slabBytes: 1024 });
  const file = await openGrowingBytes(name);
  opened.push(file);
  const [pieces, promised]: [Uint8Array[], number[]] = [[], []];
  let step = 0;
  const pause = async (): Promise<boolean> => {
    if (step === 8) {
      await sink.write(tailEndingAt(sink.length + 172, 1));
      await sink.commit();
    } else {
      await sink.write(patterned(700 * ++step));
      // At every second step nothing is promised, and the follower must wait.
      if (step % 2 === 0) {
        const tail = tailEndingAt(sink.length + 172);
        await sink.write(tail);
        await sink.sync();
        await sink.publishTail(tail);
        promised.push(sink.length);
      }
    }
    return true;
  };
  const caughtUp = new Set<number>();
  const feed = new FollowFeed(file, { pause, onCaughtUp: (bytes) => void caughtUp.add(bytes) });
  for (let piece = await feed.next(); piece !== undefined; piece = await feed.next()) pieces.push(piece);
  for (const bytes of promised) expect(caughtUp).toContain(bytes);
  expect(concatBytes(...pieces).length).toBe(sink.length);
  expect(concatBytes(...pieces)).toEqual(await file.read(0, sink.length));
});
