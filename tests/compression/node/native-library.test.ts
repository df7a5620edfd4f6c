/** Where the bytes of a shared library are put before they are loaded: in memory, or into a private copy. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { openNativeCore } from '../../../src/compression/node/native-core.js';
import { createMemoryFile } from '../../../src/compression/node/memory-file.js';
import { loadNativeLibrary } from '../../../src/compression/node/native-library.js';
import { createPrivateCopy } from '../../../src/compression/node/private-copy.js';
import { compileHostile, describeCompiled } from '../../support/cores.js';
import { refusal } from '../../utils/refusal.js';
import { lcgBytes } from '../lcg.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const isLinux = process.platform === 'linux';
const isRoot = process.getuid?.() === 0;
const rootIsSkipped = isRoot ? ' (skipped: root may do everything)' : '';
const bytes = lcgBytes(1, 3_000_000);
const scratch = mkdtempSync(join(tmpdir(), 'harmony4 ø library-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const contents = (fd: number): Uint8Array => {
  const all = new Uint8Array(fstatSync(fd).size);
  readSync(fd, all, 0, all.length, 0);
  return all;
};

describe('createMemoryFile()', () => {
  test.runIf(isLinux)('holds the bytes, and nobody can alter them any more', () => {
    const fd = createMemoryFile(bytes) ?? Number.NaN;
    try {
      expect(Buffer.compare(contents(fd), bytes)).toBe(0);
      expect(() => writeSync(fd, Uint8Array.of(1), 0, 1, 0)).toThrow(/EPERM/u);
      expect(() => writeSync(fd, Uint8Array.of(1), 0, 1, bytes.length)).toThrow(/EPERM/u);
      expect(() => ftruncateSync(fd, 10)).toThrow(/EPERM/u);
      expect(Buffer.compare(contents(fd), bytes)).toBe(0);
    } finally {
      closeSync(fd);
    }
  });

  test.runIf(isLinux)('is not inherited by processes that are started', () => {
    const fd = createMemoryFile(bytes) ?? Number.NaN;
    const inherited = spawnSync('ls', ['-l', '/proc/self/fd'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    closeSync(fd);
    expect(inherited.stdout).not.toContain('harmony4-core');
  });

  test.skipIf(isLinux)('is a thing of Linux: elsewhere there is none', () => {
    expect(createMemoryFile(bytes)).toBeUndefined();
  });
});

describe('createPrivateCopy()', () => {
  test('is a file that its owner may read and execute, in a folder of its own', () => {
    const parent = mkdtempSync(join(scratch, 'parent-'));
    const { path, fd, remove } = createPrivateCopy(bytes, parent, '.so');
    closeSync(fd);
    expect(dirname(dirname(path))).toBe(parent);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(statSync(path).mode & 0o777).toBe(0o500);
    expect(Buffer.compare(readFileSync(path), bytes)).toBe(0);
    remove();
    remove();
    expect(readdirSync(parent)).toEqual([]);
  });

  test('lies in the folder for temporary files where no other is named', () => {
    const { path, fd, remove } = createPrivateCopy(bytes, undefined, '.so');
    closeSync(fd);
    remove();
    expect(dirname(dirname(path))).toBe(tmpdir());
  });

  test('a folder that is not there is named, with what to do', () => {
    const error = refusal(() => createPrivateCopy(bytes, join(scratch, 'nowhere'), '.so'));
    expect(error.code).toBe('H4_CORE_LOAD');
    expect(error.message).toContain(
      `Cannot put a private copy of the compression core into ${scratch}/nowhere: ENOENT`,
    );
    expect(error.message).toContain('Set HARMONY4_CORE_TMP to a folder');
  });

  test.skipIf(isRoot)(`a folder that may not be written to is named${rootIsSkipped}`, () => {
    const parent = join(scratch, 'read-only');
    mkdirSync(parent);
    chmodSync(parent, 0o500);
    expect(refusal(() => createPrivateCopy(bytes, parent, '.so')).message).toContain(`${parent}: EACCES`);
  });
});

/** Why a child may not have mounts and process numbers of its own, or undefined if it may. */
const noNamespace = ((): string | undefined => {
  if (!isLinux) return 'needs Linux';
  const { status } = spawnSync('unshare', ['--mount', '--pid', '--fork', '--mount-proc', 'true']);
  return status === 0 ? undefined : 'needs the right to unshare mounts';
})();

describeCompiled('loadNativeLibrary()', () => {
  /** Opens a core in a process for which `prepare`, a line of shell, has changed the machine. */
  function openAfter(prepare: string, options: object): { declared?: object; code?: string; message?: string } {
    const script = join(root, 'tests/support/open-core.ts');
    const core = compileHostile('stored');
    const command = `${prepare} && exec "$0" --import ./tools/typescript.js "$1" "$2" "$3"`;
    const output = execFileSync(
      'unshare',
      [
        '--mount',
        '--pid',
        '--fork',
        '--mount-proc',
        'sh',
        '-c',
        command,
        process.execPath,
        script,
        core,
        JSON.stringify(options),
      ],
      { cwd: root, encoding: 'utf8' },
    );
    return JSON.parse(output) as { declared?: object; code?: string; message?: string };
  }

  const OPENED = { declared: { engineId: 'h4test-stored' } };
  const needsNamespace = noNamespace === undefined ? test : test.skip;
  const title = (text: string): string => (noNamespace === undefined ? text : `${text} (skipped: ${noNamespace})`);

  needsNamespace(title('a folder mounted noexec is named, and so is the way out'), () => {
    const folder = mkdtempSync(join(scratch, 'noexec-'));
    const prepare = `mount -t tmpfs -o noexec tmpfs '${folder}'`;
    const { code, message } = openAfter(prepare, { place: 'copy', temporaryFolder: folder });
    expect(code).toBe('H4_CORE_LOAD');
    expect(message).toContain(`Cannot execute the private copy of the compression core in ${folder}: `);
    expect(message).toContain(
      'Set HARMONY4_CORE_TMP to a folder that this process may write to and that is not mounted noexec',
    );
    expect(openAfter(prepare, { temporaryFolder: folder })).toEqual(OPENED);
  });

  needsNamespace(title('a folder without room is named'), () => {
    const folder = mkdtempSync(join(scratch, 'full-'));
    const prepare = `mount -t tmpfs -o size=4k tmpfs '${folder}'`;
    const { code, message } = openAfter(prepare, { place: 'copy', temporaryFolder: folder });
    expect(code).toBe('H4_CORE_LOAD');
    expect(message).toContain(`into ${folder}: ENOSPC`);
  });

  needsNamespace(title('where nothing in memory may be executed, there is a private copy'), () => {
    const forbid = 'echo 2 > /proc/sys/vm/memfd_noexec';
    const folder = mkdtempSync(join(scratch, 'forbidden-'));
    expect(openAfter(forbid, { temporaryFolder: folder })).toEqual(OPENED);
    // Where the copy cannot be made either, it is the copy that was tried last.
    expect(openAfter(forbid, { temporaryFolder: '/nowhere' }).message).toContain(
      'a private copy of the compression core into /nowhere',
    );
  });

  test.runIf(isLinux)('loads the private copy by its path where descriptors have none', () => {
    const folder = mkdtempSync(join(scratch, 'paths-'));
    const path = compileHostile('stored');
    // A system that loads the same libraries, and has neither files in memory nor /proc.
    const platform = vi.spyOn(process, 'platform', 'get').mockReturnValue('freebsd');
    try {
      const before = readdirSync('/proc/self/fd').length;
      const options = { path, fingerprint: 'ab'.repeat(32), temporaryFolder: folder };
      const core = openNativeCore(readFileSync(path), options);
      expect(readdirSync('/proc/self/fd').length).toBe(before);
      expect(core.compress(bytes)).toHaveLength(bytes.length);
      core.close();
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      platform.mockRestore();
    }
  });

  test('removes the private copy as soon as it is loaded', () => {
    const folder = mkdtempSync(join(scratch, 'copies-'));
    const path = compileHostile('stored');
    const { unload } = loadNativeLibrary(readFileSync(path), { path, temporaryFolder: folder, place: 'copy' });
    if (isLinux) expect(readdirSync(folder)).toEqual([]);
    unload();
    expect(readdirSync(folder)).toEqual([]);
  });
});
