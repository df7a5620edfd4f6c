import { readdir, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { Spool } from '../../../src/cli/verify/spool.js';
import { ownTemporaryFolder, temporaryFolder } from '../support/files.js';

const folder = temporaryFolder();
ownTemporaryFolder(folder);

async function textOf(spool: Spool): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of spool.pieces()) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe('Spool', () => {
  test('gives back what was appended, however much, and leaves nothing behind', async () => {
    const spool = new Spool();
    const texts = Array.from({ length: 40 }, (_, i) => `${i} øäß `.repeat(1000));
    for (const text of texts) await spool.append(text);
    expect(await textOf(spool)).toBe(texts.join(''));
    await spool.append('end');
    expect((await textOf(spool)).slice(-3)).toBe('end');
    expect(await readdir(folder.path('tmp'))).toHaveLength(1);
    await spool.close();
  });

  test('of nothing is nothing, and makes no file', async () => {
    const spool = new Spool();
    expect(await textOf(spool)).toBe('');
    expect(await readdir(folder.path('tmp'))).toEqual([]);
    await spool.close();
  });

  test('says so when its file was cut by somebody else', async () => {
    const spool = new Spool();
    await spool.append('text');
    const [name = ''] = await readdir(folder.path('tmp'));
    await writeFile(folder.path(`tmp/${name}/spool`), '');
    await expect(textOf(spool)).rejects.toMatchObject({ code: 'H4_IO', message: /ends at 0 of 4 bytes/ });
    await spool.close();
  });

  test('says so when there is no place for it', async () => {
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = folder.path('nowhere');
    const spool = new Spool();
    await expect(spool.append('text')).rejects.toMatchObject({ code: 'H4_WRITE' });
    process.env['TMPDIR'] = before;
    await spool.close();
  });

  test('turns what the system refuses into an error that says so', async () => {
    const spool = new Spool();
    await spool.append('text');
    await spool.close();
    await expect(spool.append('more')).rejects.toMatchObject({ code: 'H4_WRITE', message: /temporary file/ });
  });
});
