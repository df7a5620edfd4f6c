/** Commands with a core: which of them load it, what they write with it, and that a core which is refused ends them. */

import { createHash } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { whole as legacyFile } from '../support/legacy.js';
import { buildCore, checkedInWasm, compileHostile, describeCompiled } from '../support/cores.js';
import { mp4, noise, temporaryFolder } from './support/files.js';
import { cli, jsonOf, type Outcome } from './support/harness.js';

const folder = temporaryFolder();
const WASM = checkedInWasm();
const ID = 'h4geo-v1';

type Environment = Readonly<Record<string, string>>;

const fingerprintOf = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

const sealed = async (path: string, id = ID): Promise<Environment> => ({
  HARMONY4_CORE_PATH: path,
  HARMONY4_ENGINE_ID: id,
  HARMONY4_ENGINE_FP: (await fingerprintOf(path)).toUpperCase(),
});

const withCore = (path: string): Environment => ({ HARMONY4_CORE_PATH: path });

let [ramp, movie] = ['', ''];
beforeAll(async () => {
  ramp = await folder.write(
    'ramp.bin',
    Uint8Array.from({ length: 300_000 }, (_, i) => i >> 4),
  );
  movie = await folder.write('clip.mp4', mp4(100_000));
});

const exported = (input: string, out: string, env: Environment, ...more: readonly string[]): Promise<Outcome> =>
  cli(['export', input, '-o', folder.path(out), '--force', ...more], { env });

const extracted = (file: string, env: Environment, ...more: readonly string[]): Promise<Outcome> =>
  cli(['extract', folder.path(file), '-o', folder.path('back'), '--force', ...more], { env });

describe('export with a core', () => {
  test.each([
    ['anything', () => ramp],
    ['media, which would be stored otherwise', () => movie],
  ])('writes %s with the core by default, and extract gives it back', async (_name, input) => {
    const made = await exported(input(), 'made.h4mk', withCore(WASM), '--json');
    expect(jsonOf(made.stdout)).toMatchObject({ engine: 'core', engine_id: ID });
    const { code } = await extracted('made.h4mk', withCore(WASM));
    expect([code, (await readFile(folder.path('back'))).equals(await readFile(input()))]).toEqual([0, true]);
  });

  test('names core, fingerprint and level in META, and no path', async () => {
    await exported(ramp, 'sealed.h4mk', await sealed(WASM), '--engine', 'core');
    const { stdout } = await cli(['inspect', folder.path('sealed.h4mk'), '--json']);
    expect(jsonOf(stdout)['compression']).toEqual({
      ...{ engine: 'core', engine_id: ID, fingerprint: await fingerprintOf(WASM), deterministic: true },
      ...{ identity_safe: true, opaque: true, sealed: true, seal_level: 3 },
    });
    expect((await readFile(folder.path('sealed.h4mk'))).includes('geo.wasm')).toBe(false);
  });

  test('says that the core is sealed on stderr, at level 3 only, and not with --json', async () => {
    const line = `🔐 Compression core sealed: ${ID} (fp: ${(await fingerprintOf(WASM)).slice(0, 12)}…)\n`;
    expect((await exported(ramp, 'a.h4mk', await sealed(WASM))).stderr).toBe(line);
    expect((await exported(ramp, 'a.h4mk', withCore(WASM))).stderr).toBe('');
    expect((await exported(ramp, 'a.h4mk', await sealed(WASM), '--json')).stderr).toBe('');
    expect((await exported(ramp, 'a.h4mk', await sealed(WASM), '--engine', 'stored')).stderr).toBe('');
  });

  test('--engine core without a core says which variable is missing', async () => {
    const { code, stderr } = await exported(ramp, 'none.h4mk', {}, '--engine', 'core');
    expect([code, stderr]).toEqual([4, expect.stringContaining('set HARMONY4_CORE_PATH')]);
  });

  test('the same input gives the same bytes', async () => {
    await exported(ramp, 'one.h4mk', withCore(WASM));
    await exported(ramp, 'two.h4mk', withCore(WASM));
    expect((await readFile(folder.path('one.h4mk'))).equals(await readFile(folder.path('two.h4mk')))).toBe(true);
  });

  test('upgrade writes with the core if that is asked for', async () => {
    const old = await folder.write('old.h4mk', legacyFile);
    const argv = ['upgrade', old, '-o', folder.path('new.h4mk'), '--json', '--force'];
    expect(jsonOf((await cli([...argv, '--engine', 'core'], { env: withCore(WASM) })).stdout)).toMatchObject({
      engine_id: ID,
      read_back: true,
    });
    expect(jsonOf((await cli(argv, { env: withCore('/none.so') })).stdout)).toMatchObject({ engine: 'reference' });
    expect((await cli([...argv, '--engine', 'core'], { env: {} })).code).toBe(4);
  });
});

describe('a core that is refused', () => {
  const refusals = async (): Promise<readonly (readonly [Environment, number, string])[]> => [
    [withCore(folder.path('missing.so')), 4, `Compression core not found: ${folder.path('missing.so')}`],
    [{ ...(await sealed(WASM)), HARMONY4_ENGINE_FP: '0'.repeat(64) }, 1, 'COMPRESSION CORE ALTERED'],
    [{ ...(await sealed(WASM)), HARMONY4_ENGINE_ID: 'other' }, 1, 'COMPRESSION CORE MISMATCH'],
    [{ ...(await sealed(WASM)), HARMONY4_ENGINE_FP: 'abc' }, 2, 'H4_CORE_PIN'],
    [{ HARMONY4_ENGINE_ID: ID }, 2, 'H4_CORE_PIN'],
    [{ ...withCore(WASM), HARMONY4_CORE_VERIFY: 'maybe' }, 2, 'HARMONY4_CORE_VERIFY'],
  ];

  test('ends every command that would write or decode with it, and nothing is written', async () => {
    await exported(ramp, 'made.h4mk', withCore(WASM));
    for (const [env, exit, text] of await refusals()) {
      for (const argv of [
        ['export', ramp, '-o', folder.path('never')],
        ['export', ramp, '-o', folder.path('never'), '--engine', 'core'],
        ['export', '-', '-o', folder.path('never'), '--live'],
        ['extract', folder.path('made.h4mk'), '-o', folder.path('never')],
        ['engine', 'info'],
        ['engine', 'list'],
        ['engine', 'attest'],
      ]) {
        const { code, stderr } = await cli(argv, { env, utcMicros: () => 1_700_000_000_000_000 });
        expect([argv, code, stderr]).toEqual([argv, exit, expect.stringContaining(text)]);
      }
      await expect(stat(folder.path('never'))).rejects.toThrow('ENOENT');
    }
  });

  test('is no concern of commands that need none', async () => {
    const stored = folder.path('stored.h4mk');
    await cli(['export', ramp, '-o', stored, '--engine', 'stored', '--force']);
    await cli(['export', ramp, '-o', folder.path('reference.h4mk'), '--engine', 'reference', '--force']);
    await exported(ramp, 'made.h4mk', withCore(WASM));
    for (const [env] of await refusals()) {
      for (const argv of [
        ['verify', folder.path('made.h4mk')],
        ['inspect', folder.path('made.h4mk')],
        ['seek', folder.path('made.h4mk'), '0'],
        ['recover', folder.path('made.h4mk'), '-o', folder.path('recovered.h4mk'), '--force'],
        ['extract', stored, '-o', folder.path('back'), '--force'],
        ['extract', folder.path('reference.h4mk'), '-o', folder.path('back'), '--force'],
        ['export', ramp, '-o', folder.path('again.h4mk'), '--engine', 'reference', '--force'],
      ]) {
        const { code, stderr } = await cli(argv, { env });
        expect([argv, code, stderr]).toEqual([argv, 0, '']);
      }
    }
  });

  test('is replaced by the reference engine only where the operator allows it, with a warning', async () => {
    const env = { ...withCore(folder.path('missing.so')), HARMONY4_CORE_FALLBACK: 'reference' };
    const made = await exported(ramp, 'fallback.h4mk', env);
    expect([made.code, made.stdout]).toEqual([0, expect.stringContaining('reference (h4ref-geo-v1)')]);
    expect(made.stderr).toContain('warning: H4_CORE_SETUP: The compression core is missing');
    expect((await exported(movie, 'fallback.h4mk', env)).stdout).toContain('stored (stored-v1)');
    const explicit = await exported(ramp, 'fallback.h4mk', env, '--engine', 'core');
    expect(explicit.code).toBe(4);
  });
});

describeCompiled('a core that others may write to', () => {
  test('is used, with a warning that names no path', async () => {
    const core = await folder.write('open.so', await readFile(buildCore('geo.so')));
    await (await import('node:fs/promises')).chmod(core, 0o666);
    const made = await exported(ramp, 'open.h4mk', withCore(core));
    expect([made.code, made.stderr]).toEqual([0, expect.stringContaining('H4_CORE_SETUP')]);
    expect(made.stderr).not.toContain(core);
  });
});

describeCompiled('a core that computes wrongly', () => {
  test('is found out before anything is written', async () => {
    const made = await exported(ramp, 'wrong.h4mk', withCore(compileHostile('flips')), '--engine', 'core');
    expect([made.code, made.stderr]).toEqual([1, expect.stringContaining('H4_ENGINE_BAD_OUTPUT')]);
    await expect(stat(folder.path('wrong.h4mk'))).rejects.toThrow('ENOENT');
  });
});

describe('extract of a recording made by a core', () => {
  beforeAll(async () => {
    await exported(ramp, 'core.h4mk', withCore(WASM));
  });

  test('without that core names it, and says what to set', async () => {
    const { code, stderr } = await extracted('core.h4mk', {});
    expect(code).toBe(1);
    expect(stderr).toContain(`made by the core "${ID}" (fingerprint "${await fingerprintOf(WASM)}")`);
    expect(stderr).toContain('Set HARMONY4_CORE_PATH to the core');
    expect(stderr).toContain('HARMONY4_ENGINE_EQUIVALENTS');
  });

  test('by the very core says nothing of equivalents', async () => {
    const { stdout, stderr } = await extracted('core.h4mk', withCore(WASM), '--json');
    expect([jsonOf(stdout)['decoded_by'], stderr]).toEqual([undefined, '']);
  });

  describeCompiled('by an equivalent build', () => {
    const equivalent = async (): Promise<Environment> => {
      const [so, wasm] = [await fingerprintOf(buildCore('geo.so')), await fingerprintOf(WASM)];
      const list = await folder.write('equivalents.txt', `# two builds\n${ID} ${so} = ${ID} ${wasm}\n`);
      return { ...withCore(buildCore('geo.so')), HARMONY4_ENGINE_EQUIVALENTS: list };
    };

    test('is refused unless the operator has listed it', async () => {
      expect((await extracted('core.h4mk', withCore(buildCore('geo.so')))).stderr).toContain('H4_ENGINE_UNKNOWN');
    });

    test('gives the bytes back and says which build it was', async () => {
      const env = await equivalent();
      const { code, stdout, stderr } = await extracted('core.h4mk', env, '--json');
      const decoded_by = { engine_id: ID, fingerprint: await fingerprintOf(buildCore('geo.so')) };
      expect([code, jsonOf(stdout)]).toEqual([0, expect.objectContaining({ decoded_by, matches_source: true })]);
      expect(jsonOf(stderr)).toMatchObject({ code: 'H4_ENGINE_EQUIVALENT' });
      const text = await extracted('core.h4mk', env);
      expect(text.stdout).toContain(`decoded by   ${ID} (${decoded_by.fingerprint})`);
      expect(text.stderr).toContain('warning: H4_ENGINE_EQUIVALENT: made by the core');
    });

    test('does not go on with a live recording of the other', async () => {
      const live = folder.path('live.h4mk');
      await cli(['export', ramp, '-o', live, '--live', '--force'], { env: withCore(WASM) });
      const whole = await readFile(live);
      const cut = whole.subarray(0, whole.lastIndexOf('TOKN') + 20);
      await writeFile(live, cut);
      const again = await cli(['export', ramp, '-o', live, '--live', '--resume'], { env: await equivalent() });
      expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('Cannot go on: the recording was begun')]);
      expect((await readFile(live)).equals(cut)).toBe(true);
    });
  });
});

describe('export --live with a core', () => {
  test('records with it, and goes on with it', async () => {
    const live = folder.path('going-on.h4mk');
    const first = await cli(['export', ramp, '-o', live, '--live', '--json'], { env: withCore(WASM) });
    expect(jsonOf(first.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ event: 'closed', engine_id: ID });
    const whole = await readFile(live);
    await writeFile(live, whole.subarray(0, whole.lastIndexOf('TOKN') + 20));
    const unknown = await cli(['export', ramp, '-o', live, '--live', '--resume'], { env: {} });
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('H4_ENGINE_UNKNOWN')]);
    const second = await cli(['export', ramp, '-o', live, '--live', '--resume'], { env: withCore(WASM) });
    expect([second.code, second.stdout]).toEqual([0, expect.stringContaining(`core (${ID})`)]);
    expect((await extracted('going-on.h4mk', withCore(WASM))).code).toBe(0);
    expect((await stat(folder.path('back'))).size).toBe(600_000);
  });
});

test('noise that no engine shrinks goes through a core, too', async () => {
  const input = await folder.write('noise.bin', noise(200_000));
  await exported(input, 'noise.h4mk', withCore(WASM), '--block-size', '64KiB');
  expect((await extracted('noise.h4mk', withCore(WASM))).code).toBe(0);
  expect((await readFile(folder.path('back'))).equals(await readFile(input))).toBe(true);
});
