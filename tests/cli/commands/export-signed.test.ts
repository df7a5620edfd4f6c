import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, copyFile, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { LiveRecorder } from '../../../src/cli/live/live-recorder.js';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { createCheckpointSigner } from '../../../src/container/sign/checkpoint-signer.js';
import { parseNote } from '../../../src/container/format/note.js';
import { createLiveFileSink } from '../../../src/storage/node/live-file.js';
import { concatBytes, toBase64 } from '../../../src/utils/bytes.js';
import { createSigningKey } from '../../../src/utils/signing-key.js';
import { chunksOf } from '../../support/container.js';
import { noise, offsetsOf, temporaryFolder } from '../support/files.js';
import { cli, jsonLines, jsonOf } from '../support/harness.js';
import { HandFed, Lines, opened } from '../support/live.js';
import { ended, runProcess, start } from '../support/process.js';

const folder = temporaryFolder();
const KiB = 1024;
const UID = '00112233445566778899aabbccddeeff';
const content = noise(1000 * KiB);
const [key, other] = ['camera', 'other'].map((name) => `${name}.key`) as [string, string];
const named = (name: string): string => folder.path(name);
const filesLike = async (name: string): Promise<string[]> =>
  (await readdir(folder.path('.'))).filter((file) => file.startsWith(name)).sort();

beforeAll(async () => {
  await folder.write('clip.bin', content);
  await folder.write('changed.bin', noise(1000 * KiB, 8));
  for (const name of ['camera', 'other', 'counted', 'piped', 'racing', 'killed', 'order']) {
    await cli(['keygen', '-o', named(`${name}.key`), '--name', `example.com/${name}`]);
  }
  await cli(['keygen', '-o', named('witness.key'), '--name', 'witness.example/w', '--witness']);
});

const flagsOf = (signer: string, ...flags: readonly string[]): string[] => [
  ...['--block-size', '64KiB', '--engine', 'stored', '--json', '--signer', named(signer)],
  ...flags,
];

const exported = (input: string, output: string, flags: readonly string[]) =>
  cli(['export', named(input), '-o', named(output), ...flags]);

/** Sizes of the checkpoints in a file, and who has signed them. */
const notesIn = async (name: string): Promise<{ sizes: number[]; names: string[] }> => {
  const notes = chunksOf(new Uint8Array(await readFile(named(name))))
    .filter(({ tag }) => tag === 'SIGN')
    .map(({ payload }) => parseNote(payload));
  return {
    sizes: notes.map(({ size }) => size),
    names: [...new Set(notes.flatMap(({ signatures }) => signatures.map((signature) => signature.name)))],
  };
};

/** The tags of a file that may end anywhere. */
const chunksOfWhat = (bytes: Buffer): string[] => {
  const tags: string[] = [];
  for (let at = 8; at + 12 <= bytes.length; at += 12 + bytes.readUInt32BE(at + 4)) {
    tags.push(bytes.toString('latin1', at, at + 4));
  }
  return tags;
};

const verified = async (name: string, signer: string) => {
  const { code, stdout } = await cli(['verify', named(name), '--key', named(`${signer}.pub`), '--json']);
  return { code, ...jsonOf(stdout) };
};

const historyOf = async (signer: string): Promise<string[]> =>
  (await readFile(named(`${signer}.history`), 'utf8')).trimEnd().split('\n');

describe('export --signer', () => {
  test('signs while it writes and at the end: whoever has the key verifies it', async () => {
    const { code, stdout } = await exported('clip.bin', 'signed.h4mk', flagsOf(key, '--sign-every', '8'));
    const { signed, root, records } = jsonOf(stdout);
    expect([code, records]).toEqual([0, 19]);
    const id = (await readFile(named(`${key}.pub`), 'utf8')).split('+')[1] ?? '';
    expect(signed).toEqual({ key: `example.com/camera+${id}`, checkpoints: 3 });
    expect(await notesIn('signed.h4mk')).toEqual({ sizes: [8, 16, 19], names: ['example.com/camera'] });
    expect(await verified('signed.h4mk', key)).toMatchObject({ code: 0, state: 'OK', proven: true, root });
    const history = await historyOf(key);
    expect(history.map((line) => line.split(' ')[1])).toEqual(['8', '16', '19']);
    expect(history[2]).toContain(Buffer.from(String(root), 'hex').toString('base64'));
  });

  test('gives the same bytes again, under a uid of the content, the key and the cadence', async () => {
    await exported('clip.bin', 'again.h4mk', flagsOf(key, '--sign-every', '8'));
    expect((await readFile(named('again.h4mk'))).equals(await readFile(named('signed.h4mk')))).toBe(true);
    expect(await historyOf(key)).toHaveLength(3);
    const uids = [];
    for (const [output, flags] of [
      ['uid-1.h4mk', flagsOf(key, '--sign-every', '8')],
      ['uid-2.h4mk', flagsOf(key, '--sign-every', '9')],
      ['uid-3.h4mk', flagsOf(other, '--sign-every', '8')],
      ['uid-4.h4mk', flagsOf(key)],
      ['uid-5.h4mk', ['--block-size', '64KiB', '--engine', 'stored', '--json', '--signable']],
    ] as const) {
      uids.push(jsonOf((await exported('clip.bin', output, flags)).stdout)['uid']);
    }
    expect(new Set(uids).size).toBe(5);
  });

  test('signs every record, if it is told to', async () => {
    await exported('clip.bin', 'every.h4mk', flagsOf(key, '--sign-every', '1'));
    expect((await notesIn('every.h4mk')).sizes).toEqual(Array.from({ length: 19 }, (_, i) => i + 1));
    expect(await verified('every.h4mk', key)).toMatchObject({ code: 0, state: 'OK' });
  });

  test('says so to people, too', async () => {
    const flags = ['--signer', named('counted.key')];
    const { stdout } = await exported('clip.bin', 'told.h4mk', flags);
    expect(stdout).toMatch(/signed by +example\.com\/counted\+[0-9a-f]{8}, 1 checkpoint\n/);
  });

  test('gives a stream a random uid, or the one it is told', async () => {
    const { stdout } = await cli(['export', '-', '-o', named('stdin.h4mk'), ...flagsOf(key)], { stdin: content });
    expect(jsonOf(stdout)).toMatchObject({ uid: 'ab'.repeat(16), signed: { checkpoints: 1 } });
    expect(await verified('stdin.h4mk', key)).toMatchObject({ code: 0, state: 'OK' });
  });

  test('does not sign two histories of one recording, and publishes nothing', async () => {
    const flags = flagsOf(key, '--uid', UID);
    expect((await exported('clip.bin', 'first.h4mk', flags)).code).toBe(0);
    const before = await historyOf(key);
    const { code, stderr } = await exported('changed.bin', 'second.h4mk', flags);
    expect([code, jsonOf(stderr)]).toMatchObject([
      1,
      { code: 'H4_EQUIVOCATION', message: expect.stringContaining('another uid') as string },
    ]);
    expect(jsonOf(stderr)).not.toHaveProperty('next');
    expect(await filesLike('second')).toEqual([]);
    // The same content is the same history, and so is another key's.
    expect((await exported('clip.bin', 'first-again.h4mk', flags)).code).toBe(0);
    expect((await readFile(named('first-again.h4mk'))).equals(await readFile(named('first.h4mk')))).toBe(true);
    expect((await exported('changed.bin', 'others.h4mk', flagsOf(other, '--uid', UID))).code).toBe(0);
    expect(await historyOf(key)).toEqual(before);
  });

  test('gives on a pipe, a second time, what it has signed once, and nothing else', async () => {
    const flags = [...flagsOf('piped.key', '--sign-every', '8'), '--uid', UID];
    const argv = (input: string) => ['export', named(input), '-o', '-', ...flags];
    const first = await cli(argv('clip.bin'));
    expect(first.code).toBe(0);
    const again = await cli(argv('clip.bin'));
    expect(again.code).toBe(0);
    expect(again.bytes.equals(first.bytes)).toBe(true);
    const changed = await cli(argv('changed.bin'));
    expect([changed.code, jsonOf(changed.stderr)]).toMatchObject([1, { code: 'H4_EQUIVOCATION' }]);
    // Not one signature of the other history was made on the way.
    expect(chunksOfWhat(changed.bytes).filter((tag) => tag === 'SIGN')).toEqual([]);
  });

  test('by two processes at once signs one of two histories, and any number of recordings', async () => {
    const flags = flagsOf('racing.key', '--sign-every', '2', '--no-progress');
    const run = (input: string, output: string, ...more: string[]) =>
      runProcess(['export', named(input), '-o', named(output), ...flags, ...more]);
    const results = await Promise.all([
      run('clip.bin', 'race-1.h4mk', '--uid', UID),
      run('changed.bin', 'race-2.h4mk', '--uid', UID),
      run('clip.bin', 'race-3.h4mk'),
      run('changed.bin', 'race-4.h4mk'),
    ]);
    expect(
      results
        .slice(0, 2)
        .map(({ code }) => code)
        .sort(),
    ).toEqual([0, 1]);
    expect(results.slice(2).map(({ code }) => code)).toEqual([0, 0]);
    const made = await filesLike('race-');
    expect(made).toHaveLength(3);
    for (const name of made) expect(await verified(name, 'racing.key')).toMatchObject({ code: 0, state: 'OK' });
    const lines = await historyOf('racing.key');
    expect(new Set(lines.map((line) => line.split(' ').slice(0, 2).join(' '))).size).toBe(lines.length);
  }, 120_000);

  test('that was killed half way has signed what it has signed: other content is refused, the same is not', async () => {
    const argv = ['export', '-', '-o', named('half.h4mk'), ...flagsOf('killed.key', '--uid', UID, '--sign-every', '2')];
    const child = start(argv);
    const outcome = ended(child);
    child.stdin?.on('error', () => undefined);
    child.stdin?.write(content.subarray(0, 600 * KiB));
    // The first checkpoint is of records that do not depend on the content.
    const lines = () => historyOf('killed.key').catch(() => []);
    await vi.waitUntil(async () => (await lines()).length >= 3, { timeout: 60_000 });
    child.kill('SIGKILL');
    expect((await outcome).signal).toBe('SIGKILL');
    const changed = content.slice();
    changed[100] = (changed[100] ?? 0) ^ 1;
    const refused = await cli(argv, { stdin: changed });
    expect([refused.code, jsonOf(refused.stderr)['code']]).toEqual([1, 'H4_EQUIVOCATION']);
    expect((await cli(argv, { stdin: content })).code).toBe(0);
    expect(await verified('half.h4mk', 'killed.key')).toMatchObject({ code: 0, state: 'OK' });
  }, 120_000);

  test.each([
    [['--sign-every', '2'], 2, '--sign-every without --signer'],
    [['--passphrase-file', 'x'], 2, '--passphrase-file without --signer'],
    [['--signer', 'KEY', '--uid', '0'.repeat(32)], 2, 'can never be signed'],
    [['--signer', 'KEY', '--sign-every', '0'], 2, 'whole number'],
    [['--signer', 'missing.key'], 4, 'there is no such file'],
    [['--signer', 'WITNESS'], 2, 'the key of a witness'],
    [['--signer', 'WITNESS', '--live'], 2, 'the key of a witness'],
  ])('refuses %j', async (flags, exit, why) => {
    const names: Readonly<Record<string, string>> = { KEY: named(key), WITNESS: named('witness.key') };
    const argv = flags.map((flag) => names[flag] ?? flag);
    const { code, stderr } = await exported('clip.bin', 'refused.h4mk', argv);
    expect(stderr.replace(/\s+/g, ' ')).toContain(why);
    expect([code, await filesLike('refused')]).toEqual([exit, []]);
  });

  test('does not sign where it cannot keep what it signs', async () => {
    await copyFile(named(key), named('damaged.key'));
    await writeFile(named('damaged.key.history'), 'no history\n');
    const { code, stderr } = await exported('clip.bin', 'unkept.h4mk', flagsOf('damaged.key'));
    expect([code, jsonOf(stderr)]).toMatchObject([4, { message: expect.stringContaining('line 1') as string }]);
    expect(await filesLike('unkept')).toEqual([]);
  });
});

describe('export --live --signer', () => {
  const liveFlags = (...flags: readonly string[]): string[] => ['--live', ...flagsOf(key), ...flags];

  /** What is left of a recording that was killed after `points` index points of two blocks each. */
  const killed = async (name: string, points: number): Promise<string> => {
    const path = named(name);
    const flags = liveFlags('--index-records', '2', '--index-seconds', '3600');
    const child = start(['export', '-', '-o', path, ...flags]);
    const outcome = ended(child);
    child.stdin?.on('error', () => undefined);
    child.stdin?.write(content.subarray(0, points * 128 * KiB));
    await linesOf(child, points);
    child.kill('SIGKILL');
    expect((await outcome).signal).toBe('SIGKILL');
    return path;
  };

  const linesOf = async (child: ChildProcess, count: number): Promise<void> => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await vi.waitUntil(() => text.split('\n').length > count, { timeout: 60_000 });
  };

  const resumed = (path: string, flags: readonly string[] = liveFlags()) =>
    cli(['export', '-', '-o', path, '--resume', ...flags], { stdin: content.subarray(0, 200 * KiB) });

  const refused = async (path: string, flags?: readonly string[]) => {
    const before = await readFile(path);
    const { code, stderr } = await resumed(path, flags);
    expect((await readFile(path)).equals(before)).toBe(true);
    return { code, error: jsonOf(stderr) };
  };

  test('signs every index point and the close', async () => {
    const [input, out] = [new HandFed(), new Lines()];
    const argv = [
      'export',
      '-',
      '-o',
      named('live.h4mk'),
      ...liveFlags('--sign-every', '2', '--index-seconds', '3600'),
    ];
    const outcome = cli(argv, { stdin: input, stdout: out });
    input.feed(content.subarray(0, 256 * KiB));
    await out.has(2);
    const growing = new Uint8Array(await readFile(named('live.h4mk')));
    const sidecar = new Uint8Array(await readFile(named('live.h4mk.tail')));
    expect(chunksOf(growing).at(-1)?.payload).toEqual(sidecar.subarray(12));
    expect((await notesIn('live.h4mk')).sizes).toEqual([4, 6]);
    expect(await verified('live.h4mk', key)).toMatchObject({ code: 3, state: 'OK_PREFIX', signed_size: 6 });
    input.end();
    await outcome;
    expect(out.json.at(-1)).toMatchObject({ event: 'closed', signed: { checkpoints: 3 } });
    expect((await notesIn('live.h4mk')).sizes).toEqual([4, 6, 7]);
    expect(await verified('live.h4mk', key)).toMatchObject({ code: 0, state: 'OK' });
  });

  test.each([
    [[], 256],
    [['--sign-every', '3'], 3],
    [['--sign-every', '500'], 500],
    [['--sign-every', '3', '--index-records', '2'], 2],
    [['--sign-every', '2', '--index-records', '3'], 2],
  ])('with %j has an index point every %i blocks', async (flags, every) => {
    const bytes = noise(Math.min(every, 4) * 64 * KiB);
    const argv = ['export', '-', '-o', named('cadence.h4mk'), '--force', ...liveFlags(...flags)];
    // A uid of its own each time: other content under the same one would rightly be refused.
    const { code, stdout } = await cli([...argv, '--index-seconds', '3600'], { stdin: bytes, randomBytes });
    expect(code).toBe(0);
    const points = jsonLines(stdout).filter(({ event }) => event === 'index_point');
    expect(points.length).toBe(every <= 4 ? 1 : 0);
    if (every <= 4) expect(points[0]?.['records']).toBe(every + 2);
  });

  test('has everything on the disk before it signs it, and again before anybody is told', async () => {
    const events: string[] = [];
    const sink = await createLiveFileSink(named('order.h4mk'));
    const spied = new Proxy(sink, {
      get(target, property) {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          events.push(String(property));
          return (value as (...all: unknown[]) => unknown).apply(target, args);
        };
      },
    });
    const own = createSigningKey('example.com/order', new Uint8Array(32).fill(1));
    const signer = createCheckpointSigner({
      signer: { name: own.name, keyId: own.keyId, sign: (text) => (events.push('sign'), own.sign(text)) },
    });
    const recorder = new LiveRecorder(spied, {
      engineFor: () => ({ engine: storedEngine, mediaType: 'a/b' }),
      ...{ blockSize: 64 * KiB, gop: 1, uid: UID, indexRecords: 1, elapsedMicros: () => 0, signer },
      onPoint: () => Promise.resolve(void events.push('told')),
    });
    await recorder.take(noise(64 * KiB));
    await recorder.close(undefined);
    // One word for what is written in a row.
    const order = events.filter((event, i) => event !== 'length' && (event !== 'write' || events[i - 1] !== 'write'));
    expect(order).toEqual([
      ...['write', 'sync', 'sign', 'write', 'sync', 'publishTail', 'told'],
      ...['write', 'sync', 'sign', 'write', 'commit'],
    ]);
  });

  test('goes on after it was killed, with the same key', async () => {
    const path = await killed('resumed.h4mk', 2);
    const { code, stdout } = await resumed(path);
    expect(code).toBe(0);
    expect(jsonLines(stdout).at(-1)).toMatchObject({ event: 'closed', signed: { checkpoints: 1 } });
    expect((await notesIn('resumed.h4mk')).sizes).toEqual([4, 6, 11]);
    expect(await verified('resumed.h4mk', key)).toMatchObject({ code: 0, state: 'OK' });
    const { media } = await opened(await readFile(path));
    expect(media).toEqual(concatBytes(content.subarray(0, 256 * KiB), content.subarray(0, 200 * KiB)));
  }, 120_000);

  test('goes on with a key only where it has always been signed with it', async () => {
    const path = await killed('same-key.h4mk', 1);
    const without = await refused(path, ['--live', '--json']);
    expect([without.code, without.error]).toMatchObject([
      2,
      { code: 'H4_PARAM', message: expect.stringContaining('signed by example.com/camera, and no --signer') as string },
    ]);
    const another = await refused(path, ['--live', ...flagsOf(other)]);
    expect([another.code, another.error['code']]).toEqual([2, 'H4_PARAM']);
    expect(another.error['message']).toContain('--signer is example.com/other');
    // What nobody has signed so far may be signed from here on.
    const unsigned = named('unsigned.h4mk');
    await cli(['export', '-', '-o', unsigned, '--live', '--json', '--index-records', '1', '--block-size', '64KiB'], {
      stdin: content.subarray(0, 64 * KiB),
    });
    const end = offsetsOf(await readFile(unsigned), 'TOKN').at(-1);
    await truncate(unsigned, end);
    expect((await resumed(unsigned)).code).toBe(0);
    expect(await verified('unsigned.h4mk', key)).toMatchObject({ code: 0, state: 'OK' });
  }, 120_000);

  test('does not go on where less is left than was signed, whatever is left beside it', async () => {
    const path = await killed('lost.h4mk', 2);
    const whole = await readFile(path);
    const tails = offsetsOf(whole, 'TAIL');
    // As a disk gives it back that has lost its last writes, the sidecar included.
    await truncate(path, (tails[0] ?? 0) + 172);
    await writeFile(`${path}.tail`, whole.subarray(tails[0], (tails[0] ?? 0) + 172));
    for (const step of [() => Promise.resolve(), () => rm(`${path}.tail`)]) {
      await step();
      const { code, error } = await refused(path);
      expect([code, error]).toMatchObject([
        1,
        { code: 'H4_ROLLBACK', message: expect.stringContaining('6 records were signed') as string },
      ]);
    }
    // A history that knows nothing of it is not the one, and the sidecar tells, too.
    await rm(named(`${key}.history`));
    expect((await refused(path)).error).toMatchObject({
      code: 'H4_EQUIVOCATION',
      message: expect.stringContaining('--signing-history') as string,
    });
    await writeFile(`${path}.tail`, whole.subarray(tails[1], (tails[1] ?? 0) + 172));
    expect((await refused(path)).error['code']).toBe('H4_ROLLBACK');
    // Its own signature behind a damage tells as well.
    await rm(`${path}.tail`);
    const holed = Buffer.from(whole);
    const token = offsetsOf(whole, 'TOKN')[4] ?? 0;
    holed[token + 20] = (holed[token + 20] ?? 0) ^ 1;
    await writeFile(path, holed);
    expect((await refused(path)).error['code']).toBe('H4_INNER_DAMAGE');
  }, 120_000);

  test('goes on where it was killed between keeping what it signs and signing it', async () => {
    const path = await killed('between.h4mk', 2);
    const whole = new Uint8Array(await readFile(path));
    const last = chunksOf(whole).findLast(({ tag }) => tag === 'SIGN');
    const note = parseNote(last?.payload ?? new Uint8Array(0));
    await truncate(path, last?.offset);
    await rm(`${path}.tail`);
    const copy = named('between-other.h4mk');
    await copyFile(path, copy);
    expect((await resumed(path)).code).toBe(0);
    expect(await verified('between.h4mk', key)).toMatchObject({ code: 0, state: 'OK' });
    // The same with a history of something else at that size.
    await copyFile(named(key), named('twisted.key'));
    const line = `${note.origin.line} 6 ${toBase64(new Uint8Array(32))}\n`;
    await appendFile(named('twisted.key.history'), line);
    const { code, error } = await refused(copy, ['--live', ...flagsOf('twisted.key')]);
    expect([code, error['code']]).toEqual([1, 'H4_EQUIVOCATION']);
  }, 120_000);
});
