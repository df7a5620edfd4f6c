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
const line = (checkpoint: CheckpointInfo): string => JSON.stringify(checkpoint);
const text = (...checkpoints: readonly CheckpointInfo[]): string =>
  `{"harmony4_seen":1,"checkpoints":[\n${checkpoints.map(line).join(',\n')}\n]}\n`;

describe('SeenFile', () => {
  test('is made when there is something to remember, with a checkpoint on each line', async () => {
    const file = folder.path('new.json');
    const seen = await SeenFile.open(file);
    expect(seen.before).toEqual([]);
    await seen.save();
    await expect(readFile(file)).rejects.toThrow('ENOENT');
    seen.remember(at('b', 5));
    seen.remember(at('a', 7));
    await seen.save();
    expect(await readFile(file, 'utf8')).toBe(text(at('a', 7), at('b', 5)));
    const again = await SeenFile.open(file);
    expect(again.before).toEqual([
      { origin: origin('a'), size: 7, root: fromHex(root('a')) },
      { origin: origin('b'), size: 5, root: fromHex(root('a')) },
    ]);
  });

  test('never shrinks, and is not written without news', async () => {
    const file = await folder.write('kept.json', text(at('a', 7)).replace('\n]', ' \n]'));
    const before = await readFile(file, 'utf8');
    const seen = await SeenFile.open(file);
    seen.remember(at('a', 7, 'b'));
    seen.remember(at('a', 3, 'b'));
    await seen.save();
    expect(await readFile(file, 'utf8')).toBe(before);
    seen.remember(at('a', 8, 'b'));
    await seen.save();
    await seen.save();
    expect(await readFile(file, 'utf8')).toBe(text(at('a', 8, 'b')));
  });

  test('keeps what another check has remembered meanwhile', async () => {
    const file = folder.path('both.json');
    const [one, other] = [await SeenFile.open(file), await SeenFile.open(file)];
    one.remember(at('a', 9));
    one.remember(at('b', 1));
    other.remember(at('a', 4, 'b'));
    other.remember(at('c', 2));
    await one.save();
    await other.save();
    expect(await readFile(file, 'utf8')).toBe(text(at('a', 9), at('b', 1), at('c', 2)));
  });

  test('waits for another check that is writing', async () => {
    const file = await folder.write('busy.json', text(at('a', 1)));
    const seen = await SeenFile.open(file);
    seen.remember(at('a', 2));
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
    seen.remember(at('a', 2));
    await writeFile(file, 'meanwhile something else');
    await expect(seen.save()).rejects.toMatchObject({ code: 'H4_PARAM' });
    expect(await readFile(file, 'utf8')).toBe('meanwhile something else');
    expect((await readdir(folder.path('.'))).filter((name) => name.startsWith('torn'))).toEqual(['torn.json']);
  });

  test('may be a link', async () => {
    const file = await folder.write('target.json', text(at('a', 1)));
    await symlink(file, folder.path('link.json'));
    const seen = await SeenFile.open(folder.path('link.json'));
    seen.remember(at('a', 2));
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
    [text(at('a', 1), at('a', 2)), 'checkpoint 2 is the second of its origin'],
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
    for (const outcome of outcomes) expect(rememberChecked(seen, outcome)).toBe(outcome);
    await seen.save();
    expect(await readFile(file, 'utf8')).toBe(text(at('a', 3), at('b', 4)));
  });

  test('fails the second of two files that contradict each other', async () => {
    const seen = await SeenFile.open(folder.path('two.json'));
    rememberChecked(seen, proven(at('a', 3)));
    expect(rememberChecked(seen, proven(at('a', 3))).exitCode).toBe(0);
    expect(rememberChecked(seen, proven(at('a', 2, 'b'))).exitCode).toBe(0);
    const failed = rememberChecked(seen, proven(at('a', 3, 'b')));
    expect(failed).toMatchObject({
      exitCode: 1,
      report: { exit_code: 1, error_count: 1, errors: [{ code: 'H4_EQUIVOCATION', offset: 0 }] },
    });
  });
});
