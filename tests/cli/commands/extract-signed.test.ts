/** extract --key and --policy: only what is proven to be signed by whom one believes. */
import { access, readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { cli, jsonOf } from '../support/harness.js';
import { TEN_BLOCKS, flipped, noise, offsetsOf, recording, temporaryFolder } from '../support/files.js';
import { CAMERA, SECOND, WITNESS, signedRecording } from '../support/signed.js';
import { whole as legacyFile } from '../../support/legacy.js';

const folder = temporaryFolder();
const KEY = ['--key', CAMERA.verificationKey];
const bytesOf = (from: number, to: number): Buffer =>
  Buffer.concat(TEN_BLOCKS.slice(from, to).map(({ bytes }) => bytes));
const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
let [signed, pending] = ['', ''];

beforeAll(async () => {
  signed = await folder.write('signed.h4mk', await signedRecording({ keys: [CAMERA] }));
  const blocks = [...TEN_BLOCKS, { pts: 400_000, duration: 40_000, bytes: noise(50) }];
  // Signed after eight blocks, and an index without a signature after ten.
  const open = await signedRecording({ keys: [CAMERA], blocks, pointAfter: 8, isOpen: true });
  pending = await folder.write('pending.h4mk', open);
});

const extracted = (file: string, ...flags: string[]) => cli(['extract', file, '-o', '-', ...flags]);

/** The exit code and what is said, where OUT must not appear. */
const refused = async (file: string, ...flags: string[]) => {
  const out = folder.path('refused.bin');
  const { code, stderr } = await cli(['extract', file, '-o', out, ...flags]);
  expect([await exists(out), await exists(`${out}.part`)]).toEqual([false, false]);
  return { code, stderr };
};

describe('extract --key', () => {
  test('gives what is signed, and says by whom', async () => {
    const out = folder.path('out.bin');
    const { code, stdout, stderr } = await cli(['extract', signed, '-o', out, '--force', ...KEY]);
    expect([code, stderr]).toEqual([0, '']);
    expect((await readFile(out)).equals(bytesOf(0, 10))).toBe(true);
    expect(stdout).toContain('track        0, all of it\n');
    expect(stdout).toContain('checked      every block matches its record, and is proven\n');
    expect(stdout).toContain('signed by    example.com/gate\n');
    const json = await cli(['extract', signed, '-o', out, '--force', '--json', ...KEY]);
    expect(jsonOf(json.stdout)).toMatchObject({ whole: true, bytes: 1000, signed_by: ['example.com/gate'] });
    const unasked = await cli(['extract', signed, '-o', out, '--force']);
    expect(unasked.stdout).toContain('signature    not checked: no key given\n');
  });

  test.each([
    [['--from', '-5ms'], 0, 10],
    [['--from', '170ms'], 4, 10],
    [['--from', '399999'], 8, 10],
    [['--to', '200001'], 0, 6],
    [['--from', '0.2s', '--to', '0.321s'], 4, 9],
  ])('%j gives blocks [%d, %d)', async (flags, from, to) => {
    const { code, bytes } = await extracted(signed, ...flags, ...KEY);
    expect([code, bytes.equals(bytesOf(from, to))]).toEqual([0, true]);
  });

  test.each([[['--from', '400ms']], [['--from', '9s', '--to', '10s']], [['--to', '0']]])(
    '%j shows nothing, and is refused',
    async (flags) => {
      const { code, stderr } = await refused(signed, ...flags, ...KEY);
      expect([code, stderr]).toEqual([2, expect.stringContaining('it goes from 0:00:00.000 to 0:00:00.400')]);
    },
  );

  test('refuses a recording that nobody believable has signed, and a legacy file', async () => {
    const stranger = await refused(signed, '--key', SECOND.verificationKey);
    expect([stranger.code, stranger.stderr]).toEqual([1, expect.stringContaining('H4_SIGN_UNTRUSTED')]);
    const plain = await folder.write('plain.h4mk', await recording(TEN_BLOCKS, {}, {}));
    const nobody = await refused(plain, ...KEY);
    expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining('H4_SIGN_MISSING')]);
    const old = await refused(await folder.write('old.h4mk', legacyFile), ...KEY);
    expect([old.code, old.stderr]).toEqual([1, expect.stringContaining('H4_SIGN_MISSING')]);
    expect(old.stderr).toContain('is a legacy file: nothing in it can be signed');
  });

  test('takes a policy, and what it demands', async () => {
    const keys = [{ vkey: CAMERA.verificationKey }];
    const policy = (name: string, json: object) => folder.write(name, JSON.stringify({ v: 1, keys, ...json }));
    expect((await extracted(signed, '--policy', await policy('p.json', {}))).bytes.equals(bytesOf(0, 10))).toBe(true);
    const witnesses = { witnesses: [WITNESS.verificationKey], quorum: 1 };
    const seen = await refused(signed, '--policy', await policy('w.json', witnesses));
    expect([seen.code, seen.stderr]).toEqual([1, expect.stringContaining('H4_SIGN_QUORUM')]);
    expect((await refused(signed, ...KEY, '--policy', folder.path('p.json'))).code).toBe(2);
  });

  test('gives the whole only if the source that the signed end record names is what was extracted', async () => {
    const input = await folder.write('clip.bin', noise(100_000));
    await cli(['keygen', '--name', 'example.com/own', '-o', folder.path('own.key')]);
    const out = folder.path('own.h4mk');
    await cli(['export', input, '-o', out, '--signer', folder.path('own.key'), '--engine', 'stored']);
    const json = ['-o', folder.path('own.bin'), '--force', '--json', '--key', folder.path('own.key.pub')];
    expect(jsonOf((await cli(['extract', out, ...json])).stdout)).toMatchObject({ matches_source: true, whole: true });
    expect((await readFile(folder.path('own.bin'))).equals(noise(100_000))).toBe(true);
  });

  test('leaves out what came after the signature, and exits 3', async () => {
    const { code, bytes, stderr } = await extracted(pending, ...KEY);
    expect([code, bytes.equals(bytesOf(0, 8))]).toEqual([3, true]);
    expect(stderr).toContain(
      'warning: H4_SIGN_MISSING: 3 records after the newest signature that you believe left out: nobody you believe has signed that much yet\n',
    );
    expect((await extracted(pending)).bytes.length).toBe(1050);
    // A later keyframe that is signed shows that nothing of the time is missing.
    expect((await extracted(pending, '--to', '160ms', ...KEY)).code).toBe(0);
    expect((await extracted(pending, '--to', '300ms', ...KEY)).code).toBe(3);
    const late = await refused(pending, '--from', '350ms', ...KEY);
    expect([late.code, late.stderr]).toEqual([2, expect.stringContaining('to 0:00:00.320')]);
  });

  test('says where a recording without an end is signed to its last record', async () => {
    const open = await signedRecording({ keys: [CAMERA], pointAfter: 10, isOpen: true });
    const { code, stderr, bytes } = await extracted(await folder.write('open.h4mk', open), ...KEY);
    expect([code, bytes.equals(bytesOf(0, 10))]).toEqual([3, true]);
    expect(stderr).toContain('warning: H4_TAIL_MISSING: The recording has no end');
  });

  test('refuses content, entries and an index that are not those of the signature', async () => {
    const bytes = await readFile(signed);
    const [, , , entry = 0] = offsetsOf(bytes, 'TOKN');
    const [, , third = 0] = offsetsOf(bytes, 'CORE');
    for (const position of [third + 20, entry + 12 + 30]) {
      const { code } = await refused(await folder.write('changed.h4mk', flipped(bytes, position)), ...KEY);
      expect(code).toBe(1);
    }
  });

  test('an empty track that is signed is an empty file', async () => {
    const file = await folder.write('empty.h4mk', await signedRecording({ keys: [CAMERA], blocks: [] }));
    expect(await extracted(file, ...KEY)).toMatchObject({ code: 0, stdout: '' });
  });
});

describe('extract --key from a clip', () => {
  const clip = async (source: string, name: string, ...flags: string[]): Promise<string> => {
    const out = folder.path(name);
    await cli(['clip', source, '-o', out, '--force', ...flags]);
    return out;
  };

  test('gives what a signature proves, and says by whom', async () => {
    const piece = await clip(signed, 'piece.h4mk', '--from', '0.16s', '--to', '0.3s');
    const out = folder.path('piece.bin');
    const { code, stdout } = await cli(['extract', piece, '-o', out, '--force', ...KEY]);
    expect([code, (await readFile(out)).equals(bytesOf(4, 8))]).toEqual([3, true]);
    expect(stdout).toContain('signed by    example.com/gate\n');
  });

  test('refuses one that nobody believable has signed', async () => {
    const piece = await clip(signed, 'strange.h4mk', '--from', '0.16s', '--to', '0.3s');
    const stranger = await refused(piece, '--key', SECOND.verificationKey);
    expect([stranger.code, stranger.stderr]).toEqual([1, expect.stringContaining('H4_SIGN_UNTRUSTED')]);
    const plain = await folder.write('plain.h4mk', await recording(TEN_BLOCKS, {}, {}));
    const nobody = await refused(await clip(plain, 'nobody.h4mk', '--from', '0'), ...KEY);
    expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining('H4_SIGN_MISSING')]);
  });
});
