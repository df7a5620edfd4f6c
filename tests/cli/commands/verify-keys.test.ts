/** `verify` with keys and policies, through the command line: on the samples of the specification, and on recordings of our own. */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createRedactionStatement } from '../../../src/container/redact/redaction-statement.js';
import { redactRecording } from '../../../src/container/redact/redact.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { fromHex } from '../../../src/utils/bytes.js';
import { formatSigningKey, statementKey } from '../../../src/utils/signing-key.js';
import { startServer } from '../../support/http-server.js';
import { describeShared } from '../../support/shared.js';
import { TEN_BLOCKS, flipped, noise, offsetsOf, temporaryFolder } from '../support/files.js';
import { type HarnessOptions, cli, jsonLines, jsonOf } from '../support/harness.js';
import {
  CAMERA,
  CURVE,
  OTHER_WITNESS,
  SECOND,
  STATEMENTS,
  WITNESS,
  WITNESS_TIME,
  signedRecording,
} from '../support/signed.js';

const folder = temporaryFolder();
const KEY = ['--key', CAMERA.verificationKey];
const lineOf = (stdout: string): string => stdout.split('\n')[0] ?? '';

interface Verified {
  readonly code: number;
  readonly line: string;
  readonly stdout: string;
  readonly stderr: string;
  /** The codes of the errors in the JSON of the same check. */
  readonly codes: readonly string[];
  readonly report: Readonly<Record<string, unknown>>;
}

/** The check as text, and once more as JSON, which must come to the same. */
async function verified(argv: readonly string[], options: HarnessOptions = {}): Promise<Verified> {
  const { code, stdout, stderr } = await cli(['verify', ...argv], options);
  const json = await cli(['verify', '--json', ...argv], options);
  expect(json.code).toBe(code);
  const report = jsonOf(json.stdout);
  expect(report['exit_code']).toBe(code);
  const codes = (report['errors'] as readonly { code: string }[]).map((error) => error.code);
  return { code, line: lineOf(stdout), stdout, stderr, codes, report };
}

interface Policy {
  readonly [field: string]: unknown;
}
const policyFile = (name: string, fields: Policy): Promise<string> =>
  folder.write(name, JSON.stringify({ v: 1, keys: [{ vkey: CAMERA.verificationKey }], ...fields }));

interface Sample {
  readonly exit: number;
  readonly exit_without_keys: number;
  readonly state: string;
  readonly codes: readonly string[];
  readonly warnings: readonly string[];
  readonly records: number;
  readonly tree_size: number;
  readonly pending: number;
  readonly status: { readonly verified: number; readonly redacted: number; readonly tampered: number };
  readonly signatures?: readonly {
    readonly size: number;
    readonly origin: string;
    readonly verified: readonly string[];
  }[];
}

interface Samples {
  readonly vkey: string;
  readonly witness_vkey: string;
  readonly ikm_hex: string;
  readonly files: Readonly<Record<string, Sample>>;
}

const CAM = 'signed by example.com/cam7';
const NOT_SIGNED = 'NOT SIGNED, NOTHING PROVEN: the structure is sound, and there is no signature (H4_SIGN_MISSING)';
const REDACTED = `OK WITH REDACTIONS: complete and ${CAM}, with the content of 2 records removed (11 of 11 records, root 165d973a…)`;

/** What is said first of every sample, to somebody who believes the camera. */
const FIRST_LINES: Readonly<Record<string, string>> = {
  'minimal.h4mk': NOT_SIGNED,
  'legacy.h4mk': NOT_SIGNED,
  'legacy-masked.h4mk': NOT_SIGNED,
  'signed.h4mk': `OK: complete and ${CAM} (23 of 23 records, root 8418abe5…)`,
  'late.h4mk': `OK: complete and ${CAM} (23 of 23 records, root 8418abe5…)`,
  'private.h4mk': `OK: complete and ${CAM} (11 of 11 records, root 165d973a…)`,
  'tiles.h4mk': `OK: complete and ${CAM} (601 of 601 records, root 33b74030…)`,
  'redacted.h4mk': REDACTED,
  'redacted-compact.h4mk': REDACTED,
  'live.h4mk': `OK SO FAR: ${CAM}, and without an end (11 of 11 records, root 7947fef3…)`,
  'crashed.h4mk': `OK UP TO RECORD 4: ${CAM}; 3 newer not covered by a signature yet (5 of 8 records, root 7ec5253d…, 1 warning)`,
  'slice.h4mk': `OK, A SLICE: every record shown is ${CAM}; nothing is said about the others (33 of 601 records, root 33b74030…)`,
};

describeShared('the samples of the specification, with their keys', (shared) => {
  const samples = JSON.parse(readFileSync(join(shared, 'samples/samples.json'), 'utf8')) as Samples;
  const sample = (name: string): string => join(shared, 'samples', name);
  const names = Object.keys(samples.files).filter((name) => !name.includes('/'));
  let trusting: readonly string[] = [];
  let believing: readonly string[] = [];

  beforeAll(async () => {
    const keyFile = folder.path('content.key');
    await writeFile(keyFile, fromHex(samples.ikm_hex), { mode: 0o600 });
    const policy = await folder.write(
      'samples.json',
      JSON.stringify({ v: 1, keys: [{ vkey: samples.vkey }], witnesses: [samples.witness_vkey] }),
    );
    trusting = ['--policy', policy, '--key-file', keyFile];
    believing = ['--key', samples.vkey, '--key-file', keyFile];
  });

  test('are twelve', () => {
    expect([...names].sort()).toEqual(Object.keys(FIRST_LINES).sort());
  });

  test.each(names)('%s has the documented result', async (name) => {
    const expected = samples.files[name];
    const { code, line, codes, report, stderr } = await verified([...trusting, '--records', sample(name)]);
    expect([code, line, codes, stderr]).toEqual([expected?.exit, FIRST_LINES[name], expected?.codes, '']);
    expect(report).toMatchObject({
      state: expected?.state,
      proven: expected?.state.startsWith('OK'),
      records: expected?.records,
      tree_size: expected?.tree_size ?? 0,
    });
    // The names there have the type of the key and the time behind them.
    const signatures = report['signatures'] as readonly {
      size: number;
      origin: string;
      verified: string[];
      cosigned: { name: string; time: number }[];
    }[];
    expect(
      signatures.map(({ size, origin, verified: keys, cosigned }) => ({
        size,
        origin,
        verified: [...keys.map((key) => `${key}:1`), ...cosigned.map((each) => `${each.name}:4@${each.time}`)],
      })),
    ).toEqual(
      // Of a file of the older form nothing is said of signatures.
      (expected?.signatures ?? []).map(({ size, origin, verified: by }) => ({ size, origin, verified: by })),
    );
    const counts = report['record_counts'] as Sample['status'] & { pending: number };
    if (!name.startsWith('legacy')) {
      const { verified: sound = 0, redacted, tampered } = expected?.status ?? {};
      const pending = expected?.pending ?? 0;
      expect(counts).toEqual({ verified: sound - pending, redacted, tampered, pending });
    }
  });

  test.each(names)('%s is told the same by a key alone, and without one that nothing is proven', async (name) => {
    const withKey = await verified([...believing, sample(name)]);
    expect([withKey.code, withKey.line]).toEqual([samples.files[name]?.exit, FIRST_LINES[name]]);
    const without = await verified([sample(name)]);
    expect(without.code).toBe(samples.files[name]?.exit_without_keys);
    expect(without.line).toMatch(/^STRUCTURE OK.*, NOTHING PROVEN: no key given$/);
    expect(without.report).toMatchObject({ proven: false, signed_size: 0, checkpoint: null });
  });

  test.each(names)('%s arrives through a pipe with the same result', async (name) => {
    const stdin = await readFile(sample(name));
    const { code, stdout } = await cli(['verify', ...trusting, '-'], { stdin });
    expect([code, lineOf(stdout)]).toEqual([samples.files[name]?.exit, FIRST_LINES[name]]);
  });

  test('the broken ones that only keys can tell are found with keys', async () => {
    for (const code of ['H4_KEY_WRONG', 'H4_AEAD_TAG', 'H4_SIGN_BAD']) {
      const found = await verified([...trusting, sample(`broken/${code}.h4mk`)]);
      expect([code, found.code, found.codes.includes(code)]).toEqual([code, 1, true]);
      expect(found.line).toMatch(code === 'H4_KEY_WRONG' ? /^THE CONTENT KEY DOES NOT FIT \(/ : /^NOT OK: /);
    }
  });

  test('every broken one fails with keys as well, with its code', async () => {
    const broken = await readdir(sample('broken'));
    expect(broken.length).toBeGreaterThan(60);
    for (const name of broken) {
      const { code, stdout } = await cli(['verify', ...trusting, '--json', sample(`broken/${name}`)]);
      const { state, errors } = jsonOf(stdout);
      expect([name, code, state]).toEqual([name, 1, 'NOT_OK']);
      expect(errors).toContainEqual(expect.objectContaining({ code: name.replace('.h4mk', '') }));
    }
  });

  test('--allow and the accept of a policy are one', async () => {
    const policy = (accept: readonly string[]): Promise<string> =>
      folder.write('accept.json', JSON.stringify({ v: 1, keys: [{ vkey: samples.vkey }], accept }));
    const files = ['slice.h4mk', 'live.h4mk', 'redacted.h4mk', 'minimal.h4mk'].map(sample);
    const codes = async (...argv: readonly string[]): Promise<readonly number[]> =>
      Promise.all(files.map(async (file) => (await cli(['verify', ...argv, file])).code));
    const slices = await policy(['slice']);
    expect(await codes('--policy', slices)).toEqual([0, 3, 3, 1]);
    expect(await codes('--policy', slices, '--allow', 'prefix,redacted')).toEqual([0, 0, 0, 1]);
    expect(await codes('--key', samples.vkey, '--allow', 'slice,prefix,pending,redacted')).toEqual([0, 0, 0, 1]);
  });

  test('all of them at once, on several threads, and as a folder', async () => {
    for (const argv of [names.map(sample), ['--recursive', sample('.')]]) {
      const { code, stdout } = await cli(['verify', ...trusting, '--jobs', '2', ...argv]);
      expect(code).toBe(1);
      for (const [name, line] of Object.entries(FIRST_LINES)) {
        expect(stdout.split('\n').filter((each) => each === `${sample(name)}: ${line}`)).toHaveLength(1);
      }
    }
    const { stdout } = await cli(['verify', ...trusting, '--jobs', '2', ...names.map(sample)]);
    expect(stdout).toMatch(/12 files, .*: 4 sound, 5 with loss, 3 untrusted, 0 broken, 0 unreadable; 9 proven by sig/);
    expect(stdout).toContain(`untrusted   ${sample('minimal.h4mk')}: NOT SIGNED`);
  });
});

describe('verify --key', () => {
  test('says who signed what, and in short what that does not prove', async () => {
    const file = await folder.write('signed.h4mk', await signedRecording({ keys: [CAMERA, SECOND], pointAfter: 5 }));
    const { code, stdout, stderr, report } = await verified([...KEY, file]);
    const origin = `example.com/gate/${String(report['file_id'])}`;
    expect([code, stderr]).toEqual([0, '']);
    // Everything is fixed: keys, content and uid. If this changes, so have bytes or words.
    expect(stdout.replace(file, 'FILE').replace(/size .*/, 'size')).toBe(
      [
        `OK: complete and signed by example.com/gate (13 of 13 records, root ${String(report['root']).slice(0, 8)}…)`,
        '  file         FILE',
        '  format       H4MK v1 final',
        '  state        OK: signed and complete, which is without a missing record',
        '  size',
        '  records      13',
        '  checkpoints  2, of which 2 signed by keys that you believe',
        '  signed by    example.com/gate',
        '  signed       all 13 records',
        `  origin       ${origin}`,
        `  root         ${String(report['root'])}`,
        `  file_id      ${String(report['file_id'])}`,
        '',
        '  Not proven: that what it shows happened; when it was recorded; when it was signed (no witness that you believe has seen it).',
        '',
      ].join('\n'),
    );
    expect(report['checkpoint']).toEqual({ origin, size: 13, root: report['root'] });
    expect([report['root'], report['file_id']]).toEqual([
      'b38f751749ac9dedf2efd835f348ef6d13ea848468c1efdb79cd75d62fad703b',
      '64f1c88403403955cc8e1409942a822086c3515eea80547ab7836312254f6366',
    ]);
  });

  test('is one of several, in texts or files, of any type', async () => {
    const curve = await folder.write('curve.h4mk', await signedRecording({ keys: [CURVE] }));
    const keys = await folder.write('gate.pub', `${CAMERA.verificationKey}\n${STATEMENTS.verificationKey}\n`);
    const { line } = await verified(['--key', CURVE.verificationKey, '--key', keys, curve]);
    expect(line).toMatch(/^OK: complete and signed by example\.com\/curve \(13 of 13 records/);
    const { code, line: refused, codes, stdout } = await verified(['--key', keys, curve]);
    expect([code, codes]).toEqual([1, ['H4_SIGN_UNTRUSTED']]);
    expect(refused).toBe(
      'SIGNED BY NO TRUSTED KEY, NOTHING PROVEN: the structure is sound; the signatures are in the name of ' +
        'example.com/curve (H4_SIGN_UNTRUSTED)',
    );
    expect(stdout).toContain('checkpoints  1, of which 0 signed by keys that you believe');
    expect(stdout).toContain('in the name  of example.com/curve; a name proves nothing');
    expect(stdout).toContain(`you believe  example.com/gate+${CAMERA.keyId}`);
    expect(stdout).toContain('Check that you have the right public key of whoever made the recording.');
    expect(stdout).toContain('only a signature, checked with a key you trust, proves where it comes from');
  });

  test('finds a record that was changed and everything computed again', async () => {
    const signed = await signedRecording({ keys: [CAMERA] });
    const blocks = TEN_BLOCKS.map((block, i) => (i === 4 ? { ...block, bytes: noise(100, 99) } : block));
    const forged = await signedRecording({ keys: [CAMERA], blocks });
    // The forger has no key: the notes are those of the true recording.
    const notes = offsetsOf(signed, 'SIGN').map((at) => signed.subarray(at, at + 12 + sizeAt(signed, at)));
    for (const [i, at] of offsetsOf(forged, 'SIGN').entries()) forged.set(notes[i] ?? new Uint8Array(0), at);
    const { code, line, codes } = await verified([...KEY, await folder.write('forged.h4mk', forged)]);
    expect([code, codes.includes('H4_SIGN_ROOT'), line.startsWith('NOT OK')]).toEqual([1, true, true]);
  });

  test('shows with --records what is not covered yet', async () => {
    const file = await folder.write(
      'open.h4mk',
      await signedRecording({ keys: [CAMERA], pointAfter: 5, isOpen: true }),
    );
    const { code, line, stdout, report } = await verified([...KEY, '--records', file]);
    expect(code).toBe(3);
    expect(line).toMatch(
      /^OK UP TO RECORD 6: signed by example\.com\/gate; 5 newer not covered by a signature yet \(7 of 12/,
    );
    expect(stdout).toContain('7 verified, 5 pending');
    expect(stdout).toMatch(/^ {7}7 .* pending *$/m);
    expect(stdout).toContain('signed       the first 7 of 12 records, root ');
    expect(stdout).toContain('the records from 7 on; what comes after it.');
    expect(report).toMatchObject({ signed_size: 7, record_counts: { verified: 7, pending: 5 } });
    const { code: allowed } = await verified([...KEY, '--allow', 'pending,prefix', file]);
    expect(allowed).toBe(0);
  });

  test('tells of what was removed who says why', async () => {
    const signed = await signedRecording({ keys: [CAMERA] });
    const plain = await verified([...KEY, await folder.write('whole.h4mk', signed)]);
    const fileId = fromHex(String(plain.report['file_id']));
    const removed = new Set([3, 5]);
    const redact = async (statement?: Uint8Array): Promise<Uint8Array> => {
      const sink = createMemorySink();
      await redactRecording(createMemorySource(signed), sink, {
        isRemoved: ({ seq }) => removed.has(seq),
        ...(statement === undefined ? {} : { statement }),
      });
      return sink.bytes().slice();
    };
    const reason = 'a neighbour\u202e asked';
    const statement = createRedactionStatement({ fileId, records: [...removed], reason, key: CAMERA });
    const file = await folder.write('redacted.h4mk', await redact(statement));
    const pub = await folder.write('gate.pub', `${CAMERA.verificationKey}\n${STATEMENTS.verificationKey}\n`);
    const { code, line, stdout } = await verified(['--key', pub, file]);
    expect([code, line]).toEqual([3, expect.stringMatching(/^OK WITH REDACTIONS: .* of 2 records removed \(13 of 13/)]);
    expect(stdout).toContain(
      'statement    2 records removed (3, 5), because: a neighbour\\u{202e} asked; signed by example.com/gate/statements\n',
    );
    expect(stdout).toContain('what was in the removed content');
    // The key for checkpoints signs no statements.
    const { stdout: unsaid } = await verified([...KEY, file]);
    expect(unsaid).toContain('asked; not proven who says so: no key for statements was given');
    const stranger = ['--key', CAMERA.verificationKey, '--key', SECOND.verificationKey];
    const others = await folder.write(
      'others.pub',
      `${SECOND.verificationKey}\n${statementKey(SECOND).verificationKey}\n`,
    );
    expect((await verified([...stranger, '--key', others, file])).stdout).toContain(
      'not proven who says so: by no key that you believe',
    );
  });
});

describe('verify --policy', () => {
  const cosigned = (...witnesses: readonly (readonly [typeof WITNESS, number])[]): Promise<Uint8Array> =>
    signedRecording({ keys: [CAMERA, SECOND], witnesses });
  const at = (seconds: number): HarnessOptions => ({ utcMicros: () => seconds * 1_000_000 });

  test('asks for witnesses, and says when they saw it', async () => {
    const file = await folder.write('seen-by-two.h4mk', await cosigned([WITNESS, WITNESS_TIME], [OTHER_WITNESS, 5]));
    const witnesses = [WITNESS.verificationKey, OTHER_WITNESS.verificationKey];
    const two = await policyFile('two.json', { witnesses, quorum: 2 });
    const { code, line, stdout } = await verified(['--policy', two, file]);
    expect([code, line.startsWith('OK: complete and signed by example.com/gate (')]).toEqual([0, true]);
    expect(stdout).toContain('witness      witness.example/a, saw it by 2023-11-14 22:13:20 UTC as it says');
    expect(stdout).toContain('witness      witness.example/b, saw it by 1970-01-01 00:00:05 UTC as it says');
    expect(stdout).toContain('Not proven: that what it shows happened; when it was recorded.');
    const one = await folder.write('seen-by-one.h4mk', await cosigned([WITNESS, WITNESS_TIME]));
    const missed = await verified(['--policy', two, one]);
    expect([missed.code, missed.codes]).toEqual([1, ['H4_SIGN_QUORUM']]);
    expect(missed.line).toBe(
      'TOO FEW WITNESSES, NOTHING PROVEN: it is signed by example.com/gate, but 1 of 2 witnesses has seen it (H4_SIGN_QUORUM)',
    );
    expect(missed.stdout).toContain('Get a copy with the cosignatures of the witnesses');
  });

  test('asks for witnesses who saw it of late, by the clock of the machine', async () => {
    const file = await folder.write('aged.h4mk', await cosigned([WITNESS, WITNESS_TIME]));
    const fields = { witnesses: [WITNESS.verificationKey], quorum: 1, max_age_seconds: 60 };
    const fresh = ['--policy', await policyFile('fresh.json', fields), file];
    expect((await verified(fresh, at(WITNESS_TIME + 60))).code).toBe(0);
    expect((await verified(fresh, at(WITNESS_TIME + 61))).codes).toEqual(['H4_SIGN_QUORUM']);
    expect((await verified(fresh)).codes).toEqual(['H4_SIGN_QUORUM']);
  });

  test('asks for several keys, for keys in force, and for an engine', async () => {
    const file = await folder.write('by-two.h4mk', await signedRecording({ keys: [CAMERA, SECOND] }));
    const alone = await folder.write('by-one.h4mk', await signedRecording({ keys: [CAMERA] }));
    const keys = [{ vkey: CAMERA.verificationKey }, { vkey: SECOND.verificationKey }];
    const both = await policyFile('both.json', { keys, threshold: 2 });
    expect((await verified(['--policy', both, file])).line).toMatch(
      /signed by example\.com\/gate and example\.com\/archive \(/,
    );
    expect((await verified(['--policy', both, alone])).codes).toEqual(['H4_SIGN_UNTRUSTED']);
    const until = await policyFile('until.json', {
      keys: [{ vkey: CAMERA.verificationKey, not_after: '2023-11-14T22:13:20Z' }],
    });
    expect((await verified(['--policy', until, alone], at(WITNESS_TIME))).code).toBe(0);
    expect((await verified(['--policy', until, alone], at(WITNESS_TIME + 1))).codes).toEqual(['H4_SIGN_UNTRUSTED']);
    const engines = [{ engine_id: 'other-v1', fingerprint: 'ab'.repeat(32) }];
    const sealed = await verified(['--policy', await policyFile('sealed.json', { engines }), alone]);
    expect([sealed.code, sealed.codes]).toEqual([1, ['H4_ENGINE_UNTRUSTED']]);
    expect(sealed.line).toMatch(/^NOT TRUSTED: it is signed by example\.com\/gate; .*\(H4_ENGINE_UNTRUSTED\)$/);
    expect(sealed.report).toMatchObject({ state: 'OK' });
  });

  test('is read before a file is opened, and says what to do where it is wrong', async () => {
    const wrong = await folder.write('wrong.json', '{"v":1,"keys":[]}');
    const { code, stdout, stderr } = await cli(['verify', '--policy', wrong, folder.path('no-such-file')]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`H4_POLICY: ${wrong}: Cannot use the policy: keys must list at least one key`);
    expect(stderr).toContain('Nothing was checked. Correct the policy');
    expect(stderr).not.toContain('no-such-file');
  });
});

describe('refusals', () => {
  test.each([
    [['--require-signature'], 2, 'Cannot use --require-signature without a key: say whom you believe'],
    [['--seen', 'SEEN'], 2, 'Cannot use --seen without a key'],
    [['--key', formatSigningKey(CAMERA)], 2, 'it is a signing key'],
    [['--key', WITNESS.verificationKey], 2, 'it is the key of a witness'],
    [['--key', STATEMENTS.verificationKey], 2, 'for statements only'],
    [['--key', 'NONE'], 4, 'Cannot read the keys'],
    [['--key', `x${CAMERA.verificationKey}`], 2, 'H4_VKEY: Cannot use what was given as --key'],
    [[...KEY, '--policy', 'NONE'], 2, 'Cannot use --key and --policy together'],
    [['--policy', 'NONE'], 4, 'Cannot read the policy'],
    [[...KEY, '--key-file', 'NONE'], 4, 'Cannot read the key'],
    [[...KEY, '--key-file', 'SHORT'], 2, 'at least 32 are needed'],
    [[...KEY, '--seen', '-'], 2, 'Cannot write standard output'],
    [[...KEY, '--seen', 'x.h4mk'], 2, 'this is the name of a recording'],
    [[...KEY, '--seen', 'FILE'], 2, 'it is the file that is checked'],
    [[...KEY, '--seen', 'x.json', '--manifest', 'x.json'], 2, 'a document of this check is written there'],
    [[...KEY, '--seen', 'x.html', '--report', 'x.html'], 2, 'a document of this check is written there'],
  ])('%j', async (argv, exit, message) => {
    const places: Readonly<Record<string, string>> = {
      NONE: folder.path('none'),
      SEEN: folder.path('seen.json'),
      SHORT: await folder.write('short', new Uint8Array(31)),
      FILE: await folder.write('checked', await signedRecording({ keys: [CAMERA] })),
    };
    const typed = argv.map((word) => places[word] ?? word);
    const { code, stdout, stderr } = await cli(['verify', ...typed, places['FILE'] ?? '']);
    expect([code, stdout]).toEqual([exit, '']);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('PRIVATE');
  });

  test('--require-signature changes nothing where a key requires one anyway', async () => {
    const file = await folder.write('required.h4mk', await signedRecording({ keys: [CAMERA] }));
    const [plain, required] = [await verified([...KEY, file]), await verified([...KEY, '--require-signature', file])];
    expect(required).toEqual(plain);
  });
});

describe('verify --seen', () => {
  const older = (): Promise<Uint8Array> => signedRecording({ keys: [CAMERA], pointAfter: 5, isOpen: true });
  const other = (): Promise<Uint8Array> =>
    signedRecording({ keys: [CAMERA], blocks: TEN_BLOCKS.map((block) => ({ ...block, bytes: noise(100, 77) })) });

  test('remembers what it has trusted, and fails for an older copy', async () => {
    const seen = folder.path('memory.json');
    const old = await folder.write('old.h4mk', await older());
    const whole = await folder.write('whole.h4mk', await signedRecording({ keys: [CAMERA], pointAfter: 5 }));
    const check = (file: string): Promise<Verified> => verified([...KEY, '--seen', seen, file]);
    expect((await check(old)).code).toBe(3);
    expect(await readFile(seen, 'utf8')).toMatch(
      /^\{"harmony4_seen":1,"checkpoints":\[\n\{"origin":"example\.com\/gate\/[0-9a-f]{64}","size":7,/,
    );
    expect((await check(whole)).code).toBe(0);
    const kept = await readFile(seen, 'utf8');
    expect(kept).toContain('"size":13,');
    const { code, codes, line, stdout } = await check(old);
    expect([code, codes]).toEqual([1, ['H4_ROLLBACK']]);
    expect(line).toBe(
      'OLDER THAN WHAT WAS SEEN BEFORE: it is signed by example.com/gate, but more of it has been seen (H4_ROLLBACK)',
    );
    expect(stdout).toContain('The newest trusted checkpoint has size 7, but one of size 13 was seen before');
    expect(await readFile(seen, 'utf8')).toBe(kept);
    expect((await verified([...KEY, old])).code).toBe(3);
  });

  test('fails for another history of the same size', async () => {
    const seen = folder.path('history.json');
    const [one, two] = [
      await folder.write('one.h4mk', await signedRecording({ keys: [CAMERA] })),
      await folder.write('two.h4mk', await other()),
    ];
    expect((await cli(['verify', ...KEY, '--seen', seen, one])).code).toBe(0);
    const { code, codes, line } = await verified([...KEY, '--seen', seen, two]);
    expect([code, codes]).toEqual([1, ['H4_EQUIVOCATION']]);
    expect(line).toMatch(
      /^CONTRADICTS WHAT WAS SEEN BEFORE: it is signed by example\.com\/gate, and so is something else/,
    );
  });

  test('a clip does not wipe out the memory of another history', async () => {
    const seen = folder.path('laundry.json');
    const one = await folder.write('one.h4mk', await signedRecording({ keys: [CAMERA], pointAfter: 5 }));
    const two = await folder.write('two.h4mk', await other());
    const clip = folder.path('two-clip.h4mk');
    expect((await cli(['clip', two, '--from', '0', '-o', clip, '--force'])).code).toBeLessThan(4);
    const check = (...files: string[]) => verified([...KEY, '--seen', seen, ...files]);
    expect(
      (await cli(['verify', ...KEY, '--seen', seen, await folder.write('old.h4mk', await older())])).code,
    ).toBeLessThan(4);
    await cli(['verify', ...KEY, '--seen', seen, clip]);
    expect((await check(two)).codes).toContain('H4_EQUIVOCATION');
    expect((await check(one)).codes).not.toContain('H4_ROLLBACK');
  });

  test.each([['1'], ['2']])(
    'notices two histories among files that are checked together, %s at a time',
    async (jobs) => {
      const seen = folder.path(`together-${jobs}.json`);
      const files = [
        await folder.write('one.h4mk', await signedRecording({ keys: [CAMERA], pointAfter: 5 })),
        await folder.write('two.h4mk', await other()),
        await folder.write('three.h4mk', await older()),
      ];
      const argv = ['verify', ...KEY, '--seen', seen, '--jobs', jobs, '--json', ...files];
      const { code, stdout } = await cli(argv);
      expect(code).toBe(1);
      const codesOf = (text: string): unknown =>
        jsonLines(text).map(({ errors }) => (errors as { code: string }[]).map((error) => error.code));
      // An older copy beside the newest one is no rollback as long as none of them was seen before.
      expect(codesOf(stdout)).toEqual([[], ['H4_EQUIVOCATION'], []]);
      expect((await readFile(seen, 'utf8')).match(/"size":13/g)).toHaveLength(1);
      expect(codesOf((await cli(argv)).stdout)).toEqual([[], ['H4_EQUIVOCATION'], ['H4_ROLLBACK']]);
    },
  );

  test('remembers nothing of a file that failed', async () => {
    const seen = folder.path('nothing.json');
    const signed = await signedRecording({ keys: [CAMERA] });
    const broken = await folder.write('broken.h4mk', flipped(signed, (offsetsOf(signed, 'CORE')[3] ?? 0) + 20));
    const stranger = await folder.write('stranger.h4mk', await signedRecording({ keys: [SECOND] }));
    expect((await cli(['verify', ...KEY, '--seen', seen, broken, stranger])).code).toBe(1);
    await expect(readFile(seen)).rejects.toThrow('ENOENT');
  });

  test('is refused where it is damaged, and says what to do', async () => {
    const file = await folder.write('fine.h4mk', await signedRecording({ keys: [CAMERA] }));
    const seen = await folder.write('damaged.json', '{"harmony4_seen":1,');
    const { code, stdout, stderr } = await cli(['verify', ...KEY, '--seen', seen, file]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Restore it from a copy; or name another file to begin anew');
    expect(await readFile(seen, 'utf8')).toBe('{"harmony4_seen":1,');
  });
});

describe('verify --key of what is far away', () => {
  test('is the same check', async () => {
    const bytes = await signedRecording({ keys: [CAMERA] });
    const server = await startServer(createMemorySource(bytes));
    try {
      const { code, line, report } = await verified([...KEY, server.url]);
      expect([code, line.startsWith('OK: complete and signed by example.com/gate')]).toEqual([0, true]);
      expect(report).toMatchObject({ proven: true, signed_size: 13 });
    } finally {
      await server.close();
    }
  });
});

test('the help of verify says that keys require a signature, and where a policy stands', async () => {
  const { stdout } = await cli(['verify', '--help']);
  const text = stdout.replace(/\s+/g, ' ');
  expect(text).toContain('with them it changes nothing: they require a signature anyway');
  expect(text).toContain('believe whom this policy names');
  expect(text).toContain('1 broken, or not signed by whom you believe');
});

const sizeAt = (file: Uint8Array, at: number): number =>
  new DataView(file.buffer, file.byteOffset + at + 4, 4).getUint32(0);
