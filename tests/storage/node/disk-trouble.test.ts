/**
 * Disks that fill up, cannot be written, and may not be written. The file systems are real: each is mounted for one child
 * process, in a name space of its own, which works without privileges where the system lets users have such.
 */

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { unprivileged, WriterProcess } from './children.js';
import { useTempFolder } from './temp-folder.js';

const MIB = 1024 * 1024;
/** What the lock takes of a tmpfs. */
const PAGE = 4096;
const temp = useTempFolder();

const namespace = ['unshare', '--mount', ...(process.getuid?.() === 0 ? [] : ['--map-root-user'])];
const canMount = spawnSync('sh', ['-c', `${namespace.join(' ')} mount -t tmpfs tmpfs /mnt`]).status === 0;
const skipped = canMount ? '' : ' (skipped: this system does not let this user mount file systems)';

/** A writer who sees a tmpfs at `folder`, on which `prepare` has been run. */
async function writerOn(folder: string, options: string, prepare = 'true'): Promise<WriterProcess> {
  mkdirSync(folder, { recursive: true });
  const script = `mount -t tmpfs -o ${options} tmpfs "$0" && ${prepare} && exec "$@"`;
  return start([...namespace, 'sh', '-c', script, folder]);
}

async function start(command: readonly string[]): Promise<WriterProcess> {
  const writer = new WriterProcess(command);
  await writer.next();
  return writer;
}

describe.each([
  ['a plain sink', false],
  ['a threaded sink', true],
])('%s', (name, threaded) => {
  describe.skipIf(!canMount)(`on a file system of its own${skipped}`, () => {
    it('says how far it came when the disk is full, stays failed, and cleans up', async () => {
      const folder = temp(`${name} full`);
      const path = `${folder}/x`;
      const writer = await writerOn(folder, 'size=1m');
      await writer.ask({ kind: 'open', threaded, path });
      const failed = await writer.ask({ kind: 'write', bytes: 20 * MIB, piece: 10_000 });
      const space = MIB - PAGE;

      expect(failed).toMatchObject({
        event: 'refused',
        code: 'H4_WRITE',
        message:
          `Cannot write to ${path}.part after ${space} bytes: the disk is full (ENOSPC); ` +
          'free some space or choose another destination, then start again',
      });
      expect(await writer.ask({ kind: 'write', bytes: 1, piece: 1 })).toEqual(failed);
      expect(await writer.ask({ kind: 'commit' })).toEqual(failed);
      expect((await writer.ask({ kind: 'abort' })).event).toBe('aborted');

      expect((await writer.ask({ kind: 'open', threaded, path })).event).toBe('opened');
      await writer.ask({ kind: 'write', bytes: MIB - PAGE, piece: 10_000 });
      expect((await writer.ask({ kind: 'commit' })).event).toBe('committed');
      await writer.end();
    });

    it('leaves no lock behind when there is no room for it', async () => {
      const folder = temp(`${name} crowded`);
      const writer = await writerOn(
        folder,
        'size=64k',
        '{ dd if=/dev/zero of="$0/filler" bs=4096 2>/dev/null; true; }',
      );
      const command = { kind: 'open', threaded, path: `${folder}/x` };
      const refused = await writer.ask(command);

      expect(refused.code).toBe('H4_WRITE');
      expect(refused.message).toContain(`Cannot create the lock ${folder}/x.lock: the disk is full (ENOSPC)`);
      expect((await writer.ask({ kind: 'list', path: folder })).files).toEqual(['filler']);
      await writer.end();
    });

    it('says so when the file system is read-only', async () => {
      const folder = temp(`${name} read-only`);
      const writer = await writerOn(folder, 'ro');

      expect(await writer.ask({ kind: 'open', threaded, path: `${folder}/x` })).toMatchObject({
        code: 'H4_WRITE',
        message:
          `Cannot create the lock ${folder}/x.lock: the file system is read-only (EROFS); ` +
          'choose another destination',
      });
      await writer.end();
    });
  });

  it('says so when the folder may not be written', async () => {
    const folder = temp(`${name} forbidden`);
    chmodSync(temp(), 0o755);
    mkdirSync(folder, { mode: 0o555 });
    const writer = await start(unprivileged);

    expect(await writer.ask({ kind: 'open', threaded, path: `${folder}/x` })).toMatchObject({
      code: 'H4_WRITE',
      message:
        `Cannot create the lock ${folder}/x.lock: permission is denied (EACCES); ` +
        'change the permissions, or run as a user who has them',
    });
    await writer.end();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('writes as much as a limit on the size of files allows, then says so', async () => {
    const path = temp(`${name} limited`);
    // In units of 512 bytes. The system takes part of the write that reaches the limit, and refuses the next.
    const writer = await start(['sh', '-c', 'ulimit -f 100; exec "$@"', 'sh']);
    await writer.ask({ kind: 'open', threaded, path });
    const failed = await writer.ask({ kind: 'write', bytes: MIB, piece: 10_000 });

    expect(failed.message).toContain(`Cannot write to ${path}.part after 51200 bytes: the file would be larger than`);
    expect(failed.message).toContain('(EFBIG)');
    expect((await writer.ask({ kind: 'abort' })).event).toBe('aborted');
    await writer.end();
    expect(readdirSync(temp()).filter((file) => file.includes('limited'))).toEqual([]);
  });
});
