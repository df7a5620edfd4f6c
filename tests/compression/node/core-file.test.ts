import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { MAX_CORE_BYTES, readCoreFile } from '../../../src/compression/node/core-file.js';
import { rejection } from '../../storage/rejection.js';
import { lcgBytes } from '../lcg.js';

const folder = mkdtempSync(join(tmpdir(), 'harmony4 kärnø '));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);
const bytes = lcgBytes(1, 300_000);
const put = (name: string, mode = 0o644): string => {
  writeFileSync(at(name), bytes);
  chmodSync(at(name), mode);
  return at(name);
};

describe('readCoreFile()', () => {
  test('measures the bytes that it returns, at a path with ø and blanks, and through a link', async () => {
    const path = put('my ø core.so');
    symlinkSync(path, at('link.so'));
    for (const each of [path, at('link.so')]) {
      const file = await readCoreFile(each);
      expect(Buffer.compare(file.bytes, bytes)).toBe(0);
      expect(file.fingerprint).toBe(createHash('sha256').update(bytes).digest('hex'));
      expect(file.warnings).toEqual([]);
    }
  });

  test.skipIf(process.platform === 'win32').each([0o664, 0o646, 0o666, 0o777])('warns of mode %o', async (mode) => {
    const { warnings } = await readCoreFile(put(`mode-${mode}.so`, mode));
    expect(warnings).toEqual([
      "the core's file can be written by others than its owner: take that right away with 'chmod go-w'",
    ]);
  });

  test('a file that is not there is not found, with the path and what to do', async () => {
    put('file.so');
    for (const path of [at('missing.so'), at('file.so/inside')]) {
      const error = await rejection(readCoreFile(path));
      expect(error.code).toBe('H4_CORE_NOT_FOUND');
      expect(error.message).toContain(`Compression core not found: ${path}. Check HARMONY4_CORE_PATH`);
    }
  });

  test.each<[string, () => string, string]>([
    ['a folder', () => (mkdirSync(at('folder')), at('folder')), 'it is a folder; name the library inside it'],
    ['an empty file', () => (writeFileSync(at('empty'), ''), at('empty')), 'it is empty'],
    [
      'a file that is too large',
      () => (writeFileSync(at('huge'), ''), truncateSync(at('huge'), MAX_CORE_BYTES + 1), at('huge')),
      `it has ${MAX_CORE_BYTES + 1} bytes; a core has at most ${MAX_CORE_BYTES}`,
    ],
  ])('does not load %s', async (_, make, why) => {
    const path = make();
    const error = await rejection(readCoreFile(path));
    expect(error.code).toBe('H4_CORE_LOAD');
    expect(error.message).toBe(`Cannot load the compression core ${path}: ${why}`);
  });

  test.skipIf(process.platform === 'win32')('does not wait for a pipe or read a device', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    for (const path of [at('pipe'), '/dev/zero']) {
      const error = await rejection(readCoreFile(path));
      expect(error.message).toBe(`Cannot load the compression core ${path}: it is no regular file`);
    }
  });

  const isRoot = process.getuid?.() === 0;
  const skipped = isRoot ? ' (skipped: root may read everything)' : '';
  test.skipIf(isRoot)(`a file that may not be read is an I/O error${skipped}`, async () => {
    expect((await rejection(readCoreFile(put('secret.so', 0)))).code).toBe('H4_IO');
  });

  test('a name that no system could open is an I/O error', async () => {
    const error = await rejection(readCoreFile(at('x'.repeat(300))));
    expect(error.code).toBe('H4_IO');
    expect(error.message).toContain('ENAMETOOLONG');
  });
});
