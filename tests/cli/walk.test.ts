import { describe, expect, test } from 'vitest';
import { FileWalker, isCutOff, isFileFault } from '../../src/cli/walk.js';
import { createCountingSource } from '../../src/storage/counting.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { H4Error } from '../../src/utils/error.js';
import { TEN_BLOCKS, noise, recording } from './support/files.js';

const walkerOf = (bytes: Uint8Array): FileWalker => new FileWalker(createMemorySource(bytes));

async function tagsOf(walker: FileWalker): Promise<string[]> {
  const tags: string[] = [];
  for await (const { tag } of walker.chunks()) tags.push(tag);
  return tags;
}

describe('FileWalker', () => {
  test('comes to every chunk and every record', async () => {
    const bytes = await recording(TEN_BLOCKS, {}, {});
    const tags = await tagsOf(walkerOf(bytes));
    expect(tags.slice(0, 6)).toEqual(['TOKN', 'META', 'TOKN', 'SAFE', 'TOKN', 'CORE']);
    expect(tags.slice(-4)).toEqual(['SEEK', 'TILE', 'VERI', 'TAIL']);
    const seqs: number[] = [];
    for await (const { record } of walkerOf(bytes).records()) if (record !== undefined) seqs.push(record.tokn.seq);
    expect(seqs).toEqual(Array.from({ length: 13 }, (_, i) => i));
  });

  test('skips payloads, whatever their size, and tells how far it is', async () => {
    const blocks = Array.from({ length: 8 }, (_, i) => ({ pts: i, bytes: noise(300_000, i + 1) }));
    const source = createCountingSource(createMemorySource(await recording(blocks, {}, {})));
    const offsets: number[] = [];
    const walker = new FileWalker(source, { onProgress: (offset) => offsets.push(offset) });
    await tagsOf(walker);
    expect(source.bytes).toBeLessThan(100_000);
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
  });

  test('reads in growing windows while it goes on without jumps', async () => {
    const blocks = Array.from({ length: 3000 }, (_, i) => ({ pts: i, bytes: noise(20) }));
    const source = createCountingSource(createMemorySource(await recording(blocks, {}, {})));
    await tagsOf(new FileWalker(source));
    expect(source.count).toBeLessThan(source.size / (32 * 1024));
  });

  test.each([
    ['within a chunk header', -165, 'H4_TRUNCATED', true],
    ['within a payload', -100, 'H4_TRUNCATED', true],
  ])('shows a recording that was cut %s up to there', async (_name, end, code, cutOff) => {
    const bytes = (await recording(TEN_BLOCKS, {}, {})).slice(0, end);
    const walker = walkerOf(bytes);
    const seen: string[] = [];
    const walk = async (): Promise<void> => {
      for await (const { tag } of walker.chunks()) seen.push(tag);
    };
    const error: unknown = await walk().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(isCutOff(error)).toBe(cutOff);
    expect(seen.at(-1)).toBe('VERI');
  });

  test('tells a cut from damage by the TAIL at the end', async () => {
    const bytes = await recording(TEN_BLOCKS, {}, {});
    bytes[12] = 0x7f;
    await expect(tagsOf(walkerOf(bytes))).rejects.toMatchObject({ code: 'H4_INNER_DAMAGE', detail: { offset: 8 } });
  });

  test('misses the payload of a TOKN that is last', async () => {
    const bytes = await recording([], {});
    const records = walkerOf(bytes.slice(0, 100)).records();
    await records.next();
    await expect(records.next()).rejects.toMatchObject({ code: 'H4_TOKN_NO_PAYLOAD' });
  });

  test('refuses a payload of the wrong sort, and a TOKN that breaks a rule, with the place', async () => {
    const wrongTag = await recording(TEN_BLOCKS, {}, {});
    wrongTag.set(Buffer.from('CORE'), 100);
    const wrongSuite = await recording(TEN_BLOCKS, {}, {});
    wrongSuite[20] = 9;
    for (const [bytes, code, offset] of [
      [wrongTag, 'H4_PAYLOAD_TAG', 100],
      [wrongSuite, 'H4_TOKN_SUITE', 8],
    ] as const) {
      const walk = async (): Promise<void> => {
        for await (const item of walkerOf(bytes).records()) expect(item.chunk.tag).toBe('TOKN');
      };
      await expect(walk()).rejects.toMatchObject({ code, detail: { offset } });
    }
  });

  test('has no first tag in an empty file', async () => {
    expect(await walkerOf(new Uint8Array(0)).firstTag()).toBeUndefined();
    expect(await walkerOf(await recording([])).firstTag()).toBe('TOKN');
  });
});

test('faults of the file are told from those of the machine and of the caller', () => {
  for (const code of ['H4_TRUNCATED', 'H4_LIMIT_CHUNK', 'H4_TOKN_SUITE'] as const) {
    expect(isFileFault(new H4Error(code, ''))).toBe(true);
  }
  for (const code of ['H4_IO', 'H4_CANCELLED', 'H4_PARAM', 'H4_INTERNAL'] as const) {
    expect(isFileFault(new H4Error(code, ''))).toBe(false);
  }
  expect(isFileFault(new Error('x'))).toBe(false);
});
