/** What `verify` says of recordings with which something is the matter that is not the fault of the file, or not all of it. */
import { chmod, readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { statementKey } from '../../../src/utils/signing-key.js';
import { SIGNER, pictures, signedRecording } from '../../support/clips.js';
import { mediaRecord } from '../../support/container.js';
import { statementBy } from '../../support/signed.js';
import { recordsOf } from '../../support/slices.js';
import { temporaryFolder } from '../support/files.js';
import { cli, jsonOf } from '../support/harness.js';
import { textOf, parseMarkup } from '../support/markup.js';
import { redactRecording } from '../../../src/container/redact/redact.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';

const folder = temporaryFolder();
const KEYS = ['--key', SIGNER.verificationKey, '--key', statementKey(SIGNER).verificationKey];

const told = async (
  ...argv: readonly string[]
): Promise<{ code: number; text: string; page: string; json: object }> => {
  const page = folder.path('page.html');
  const { code, stdout } = await cli(['verify', '--report', page, '--force', ...argv]);
  const json = jsonOf((await cli(['verify', '--json', ...argv])).stdout);
  return { code, text: stdout, page: textOf(parseMarkup(await readFile(page, 'utf8'))), json };
};

test('a removal that nobody has signed is named, though a statement explains others', async () => {
  const recording = await signedRecording(pictures(10));
  const { fileId } = recordsOf(recording);
  const statement = statementBy(SIGNER, { fileId, predicate: { seq: [3, 4], reason: 'privacy' } });
  const once = createMemorySink();
  const isIn = (...wanted: readonly number[]) => ({ isRemoved: ({ seq }: { seq: number }) => wanted.includes(seq) });
  await redactRecording(createMemorySource(recording), once, { ...isIn(3, 4), statement });
  const first = await folder.write('red.h4mk', once.bytes().slice());
  const again = folder.path('red-again.h4mk');
  expect((await cli(['redact', first, '--records', '9', '-o', again])).code).toBe(0);
  const { code, text, page, json } = await told(...KEYS, again);
  const nobody = '1 record (9, 0:00:00.000160-0:00:00.000200) removed, and nobody you believe says why';
  const somebody = '2 records (3-4, 0:00:00.000040-0:00:00.000080) removed, as example.com/cam7/statements states';
  expect(code).toBe(3);
  for (const output of [text, page]) {
    expect(output.replaceAll(/\s+/g, ' ')).toContain(nobody);
    expect(output.replaceAll(/\s+/g, ' ')).toContain(somebody);
  }
  expect(text).toContain('OK_WITH_REDACTIONS: complete and signed, with redacted records 3-4; 9');
  expect(page).not.toContain('states that it was removed, and why.');
  expect(json).toMatchObject({ unexplained: [9], unexplained_count: 1 });
  const many = await cli(['verify', ...KEYS, first, again]);
  expect(many.stdout.replaceAll(/\s+/g, ' ')).toContain(nobody);
});

test('a stretch in which nothing was recorded is told of a complete recording', async () => {
  const shown = (pts: number) =>
    mediaRecord({
      pts,
      key: true,
      payload: Uint8Array.of(1),
      tokens: [{ delta: 0, duration: 850_000, key: true, size: 1 }],
    });
  const file = await folder.write('gap.h4mk', await signedRecording([shown(2_000_000), shown(7_880_000)]));
  const { code, text, page, json } = await told(...KEYS, file);
  const gap = 'no content of track 0 from 0:00:02.850 to 0:00:07.880: none was recorded, or its times were set so';
  expect([code, text.includes(gap), page.includes(gap)]).toEqual([0, true, true]);
  expect(text).toMatch(/^OK: complete and signed .*, 1 stretch without content\)/);
  expect(page).toContain('Complete means without a missing record up to the signed end.');
  expect(json).toMatchObject({
    state: 'OK',
    gap_count: 1,
    gaps: [{ track: 0, from_pts: 2_850_000, to_pts: 7_880_000 }],
  });
  const followed = await cli(['verify', '--follow', ...KEYS, file]);
  expect([followed.code, followed.stdout.includes(gap)]).toEqual([0, true]);
});

describe('a signature by a key that is believed', () => {
  const policy = (name: string, fields: object): Promise<string> =>
    folder.write(name, JSON.stringify({ v: 1, keys: [{ vkey: SIGNER.verificationKey }], ...fields }));

  test('and that is not in force is told from that of a stranger', async () => {
    const file = await folder.write('signed.h4mk', await signedRecording(pictures(2)));
    const expired = { keys: [{ vkey: SIGNER.verificationKey, not_after: '2020-01-01T00:00:00Z' }] };
    const { code, text, page, json } = await told('--policy', await policy('expired.json', expired), file);
    const why =
      'example.com/cam7 signed it, but its key was valid until 2020-01-01 00:00:00 UTC, and no witness says that it was signed before';
    expect(code).toBe(1);
    expect(text.split('\n')[0]).toBe(
      `SIGNED BY A KEY THAT IS NOT IN FORCE, NOTHING PROVEN: ${why} (H4_SIGN_UNTRUSTED)`,
    );
    expect(text).not.toContain('Check that you have the right public key');
    expect(text).toContain('but not at that time');
    expect(page).toContain(why);
    expect(json).toMatchObject({
      state: 'SIGNED_UNTRUSTED_KEY',
      signatures: [{ ignored: [{ name: 'example.com/cam7', why: 'expired', at: 1_577_836_800, seen: null }] }],
    });
  });
});

test('a content key that does not fit is accused, and not the file', async () => {
  const [own, other] = ['own.key', 'other.key'].map((name) => folder.path(name));
  for (const [i, name] of ['own.key', 'other.key'].entries()) {
    await folder.write(name, new Uint8Array(32).fill(i + 1));
    await chmod(folder.path(name), 0o600);
  }
  const [seed, pub] = [folder.path('cam.key'), folder.path('cam.key.pub')];
  expect((await cli(['keygen', '--name', 'example.com/cam7', '-o', seed])).code).toBe(0);
  const input = await folder.write('content.bin', new Uint8Array(1000).fill(7));
  const file = folder.path('enc.h4mk');
  const made = await cli(['export', input, '-o', file, '--encrypt', '--key-file', own ?? '', '--signer', seed]);
  expect([made.stderr, made.code]).toEqual(['', 0]);
  const { code, text, page, json } = await told('--key', pub, '--key-file', other ?? '', file);
  expect(code).toBe(1);
  expect(text.split('\n')[0]).toBe(
    'THE CONTENT KEY DOES NOT FIT (H4_KEY_WRONG); the signature of example.com/cam7 is good',
  );
  expect(text).not.toContain('a rule of the format is broken');
  expect(page).toContain('Undamaged, but the content key that was given does not fit.');
  expect(page).not.toContain('must not be relied on');
  expect(json).toMatchObject({ state: 'NOT_OK', exit_code: 1, error_count: 1 });
  const records = await cli(['verify', '--records', '--key', pub, '--key-file', other ?? '', file]);
  expect(records.stdout).not.toContain('tampered');
});
