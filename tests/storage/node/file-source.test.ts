import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { canHashSource } from '../../../src/container/io/io.js';
import { type FileSource, openFileSource } from '../../../src/storage/node/file-source.js';
import { patterned } from '../patterned.js';
import { rejection } from '../rejection.js';
import { childModule, runUnprivileged } from './children.js';
import { useTempFolder } from './temp-folder.js';

const MIB = 1024 * 1024;
/** More than what is hashed without a thread. */
const LARGE = 40 * MIB + 12_345;

const temp = useTempFolder();
const hashFile = childModule('hash-file');
const sources: FileSource[] = [];

async function open(name: string, bytes: Uint8Array): Promise<FileSource> {
  writeFileSync(temp(name), bytes);
  const source = await openFileSource(temp(name));
  sources.push(source);
  return source;
}

async function openLarge(): Promise<{ source: FileSource; bytes: Uint8Array }> {
  const bytes = new Uint8Array(LARGE);
  for (let at = 0; at < LARGE; at += 65_521) {
    bytes[at] = at % 251;
  }
  return { source: await open('large', bytes), bytes };
}

function leadsTo(fd: number, path: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) === path;
  } catch {
    return false;
  }
}

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());

afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.close()));
});

describe('openFileSource()', () => {
  it('reads exactly the range asked for', async () => {
    const bytes = patterned(100_000);
    const source = await open('plain', bytes);

    expect(source.size).toBe(100_000);
    expect(source.path).toBe(temp('plain'));
    expect(canHashSource(source)).toBe(true);
    expect(Buffer.compare(await source.read(0, 100_000), bytes)).toBe(0);
    expect(await source.read(99_999, 100_000)).toEqual(bytes.slice(-1));
    expect(await source.read(7, 7)).toEqual(new Uint8Array(0));
  });

  it('gives every read memory of its own', async () => {
    const source = await open('own', patterned(100));
    const [a, b] = await Promise.all([source.read(0, 50), source.read(0, 50)]);
    a.fill(0);

    expect(b).toEqual(patterned(50));
  });

  it('serves many reads at once', async () => {
    const bytes = patterned(50_000);
    const source = await open('many', bytes);
    const reads = Array.from({ length: 500 }, (_, i) => source.read(i * 100, i * 100 + 100));

    expect(Buffer.concat(await Promise.all(reads)).equals(bytes)).toBe(true);
  });

  it('follows a symbolic link', async () => {
    writeFileSync(temp('target'), 'abc');
    symlinkSync(temp('target'), temp('link'));
    const source = await openFileSource(temp('link'));
    sources.push(source);

    expect(source.size).toBe(3);
  });

  it('refuses a range that the file does not have', async () => {
    const source = await open('short', new Uint8Array(10));

    expect(await rejection(source.read(5, 11))).toMatchObject({
      code: 'H4_PARAM',
      message: `Cannot read [5, 11) of ${temp('short')}: it has 10 bytes`,
    });
    expect((await rejection(source.sha256(5, 11))).code).toBe('H4_PARAM');
  });

  it('refuses a read of more than 1 GiB', async () => {
    writeFileSync(temp('sparse'), '');
    truncateSync(temp('sparse'), 2 ** 31);
    const source = await openFileSource(temp('sparse'));
    sources.push(source);

    expect((await rejection(source.read(0, 2 ** 30 + 1))).code).toBe('H4_PARAM');
    expect(await source.read(2 ** 31 - 3, 2 ** 31)).toEqual(new Uint8Array(3));
  });

  it('says which file it cannot find', async () => {
    expect(await rejection(openFileSource(temp('absent')))).toMatchObject({
      code: 'H4_IO',
      message: `Cannot open ${temp('absent')}: there is no such file or folder (ENOENT); check the path`,
    });
  });

  it('refuses a folder', async () => {
    mkdirSync(temp('folder'));

    expect(await rejection(openFileSource(temp('folder')))).toMatchObject({
      code: 'H4_IO',
      message: `Cannot read ${temp('folder')}: it is a folder; name a regular file`,
    });
  });

  it('refuses a pipe at once instead of waiting for its writer', async () => {
    execFileSync('mkfifo', [temp('pipe')]);

    expect((await rejection(openFileSource(temp('pipe')))).message).toContain('it is a pipe');
  });

  it('refuses a device, and a socket', async () => {
    const server = createServer().listen(temp('socket'));
    await once(server, 'listening');
    const onSocket = await rejection(openFileSource(temp('socket')));
    server.close();

    expect((await rejection(openFileSource('/dev/zero'))).message).toContain('it is a device or a socket');
    expect(onSocket.code).toBe('H4_IO');
  });

  it('says so when the file is truncated while it is open', async () => {
    const source = await open('truncated', patterned(10_000));
    truncateSync(temp('truncated'), 5_000);

    expect(await source.read(0, 5_000)).toEqual(patterned(5_000));
    expect(await rejection(source.read(4_096, 8_192))).toMatchObject({
      code: 'H4_IO',
      message:
        `Cannot read [4096, 8192) of ${temp('truncated')}: it had 10000 bytes when it was opened and has 5000 bytes now: ` +
        'it was truncated meanwhile; read a copy that nobody writes to',
      detail: { start: 4_096, end: 8_192, position: 5_000, sizeAtOpening: 10_000 },
    });
    expect((await rejection(source.sha256(0, 10_000))).message).toContain('truncated meanwhile');
  });

  it.runIf(existsSync('/proc/self/fd'))('reports what the system refuses (found through /proc)', async () => {
    const source = await open('refused', patterned(10_000));
    const fd = readdirSync('/proc/self/fd')
      .map(Number)
      .find((number) => leadsTo(number, temp('refused')));
    // Another file takes the place of the one that is open: one that can only be written.
    closeSync(fd ?? -1);
    while (openSync('/dev/null', 'w') !== fd);

    expect(await rejection(source.read(10, 20))).toMatchObject({
      code: 'H4_IO',
      message: expect.stringMatching(/^Cannot read \[10, 20\) of .* at offset 10: EBADF/) as unknown,
      detail: { start: 10, end: 20, position: 10 },
      cause: expect.objectContaining({ code: 'EBADF' }) as unknown,
    });
    expect((await rejection(source.sha256(0, 10_000))).code).toBe('H4_IO');
  });

  it('refuses to read after it has been closed', async () => {
    const source = await open('closed', new Uint8Array(10));
    await source.close();
    await source.close();

    expect((await rejection(source.read(0, 1))).code).toBe('H4_STATE');
    expect((await rejection(source.sha256(0, 1))).code).toBe('H4_STATE');
  });

  it('lets reads that are under way end before it closes', async () => {
    const source = await open('closing', patterned(MIB));
    const reading = source.read(0, MIB);
    await source.close();

    expect(Buffer.compare(await reading, patterned(MIB))).toBe(0);
  });

  it('refuses a caller who has cancelled, and lets go of one who cancels', async () => {
    const source = await open('cancelled', patterned(MIB));
    const cancel = new AbortController();
    const reading = source.read(0, MIB, cancel.signal);
    cancel.abort(new Error('enough'));

    expect(await rejection(reading)).toMatchObject({
      code: 'H4_CANCELLED',
      message: `Reading [0, 1048576) of ${temp('cancelled')} was cancelled`,
      cause: new Error('enough'),
    });
    expect((await rejection(source.read(0, 1, cancel.signal))).code).toBe('H4_CANCELLED');
    expect((await rejection(source.sha256(0, 1, cancel.signal))).code).toBe('H4_CANCELLED');
    expect(await source.read(0, 10, new AbortController().signal)).toEqual(patterned(10));
  });

  it('says so when the file may not be read', () => {
    writeFileSync(temp('secret'), 'abc');
    chmodSync(temp(), 0o755);
    chmodSync(temp('secret'), 0);

    expect(runUnprivileged(hashFile, temp('secret')).stdout).toBe(
      `H4_IO Cannot open ${temp('secret')}: permission is denied (EACCES); ` +
        'change the permissions, or run as a user who has them\n',
    );
  });
});

describe('FileSource.sha256()', () => {
  it.each([0, 1, 1_000, MIB, MIB + 1, 3 * MIB])('hashes %d bytes on the calling thread', async (length) => {
    const bytes = patterned(length + 20);
    const source = await open('small', bytes);

    expect(await source.sha256(10, 10 + length)).toEqual(sha256(bytes.subarray(10, 10 + length)));
  });

  it('hashes large ranges on a thread, several at once, while it reads', async () => {
    const { source, bytes } = await openLarge();
    const [whole, part, read] = await Promise.all([
      source.sha256(0, LARGE),
      source.sha256(9, LARGE - MIB),
      source.read(100, 200),
    ]);

    expect(whole).toEqual(sha256(bytes));
    expect(part).toEqual(sha256(bytes.subarray(9, LARGE - MIB)));
    expect(read).toEqual(bytes.slice(100, 200));
  });

  it('hashes the file that was opened even if another has taken its name', async () => {
    const { source, bytes } = await openLarge();
    execFileSync('mv', [temp('large'), temp('moved')]);
    writeFileSync(temp('large'), new Uint8Array(LARGE));

    expect(await source.sha256(0, LARGE)).toEqual(sha256(bytes));
  });

  it('says so when the file is truncated while a thread hashes it', async () => {
    const { source } = await openLarge();
    truncateSync(temp('large'), LARGE - 1);

    expect(await rejection(source.sha256(0, LARGE))).toMatchObject({
      code: 'H4_IO',
      detail: { position: LARGE - 1, sizeAtOpening: LARGE },
    });
  });

  it.runIf(existsSync('/proc/self/task'))('stops its thread when the caller cancels (seen in /proc)', async () => {
    const threads = () => readdirSync('/proc/self/task').length;
    // A minute of hashing.
    writeFileSync(temp('huge'), '');
    truncateSync(temp('huge'), 100 * 1024 * MIB);
    const source = await openFileSource(temp('huge'));
    sources.push(source);
    await source.sha256(0, 32 * MIB);
    const before = threads();
    const cancel = new AbortController();
    const hashing = source.sha256(0, source.size, cancel.signal);
    await expect.poll(threads).toBeGreaterThan(before);
    cancel.abort();

    expect((await rejection(hashing)).code).toBe('H4_CANCELLED');
    await expect.poll(threads, { timeout: 10_000 }).toBe(before);
  });

  it('stops its thread when the source is closed', async () => {
    const { source } = await openLarge();
    const hashing = source.sha256(0, LARGE);
    await Promise.all([source.close(), rejection(hashing).then(({ code }) => expect(code).toBe('H4_CANCELLED'))]);
  });

  it('stops hashing on the calling thread when the source is closed', async () => {
    const source = await open('closing', new Uint8Array(8 * MIB));
    const hashing = source.sha256(0, 8 * MIB);
    await Promise.all([source.close(), rejection(hashing).then(({ code }) => expect(code).toBe('H4_CANCELLED'))]);
  });

  it('needs no thread: without permission for one it hashes on the calling thread', async () => {
    const { bytes } = await openLarge();
    const permissions = ['--experimental-permission', '--allow-fs-read=*'];
    const result = spawnSync(process.execPath, [...permissions, hashFile, temp('large')], { encoding: 'utf8' });

    expect(result.stdout.trim()).toBe(Buffer.from(sha256(bytes)).toString('hex'));
  });

  it('does not keep the process alive once it has hashed, even if nobody closes the source', async () => {
    await openLarge();
    const result = spawnSync(process.execPath, [hashFile, temp('large')], { encoding: 'utf8', timeout: 30_000 });

    expect(result).toMatchObject({ status: 0, signal: null });
  });
});
