import { beforeAll, describe, expect, test } from 'vitest';
import type { CheckRequest } from '../../../src/cli/verify/check-service.js';
import { CheckPool } from '../../../src/cli/verify/check-pool.js';
import type { CheckOptions } from '../../../src/cli/verify/checker.js';
import type { Context } from '../../../src/cli/context.js';
import { readTrust } from '../../../src/cli/trust-options.js';
import { TEN_BLOCKS, noise, recording, temporaryFolder } from '../support/files.js';
import { CAMERA, signedRecording } from '../support/signed.js';

const folder = temporaryFolder();
const module = (name: string): URL => new URL(`children/${name}.js`, import.meta.url);
const OPTIONS: CheckOptions = { allow: new Set(), records: false, hash: false, portrait: false, command: 'harmony4' };
const request = (name: string): CheckRequest => ({ path: folder.path(name), options: OPTIONS });
const ignore = (): void => undefined;
const { signal } = new AbortController();

beforeAll(async () => {
  const whole = await recording(TEN_BLOCKS, {}, {});
  for (const name of ['sound', 'exits', 'throws', 'hangs']) await folder.write(name, whole);
  await folder.write('large', await recording([{ pts: 0, bytes: noise(3_000_000) }], {}, {}));
});

describe('CheckPool', () => {
  test('checks on another thread what it is asked to, one after another or at the same time', async () => {
    const pool = new CheckPool(signal);
    const first = await pool.check(request('sound'), ignore);
    expect(first).toMatchObject({ exitCode: 0, report: { state: 'NOT_SIGNED', records: 13 } });
    const both = await Promise.all([pool.check(request('sound'), ignore), pool.check(request('missing'), ignore)]);
    expect(both[0]).toEqual(first);
    expect(both[1]).toMatchObject({ exitCode: 4, failure: { code: 'H4_IO' } });
    await pool.close();
  });

  test('passes on how far a check is, and all that it was asked for', async () => {
    const pool = new CheckPool(signal);
    const seen: number[] = [];
    const options = { ...OPTIONS, records: true, hash: true, portrait: true };
    const checked = await pool.check({ path: folder.path('large'), options }, (bytes) => seen.push(bytes));
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.at(-1)).toBe(checked?.report.bytes);
    expect(checked?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(checked?.records?.counts.verified).toBe(4);
    expect(checked?.portrait?.cells).toHaveLength(240);
    await pool.close();
  });

  test('gives every thread whom to believe, what was seen, and keys', async () => {
    await folder.write('signed', await signedRecording({ keys: [CAMERA] }));
    const { keys } = (await readTrust({ key: [CAMERA.verificationKey] }, { io: {} } as Context)).trust ?? { keys: [] };
    const seen = [{ origin: 'example.com/other/x', size: 5, root: new Uint8Array(32) }];
    const pool = new CheckPool(signal, undefined, { trust: { keys }, seen, contentKeys: [new Uint8Array(32)] });
    const outcomes = await Promise.all([1, 2].map(() => pool.check(request('signed'), ignore)));
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ exitCode: 0, report: { state: 'OK', proven: true } });
    expect(await pool.check(request('sound'), ignore)).toMatchObject({
      exitCode: 1,
      report: { errors: [{ code: 'H4_SIGN_MISSING' }] },
    });
    await pool.close();
  });

  test('a thread that dies takes only its own check with it', async () => {
    const pool = new CheckPool(signal, module('dying-check-worker'));
    const outcomes = await Promise.all(['exits', 'throws', 'sound'].map((name) => pool.check(request(name), ignore)));
    expect(outcomes.map((outcome) => outcome?.exitCode)).toEqual([70, 70, 0]);
    expect(outcomes[0]?.failure).toMatchObject({
      code: 'H4_INTERNAL',
      message: `Cannot check ${folder.path('exits')}: the thread that checked it ended: exit code 3`,
    });
    expect(outcomes[0]?.failure?.detail).toBeUndefined();
    expect(outcomes[1]?.failure?.message).toContain('failing as it was told to');
    expect(outcomes[1]?.failure?.detail?.['stack']).toContain('dying-check-worker.js');
    expect(await pool.check(request('sound'), ignore)).toMatchObject({ exitCode: 0 });
    await pool.close();
  });

  test('leaves the work to its caller where no thread can be started', async () => {
    for (const entry of [module('no-such-module'), module('stillborn-worker'), new URL('https://example.com/x.js')]) {
      const pool = new CheckPool(signal, entry);
      expect(await pool.check(request('sound'), ignore)).toBeUndefined();
      expect(await pool.check(request('sound'), ignore)).toBeUndefined();
      await pool.close();
    }
  });

  test('ends its threads when the signal is aborted, whatever they do', async () => {
    const controller = new AbortController();
    const pool = new CheckPool(controller.signal, module('dying-check-worker'));
    await pool.check(request('sound'), ignore);
    const endless = pool.check(request('hangs'), ignore);
    controller.abort();
    await expect(endless).rejects.toMatchObject({ code: 'H4_CANCELLED' });
    await expect(pool.check(request('sound'), ignore)).rejects.toMatchObject({ code: 'H4_CANCELLED' });
    await pool.close();
  });
});
