import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CallNote, countOfCalls, readCallNote } from '../../../../src/compression/node/check/call-note.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'call-note-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('CallNote', () => {
  it('keeps the last call, also a shorter one after a longer one', () => {
    const path = join(folder, 'note');
    const note = new CallNote(path);
    expect([readCallNote(path), countOfCalls(path)]).toEqual([undefined, 0]);
    note.write('compress', 'a long block', new Uint8Array(5000).fill(7));
    expect(readCallNote(path)).toMatchObject({ count: 1, operation: 'compress', rawLength: 0, label: 'a long block' });
    note.write('decompress', 'kürzer', Uint8Array.of(1, 2, 3), 77);
    expect(readCallNote(path)).toEqual({
      ...{ count: 2, operation: 'decompress', rawLength: 77, label: 'kürzer' },
      input: Uint8Array.of(1, 2, 3),
    });
    expect(countOfCalls(path)).toBe(2);
    note.close();
  });

  it('cuts a label that is too long instead of the call', () => {
    const path = join(folder, 'long');
    const note = new CallNote(path);
    note.write('compress', 'ä'.repeat(500), Uint8Array.of(9));
    const read = readCallNote(path);
    expect(read?.label).toBe('ä'.repeat(118));
    expect(read?.input).toEqual(Uint8Array.of(9));
    note.close();
  });
});

describe('readCallNote()', () => {
  it('says nothing of a file that is not there, or not whole', async () => {
    const path = join(folder, 'cut');
    expect([readCallNote(path), countOfCalls(path)]).toEqual([undefined, 0]);
    const note = new CallNote(path);
    note.write('compress', 'x', Uint8Array.of(1));
    note.close();
    await truncate(path, 200);
    expect(readCallNote(path)).toBeUndefined();
    await writeFile(path, new Uint8Array(300));
    expect(readCallNote(path)).toBeUndefined();
  });
});
