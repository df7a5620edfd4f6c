import { describe, expect, test } from 'vitest';
import { hashWhileReading } from '../../../src/cli/verify/whole-hash.js';
import type { ByteSource } from '../../../src/container/io/io.js';
import { verifyContainer } from '../../../src/container/check/verify.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { toHex } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { TEN_BLOCKS, noise, recording } from '../support/files.js';

describe('hashWhileReading()', () => {
  test.each([
    ['a whole recording', async () => recording(TEN_BLOCKS, {}, {})],
    ['one of several pieces', async () => recording([{ pts: 0, bytes: noise(3_000_000) }], {}, {})],
    ['what is no recording', () => Promise.resolve(noise(5_000_000))],
    ['a few bytes', () => Promise.resolve(noise(100))],
    ['nothing', () => Promise.resolve(new Uint8Array(0))],
  ])('gives the hash of all of %s', async (_name, make) => {
    const bytes = await make();
    const { source, digest } = hashWhileReading(createMemorySource(bytes));
    await verifyContainer(source);
    expect(await digest()).toBe(toHex(sha256(bytes)));
  });

  test('hashes the bytes that were checked, not those that are there later', async () => {
    const bytes = await recording([{ pts: 0, bytes: noise(3_000_000) }], {}, {});
    const hash = toHex(sha256(bytes));
    const now = { bytes };
    const changing: ByteSource = {
      size: bytes.length,
      read: (start, end) => Promise.resolve(now.bytes.slice(start, end)),
      close: () => Promise.resolve(),
    };
    const { source, digest } = hashWhileReading(changing);
    expect(await verifyContainer(source)).toMatchObject({ error_count: 0 });
    now.bytes = noise(bytes.length);
    expect(await digest()).toBe(hash);
  });

  test('reads nothing twice of what a check has read in order', async () => {
    const bytes = noise(4_000_000);
    const ranges: number[] = [];
    const { source, digest } = hashWhileReading({
      size: bytes.length,
      read: (start, end) => {
        ranges.push(start);
        return Promise.resolve(bytes.slice(start, end));
      },
      close: () => Promise.resolve(),
    });
    await source.read(3_900_000, 4_000_000);
    await source.read(0, 2_000_000);
    await source.read(500, 600);
    await source.read(3_000_000, 3_000_100);
    expect(await digest()).toBe(toHex(sha256(bytes)));
    expect(ranges).toEqual([3_900_000, 0, 500, 3_000_000, 2_000_000, 2_000_000 + 1024 * 1024]);
  });

  test('lets a source that can hash do so, and closes it', async () => {
    const calls: string[] = [];
    const memory = createMemorySource(noise(10));
    const { source } = hashWhileReading({
      ...memory,
      size: 10,
      read: (start: number, end: number) => memory.read(start, end),
      sha256: (start: number, end: number) => {
        calls.push(`${start}-${end}`);
        return Promise.resolve(new Uint8Array(32));
      },
      close: () => {
        calls.push('closed');
        return memory.close();
      },
    } as ByteSource);
    expect('sha256' in source).toBe(true);
    await (source as unknown as { sha256(start: number, end: number): Promise<Uint8Array> }).sha256(2, 5);
    await source.close();
    expect(calls).toEqual(['2-5', 'closed']);
  });
});
