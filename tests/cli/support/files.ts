/** Files for the tests of the command line: a temporary folder per suite, media, and recordings made to measure. */

import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { type ClosingOptions, H4MKBuilder, type RecordingOptions } from '../../../src/container/write/builder.js';
import { createMemorySink } from '../../../src/storage/memory.js';
import { lcgBytes } from '../../compression/lcg.js';

export interface Folder {
  /** The path of `name` in the folder. */
  path(name: string): string;
  write(name: string, bytes: Uint8Array | string): Promise<string>;
}

/** A temporary folder for the tests of a suite, removed after them. */
export function temporaryFolder(): Folder {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cli-test-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const path = (name: string): string => join(folder, name);
  return {
    path,
    async write(name, bytes) {
      await writeFile(path(name), bytes);
      return path(name);
    },
  };
}

/** Makes temporary files of the tests of a suite go to a folder of their own, which must be empty after each test. */
export function ownTemporaryFolder(folder: Folder): void {
  const before = process.env['TMPDIR'];
  beforeEach(async () => {
    await mkdir(folder.path('tmp'), { recursive: true });
    process.env['TMPDIR'] = folder.path('tmp');
  });
  afterEach(async () => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    expect(await readdir(folder.path('tmp'))).toEqual([]);
  });
}

/** Bytes that no engine shrinks. */
export function noise(length: number, seed = 7): Uint8Array {
  return lcgBytes(seed, length);
}

/** Something that begins like an MP4 file. */
export function mp4(length: number): Uint8Array {
  const bytes = noise(Math.max(length, 16));
  bytes.set([0, 0, 0, 16, ...Buffer.from('ftypisom')]);
  return bytes;
}

export interface SmallBlock {
  readonly track?: number;
  readonly pts: number;
  readonly key?: boolean;
  readonly duration?: number;
  readonly bytes: Uint8Array;
}

/** A recording with these blocks, one token each. Without `closing` it is left open, as a writer that crashed leaves it. */
export async function recording(
  blocks: readonly SmallBlock[],
  options: Partial<RecordingOptions> = {},
  closing?: ClosingOptions,
): Promise<Uint8Array> {
  const sink = createMemorySink();
  const builder = await H4MKBuilder.create(sink, {
    engine: storedEngine,
    tracks: [{ id: 0, kind: 'opaque' }],
    ...options,
  });
  for (const { track = 0, pts, key = true, duration = 0, bytes } of blocks) {
    await builder.addBlock({ track, tokens: [{ pts, key, duration, size: bytes.length }], bytes });
  }
  if (closing === undefined) await sink.commit();
  else await builder.close(closing);
  return sink.bytes().slice();
}

/** Ten blocks of 100 bytes, 40 ms each, every fourth a keyframe. */
export const TEN_BLOCKS: readonly SmallBlock[] = Array.from({ length: 10 }, (_, i) => ({
  pts: i * 40_000,
  key: i % 4 === 0,
  duration: 40_000,
  bytes: noise(100, i + 1),
}));

/** File positions of the chunks with this tag. */
export function offsetsOf(file: Uint8Array, tag: string): number[] {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const offsets: number[] = [];
  for (let at = 8; at + 12 <= bytes.length; at += 12 + bytes.readUInt32BE(at + 4)) {
    if (bytes.toString('latin1', at, at + 4) === tag) offsets.push(at);
  }
  return offsets;
}

/** A copy of `file` with one bit of the byte at `position` changed. */
export function flipped(file: Uint8Array, ...positions: readonly number[]): Uint8Array {
  const copy = file.slice();
  for (const position of positions) copy[position] = (copy[position] ?? 0) ^ 1;
  return copy;
}
