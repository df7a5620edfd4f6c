/** `engine info`, `list`, `attest` and `check`; what cores do to other commands is in ../engines.test.ts. */

import { createHash } from 'node:crypto';
import { chmod, readFile, stat } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkedInWasm, compileHostile, describeCompiled } from '../../support/cores.js';
import { temporaryFolder } from '../support/files.js';
import { cli, jsonLines, jsonOf, type Outcome } from '../support/harness.js';

const folder = temporaryFolder();
const WASM = checkedInWasm();
const ID = 'h4geo-v1';
const NOW = 1_700_000_000;
const NONCE = Buffer.from('sixteen bytes ok').toString('base64url');
const PATIENCE = 120_000;

let fingerprint = '';
beforeAll(async () => {
  fingerprint = createHash('sha256')
    .update(await readFile(WASM))
    .digest('hex');
  await cli(['keygen', '-o', folder.path('camera.key'), '--name', 'example.com/camera']);
});

const engine = (argv: readonly string[], env: Readonly<Record<string, string>> = {}, seconds = NOW): Promise<Outcome> =>
  cli(['engine', ...argv], { env, utcMicros: () => seconds * 1_000_000 });

const CORE = { HARMONY4_CORE_PATH: WASM };

describe('engine', () => {
  test('without a command shows what there is, as a usage error', async () => {
    const { code, stderr } = await engine([]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/Commands:\n +info .*\n +list .*\n +attest /);
  });

  test('refuses a command that is not there', async () => {
    const { code, stderr } = await engine(['certify', '--all']);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining("no command 'engine certify': the commands are info, list"),
    ]);
  });
});

describe('engine info', () => {
  test('is the reference engine where nothing is configured', async () => {
    expect(jsonOf((await engine(['info', '--json'])).stdout)).toMatchObject({ engine: 'reference', seal_level: 0 });
    expect((await engine(['info'])).stdout).toContain('seal level   0: built in, there is no core to seal');
  });

  test.each([
    [{}, 1, '1: nothing is pinned'],
    [{ HARMONY4_ENGINE_ID: ID }, 2, '2: the id is pinned, which is only what a core says of itself'],
    [{ HARMONY4_ENGINE_FP: 'measured' }, 2, '2: the fingerprint is pinned, and measured'],
    [{ HARMONY4_ENGINE_ID: ID, HARMONY4_ENGINE_FP: 'measured' }, 3, '3: sealed'],
  ] as const)('with the pins %j says level %i in words', async (pins, seal_level, words) => {
    const pinned = Object.entries(pins).map(([name, value]) => [name, value === 'measured' ? fingerprint : value]);
    const env = { ...CORE, ...(Object.fromEntries(pinned) as Record<string, string>) };
    const { code, stdout, stderr } = await engine(['info', '--json'], env);
    expect([code, stderr]).toEqual([0, '']);
    expect(jsonOf(stdout)).toEqual({
      ...{ engine: 'core', engine_id: ID, fingerprint, deterministic: true, identity_safe: true, opaque: true },
      ...{ sealed: seal_level === 3, seal_level },
    });
    const text = (await engine(['info'], env)).stdout;
    expect(text).toContain(words);
    expect(text).not.toContain(WASM);
  });
});

describeCompiled('engine info with a core that lies', () => {
  test('shows what it declares as worth nothing, and what was measured', async () => {
    const { stdout } = await engine(['info'], { HARMONY4_CORE_PATH: compileHostile('liar-fp') });
    expect(stdout).toContain('it declares 000102');
    expect(stdout).toContain('what counts is measured');
  });
});

describe('engine list', () => {
  test('shows built-in engines, the core, and its equivalents', async () => {
    const other = `${ID} ${'ab'.repeat(32)}`;
    const list = await folder.write(
      'list.txt',
      `${ID} ${fingerprint} = ${other}\nx ${'cd'.repeat(32)} = y ${'ef'.repeat(32)}\n`,
    );
    const env = { ...CORE, HARMONY4_ENGINE_EQUIVALENTS: list };
    expect(jsonLines((await engine(['list', '--json'], env)).stdout)).toEqual([
      expect.objectContaining({ engine_id: 'stored-v1', source: 'built in', decoded_by: null }),
      expect.objectContaining({ engine_id: 'h4ref-geo-v1', source: 'built in' }),
      { engine_id: ID, fingerprint, source: 'core', decoded_by: null },
      { engine_id: ID, fingerprint: 'ab'.repeat(32), source: 'equivalent', decoded_by: { engine_id: ID, fingerprint } },
    ]);
    const { stdout } = await engine(['list'], env);
    expect(stdout.split('\n')[0]).toMatch(/^engine id +fingerprint +source$/);
    expect(stdout).toContain(`equivalent of ${ID} ${fingerprint.slice(0, 12)}…`);
  });

  test('without a core is what is built in', async () => {
    expect(jsonLines((await engine(['list', '--json'])).stdout)).toHaveLength(2);
  });
});

describe('engine attest', () => {
  test('prints JSON, with and without --json, of this second', async () => {
    const expected = createHash('sha256').update(`${ID}|${fingerprint}|${NOW}`).digest('hex');
    const { stdout } = await engine(['attest'], CORE);
    expect(jsonOf(stdout)).toEqual({
      ...{ engine_id: ID, fingerprint, timestamp_unix: NOW, attestation_hash: expected, sealed: false, engine: 'core' },
    });
    expect((await engine(['attest', '--json'], CORE)).stdout).toBe(stdout);
  });

  test('refuses a nonce that is none, and to work without a clock', async () => {
    expect((await engine(['attest', '--nonce', 'short'])).code).toBe(2);
    expect((await cli(['engine', 'attest'])).stderr).toContain('there is no clock');
  });

  test.each([
    [['--key', 'x'], '--key'],
    [['--max-age', '5'], '--max-age'],
    [['--engine-id', 'x'], '--engine-id'],
    [['--fingerprint', 'ab'.repeat(32)], '--fingerprint'],
  ])('refuses %j where nothing is verified', async (argv, name) => {
    const { code, stderr } = await engine(['attest', ...argv]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`Cannot use ${name} without --verify`)]);
  });

  test('warns of a signing key that others may read', async () => {
    const open = await folder.write('open.key', await readFile(folder.path('camera.key')));
    await chmod(open, 0o644);
    const { code, stderr } = await engine(['attest', '--signer', open]);
    expect([code, stderr]).toEqual([0, expect.stringContaining('H4_SIGNING_KEY')]);
  });

  test('signs with a key that has a passphrase', async () => {
    const passphraseFile = await folder.write('passphrase.txt', 'correct horse\n');
    await chmod(passphraseFile, 0o600);
    const argv = ['keygen', '-o', folder.path('safe.key'), '--name', 'example.org/safe', '--p256'];
    expect((await cli([...argv, '--passphrase-file', passphraseFile])).code).toBe(0);
    const signer = ['attest', '--signer', folder.path('safe.key')];
    const { code, stdout } = await engine([...signer, '--passphrase-file', passphraseFile]);
    expect([code, JSON.stringify(jsonOf(stdout)['envelope'])]).toEqual([
      0,
      expect.stringContaining('example.org/safe/statements+'),
    ]);
    expect(await engine(signer)).toMatchObject({ code: 2, stdout: '' });
  });
});

describe('engine attest --verify', () => {
  const signed = async (name: string, ...more: readonly string[]): Promise<string> => {
    const { code, stdout } = await engine(['attest', '--signer', folder.path('camera.key'), ...more], CORE);
    expect(code).toBe(0);
    return folder.write(name, stdout);
  };
  const verified = (file: string, ...more: readonly string[]): Promise<Outcome> =>
    engine(['attest', '--verify', file, ...more], {}, NOW + 100);
  const keyFile = (): string => folder.path('camera.key.pub');

  test('exits 0 where a trusted key has signed what was asked for', async () => {
    const file = await signed('good.json', '--nonce', NONCE);
    const statementKey = (await readFile(keyFile(), 'utf8')).split('\n')[1] ?? '';
    for (const key of [keyFile(), statementKey]) {
      const expected = ['--key', key, '--nonce', NONCE, '--engine-id', ID, '--fingerprint', fingerprint.toUpperCase()];
      const { code, stdout } = await verified(file, ...expected, '--json');
      expect([code, jsonOf(stdout)]).toEqual([
        0,
        expect.objectContaining({
          file,
          valid: true,
          proven: true,
          names: ['example.com/camera/statements'],
          engine_id: ID,
        }),
      ]);
    }
    const { stdout } = await verified(file, '--key', keyFile(), '--nonce', NONCE);
    expect(stdout).toContain('ATTESTED by example.com/camera/statements');
    expect(stdout).toContain(`fingerprint  ${fingerprint}`);
    expect(stdout).toContain('ok           signature: signed by');
    expect(stdout).toContain(`signed at    2023-11-14T22:13:20.000Z (${NOW})`);
  });

  test('exits 3 where nothing is wrong and nothing is proven', async () => {
    const { code, stdout } = await verified(await signed('nokey.json'));
    expect([code, stdout]).toEqual([3, expect.stringContaining('NOTHING PROVEN: no key given')]);
  });

  test.each([
    ['another nonce', ['--nonce', Buffer.from('another nonce 16').toString('base64url')], 'nonce'],
    ['too old', ['--max-age', '99'], 'time'],
    ['another engine', ['--engine-id', 'other', '--fingerprint', 'ab'.repeat(32)], 'engine'],
  ])('exits 1 for %s', async (_what, more, name) => {
    const { code, stdout } = await verified(await signed('bad.json', '--nonce', NONCE), '--key', keyFile(), ...more);
    expect([code, stdout]).toEqual([1, expect.stringContaining('NOT OK')]);
    expect(stdout).toMatch(new RegExp(`FAILED +${name}:`));
  });

  test('exits 1 where nobody has signed, and where a field was changed afterwards', async () => {
    const file = await signed('changed.json');
    const attestation = jsonOf(await readFile(file, 'utf8'));
    const { envelope, ...bare } = attestation;
    expect(envelope).toBeDefined();
    const unsigned = await folder.write('unsigned.json', JSON.stringify(bare));
    expect((await verified(unsigned, '--key', keyFile())).code).toBe(1);
    const changed = await folder.write('sealed.json', JSON.stringify({ ...attestation, sealed: true }));
    expect((await verified(changed, '--key', keyFile())).code).toBe(1);
    expect((await verified(await folder.write('list.json', '[1]'), '--key', keyFile())).code).toBe(1);
  });

  test('says whether the engine that is configured here is named, which decides nothing', async () => {
    const file = await signed('current.json');
    const here = async (env: Readonly<Record<string, string>>): Promise<readonly [number, unknown, string]> => {
      const argv = ['attest', '--verify', file, '--key', keyFile()];
      const { code, stdout } = await engine([...argv, '--json'], env);
      const text = (await engine(argv, env)).stdout;
      return [code, jsonOf(stdout)['current_engine'], /^ {2}this host +(.*)$/m.exec(text)?.[1] ?? ''];
    };
    expect(await here(CORE)).toEqual([0, true, 'current engine: yes']);
    expect(await here({})).toEqual([
      ...[0, false],
      expect.stringMatching(/^current engine: no; configured here is "h4ref-geo-v1" \(fingerprint [0-9a-f]{64}\)$/),
    ]);
    expect(await here({ ...CORE, HARMONY4_ENGINE_FP: 'ab'.repeat(32) })).toEqual([
      ...[0, null],
      'current engine: unknown; what is configured here is refused (H4_CORE_ALTERED)',
    ]);
  });

  test('shows a time that is none as the number that it is', async () => {
    const file = await folder.write('time.json', JSON.stringify({ timestamp_unix: 1e300 }));
    expect((await verified(file)).stdout).toMatch(/^ {2}signed at {4}1e\+300$/m);
    const text = await folder.write('no-time.json', JSON.stringify({ timestamp_unix: 'now' }));
    expect((await verified(text)).stdout).toMatch(/^ {2}signed at {4}"now"$/m);
  });

  test('reads standard input', async () => {
    const text = await readFile(await signed('stdin.json'));
    const { code, stdout } = await cli(['engine', 'attest', '--verify', '-', '--key', keyFile()], {
      stdin: text,
      utcMicros: () => NOW * 1_000_000,
    });
    expect([code, stdout]).toEqual([0, expect.stringContaining('standard input: ATTESTED')]);
    const long = await cli(['engine', 'attest', '--verify', '-'], {
      stdin: new Uint8Array(1024 * 1024 + 1),
      utcMicros: () => NOW,
    });
    expect([long.code, long.stderr]).toEqual([2, expect.stringContaining('more than 1048576 bytes')]);
  });

  test('refuses what cannot be checked', async () => {
    const file = await signed('refused.json');
    const firstKey = (await readFile(keyFile(), 'utf8')).split('\n')[0] ?? '';
    const text = await folder.write('text.json', 'no json');
    const long = await folder.write('long.json', new Uint8Array(1024 * 1024 + 1));
    const longKey = await folder.write('long.pub', new Uint8Array(100_000));
    for (const [argv, exit, message] of [
      [[file, '--key', firstKey], 2, 'names no key for statements'],
      [[file, '--key', folder.path('none.pub')], 4, 'Cannot read the keys'],
      [[file, '--key', longKey], 1, 'is no file with keys'],
      [[file, '--engine-id', ID], 2, 'use --engine-id and --fingerprint together'],
      [[file, '--engine-id', 'a b', '--fingerprint', fingerprint], 2, 'is no engine id'],
      [[file, '--fingerprint', 'abc'], 2, '64 hex digits'],
      [[file, '--signer', folder.path('camera.key')], 2, 'Cannot use --signer with --verify: nothing is signed then'],
      [[file, '--passphrase-file', 'x'], 2, 'Cannot use --passphrase-file with --verify: nothing is signed then'],
      [[text], 2, 'holds no attestation'],
      [[long], 2, 'more than 1048576 bytes'],
      [[folder.path('none.json')], 4, 'Cannot read the attestation'],
    ] as const) {
      const { code, stderr } = await verified(...(argv as readonly [string]));
      expect([argv, code, stderr]).toEqual([argv, exit, expect.stringContaining(message)]);
    }
  });
});

describe('engine check', () => {
  test(
    'passes the core of the repository, and writes a report without a path',
    async () => {
      const report = folder.path('report.md');
      const { code, stdout, stderr } = await engine(['check', WASM, '--quick', '--report', report]);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/PASS {2}round-trip: .*\n {6}blocks \d+/);
      expect(stdout).toMatch(/PASS; a quick check is not a certification\n$/);
      expect(stdout).toMatch(/^noise +65536 +100\.0 %/m);
      const exports = [...stdout.matchAll(/^ {2}export (\w+)=(\S+)$/gm)].map(([, name, value]) => [name, value]);
      const settings = Object.fromEntries(exports) as Record<string, string>;
      expect(settings).toEqual({ ...CORE, HARMONY4_ENGINE_ID: ID, HARMONY4_ENGINE_FP: fingerprint });
      expect(jsonOf((await engine(['info', '--json'], settings)).stdout)).toMatchObject({ sealed: true });
      const page = await readFile(report, 'utf8');
      expect(page).toContain('# Check of `geo.wasm`');
      expect(page).toContain('2023-11-14T22:13:20.000Z');
      expect(page).not.toContain(WASM);
      expect(page).toContain('\nexport HARMONY4_CORE_PATH=/path/to/geo.wasm\n');
      const again = await engine(['check', folder.path('missing'), '--report', report]);
      expect(again.code).toBe(4);
    },
    PATIENCE,
  );

  test('exits 4 for a core or another that is not there', async () => {
    expect((await engine(['check', folder.path('missing.so')])).code).toBe(4);
    expect((await engine(['check', WASM, '--against', folder.path('missing.so')])).code).toBe(4);
  });

  test.each([
    [['check', '-'], 'name its file'],
    [['check', 'core.so', '--against', '-'], 'name its file'],
    [['check', 'http://host/core.so'], 'reads no http: address'],
    [['check', 'core.so', '--equivalents', 'x'], 'without --against'],
    [['check', 'core.so', '--report', '-'], 'name a file'],
    [['check', 'core.so', '--against', 'b', '--report', 'x', '--equivalents', 'x'], 'name two'],
    [['check', WASM, '--report', WASM], 'it is the core that is checked'],
  ])('refuses %j', async (argv, message) => {
    const { code, stderr } = await engine(argv);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});

describeCompiled('engine check with shared libraries', () => {
  test(
    'writes the line for the list of equivalents where both builds agree',
    async () => {
      // The same program under another hash: a loader does not look behind the last section.
      const [core, list] = [compileHostile('stored'), folder.path('pair.txt')];
      const other = await folder.write('other.so', Buffer.concat([await readFile(core), Buffer.of(0)]));
      const { code, stdout } = await engine([
        'check',
        core,
        '--quick',
        '--against',
        other,
        '--equivalents',
        list,
        '--json',
      ]);
      const { fingerprint: mine, other: theirs, equivalents } = jsonOf(stdout);
      const line = `h4test-stored ${String(mine)} = h4test-stored ${(theirs as { fingerprint: string }).fingerprint}`;
      expect([code, equivalents]).toEqual([0, expect.arrayContaining([line])]);
      const extent = '# agreed on 403 blocks; a difference in rarer blocks is not excluded';
      expect(await readFile(list, 'utf8')).toBe(`# by a quick check, which is no certification\n${extent}\n${line}\n`);
      const listed = await engine(['list', '--json'], { HARMONY4_CORE_PATH: core, HARMONY4_ENGINE_EQUIVALENTS: list });
      expect(jsonLines(listed.stdout).at(-1)).toMatchObject({ source: 'equivalent' });
    },
    PATIENCE,
  );

  test(
    'exits 1 and writes no equivalents for a core that fails, and saves what it fails at',
    async () => {
      const list = folder.path('none.txt');
      const core = compileHostile('crasher');
      const corpus = folder.path('corpus');
      await (await import('node:fs/promises')).mkdir(corpus);
      await folder.write('corpus/evil', 'CRASH');
      const { code, stdout } = await engine([
        ...['check', core, '--quick', '--against', core, '--equivalents', list, '--corpus', corpus],
        ...['--reproducers', folder.path('saved')],
      ]);
      expect(code).toBe(1);
      expect(stdout).toMatch(/FAIL {2}round-trip: .*\n {6}it crashed with SIGSEGV/);
      expect(stdout).toContain(`saved as ${folder.path('saved')}/round-trip-compress.bin`);
      expect(stdout).toMatch(/FAIL: \d of \d+ requirements; a quick check/);
      expect(stdout).not.toContain('export ');
      expect(await readFile(folder.path('saved/round-trip-compress.bin'), 'utf8')).toBe('CRASH');
      await expect(stat(list)).rejects.toThrow('ENOENT');
    },
    PATIENCE,
  );

  test(
    'shows on a terminal what is being tried',
    async () => {
      const { stderr } = await cli(['engine', 'check', compileHostile('no-free')], { tty: ['stderr'] });
      expect(stderr).toMatch(/checking loads \(1 of 9\).*checking round-trip \(4 of 9\)/s);
      const silent = await cli(['engine', 'check', compileHostile('no-free'), '--no-progress'], { tty: ['stderr'] });
      expect(silent.stderr).toBe('');
    },
    PATIENCE,
  );
});
