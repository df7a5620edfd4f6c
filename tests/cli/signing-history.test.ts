import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { SigningHistoryFile, openSigningHistory } from '../../src/cli/signing-history.js';
import type { SignedState } from '../../src/container/sign/history-guard.js';
import { H4Error } from '../../src/utils/error.js';
import { temporaryFolder } from './support/files.js';

const folder = temporaryFolder();
const ORIGIN = `example.com/camera/${'ab'.repeat(32)}`;
const OTHER = `example.com/camera/${'cd'.repeat(32)}`;

const DURABLE = { isDurable: true };

const state = (size: number, root = size): SignedState => ({ size, root: new Uint8Array(32).fill(root) });

let count = 0;
const freshPath = (): string => folder.path(`${count++}.key.history`);
const historyAt = (path: string): SigningHistoryFile => new SigningHistoryFile(path);

const lineOf = (origin: string, { size, root }: SignedState): string =>
  `${origin} ${size} ${Buffer.from(root).toString('base64')}\n`;

const failureOf = async (work: Promise<unknown>): Promise<H4Error> => {
  const thrown: unknown = await work.catch((error: unknown) => error);
  if (thrown instanceof H4Error) return thrown;
  throw new Error('expected a refusal', { cause: thrown });
};

describe('the history of a signing key', () => {
  test('is empty where there is none yet, and only a signature makes it', async () => {
    const path = freshPath();
    expect(await historyAt(path).latest(ORIGIN)).toBeUndefined();
    expect(await readdir(folder.path('.'))).toEqual([]);
  });

  test('keeps the last checkpoint of every origin, a line each, for its owner only', async () => {
    const path = freshPath();
    const history = historyAt(path);
    expect(await history.remember(ORIGIN, state(1), undefined, DURABLE)).toBe(true);
    expect(await history.remember(OTHER, state(7), undefined, DURABLE)).toBe(true);
    expect(await history.remember(ORIGIN, state(2), state(1), DURABLE)).toBe(true);
    for (const each of [history, historyAt(path)]) {
      expect(await each.latest(ORIGIN)).toEqual(state(2));
      expect(await each.latest(OTHER)).toEqual(state(7));
    }
    expect(await readFile(path, 'utf8')).toBe(
      lineOf(ORIGIN, state(1)) + lineOf(OTHER, state(7)) + lineOf(ORIGIN, state(2)),
    );
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await readdir(folder.path('.'))).filter((name) => name.includes('lock'))).toEqual([]);
  });

  test('keeps nothing where another one was kept meanwhile', async () => {
    const path = freshPath();
    const [a, b] = [historyAt(path), historyAt(path)];
    expect(await b.latest(ORIGIN)).toBeUndefined();
    expect(await a.remember(ORIGIN, state(3), undefined, DURABLE)).toBe(true);
    expect(await b.remember(ORIGIN, state(5), undefined, DURABLE)).toBe(false);
    expect(await b.remember(ORIGIN, state(5), state(3, 9), DURABLE)).toBe(false);
    expect(await b.latest(ORIGIN)).toEqual(state(3));
    expect(await b.remember(ORIGIN, state(5), state(3), DURABLE)).toBe(true);
    expect(await a.latest(ORIGIN)).toEqual(state(5));
  });

  test('writes no line for what it knows', async () => {
    const path = freshPath();
    const history = historyAt(path);
    await history.remember(ORIGIN, state(3), undefined, DURABLE);
    await history.remember(ORIGIN, state(3), state(3), DURABLE);
    expect(await readFile(path, 'utf8')).toBe(lineOf(ORIGIN, state(3)));
  });

  test('does not count a line without its end, whose signature was never made, and cuts it off', async () => {
    const whole = lineOf(ORIGIN, state(2));
    for (let length = 1; length < whole.length; length++) {
      const path = freshPath();
      await writeFile(path, lineOf(ORIGIN, state(1)) + whole.slice(0, length));
      expect(await historyAt(path).latest(ORIGIN)).toEqual(state(1));
      expect(await historyAt(path).remember(ORIGIN, state(4), state(1), DURABLE)).toBe(true);
      expect(await readFile(path, 'utf8')).toBe(lineOf(ORIGIN, state(1)) + lineOf(ORIGIN, state(4)));
    }
  });

  test.each([
    ['no line of a history', 'nonsense\n'],
    ['an origin without a hash', 'a/b 1 AAAA\n'],
    ['a size of zero', `${ORIGIN} 0 ${Buffer.alloc(32).toString('base64')}\n`],
    ['a size beyond all numbers', `${ORIGIN} 9999999999999999999 ${Buffer.alloc(32).toString('base64')}\n`],
    ['a root of another length', `${ORIGIN} 1 AAAA\n`],
    ['a root that is no base64', `${ORIGIN} 1 A===\n`],
    ['an empty line', '\n'],
    ['zeros, as a loss of power leaves them', `${'\0'.repeat(100)}\n`],
    ['a line that is far too long', `${'x'.repeat(5000)}\n`],
    ['a line that is far too long and has no end', 'x'.repeat(5000)],
    ['one that never ends', 'x'.repeat(200_000)],
  ])('with %s tells nothing: without knowing what was signed nothing is signed', async (_what, text) => {
    const path = freshPath();
    await writeFile(path, lineOf(ORIGIN, state(1)) + text);
    for (const work of [
      () => historyAt(path).latest(ORIGIN),
      () => historyAt(path).remember(ORIGIN, state(4), state(1), DURABLE),
    ]) {
      const { code, message } = await failureOf(work());
      expect(code).toBe('H4_IO');
      expect(message).toContain('line ');
    }
    expect(await readFile(path, 'utf8')).toBe(lineOf(ORIGIN, state(1)) + text);
  });

  test('is read on from where it was read up to, across pieces, and anew where it is another file', async () => {
    const path = freshPath();
    const history = historyAt(path);
    const many = Array.from({ length: 3000 }, (_, i) => lineOf(i % 2 === 0 ? ORIGIN : OTHER, state(i + 1, 1)));
    await writeFile(path, many.join(''));
    expect(await history.latest(ORIGIN)).toEqual(state(2999, 1));
    expect(await history.latest(OTHER)).toEqual(state(3000, 1));
    await appendFile(path, lineOf(ORIGIN, state(4000, 2)));
    expect(await history.latest(ORIGIN)).toEqual(state(4000, 2));
    await writeFile(path, lineOf(ORIGIN, state(5)));
    expect(await history.latest(ORIGIN)).toEqual(state(5));
    expect(await history.latest(OTHER)).toBeUndefined();
    await rm(path);
    expect(await history.latest(ORIGIN)).toBeUndefined();
  });

  test('is the same under every name of the key file', async () => {
    await writeFile(folder.path('real.key'), '');
    await symlink(folder.path('real.key'), folder.path('name.key'));
    const [real, name] = [
      await openSigningHistory(folder.path('real.key')),
      await openSigningHistory(folder.path('name.key')),
    ];
    expect(name.path).toBe(real.path);
    expect(real.path.endsWith('real.key.history')).toBe(true);
    expect((await openSigningHistory(folder.path('none.key'))).path).toBe(folder.path('none.key.history'));
  });

  test('that is no file, or cannot be written, is refused', async () => {
    const path = freshPath();
    await mkdir(path);
    expect((await failureOf(historyAt(path).latest(ORIGIN))).message).toContain('no regular file');
    const nowhere = historyAt(folder.path('no/such/folder.history'));
    expect(await nowhere.latest(ORIGIN)).toBeUndefined();
    expect((await failureOf(nowhere.remember(ORIGIN, state(1), undefined, DURABLE))).code).toBe('H4_WRITE');
    const long = historyAt(freshPath());
    const origin = `${'x'.repeat(5000)}/${'ab'.repeat(32)}`;
    expect((await failureOf(long.remember(origin, state(1), undefined, DURABLE))).code).toBe('H4_PARAM');
    const loop = freshPath();
    await symlink(loop, loop);
    expect((await failureOf(historyAt(loop).latest(ORIGIN))).code).toBe('H4_IO');
    const full = historyAt('/dev/full');
    expect((await failureOf(full.latest(ORIGIN))).code).toBe('H4_IO');
  });

  test('whose lock is none is not waited for', async () => {
    const path = freshPath();
    await writeFile(`${path}.lock`, 'mine');
    expect((await failureOf(historyAt(path).remember(ORIGIN, state(1), undefined, DURABLE))).code).toBe('H4_LOCKED');
    await chmod(`${path}.lock`, 0o600);
  });
});

describe('several processes', () => {
  const child = (path: string, id: number): ChildProcess =>
    fork(fileURLToPath(new URL('support/history-writer.mjs', import.meta.url)), [path, ORIGIN, String(id)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });

  test('that sign different histories at once: at every size one of them may, and the others are told', async () => {
    const path = freshPath();
    const children = [1, 2, 3].map((id) => child(path, id));
    const results = await Promise.all(
      children.map(async (each) => {
        const [sizes] = (await once(each, 'message')) as [number[]];
        return sizes;
      }),
    );
    const sizes = results.flat().sort((a, b) => a - b);
    // Nothing twice, nothing lost, and the file has exactly these lines.
    expect(new Set(sizes).size).toBe(sizes.length);
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => Number(line.split(' ')[1]))).toEqual(sizes);
    expect(sizes).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  }, 120_000);

  test('of which one is killed with the lock in its hands: the next one goes on', async () => {
    const path = freshPath();
    await historyAt(path).remember(ORIGIN, state(1), undefined, DURABLE);
    const killed = child(path, 0);
    await once(killed, 'message');
    const isGone = once(killed, 'exit');
    killed.kill('SIGKILL');
    await isGone;
    expect((await readdir(folder.path('.'))).some((name) => name.endsWith('.lock'))).toBe(true);
    expect(await historyAt(path).remember(ORIGIN, state(2), state(1), DURABLE)).toBe(true);
    expect(await historyAt(path).latest(ORIGIN)).toEqual(state(2));
  }, 120_000);
});
