import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { startServer } from '../../support/http-server.js';
import { keyOf, signedBy, witnessOf } from '../../support/signed.js';
import { TEN_BLOCKS, recording, temporaryFolder } from '../support/files.js';
import { cli, jsonOf } from '../support/harness.js';

const SIGNER = keyOf(1);
const UID = '0123456789abcdef'.repeat(2);
const folder = temporaryFolder();
let [signed, unsigned, key, stranger, proof] = ['', '', '', '', ''];

beforeAll(async () => {
  const sign = signedBy(SIGNER, [witnessOf(5), 1_700_000_000]);
  signed = await folder.write('signed.h4mk', await recording(TEN_BLOCKS, { uid: UID, shift: 100_000 }, { sign }));
  unsigned = await folder.write('unsigned.h4mk', await recording(TEN_BLOCKS, { uid: UID }, {}));
  key = await folder.write('signer.pub', `${SIGNER.verificationKey}\n`);
  stranger = keyOf(9).verificationKey;
  proof = folder.path('proof.json');
  const made = await cli(['seek', signed, '0.1s', '--prove', '--key', key, '-o', proof]);
  expect([made.code, made.stderr]).toEqual([0, '']);
});

describe('seek --prove', () => {
  test('says what the answer is relative to, and who signed it', async () => {
    const { code, stdout, stderr } = await cli(['seek', signed, '0.1s', '--prove', '--key', SIGNER.verificationKey]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('pts          160000\n');
    expect(stdout).toMatch(/file_offset +\d+\n/);
    expect(stdout).toContain('proven       for 13 records, the whole recording\n');
    expect(stdout).toContain(`signed by    ${SIGNER.name}\n`);
  });

  test('gives the same answer as JSON, and as without a proof', async () => {
    const plain = jsonOf((await cli(['seek', signed, '0.1s', '--json'])).stdout);
    const proven = jsonOf((await cli(['seek', signed, '0.1s', '--json', '--prove', '--key', key])).stdout);
    expect(proven).toMatchObject(plain);
    expect(proven).toMatchObject({
      proven: true,
      complete: true,
      checkpoint: { size: 13, verified: [SIGNER.name], cosigned: [] },
    });
  });

  test('names the witnesses of a policy', async () => {
    const policy = await folder.write(
      'policy.json',
      JSON.stringify({
        v: 1,
        keys: [{ vkey: SIGNER.verificationKey }],
        witnesses: [witnessOf(5).verificationKey],
        quorum: 1,
      }),
    );
    const { code, stdout, stderr } = await cli(['seek', signed, '0.1s', '--prove', '--policy', policy]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`seen by      ${witnessOf(5).name} at 2023-11-14T22:13:20.000Z\n`);
  });

  test('says none, and proves it, where no keyframe is that early', async () => {
    const { code, stdout } = await cli(['seek', signed, '--prove', '--key', key, '--', '-0.2s']);
    expect([code, stdout.split('\n')[0]]).toEqual([0, 'none']);
    expect(stdout).toContain('proven       for 13 records');
  });

  test('is a usage error without a key, and a key one without it', async () => {
    for (const [argv, text] of [
      [['seek', signed, '1s', '--prove'], '--prove'],
      [['seek', proof, '1s', '--check'], '--check'],
      [['seek', signed, '1s', '--key', key], 'without --prove'],
      [['seek', signed, '1s', '--prove', '--check', '--key', key], 'together'],
      [['seek', signed, '1s', '-o', folder.path('x.json')], 'without --prove'],
      [['seek', proof, '1s', '--check', '--key', key, '-o', folder.path('x.json')], 'without --prove'],
    ] as const) {
      const { code, stderr } = await cli(argv);
      expect([argv, code]).toEqual([argv, 2]);
      expect(stderr).toContain(text);
    }
  });

  test('refuses an unsigned recording, and one that somebody else signed', async () => {
    const nobody = await cli(['seek', unsigned, '1s', '--prove', '--key', key]);
    expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining('H4_SIGN_MISSING')]);
    const other = await cli(['seek', signed, '1s', '--prove', '--key', stranger]);
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('H4_SIGN_UNTRUSTED')]);
  });

  test('does not overwrite a proof unless it is told to', async () => {
    const argv = ['seek', signed, '0.1s', '--prove', '--key', key, '-o', proof];
    expect((await cli(argv)).stderr).toContain('H4_EXISTS');
    expect((await cli([...argv, '--force'])).code).toBe(0);
  });

  test('proves what a server says', async () => {
    const server = await startServer(await readFile(signed));
    try {
      const { code, stdout, stderr } = await cli(['seek', server.url, '0.1s', '--prove', '--key', key]);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toContain('pts          160000\n');
    } finally {
      await server.close();
    }
  });
});

describe('seek --check', () => {
  test('says of a proof of another question which one it answers, and accuses no file', async () => {
    const argv = ['seek', '--check', proof, '0.01s', '--key', key];
    const { code, stderr } = await cli(argv);
    expect(code).toBe(1);
    const message =
      'This proof answers another question: it is about time 0:00:00.060 to 0:00:00.220 of track 0, asked was 0:00:00.010 of track 0';
    expect(stderr.replace(/\s+/g, ' ')).toContain(message);
    expect(stderr).not.toContain('not as it was written');
    expect(jsonOf((await cli([...argv, '--json'])).stderr)).toMatchObject({
      code: 'H4_SEEK_NOT_ADJACENT',
      detail: { form: 'proof', track: 0 },
    });
  });

  test('says of what is no proof how to get one, and accuses no file', async () => {
    const { code, stderr } = await cli(['seek', '--check', signed, '0.1s', '--key', key]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('seek FILE PTS --prove -o PROOF')]);
    expect(stderr).not.toContain('not as it was written');
  });

  test('checks a proof without the recording', async () => {
    const { code, stdout, stderr } = await cli(['seek', '--check', proof, '0.1s', '--key', key]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('pts          160000\n');
    expect(stdout).not.toContain('file_offset');
    expect(stdout).toContain('proven       for 13 records, the whole recording\n');
    const json = jsonOf((await cli(['seek', '--check', proof, '0.1s', '--track', '0', '--key', key, '--json'])).stdout);
    expect(json).toMatchObject({ found: true, record: 6, proven: true, complete: true });
  });

  test('refuses the proof of another time, track or signer, and what is no proof', async () => {
    for (const [argv, code] of [
      [['seek', '--check', proof, '0.01s', '--key', key], 'H4_SEEK_NOT_ADJACENT'],
      [['seek', '--check', proof, '0.1s', '--key', stranger], 'H4_SIGN_UNTRUSTED'],
      [['seek', '--check', signed, '0.1s', '--key', key], 'H4_META_JSON'],
    ] as const) {
      const ended = await cli(argv);
      expect([code, ended.code]).toEqual([code, 1]);
      expect(ended.stderr).toContain(code);
    }
    const large = await folder.write('large.json', new Uint8Array(64 * 1024 * 1024 + 1));
    expect((await cli(['seek', '--check', large, '0.1s', '--key', key])).stderr).toContain('H4_LIMIT_META');
  });
});
