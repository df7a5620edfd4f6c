import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { Interruption } from '../../../src/cli/exit.js';
import { toHex } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { createSigningKey, formatSigningKey } from '../../../src/utils/signing-key.js';
import { ask } from '../../api/service.js';
import { checkedInWasm } from '../../support/cores.js';
import { temporaryFolder } from '../support/files.js';
import { cli, jsonLines, jsonOf } from '../support/harness.js';
import { Writable } from 'node:stream';

const folder = temporaryFolder();
const INLINE = { HARMONY4_CORE_ISOLATION: 'inline' };

/** Keeps what is written, and tells of the first whole line. */
function firstLine(): { readonly stream: Writable; readonly line: Promise<string> } {
  let text = '';
  let tell: (line: string) => void = () => undefined;
  const line = new Promise<string>((resolve) => (tell = resolve));
  const stream = new Writable({
    write(piece: Buffer, _encoding, done) {
      text += piece.toString();
      if (text.includes('\n')) tell(text.slice(0, text.indexOf('\n')));
      done();
    },
  });
  return { stream, line };
}

describe('serve --check', () => {
  test('seals what is configured, and ends without listening', async () => {
    const { code, stdout, stderr } = await cli(['serve', '--check']);
    expect(code).toBe(0);
    expect(stdout).toBe('the service can start\n  engine       reference (h4ref-geo-v1)\n  seal level   0 of 3\n');
    expect(stderr).toContain('no core is loaded');
    expect(stderr).not.toContain('Listening');
  });

  test('says the same as JSON, of a sealed core', async () => {
    const path = checkedInWasm();
    const fingerprint = toHex(sha256(await readFile(path)));
    const pins = { HARMONY4_ENGINE_ID: 'h4geo-v1', HARMONY4_ENGINE_FP: fingerprint };
    const env = { ...INLINE, ...pins, HARMONY4_CORE_PATH: path };
    const { code, stdout, stderr } = await cli(['serve', '--check', '--json'], { env });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(jsonOf(stdout)).toEqual({
      event: 'checked',
      engine_id: 'h4geo-v1',
      fingerprint,
      sealed: true,
      seal_level: 3,
    });
    expect(stderr).toContain(`🔐 Compression core sealed: h4geo-v1 (fp: ${fingerprint.slice(0, 12)}…)`);
    const one = await cli(['serve', '--check'], {
      env: { ...INLINE, HARMONY4_CORE_PATH: path, HARMONY4_ENGINE_FP: fingerprint },
    });
    expect(one.stdout).toContain('2 of 3');
  });

  test.each([
    ['nothing', 1],
    ['only the id', 2],
    ['only the fingerprint', 2],
  ])(
    'says that a core is not sealed when %s is pinned, in words that no search for a seal finds',
    async (what, level) => {
      const path = checkedInWasm();
      const fingerprint = toHex(sha256(await readFile(path)));
      const pins: Record<string, string> = {
        ...(what === 'only the id' ? { HARMONY4_ENGINE_ID: 'h4geo-v1' } : {}),
        ...(what === 'only the fingerprint' ? { HARMONY4_ENGINE_FP: fingerprint } : {}),
      };
      const { code, stdout, stderr } = await cli(['serve', '--check'], {
        env: { ...INLINE, ...pins, HARMONY4_CORE_PATH: path },
      });
      expect([code, stdout]).toEqual([0, expect.stringContaining(`${level} of 3`)]);
      const name = `h4geo-v1 (fp: ${fingerprint.slice(0, 12)}…)`;
      expect(stderr).toContain(`Compression core loaded, but not sealed: ${name}: ${what} is pinned`);
      expect(stderr).not.toMatch(/🔐|core sealed/u);
    },
  );

  test('tells a refusal once on a terminal, and where a log is kept in the log as well', async () => {
    const env = { ...INLINE, HARMONY4_CORE_PATH: '/nowhere/core.so' };
    const told = async (tty: readonly 'stderr'[]): Promise<readonly string[]> => {
      const { code, stderr } = await cli(['serve', '--check'], { env, tty, columns: 500 });
      expect(code).toBe(4);
      return stderr.split('\n').filter((line) => line.includes('Compression core not found'));
    };
    expect(await told(['stderr'])).toEqual([expect.stringContaining('H4_CORE_NOT_FOUND')]);
    expect(await told([])).toEqual([expect.stringMatching(/^\{"level":60,/), expect.stringMatching(/^harmony4: H4_/)]);
  });

  test.each([
    [{ HARMONY4_CORE_PATH: '/nowhere/core.so' }, 4, 'Compression core not found: /nowhere/core.so'],
    [{ HARMONY4_CORE_PATH: checkedInWasm(), HARMONY4_ENGINE_ID: 'other' }, 1, '🔐 COMPRESSION CORE MISMATCH'],
    [{ HARMONY4_CORE_PATH: checkedInWasm(), HARMONY4_ENGINE_FP: 'ab'.repeat(32) }, 1, '🔐 COMPRESSION CORE ALTERED'],
    [{ HARMONY4_ENGINE_ID: 'x' }, 2, 'HARMONY4_CORE_PATH'],
    [{ HARMONY4_HOST: '0.0.0.0' }, 2, 'HARMONY4_AUTH=off'],
    [{ HARMONY4_SIGNING_KEY: '/nowhere/key' }, 4, 'signing key'],
  ])('with %j ends with %i and says why', async (env, code, says) => {
    const outcome = await cli(['serve', '--check'], { env: { ...INLINE, ...(env as Record<string, string>) } });
    expect(outcome).toMatchObject({ code, stdout: '' });
    expect(outcome.stderr).toContain(says);
    expect(outcome.stderr).not.toContain('Compare it with another copy');
  });

  test('warns of a signing key that others may read', async () => {
    const key = createSigningKey('service.example.org', new Uint8Array(32).fill(5));
    await writeFile(folder.path('open.key'), formatSigningKey(key), { mode: 0o644 });
    const { code, stderr } = await cli(['serve', '--check'], {
      env: { HARMONY4_SIGNING_KEY: folder.path('open.key') },
    });
    expect(code).toBe(0);
    expect(stderr).toContain('chmod 600');
    expect(stderr).not.toContain('PRIVATE+KEY');
  });
});

describe('serve', () => {
  test('listens where it is told, answers, and ends with 0 when it is stopped', async () => {
    const controller = new AbortController();
    const { stream, line } = firstLine();
    const argv = ['serve', '--host', 'localhost', '--port', '0', '--json'];
    const utcMicros = (): number => 1_770_091_506_789_000;
    const env = { PORT: '1', HARMONY4_HOST: '0.0.0.0' };
    const running = cli(argv, { signal: controller.signal, stdout: stream, utcMicros, env });
    const { url, event } = jsonLines(await line)[0] ?? {};
    expect([event, String(url)]).toEqual(['listening', expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/)]);
    const attested = JSON.parse((await ask(`${String(url)}/compress/attest`)).body.toString()) as Record<
      string,
      unknown
    >;
    expect(attested).toMatchObject({ timestamp_unix: 1_770_091_506 });
    controller.abort(new Interruption('SIGTERM'));
    const { code, stderr } = await running;
    expect(code).toBe(0);
    const messages = jsonLines(stderr).map(({ msg }) => msg);
    expect(messages).toEqual([
      expect.stringContaining('built in'),
      `Listening on ${String(url)}`,
      'request',
      'Stopped',
    ]);
    await expect(ask(`${String(url)}/health`)).rejects.toThrow();
  });

  test('says in words where it listens', async () => {
    const controller = new AbortController();
    const { stream, line } = firstLine();
    const running = cli(['serve', '--port', '0'], { signal: controller.signal, stdout: stream });
    expect(await line).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+$/);
    controller.abort(new Interruption('SIGINT'));
    expect((await running).code).toBe(0);
  });

  test('that is stopped before it listens ends as well', async () => {
    const outcome = await cli(['serve', '--port', '0'], { signal: AbortSignal.abort(new Interruption('SIGINT')) });
    expect(outcome.code).toBe(0);
  });

  test.each(['-1', '65536', 'eighty'])('refuses the port %s', async (port) => {
    const { code, stderr } = await cli(['serve', '--port', port]);
    expect([code, stderr.includes('--port')]).toEqual([2, true]);
  });
});
