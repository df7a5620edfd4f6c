import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { Appendix, appendInPlace } from '../../../src/cli/in-place.js';
import { parseNote } from '../../../src/container/format/note.js';
import { acquireWriterLock } from '../../../src/storage/node/writer-lock.js';
import { replaceSidecar } from '../../../src/storage/node/sidecar.js';
import { chunksOf } from '../../support/container.js';
import { whole as legacyFile } from '../../support/legacy.js';
import { recordsOf, slice } from '../../support/slices.js';
import { TEN_BLOCKS, flipped, noise, offsetsOf, recording, temporaryFolder } from '../support/files.js';
import { cli, jsonOf } from '../support/harness.js';
import { MAIN } from '../support/process.js';

const folder = temporaryFolder();
const UID = '00112233445566778899aabbccddeeff';
const NOW = 1_700_000_000;
const at = (seconds: number) => ({ utcMicros: () => seconds * 1_000_000 });
const named = (name: string): string => folder.path(name);
const TAIL_CHUNK_BYTES = 172;

/** A recording that may be signed; `first` makes it another one. */
const signable = (first = 1, closing: Parameters<typeof recording>[2] = {}) =>
  recording([{ pts: 0, bytes: noise(100, first) }, ...TEN_BLOCKS.slice(1)], { uid: UID }, closing);

/** Whole chunks, but no close: what is left of a recording that was cut off. */
const open = (): Promise<Uint8Array> => recording(TEN_BLOCKS, { uid: 'f'.repeat(32) });

beforeAll(async () => {
  for (const name of ['one', 'two', 'fresh', 'rival']) {
    await cli(['keygen', '-o', named(`${name}.key`), '--name', `example.com/${name}`], {
      randomBytes: (count) => noise(count, name.length + name.charCodeAt(0)),
    });
  }
  for (const name of ['w1', 'w2']) {
    const argv = ['keygen', '-o', named(`${name}.key`), '--name', `witness.example/${name}`, '--witness'];
    await cli(argv, { randomBytes: (count) => noise(count, name.charCodeAt(1)) });
  }
  await folder.write('passphrase', 'correct horse battery staple\n');
});

const sign = (name: string, key: string, flags: readonly string[] = [], options = {}) =>
  cli(['sign', named(name), '--signer', named(`${key}.key`), '--json', ...flags], { ...at(NOW), ...options });

const notesIn = (file: Uint8Array) =>
  chunksOf(file)
    .filter(({ tag }) => tag === 'SIGN')
    .map(({ payload }) => parseNote(payload));

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const bytesOf = async (name: string): Promise<Uint8Array> => new Uint8Array(await readFile(named(name)));

const verified = async (name: string, ...flags: readonly string[]) => {
  const { code, stdout } = await cli(['verify', named(name), '--json', ...flags], at(NOW + 100));
  return { code, ...jsonOf(stdout) };
};

const keyOf = (name: string): string[] => ['--key', named(`${name}.key.pub`)];

/** What is refused leaves file and folder as they were. */
const refused = async (name: string, key: string, flags: readonly string[] = [], options = {}) => {
  const before = await bytesOf(name);
  const { code, stdout, stderr } = await sign(name, key, flags, options);
  expect(stdout).toBe('');
  expect(Buffer.compare(await bytesOf(name), before)).toBe(0);
  expect((await readdir(folder.path('.'))).filter((file) => /\.(lock|part)$/.test(file))).toEqual([]);
  const { code: error, message } = jsonOf(stderr);
  return [code, error, String(message)] as const;
};

describe('sign', () => {
  test('appends a signature and a TAIL, and changes no byte before', async () => {
    const before = await signable();
    await folder.write('closed.h4mk', before);
    const { code, stdout } = await sign('closed.h4mk', 'one');
    const result = jsonOf(stdout);
    expect(code).toBe(0);
    const after = await bytesOf('closed.h4mk');
    expect(Buffer.compare(after.subarray(0, before.length), before)).toBe(0);
    expect(
      chunksOf(after)
        .slice(-2)
        .map(({ tag, offset }) => [tag, offset]),
    ).toEqual([
      ['SIGN', before.length],
      ['TAIL', after.length - TAIL_CHUNK_BYTES],
    ]);
    expect(result).toMatchObject({ file: named('closed.h4mk'), action: 'signed', size: 13 });
    expect(Object.keys(result)).toEqual([
      ...['file', 'action', 'key', 'size', 'root', 'file_id'],
      ...['sha256_before', 'sha256'],
    ]);
    expect([result['sha256_before'], result['sha256']]).toEqual([before, after].map(sha256Of));
    const check = await verified('closed.h4mk', ...keyOf('one'));
    expect(check).toMatchObject({ code: 0, state: 'OK', proven: true, warnings: [] });
    expect(check).toMatchObject({ root: result['root'], file_id: result['file_id'] });
  });

  test('does nothing where the same key has signed as much, and says so', async () => {
    await folder.write('twice.h4mk', await signable());
    await sign('twice.h4mk', 'one');
    await sign('twice.h4mk', 'two');
    const before = await bytesOf('twice.h4mk');
    for (const key of ['one', 'two']) {
      const { code, stdout } = await sign('twice.h4mk', key);
      expect([code, jsonOf(stdout)['action']]).toEqual([0, 'none']);
    }
    expect(Buffer.compare(await bytesOf('twice.h4mk'), before)).toBe(0);
    const { stdout } = await cli(['sign', named('twice.h4mk'), '--signer', named('one.key')]);
    expect(stdout).toContain('it is there already');
    expect(stdout).toContain(`${sha256Of(before)}\n`);
    for (const key of ['one', 'two']) {
      expect(await verified('twice.h4mk', ...keyOf(key))).toMatchObject({ code: 0, state: 'OK' });
    }
  });

  test('writes the signed recording to OUT, and leaves FILE alone', async () => {
    const before = await signable();
    await folder.write('kept.h4mk', before);
    await sign('kept.h4mk', 'one', ['-o', named('out.h4mk')]);
    expect(Buffer.compare(await bytesOf('kept.h4mk'), before)).toBe(0);
    expect(await verified('out.h4mk', ...keyOf('one'))).toMatchObject({ code: 0, state: 'OK' });
    const [code, error] = await refused('kept.h4mk', 'one', ['-o', named('out.h4mk')]);
    expect([code, error]).toEqual([2, 'H4_EXISTS']);
    expect((await sign('kept.h4mk', 'one', ['-o', named('out.h4mk'), '--force'])).code).toBe(0);
    // What needs nothing is copied: it is what was asked for.
    const none = await sign('out.h4mk', 'one', ['-o', named('copy.h4mk')]);
    expect(jsonOf(none.stdout)).toMatchObject({ action: 'none', file: named('copy.h4mk') });
    expect(Buffer.compare(await bytesOf('copy.h4mk'), await bytesOf('out.h4mk'))).toBe(0);
    const piped = await sign('kept.h4mk', 'one', ['-o', '-']);
    expect(Buffer.compare(piped.bytes, await bytesOf('out.h4mk'))).toBe(0);
    expect(jsonOf(piped.stderr)['action']).toBe('signed');
    const quiet = await cli(['sign', named('kept.h4mk'), '--signer', named('one.key'), '-o', '-']);
    expect([Buffer.compare(quiet.bytes, piped.bytes), quiet.stderr]).toEqual([0, '']);
  });

  test('signs with P-256, and with a key under a passphrase', async () => {
    await cli(['keygen', '-o', named('p256.key'), '--name', 'example.com/p256', '--p256']);
    const flags = ['--passphrase-file', named('passphrase')];
    await cli(['keygen', '-o', named('sealed.key'), '--name', 'example.com/sealed', ...flags]);
    for (const [key, more] of [
      ['p256', []],
      ['sealed', flags],
    ] as const) {
      await folder.write(`${key}.h4mk`, await signable());
      expect((await sign(`${key}.h4mk`, key, more)).code).toBe(0);
      expect(await verified(`${key}.h4mk`, ...keyOf(key))).toMatchObject({ code: 0, state: 'OK' });
    }
    expect((await refused('p256.h4mk', 'sealed'))[1]).toBe('H4_SIGNING_KEY');
  }, 60_000);

  test('signs a recording that was cut off, as an index point of it, with its tiles where they are missing', async () => {
    await folder.write('open.h4mk', await open());
    expect((await sign('open.h4mk', 'one')).code).toBe(0);
    const first = await bytesOf('open.h4mk');
    expect(
      chunksOf(first)
        .slice(-3)
        .map(({ tag }) => tag),
    ).toEqual(['TILE', 'SIGN', 'TAIL']);
    await replaceSidecar(named('open.h4mk'), first.slice(-TAIL_CHUNK_BYTES));
    expect((await sign('open.h4mk', 'two')).code).toBe(0);
    const second = await bytesOf('open.h4mk');
    expect(
      chunksOf(second)
        .slice(-4)
        .map(({ tag }) => tag),
    ).toEqual(['SIGN', 'TAIL', 'SIGN', 'TAIL']);
    for (const key of ['one', 'two']) {
      expect(await verified('open.h4mk', ...keyOf(key))).toMatchObject({
        code: 3,
        state: 'OK_PREFIX',
        signed_size: 12,
      });
    }
    // A sidecar that is there goes on speaking of the newest TAIL; none is made.
    expect(Buffer.compare(await bytesOf('open.h4mk.tail'), second.slice(-TAIL_CHUNK_BYTES))).toBe(0);
    await folder.write('bare.h4mk', await open());
    await sign('bare.h4mk', 'one');
    expect((await readdir(folder.path('.'))).filter((name) => name.startsWith('bare'))).toEqual(['bare.h4mk']);
  });

  test('does not sign two histories of one recording', async () => {
    await folder.write('mine.h4mk', await signable());
    await folder.write('theirs.h4mk', await signable(2));
    expect((await sign('mine.h4mk', 'rival')).code).toBe(0);
    const [code, error, message] = await refused('theirs.h4mk', 'rival');
    expect([code, error]).toEqual([1, 'H4_EQUIVOCATION']);
    expect(message).toContain('another uid');
    // The beginning of what was signed as a whole is the same history, but a step back.
    const mine = await signable();
    await folder.write('begin.h4mk', mine.subarray(0, offsetsOf(mine, 'TOKN')[5]));
    expect((await refused('begin.h4mk', 'rival')).slice(0, 2)).toEqual([1, 'H4_ROLLBACK']);
    // From the beginning to the whole is a step forward, which anybody can check.
    expect((await sign('begin.h4mk', 'fresh')).code).toBe(0);
    await folder.write('whole.h4mk', mine);
    expect((await sign('whole.h4mk', 'fresh')).code).toBe(0);
    expect((await refused('theirs.h4mk', 'fresh')).slice(0, 2)).toEqual([1, 'H4_EQUIVOCATION']);
  });

  test('refuses what can never be signed, and says what to do', async () => {
    await folder.write('zero.h4mk', await recording(TEN_BLOCKS, {}, {}));
    const [code, error, message] = await refused('zero.h4mk', 'one');
    expect([code, error]).toEqual([2, 'H4_UID_ZERO_SIGNED']);
    expect(message).toContain('export the input again with --signable');
    await folder.write('slice.h4mk', slice(recordsOf(await signable()), [[2, 5]]));
    expect(await refused('slice.h4mk', 'one')).toMatchObject([2, 'H4_PARAM', expect.stringContaining('a slice')]);
    await folder.write('legacy.h4mk', legacyFile);
    expect(await refused('legacy.h4mk', 'one')).toMatchObject([2, 'H4_PARAM', expect.stringContaining("'upgrade'")]);
  });

  test('refuses what fails its check', async () => {
    const file = await signable();
    const payload = (offsetsOf(file, 'CORE')[4] ?? 0) + 20;
    await folder.write('damaged.h4mk', flipped(file, payload));
    expect((await refused('damaged.h4mk', 'one')).slice(0, 2)).toEqual([1, 'H4_CRC_MISMATCH']);
    await folder.write('cut.h4mk', file.subarray(0, payload));
    expect((await refused('cut.h4mk', 'one')).slice(0, 2)).toEqual([1, 'H4_TRUNCATED']);
    const lone = (await open()).slice(0, offsetsOf(await open(), 'CORE')[6]);
    await folder.write('lone.h4mk', lone);
    expect((await refused('lone.h4mk', 'one'))[1]).toBe('H4_TOKN_NO_PAYLOAD');
    const seek = offsetsOf(file, 'SEEK')[0];
    await folder.write('unclosed.h4mk', file.subarray(0, seek));
    expect(await refused('unclosed.h4mk', 'one')).toMatchObject([
      1,
      'H4_TRUNCATED',
      expect.stringContaining('recover'),
    ]);
    await folder.write('none.h4mk', 'no recording');
    expect((await refused('none.h4mk', 'one'))[1]).toBe('H4_BAD_MAGIC');
  });

  test('refuses what it cannot read, what somebody writes, and what makes no sense', async () => {
    const file = await folder.write('asked.h4mk', await signable());
    const usage = async (...argv: string[]) => {
      const { code, stderr } = await cli(['sign', ...argv, '--json']);
      return [code, jsonOf(stderr)['code']];
    };
    expect(await usage(named('missing.h4mk'), '--signer', named('one.key'))).toEqual([4, 'H4_IO']);
    expect((await readdir(folder.path('.'))).filter((name) => name.startsWith('missing'))).toEqual([]);
    expect(await usage('-', '--signer', named('one.key'))).toEqual([2, 'H4_PARAM']);
    expect(await usage('https://example.com/x.h4mk', '--signer', named('one.key'))).toEqual([2, 'H4_PARAM']);
    expect(await usage(file)).toEqual([2, 'H4_PARAM']);
    expect(await usage(file, '--signer', named('missing.key'))).toEqual([4, 'H4_IO']);
    expect(await usage(file, '--signer', named('one.key'), ...keyOf('one'))).toEqual([2, 'H4_PARAM']);
    const lock = await acquireWriterLock(`${file}.lock`);
    expect((await sign('asked.h4mk', 'one')).code).toBe(4);
    lock.release();
    expect((await sign('asked.h4mk', 'one')).code).toBe(0);
  });

  test('leaves the file as it was when it cannot be written whole', async () => {
    const file = await folder.write('limited.h4mk', await signable());
    await folder.write('limited.key', await readFile(named('one.key')));
    const before = await bytesOf('limited.h4mk');
    // In units of 512 bytes: the history fits, what is to be appended does not.
    const blocks = Math.ceil(before.length / 512);
    const script = `ulimit -f ${blocks}; exec "$@"`;
    const argv = ['-c', script, 'sh', process.execPath, MAIN, 'sign', file, '--signer', named('limited.key'), '--json'];
    const { status, stderr } = spawnSync('sh', argv, { encoding: 'utf8' });
    const { code, message } = jsonOf(
      stderr
        .split('\n')
        .filter((line) => line.includes('H4_WRITE'))
        .join('\n'),
    );
    expect([status, code]).toEqual([4, 'H4_WRITE']);
    expect(message).toContain('as it was');
    expect(Buffer.compare(await bytesOf('limited.h4mk'), before)).toBe(0);
    expect((await sign('limited.h4mk', 'limited')).code).toBe(0);
  });
});

describe('sign with the key of a witness', () => {
  beforeAll(async () => {
    await folder.write('seen.h4mk', await signable());
    await sign('seen.h4mk', 'one');
  });

  const policy = async (...witnesses: string[]): Promise<string[]> => {
    const vkey = async (name: string) => (await readFile(named(`${name}.key.pub`), 'utf8')).split('\n')[0] ?? '';
    const json = {
      v: 1,
      keys: [{ vkey: await vkey('one') }],
      witnesses: await Promise.all(witnesses.map(vkey)),
      quorum: witnesses.length,
    };
    await folder.write('policy.json', JSON.stringify(json));
    return ['--policy', named('policy.json')];
  };

  test('appends a cosignature of the newest checkpoint, with the time of the clock', async () => {
    const before = await bytesOf('seen.h4mk');
    const { code, stdout } = await sign('seen.h4mk', 'w1', keyOf('one'));
    expect([code, jsonOf(stdout)]).toMatchObject([0, { action: 'cosigned', time: NOW, size: 13 }]);
    expect(jsonOf(stdout)['key']).toMatch(/^witness\.example\/w1\+/);
    const after = await bytesOf('seen.h4mk');
    expect(Buffer.compare(after.subarray(0, before.length), before)).toBe(0);
    expect(
      notesIn(after)
        .at(-1)
        ?.signatures.map(({ name }) => name),
    ).toEqual(['example.com/one', 'witness.example/w1']);
    expect(await verified('seen.h4mk', ...(await policy('w1')))).toMatchObject({ code: 0, state: 'OK' });
  });

  test('adds another witness to it, and a later look of the same one in place of the earlier', async () => {
    expect((await verified('seen.h4mk', ...(await policy('w1', 'w2')))).code).toBe(1);
    await sign('seen.h4mk', 'w2', keyOf('one'), at(NOW + 5));
    expect((await verified('seen.h4mk', ...(await policy('w1', 'w2')))).code).toBe(0);
    const before = await bytesOf('seen.h4mk');
    for (const time of [NOW + 5, NOW]) {
      const { stdout } = await sign('seen.h4mk', 'w2', keyOf('one'), at(time));
      expect(jsonOf(stdout)['action']).toBe('none');
    }
    expect(Buffer.compare(await bytesOf('seen.h4mk'), before)).toBe(0);
    expect(jsonOf((await sign('seen.h4mk', 'w2', ['--any'], at(NOW + 9))).stdout)).toMatchObject({ time: NOW + 9 });
    const names = notesIn(await bytesOf('seen.h4mk'))
      .at(-1)
      ?.signatures.map(({ name }) => name);
    expect(names).toEqual(['example.com/one', 'witness.example/w1', 'witness.example/w2']);
    const argv = ['sign', named('seen.h4mk'), '--signer', named('w2.key'), ...keyOf('one')];
    const { stdout } = await cli(argv, at(NOW + 10));
    expect(stdout).toMatch(/done +cosigned: the checkpoint of example\.com\/one \(13 records, root [0-9a-f]{8}\)\n/);
    expect(stdout).toMatch(/seen at +2023-11-14T22:13:30\.000Z/);
  });

  test('cosigns only what is signed, and by whom it is asked to', async () => {
    await folder.write('bare-w.h4mk', await signable());
    expect((await refused('bare-w.h4mk', 'w1', ['--any'])).slice(0, 2)).toEqual([1, 'H4_SIGN_MISSING']);
    await sign('bare-w.h4mk', 'one');
    const [code, error] = await refused('bare-w.h4mk', 'w1', keyOf('two'));
    expect([code, error]).toEqual([1, 'H4_SIGN_UNTRUSTED']);
    // The newest note is of somebody else: the one that was asked for counts.
    await sign('bare-w.h4mk', 'two');
    expect((await sign('bare-w.h4mk', 'w1', keyOf('one'))).code).toBe(0);
    expect(notesIn(await bytesOf('bare-w.h4mk')).at(-1)?.origin.name).toBe('example.com/one');
    expect((await refused('bare-w.h4mk', 'w1', ['--any'], { utcMicros: undefined }))[2]).toContain('no clock');
  });

  test('cosigns a checkpoint that the recording has grown beyond', async () => {
    const grown = await recording(TEN_BLOCKS, { uid: 'e'.repeat(32) });
    const cut = offsetsOf(grown, 'TOKN')[8] ?? 0;
    await folder.write('grown.h4mk', grown.subarray(0, cut));
    await sign('grown.h4mk', 'one');
    const signed = await bytesOf('grown.h4mk');
    // The records that follow are numbered on; only their place in the file is another one.
    await folder.write('grown.h4mk', Buffer.concat([signed, grown.subarray(cut)]));
    const { stdout } = await sign('grown.h4mk', 'w1', keyOf('one'), at(NOW + 50));
    expect(jsonOf(stdout)).toMatchObject({ action: 'cosigned', size: 8 });
    expect(await verified('grown.h4mk', ...keyOf('one'))).toMatchObject({ state: 'OK_PENDING', signed_size: 8 });
  });

  test('does not cosign two histories of one recording', async () => {
    for (const [name, first] of [
      ['left.h4mk', 1],
      ['right.h4mk', 2],
    ] as const) {
      await folder.write(name, await signable(first));
      // Whoever signs both has a history of his own for each.
      await copyFile(named('one.key'), named(`${name}.key`));
      await sign(name, name);
    }
    await copyFile(named('w1.key'), named('w3.key'));
    expect((await sign('left.h4mk', 'w3', ['--any'])).code).toBe(0);
    expect((await refused('right.h4mk', 'w3', ['--any'])).slice(0, 2)).toEqual([1, 'H4_EQUIVOCATION']);
    // Longer, and the same as far as it was seen: the next checkpoint of the same history.
    const whole = await signable();
    await folder.write('short.h4mk', whole.subarray(0, offsetsOf(whole, 'TOKN')[6]));
    await copyFile(named('one.key'), named('short.key'));
    await sign('short.h4mk', 'short');
    await copyFile(named('w1.key'), named('w4.key'));
    expect((await sign('short.h4mk', 'w4', ['--any'])).code).toBe(0);
    expect((await sign('left.h4mk', 'w4', ['--any'], at(NOW + 1))).code).toBe(0);
    expect((await refused('short.h4mk', 'w4', ['--any'], at(NOW + 2))).slice(0, 2)).toEqual([1, 'H4_ROLLBACK']);
    await copyFile(named('w1.key'), named('w5.key'));
    expect((await sign('short.h4mk', 'w5', ['--any'], at(NOW + 1))).code).toBe(0);
    expect((await refused('right.h4mk', 'w5', ['--any'])).slice(0, 2)).toEqual([1, 'H4_EQUIVOCATION']);
  });
});

describe('whose checkpoint is signed after others', () => {
  test('must be said: the newest may be that of anybody', async () => {
    await folder.write('whose.h4mk', await signable());
    await sign('whose.h4mk', 'one');
    await sign('whose.h4mk', 'two');
    for (const [key, flags, words] of [
      ['w1', [], 'whose checkpoint to cosign'],
      ['w1', ['--any', ...keyOf('one')], '--any with --key'],
      ['w1', ['--countersign', ...keyOf('one')], 'it cosigns, and nothing else'],
      ['one', ['--any'], '--any is for the key of a witness'],
      ['one', ['--countersign'], 'whose checkpoint to countersign'],
      ['one', keyOf('two'), '--countersign signs'],
    ] as const) {
      expect(await refused('whose.h4mk', key, flags)).toEqual([2, 'H4_PARAM', expect.stringContaining(words)]);
    }
    // Without an answer to that, the newest would be the one of somebody else.
    const any = jsonOf((await sign('whose.h4mk', 'w1', ['--any'])).stdout);
    expect(any['origin']).toMatch(/^example\.com\/two\/[0-9a-f]{64}$/);
    const named = jsonOf((await sign('whose.h4mk', 'w2', keyOf('one'))).stdout);
    expect(named['origin']).toMatch(/^example\.com\/one\/[0-9a-f]{64}$/);
  });

  test('may be an older one, where a stranger has signed a longer recording', async () => {
    const grown = await recording(TEN_BLOCKS, { uid: 'd'.repeat(32) });
    const cut = offsetsOf(grown, 'TOKN')[8] ?? 0;
    await folder.write('longer.h4mk', grown.subarray(0, cut));
    await sign('longer.h4mk', 'one');
    await folder.write('longer.h4mk', Buffer.concat([await bytesOf('longer.h4mk'), grown.subarray(cut)]));
    await copyFile(named('two.key'), named('longer.key'));
    expect(jsonOf((await sign('longer.h4mk', 'longer')).stdout)).toMatchObject({ action: 'signed', size: 12 });
    expect(jsonOf((await sign('longer.h4mk', 'w1', keyOf('one'))).stdout)).toMatchObject({ size: 8 });
  });
});

describe('sign --countersign', () => {
  const vkeyOf = async (name: string) => (await readFile(named(`${name}.key.pub`), 'utf8')).split('\n')[0] ?? '';
  const policyOf = async (threshold: number, ...names: string[]): Promise<string[]> => {
    const keys = await Promise.all(names.map(async (name) => ({ vkey: await vkeyOf(name) })));
    await folder.write('threshold.json', JSON.stringify({ v: 1, keys, threshold }));
    return ['--policy', named('threshold.json')];
  };

  test.each(['two', 'curve'])('adds the signature of %s, so that a policy of two keys is met', async (second) => {
    await cli(['keygen', '-o', named('curve.key'), '--name', 'example.com/curve', '--p256', '--force']);
    const name = `both-${second}.h4mk`;
    await folder.write(name, await signable());
    await sign(name, 'one');
    // A stranger comes between, and the second key has signed for itself as well.
    await sign(name, 'fresh');
    await sign(name, second);
    const before = await bytesOf(name);
    const policy = await policyOf(2, 'one', second);
    expect((await verified(name, ...policy)).code).toBe(1);
    const { code, stdout } = await sign(name, second, ['--countersign', ...policy]);
    expect([code, jsonOf(stdout)]).toMatchObject([0, { action: 'countersigned', size: 13 }]);
    expect(jsonOf(stdout)['origin']).toMatch(/^example\.com\/one\//);
    const after = await bytesOf(name);
    expect(Buffer.compare(after.subarray(0, before.length), before)).toBe(0);
    const lines = notesIn(after)
      .at(-1)
      ?.signatures.map((line) => line.name);
    expect(lines).toEqual(['example.com/one', `example.com/${second}`]);
    expect(await verified(name, ...policy)).toMatchObject({ code: 0, state: 'OK', proven: true });
    const again = await sign(name, second, ['--countersign', ...keyOf('one')]);
    expect(jsonOf(again.stdout)['action']).toBe('none');
    expect(Buffer.compare(await bytesOf(name), after)).toBe(0);
  });

  test('goes together with witnesses, in any order', async () => {
    await folder.write('all.h4mk', await signable());
    await sign('all.h4mk', 'one');
    await sign('all.h4mk', 'w1', keyOf('one'));
    await sign('all.h4mk', 'two', ['--countersign', ...keyOf('one')]);
    await sign('all.h4mk', 'w2', keyOf('one'));
    const text = await cli(['sign', named('all.h4mk'), '--signer', named('two.key'), '--countersign', ...keyOf('one')]);
    expect(text.stdout).toContain('nothing: it is there already');
    const json = {
      v: 1,
      keys: [{ vkey: await vkeyOf('one') }, { vkey: await vkeyOf('two') }],
      threshold: 2,
      witnesses: [await vkeyOf('w1'), await vkeyOf('w2')],
      quorum: 2,
    };
    await folder.write('all.json', JSON.stringify(json));
    expect(await verified('all.h4mk', '--policy', named('all.json'))).toMatchObject({ code: 0, state: 'OK' });
  });

  test('signs nothing of a stranger, nothing that nobody signed, and no second history', async () => {
    await folder.write('no.h4mk', await signable());
    const countersign = ['--countersign', ...keyOf('one')];
    expect((await refused('no.h4mk', 'two', countersign)).slice(0, 2)).toEqual([1, 'H4_SIGN_MISSING']);
    await sign('no.h4mk', 'fresh');
    expect((await refused('no.h4mk', 'two', countersign)).slice(0, 2)).toEqual([1, 'H4_SIGN_UNTRUSTED']);
    // Nor that of the same key: two signatures of one signer are one.
    await sign('no.h4mk', 'two');
    const own = ['--countersign', ...keyOf('two')];
    expect((await refused('no.h4mk', 'two', own)).slice(0, 2)).toEqual([1, 'H4_SIGN_UNTRUSTED']);
    for (const [name, first] of [
      ['this.h4mk', 1],
      ['that.h4mk', 2],
    ] as const) {
      await folder.write(name, await signable(first));
      await copyFile(named('one.key'), named(`${name}.key`));
      await sign(name, name);
    }
    await copyFile(named('two.key'), named('second.key'));
    expect((await sign('this.h4mk', 'second', countersign)).code).toBe(0);
    expect((await refused('that.h4mk', 'second', countersign)).slice(0, 2)).toEqual([1, 'H4_EQUIVOCATION']);
  });
});

describe('appending in place', () => {
  const appendix = (source: { readonly size: number }, bytes: Uint8Array): Appendix => {
    const made = new Appendix(source.size);
    made.write(bytes);
    return made;
  };

  test('follows links, keeps what it was asked not to touch, and lets the lock go', async () => {
    const file = await folder.write('target', 'abc');
    await symlink(file, named('link'));
    await appendInPlace(named('link'), (source) =>
      Promise.resolve({ appendix: appendix(source, Buffer.from('def')), tailChunk: new Uint8Array(3) }),
    );
    expect(await readFile(file, 'utf8')).toBe('abcdef');
    await expect(appendInPlace(file, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect((await readdir(folder.path('.'))).filter((name) => name.startsWith('target'))).toEqual(['target']);
  });

  test('refuses a file that has grown or vanished meanwhile, and a folder', async () => {
    const file = await folder.write('growing', 'abc');
    const work = (change: () => Promise<void>) =>
      appendInPlace(file, async (source) => {
        await change();
        return { appendix: appendix(source, Buffer.from('x')) };
      });
    await expect(work(() => writeFile(file, 'abcd'))).rejects.toMatchObject({ code: 'H4_IO' });
    expect((await stat(file)).size).toBe(4);
    await mkdir(named('folder'));
    await expect(appendInPlace(named('folder'), () => Promise.reject(new Error('no')))).rejects.toMatchObject({
      code: 'H4_IO',
    });
  });

  test('is a sink that keeps what it gets', async () => {
    const sink = new Appendix(5);
    const bytes = Uint8Array.of(1, 2);
    sink.write(bytes);
    bytes.fill(9);
    expect([sink.length, sink.isEmpty, [...sink.bytes]]).toEqual([7, false, [1, 2]]);
    await sink.commit();
    await sink.abort();
    expect(new Appendix(5).isEmpty).toBe(true);
  });
});
