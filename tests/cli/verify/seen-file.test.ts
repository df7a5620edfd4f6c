import { readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { uncheckedFile, type Checked } from '../../../src/cli/verify/checker.js';
import { SeenFile, rememberChecked } from '../../../src/cli/verify/seen-file.js';
import type { CheckpointInfo } from '../../../src/container/check/report.js';
import { createFileSink } from '../../../src/storage/node/file-sink.js';
import { fromHex } from '../../../src/utils/bytes.js';
import { temporaryFolder } from '../support/files.js';

const folder = temporaryFolder();
const origin = (letter: string): string => `example.com/gate/${letter.repeat(64)}`;
const root = (letter: string): string => letter.repeat(64);
const at = (letter: string, size: number, of = 'a'): CheckpointInfo => ({
  origin: origin(letter),
  size,
  root: root(of),
});
/** What a check of a whole recording says of what it has found, and a check of a clip. */
const WHOLE = { isLinked: true };
const CLIP = { isLinked: false };
const line = (checkpoint: CheckpointInfo): string => JSON.stringify(checkpoint);
const text = (...checkpoints: readonly CheckpointInfo[]): string =>
  `{"harmony4_seen":1,"checkpoints":[\n${checkpoints.map(line).join(',\n')}\n]}\n`;

describe('SeenFile', () => {
  test('is made when there is something to remember, with a checkpoint on each line', async () => {
    const file = folder.path('new.json');
    const seen = await SeenFile.open(file);
    expect(seen.known).toEqual([]);
    await seen.save();
    await expect(readFile(file)).rejects.toThrow('ENOENT');
    seen.remember(at('b', 5), WHOLE);
    seen.remember(at('a', 7), WHOLE);
    await seen.save();
    expect(await readFile(file, 'utf8')).toBe(text(at('a', 7), at('b', 5)));
    const again = await SeenFile.open(file);
    expect(again.known).toEqual([
      { origin: origin('a'), size: 7, root: fromHex(root('a')) },
      { origin: origin('b'), size: 5, root: fromHex(root('a')) },
    ]);
  });

  test('never shrinks, and is not written without news', async () => {
    const file = await folder.write('kept.json', text(at('a', 7)).replace('\n]', ' \n]'));
    const before = await readFile(file, 'utf8');
    const seen = await SeenFile.open(file);
    seen.remember(at('a', 7, 'b'), WHOLE);
    await seen.save();
    expect(await readFile(file, 'utf8')).toBe(before);
    seen.remember(at('a', 8, 'b'), WHOLE);
    await seen.save();
    await seen.save();
    expect(await readFile(file, 'utf8')).toBe(text(at('a', 8, 'b')));
  });

  test('keeps what another check has remembered meanwhile', async () => {
    const file = folder.path('both.json');
    const [one, other] = [await SeenFile.open(file), await SeenFile.open(file)];
    one.remember(at('a', 9), WHOLE);
    one.remember(at('b', 1), WHOLE);
    other.remember(at('a', 4, 'b'), WHOLE);
    other.remember(at('c', 2), WHOLE);
    await one.save();
    await other.save();
    // The two have not been held against each other yet.
    expect(await readFile(file, 'utf8')).toBe(text(at('a', 4, 'b'), at('a', 9), at('b', 1), at('c', 2)));
  });

  test('keeps a smaller checkpoint beside that of a clip, which was not held against it, until a whole recording was', async () => {
    const file = await folder.write('clips.json', text(at('a', 4)));
    const seen = await SeenFile.open(file);
    seen.remember(at('a', 9, 'b'), CLIP);
    seen.remember(at('a', 9, 'b'), CLIP);
    await seen.save();
    expect(await readFile(file, 'utf8')).toBe(text(at('a', 4), at('a', 9, 'b')));
    // What this command has met may be newer than what it checks next; what was there before may not.
    expect(seen.known.map(({ size, mayBeOlder }) => [size, mayBeOlder])).toEqual([
      [4, undefined],
      [9, true],
    ]);
    const next = await SeenFile.open(file);
    next.remember(at('a', 12), WHOLE);
    await next.save();
    expect(await readFile(file, 'utf8')).toBe(text(at('a', 12)));
  });

  test('keeps no more clips of one recording than it can hold', async () => {
    const seen = await SeenFile.open(folder.path('many.json'));
    for (let size = 1; size <= 100; size++) seen.remember(at('a', size), CLIP);
    expect(seen.known).toHaveLength(64);
  });

  test('waits for another check that is writing', async () => {
    const file = await folder.write('busy.json', text(at('a', 1)));
    const seen = await SeenFile.open(file);
    seen.remember(at('a', 2), WHOLE);
    const sink = await createFileSink(file, { overwrite: true });
    const saved = seen.save();
    await sink.write(Buffer.from(text(at('a', 1), at('b', 3))));
    await sink.commit();
    await saved;
    expect(await readFile(file, 'utf8')).toBe(text(at('a', 2), at('b', 3)));
  });

  test('stays what it was where it cannot be written', async () => {
    const file = await folder.write('torn.json', text(at('a', 1)));
    const seen = await SeenFile.open(file);
    seen.remember(at('a', 2), WHOLE);
    await writeFile(file, 'meanwhile something else');
    await expect(seen.save()).rejects.toMatchObject({ code: 'H4_PARAM' });
    expect(await readFile(file, 'utf8')).toBe('meanwhile something else');
    expect((await readdir(folder.path('.'))).filter((name) => name.startsWith('torn'))).toEqual(['torn.json']);
  });

  test('may be a link', async () => {
    const file = await folder.write('target.json', text(at('a', 1)));
    await symlink(file, folder.path('link.json'));
    const seen = await SeenFile.open(folder.path('link.json'));
    seen.remember(at('a', 2), WHOLE);
    await seen.save();
    expect(await readFile(file, 'utf8')).toBe(text(at('a', 2)));
  });

  test.each([
    ['', 'it is empty'],
    ['{"harmony4_seen":1,"checkpoints":[', 'it is not JSON, or not all of it is there'],
    [Uint8Array.of(0xff), 'it is not JSON'],
    ['[]', 'it is some other file'],
    ['null', 'it is some other file'],
    ['{"v":1,"keys":[]}', 'it is some other file'],
    ['{"harmony4_seen":2}', 'it is of version 2, and known is 1'],
    ['{"harmony4_seen":1}', 'it has no list of checkpoints'],
    ['{"harmony4_seen":1,"checkpoints":[7]}', 'checkpoint 1 is not an origin, a size and a root'],
    [text(at('a', 1), at('b', 0)), 'checkpoint 2 is not an origin'],
    [text({ ...at('a', 1), size: 1.5 }), 'checkpoint 1 is not'],
    [text({ ...at('a', 1), root: 'AB'.repeat(32) }), 'checkpoint 1 is not'],
    [text({ ...at('a', 1), origin: 'gate' }), 'checkpoint 1 is not'],
    [text(at('a', 2), at('a', 2)), 'checkpoint 2 is not larger than the one before it'],
    [text(at('a', 2), at('a', 1)), 'checkpoint 2 is not larger than the one before it'],
    [new Uint8Array(64 * 1024 * 1024 + 1), 'it has more than 67108864 bytes'],
  ])('is refused where it is damaged: %#', async (content, why) => {
    const file = await folder.write('damaged.json', content);
    const refused = SeenFile.open(file);
    await expect(refused).rejects.toMatchObject({ code: 'H4_PARAM' });
    await expect(refused).rejects.toThrow(`Cannot use ${file} as the memory of checks (--seen): ${why}`);
    await expect(refused).rejects.toThrow('Restore it from a copy; or name another file to begin anew');
  });

  test('is refused where it cannot be read', async () => {
    await expect(SeenFile.open(folder.path('.'))).rejects.toMatchObject({ code: 'H4_IO' });
    await expect(SeenFile.open(`${await folder.write('plain', 'x')}/seen.json`)).rejects.toMatchObject({
      code: 'H4_IO',
    });
  });
});

describe('rememberChecked()', () => {
  const { report } = uncheckedFile({ code: 'H4_IO', message: 'gone', exit_code: 4 });
  const proven = (checkpoint: CheckpointInfo, exitCode: 0 | 1 | 3 = 0): Checked => ({
    exitCode,
    report: { ...report, state: 'OK', proven: true, checkpoint, errors: [], error_count: 0, exit_code: exitCode },
  });

  test('remembers what is proven, and nothing else', async () => {
    const file = folder.path('proven.json');
    const seen = await SeenFile.open(file);
    const outcomes = [
      proven(at('a', 3)),
      proven(at('b', 4), 3),
      proven(at('c', 5), 1),
      uncheckedFile({ code: 'H4_IO', message: 'gone', exit_code: 4 }),
      { ...proven(at('d', 6)), report: { ...report, checkpoint: at('d', 6) } },
    ];
    for (const outcome of outcomes) rememberChecked(seen, outcome);
    await seen.save();
    expect(await readFile(file, 'utf8')).toBe(text(at('a', 3), at('b', 4)));
  });

  test('does not take a clip for more than it is', async () => {
    const seen = await SeenFile.open(folder.path('clip.json'));
    rememberChecked(seen, proven(at('a', 3)));
    const clip = proven(at('a', 5, 'b'), 3);
    rememberChecked(seen, { ...clip, report: { ...clip.report, format: 'H4MK v1 slice' } });
    expect(seen.known.map(({ size }) => size)).toEqual([3, 5]);
  });
});
