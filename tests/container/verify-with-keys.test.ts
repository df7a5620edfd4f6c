import { describe, expect, test } from 'vitest';
import { storedEngine } from '../../src/compression/api/stored.js';
import { createIterableFeed } from '../../src/container/source/feed.js';
import type { TrustPolicy } from '../../src/container/trust/trust.js';
import {
  type VerificationReport,
  type VerifyOptions,
  verifyContainer,
  verifyStream,
} from '../../src/container/check/verify.js';
import { createCountingSource } from '../../src/storage/counting.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { toHex } from '../../src/utils/bytes.js';
import { sha256 } from '../../src/utils/sha256.js';
import {
  AUDIO,
  type Piece,
  VIDEO,
  chunkOf,
  chunksOf,
  closedRecording,
  interleaved,
  patched,
  rejection,
  resealed,
  withPayload,
} from '../support/container.js';
import { KEY_NAME } from '../support/notes.js';
import { bitInTurn, withOneBitFlipped } from '../support/reports.js';
import {
  type Signatory,
  keyOf,
  signedBy,
  signedNote,
  trusting,
  vkeyOf,
  witnessKeyOf,
  witnessOf,
} from '../support/signed.js';
import { prof, record, recordsOf, run, withTail } from '../support/slices.js';

const tracks = [VIDEO, AUDIO];
const camera = keyOf(1);
const witness = witnessOf(11);
const trust = trusting(camera);

/** 11 records, signed by `by` after every fourth of them and at the close. */
const recordingBy = (...by: readonly Signatory[]): Promise<Uint8Array> =>
  closedRecording(interleaved(9), { tracks, totals: true, sign: signedBy(...by), pointEvery: 4 });

const signed = await recordingBy(camera);
const unsigned = await closedRecording(interleaved(9), { tracks, totals: true });
const { fileId, root, rootAt } = recordsOf(signed);
const ORIGIN = `${KEY_NAME}/${toHex(fileId)}`;

const check = (file: Uint8Array, options: VerifyOptions = { trust }): Promise<VerificationReport> =>
  verifyContainer(createMemorySource(file), options);

const checkPieces = (file: Uint8Array, options: VerifyOptions = { trust }): Promise<VerificationReport> =>
  verifyStream(createIterableFeed(Array.from(file, (byte) => Uint8Array.of(byte))), options);

const codesOf = ({ errors }: VerificationReport): string[] => errors.map(({ code }) => code);

const signPiece = (size: number, ofRoot: Uint8Array, ...by: readonly Signatory[]): Piece => ({
  tag: 'SIGN',
  payload: signedNote({ fileId, size, root: ofRoot }, ...by),
});

/** The file with other chunks behind its last TAIL, and a new TAIL after them. */
const withLate = (file: Uint8Array, ...late: readonly Piece[]): Uint8Array =>
  resealed([...chunksOf(file), ...late, chunkOf(file, 'TAIL', -1)]);

/** The file up to where its `n`-th chunk of this tag ends. */
const cutBehind = (file: Uint8Array, tag: string, n: number): Uint8Array => {
  const { offset, size } = chunkOf(file, tag, n);
  return file.subarray(0, offset + 12 + size);
};

/** The file with the payload of record `seq` redacted in place. */
const redacted = (file: Uint8Array, seq: number): Uint8Array => {
  const chunks = chunksOf(file);
  let tokn = -1;
  const at = chunks.findIndex(({ tag }) => tag === 'TOKN' && ++tokn === seq) + 1;
  return resealed(chunks.map((chunk, i) => (i === at ? { tag: 'VOID', payload: new Uint8Array(chunk.size) } : chunk)));
};

describe('the state of a signed recording', () => {
  test('that is complete is OK, and says what that rests on', async () => {
    expect(await check(signed)).toMatchObject({
      state: 'OK',
      proven: true,
      exit_code: 0,
      signed_size: 11,
      tree_size: 11,
      checkpoint: { origin: ORIGIN, size: 11, root: toHex(root) },
      signatures: [4, 8, 11].map((size) => ({ size, origin: ORIGIN, verified: [KEY_NAME], cosigned: [], ignored: [] })),
      errors: [],
      warnings: [],
    });
  });

  test('that ends at an index point is a prefix', async () => {
    const file = cutBehind(signed, 'TAIL', 1);
    expect(await check(file)).toMatchObject({
      state: 'OK_PREFIX',
      proven: true,
      exit_code: 3,
      records: 8,
      signed_size: 8,
      checkpoint: { size: 8, root: toHex(rootAt(8)) },
      errors: [],
    });
  });

  test('that goes on behind its newest checkpoint has pending records', async () => {
    const file = cutBehind(signed, 'CORE', 8);
    expect(await check(file)).toMatchObject({
      state: 'OK_PENDING',
      proven: true,
      exit_code: 3,
      records: 10,
      signed_size: 8,
      errors: [],
    });
  });

  test('whose close is not signed has pending records, though it has its end', async () => {
    const sign = (checkpoint: { readonly size: number; readonly root: Uint8Array; readonly fileId: Uint8Array }) =>
      checkpoint.size === 11 ? undefined : signedNote(checkpoint, camera);
    const file = await closedRecording(interleaved(9), { tracks, sign, pointEvery: 4 });
    expect(await check(file)).toMatchObject({ state: 'OK_PENDING', exit_code: 3, signed_size: 8 });
  });

  test('is complete by its signed end record; without a close it is so far a live file', async () => {
    const file = cutBehind(signed, 'SIGN', 2);
    expect(await check(file)).toMatchObject({ state: 'OK', format: 'H4MK v1 live', exit_code: 3, signed_size: 11 });
  });

  test('of which records were redacted says so', async () => {
    const file = redacted(signed, 3);
    expect(await check(file)).toMatchObject({ state: 'OK_WITH_REDACTIONS', proven: true, exit_code: 3, redacted: 1 });
  });

  test('that is not complete says that before it says what was redacted', async () => {
    expect(await check(redacted(cutBehind(signed, 'TAIL', 1), 3))).toMatchObject({ state: 'OK_PREFIX', redacted: 1 });
    expect(await check(redacted(cutBehind(signed, 'CORE', 8), 3))).toMatchObject({ state: 'OK_PENDING', redacted: 1 });
  });

  test('with a warning that is a loss is exit code 3', async () => {
    const cut = signed.subarray(0, chunkOf(signed, 'TAIL', -1).offset);
    expect(await check(cut)).toMatchObject({ state: 'OK', exit_code: 3, warning_count: 1 });
  });

  test('does not change with a late checkpoint of fewer records', async () => {
    const file = withLate(signed, signPiece(4, rootAt(4), camera), signPiece(8, rootAt(8), camera));
    expect(await check(file)).toMatchObject({ state: 'OK', signed_size: 11, signature_count: 5 });
  });

  test('rests on a late checkpoint where there was none that counts', async () => {
    const file = withLate(await recordingBy(keyOf(9, 'x')), signPiece(11, root, camera));
    expect(await check(file)).toMatchObject({ state: 'OK', signed_size: 11 });
  });

  test('without keys is as it was', async () => {
    for (const options of [{}, { now: 5 }, { seen: [{ origin: ORIGIN, size: 99, root }] }]) {
      expect(await check(signed, options)).toMatchObject({
        state: 'SIGNED_UNTRUSTED_KEY',
        proven: false,
        exit_code: 0,
        signed_size: 0,
        checkpoint: null,
        errors: [],
      });
    }
  });
});

describe('with keys, a file', () => {
  test('without a signature fails, and is no broken file', async () => {
    expect(await check(unsigned)).toMatchObject({
      state: 'NOT_SIGNED',
      proven: false,
      exit_code: 1,
      signed_size: 0,
      checkpoint: null,
      errors: [{ code: 'H4_SIGN_MISSING', offset: 0 }],
      error_count: 1,
    });
  });

  test('whose signatures were stripped fails', async () => {
    const stripped = resealed(chunksOf(signed).filter(({ tag }) => tag !== 'SIGN'));
    expect(await check(stripped)).toMatchObject({ state: 'NOT_SIGNED', exit_code: 1 });
    expect((await check(stripped, {})).exit_code).toBe(0);
  });

  test('signed by nobody known fails at its last signature', async () => {
    expect(await check(await recordingBy(keyOf(2, 'somebody')))).toMatchObject({
      state: 'SIGNED_UNTRUSTED_KEY',
      proven: false,
      exit_code: 1,
      signatures: [4, 8, 11].map((size) => ({ size, verified: [] })),
      errors: [
        { code: 'H4_SIGN_UNTRUSTED', offset: chunkOf(await recordingBy(keyOf(2, 'somebody')), 'SIGN', 2).offset },
      ],
    });
  });

  test('signed by one of two keys that are needed fails, and names the one', async () => {
    const policy: TrustPolicy = { ...trusting(camera, keyOf(2, 'b')), threshold: 2 };
    const report = await check(signed, { trust: policy });
    expect(report).toMatchObject({ state: 'SIGNED_UNTRUSTED_KEY', exit_code: 1 });
    expect(report.signatures[0]?.verified).toEqual([KEY_NAME]);
    expect(report.errors[0]?.message).toContain('2 keys that the policy trusts');
  });

  test('signed by two keys, each in its own name, has the first of two newest checkpoints', async () => {
    const other = keyOf(2, 'other');
    const late: Piece = { tag: 'SIGN', payload: signedNote({ fileId, size: 11, root, originName: 'other' }, other) };
    const earlier: Piece = {
      tag: 'SIGN',
      payload: signedNote({ fileId, size: 8, root: rootAt(8), originName: 'other' }, other),
    };
    const report = await check(withLate(signed, late, earlier), { trust: trusting(camera, other) });
    expect(report).toMatchObject({ state: 'OK', signature_count: 5, checkpoint: { origin: ORIGIN, size: 11 } });
  });

  test('signed by a trusted key in the name of another fails', async () => {
    const other = keyOf(2, 'other');
    const file = await recordingBy(other);
    expect(await check(file, { trust: trusting(camera, other) })).toMatchObject({
      state: 'SIGNED_UNTRUSTED_KEY',
      exit_code: 1,
    });
  });

  test('without witnesses fails where a quorum is asked for', async () => {
    const policy: TrustPolicy = { ...trust, witnesses: [witnessKeyOf(witness)], quorum: 1 };
    expect(await check(signed, { trust: policy })).toMatchObject({
      state: 'SIGNED_UNTRUSTED_KEY',
      proven: false,
      exit_code: 1,
      signed_size: 0,
      errors: [{ code: 'H4_SIGN_QUORUM', offset: chunkOf(signed, 'SIGN', 2).offset }],
    });
  });

  test('lacks a quorum rather than a signature where both is true of some checkpoint', async () => {
    const policy: TrustPolicy = { ...trust, witnesses: [witnessKeyOf(witness)], quorum: 1 };
    const file = withLate(signed, signPiece(11, root, keyOf(9, 'x')));
    expect((await check(file, { trust: policy })).errors[0]?.code).toBe('H4_SIGN_QUORUM');
  });

  test('is proven as far as its witnesses have seen it', async () => {
    const policy: TrustPolicy = { ...trust, witnesses: [witnessKeyOf(witness)], quorum: 1 };
    const sign = signPiece(8, rootAt(8), camera, [witness, 1_700_000_000]);
    const file = withLate(signed, sign);
    expect(await check(file, { trust: policy })).toMatchObject({
      state: 'OK_PENDING',
      exit_code: 3,
      signed_size: 8,
      errors: [],
    });
    expect((await check(file, { trust: policy })).signatures.at(-1)?.cosigned).toEqual([
      { name: witness.name, time: 1_700_000_000 },
    ]);
  });

  test('signed after its key was revoked fails, the moment being what the caller says', async () => {
    const policy = (revokedAt: number): TrustPolicy => ({ keys: [{ key: vkeyOf(camera), notAfter: revokedAt }] });
    expect(await check(signed, { trust: policy(100), now: 100 })).toMatchObject({ state: 'OK' });
    expect(await check(signed, { trust: policy(100), now: 101 })).toMatchObject({ state: 'SIGNED_UNTRUSTED_KEY' });
    expect(await check(signed, { trust: policy(100) })).toMatchObject({ state: 'SIGNED_UNTRUSTED_KEY' });
  });

  test('that is broken is not said to lack a signature as well', async () => {
    const broken = patched(unsigned, chunkOf(unsigned, 'CORE', 3).offset + 12, 0xff);
    expect(codesOf(await check(broken))).toEqual(['H4_CRC_MISMATCH', 'H4_COMMIT_MISMATCH', 'H4_VERI_MISMATCH']);
    expect(codesOf(await check(new Uint8Array(7)))).toEqual(['H4_TOO_SHORT']);
  });

  test('that is broken keeps its newest checkpoint, and nothing is proven', async () => {
    const broken = patched(signed, chunkOf(signed, 'CORE', 3).offset + 12, 0xff);
    expect(await check(broken)).toMatchObject({ state: 'NOT_OK', proven: false, exit_code: 1, signed_size: 11 });
  });
});

describe('a checkpoint by a configured key', () => {
  const wrong = sha256(Uint8Array.of(9));

  test('with a bad signature is an error at its SIGN, and others still count', async () => {
    const bad = resealed(
      chunksOf(
        withPayload(signed, 'SIGN', 1, (payload) => {
          const text = new TextDecoder().decode(payload);
          return new TextEncoder().encode(text.replace(/\n8\n/, '\n7\n'));
        }),
      ),
    );
    const report = await check(bad);
    expect(report.errors[0]).toEqual({
      code: 'H4_SIGN_BAD',
      offset: chunkOf(bad, 'SIGN', 1).offset,
      message: `The signature by ${KEY_NAME}+${camera.keyId} does not verify`,
    });
    expect(codesOf(report)).toEqual(['H4_SIGN_BAD', 'H4_SIGN_SIZE']);
    expect(report).toMatchObject({ state: 'NOT_OK', proven: false, exit_code: 1, signed_size: 11 });
    expect(report.signatures.map(({ verified }) => verified)).toEqual([[KEY_NAME], [], [KEY_NAME]]);
  });

  test('with a bad cosignature is refused like one with a bad signature', async () => {
    const policy: TrustPolicy = { ...trust, witnesses: [witnessKeyOf(witness)] };
    const good = signedNote({ fileId, size: 11, root }, camera, [witness, 5]);
    const bad = patched(good, good.length - 20, 0x41);
    const file = withLate(signed, { tag: 'SIGN', payload: bad });
    expect(codesOf(await check(file, { trust: policy }))).toEqual(['H4_SIGN_BAD']);
    // Whoever does not believe that witness does not look at its line.
    expect((await check(file)).state).toBe('OK');
  });

  test.each<[string, Piece, string]>([
    ['of another tree', signPiece(11, wrong, camera), 'H4_SIGN_ROOT'],
    ['of a size that no SIGN or TAIL has', signPiece(7, rootAt(7), camera), 'H4_SIGN_SIZE'],
    ['of more records than there are', signPiece(12, root, camera), 'H4_SIGN_SIZE'],
    [
      'of another file',
      { tag: 'SIGN', payload: signedNote({ fileId: wrong, size: 11, root }, camera) },
      'H4_SIGN_ORIGIN',
    ],
  ])('%s does not count, however well it is signed', async (_what, piece, code) => {
    const report = await check(withLate(await recordingBy(keyOf(9, 'x')), piece));
    expect(codesOf(report)).toEqual([code]);
    expect(report).toMatchObject({ state: 'NOT_OK', signed_size: 0, checkpoint: null });
  });
});

describe('a bit that was flipped', () => {
  test('leaves no file whole and proven', async () => {
    for (const { at, bit, changed } of withOneBitFlipped(signed, (byte) => (byte % 7 === 0 ? bitInTurn(byte) : []))) {
      const report = await check(changed);
      expect(report.exit_code, `bit ${bit} of byte ${at}`).not.toBe(0);
    }
  });

  test('in the last note, with every hash and index around it made right again, takes its records their proof', async () => {
    const { payload } = chunkOf(signed, 'SIGN', 2);
    for (const { at, bit, changed } of withOneBitFlipped(payload, (byte) => [byte % 8, (byte + 3) % 8])) {
      const file = resealed(chunksOf(withPayload(signed, 'SIGN', 2, () => changed.slice())));
      const { state, signed_size } = await check(file);
      expect(['NOT_OK', 'OK_PENDING'], `bit ${bit} of byte ${at}`).toContain(state);
      expect(signed_size, `bit ${bit} of byte ${at}`).toBe(8);
    }
  });
});

describe('the engines of a policy', () => {
  const { engine_id: engineId, fingerprint } = storedEngine.info();

  test('let a recording pass that names one of them', async () => {
    const engines = [
      { engineId: 'x', fingerprint },
      { engineId, fingerprint },
    ];
    expect(await check(signed, { trust: { ...trust, engines } })).toMatchObject({ state: 'OK', exit_code: 0 });
  });

  test.each([
    ['none', []],
    ['one of another id', [{ engineId: 'x', fingerprint }]],
    ['one of another fingerprint', [{ engineId, fingerprint: '0'.repeat(64) }]],
  ])('refuse it where they are %s: the state stays, the check fails', async (_what, engines) => {
    const report = await check(signed, { trust: { ...trust, engines } });
    expect(report).toMatchObject({ state: 'OK', proven: true, exit_code: 1, error_count: 1 });
    expect(codesOf(report)).toEqual(['H4_ENGINE_UNTRUSTED']);
    expect(report.errors[0]?.message).toContain(`the engine ${engineId} with fingerprint ${fingerprint}`);
  });

  test('stand behind what is broken, and beside a signature that is missing', async () => {
    const policy = { ...trust, engines: [] };
    expect(codesOf(await check(unsigned, { trust: policy }))).toEqual(['H4_SIGN_MISSING', 'H4_ENGINE_UNTRUSTED']);
    const broken = patched(unsigned, chunkOf(unsigned, 'TAIL').offset + 12, 0xff);
    expect(codesOf(await check(broken, { trust: policy }))).not.toContain('H4_ENGINE_UNTRUSTED');
  });
});

describe('a slice', () => {
  const all = recordsOf(signed);
  const note = (size: number, ofRoot: Uint8Array, ...by: readonly Signatory[]): Piece => signPiece(size, ofRoot, ...by);
  const pieces = (...signs: readonly Piece[]): Piece[] => [
    ...record(all, 0),
    prof(all, 2, 5),
    prof(all, 7, 9),
    ...signs,
    ...run(all, 2, 5),
    ...run(all, 7, 9),
  ];
  const sliceBy = (...signs: readonly Piece[]): Uint8Array => withTail(pieces(...signs), root);

  test('under a checkpoint of its proofs is proven', async () => {
    expect(await check(sliceBy(note(11, root, camera)))).toMatchObject({
      state: 'OK_SLICE',
      proven: true,
      exit_code: 3,
      records: 6,
      tree_size: 11,
      signed_size: 11,
      checkpoint: { origin: ORIGIN, size: 11, root: toHex(root) },
    });
  });

  test('without one, or with one by somebody else, is not', async () => {
    expect(await check(sliceBy())).toMatchObject({ state: 'NOT_SIGNED', exit_code: 1 });
    const file = sliceBy(note(11, root, keyOf(9, 'x')));
    expect(await check(file)).toMatchObject({ state: 'SIGNED_UNTRUSTED_KEY', exit_code: 1 });
    expect((await check(file)).errors[0]).toMatchObject({ offset: chunkOf(file, 'SIGN').offset });
  });

  test('takes the one of several that counts', async () => {
    const file = sliceBy(note(11, root, keyOf(9, 'x')), note(11, root, camera));
    expect(await check(file)).toMatchObject({ state: 'OK_SLICE', proven: true, signature_count: 2 });
  });

  test('under a checkpoint of another tree, size or file is broken', async () => {
    const other = sha256(Uint8Array.of(7));
    for (const [piece, code] of [
      [note(11, other, camera), 'H4_SIGN_ROOT'],
      [note(10, root, camera), 'H4_SIGN_SIZE'],
      [{ tag: 'SIGN', payload: signedNote({ fileId: other, size: 11, root }, camera) }, 'H4_SIGN_ORIGIN'],
    ] as const) {
      const report = await check(sliceBy(piece));
      expect(codesOf(report)).toEqual([code]);
      expect(report).toMatchObject({ state: 'NOT_OK', signed_size: 0, checkpoint: null });
    }
  });

  test('with a bad signature is broken', async () => {
    const good = signedNote({ fileId, size: 11, root }, camera);
    const bad = patched(good, good.length - 20, 0x41);
    expect(codesOf(await check(sliceBy({ tag: 'SIGN', payload: bad })))).toEqual(['H4_SIGN_BAD']);
  });

  test('that broke off before its first run was whole proves nothing', async () => {
    const whole = sliceBy(note(11, root, camera));
    const cut = cutBehind(whole, 'SIGN', 0);
    expect(await check(cut)).toMatchObject({ state: 'SIGNED_UNTRUSTED_KEY', exit_code: 1, checkpoint: null });
  });

  test('that broke off behind a whole run proves that run', async () => {
    const whole = sliceBy(note(11, root, camera));
    const cut = cutBehind(whole, 'CORE', 2);
    expect(await check(cut)).toMatchObject({ state: 'OK_SLICE', exit_code: 3, records: 4, signed_size: 11 });
  });
});

describe('a stream', () => {
  test('byte by byte gives the report of the file', async () => {
    const policy: TrustPolicy = { ...trust, witnesses: [witnessKeyOf(witness)] };
    const seen = [{ origin: ORIGIN, size: 8, root: rootAt(8) }];
    for (const file of [
      signed,
      unsigned,
      redacted(signed, 2),
      cutBehind(signed, 'TAIL', 1),
      cutBehind(signed, 'CORE', 8),
      signed.subarray(0, -30),
      await recordingBy(camera, [witness, 77]),
      await recordingBy(keyOf(9, 'x')),
    ]) {
      const options = { trust: policy, seen };
      expect(await checkPieces(file, options)).toEqual(await check(file, options));
    }
  });
});

describe('demands that make no sense', () => {
  const refused = async (options: VerifyOptions): Promise<string> => {
    const source = createCountingSource(createMemorySource(signed));
    const refusal = await rejection(verifyContainer(source, options));
    expect(source.count).toBe(0);
    const feed = createIterableFeed([signed]);
    expect((await rejection(verifyStream(feed, options))).code).toBe(refusal.code);
    return refusal.code;
  };

  test.each<[string, VerifyOptions, string]>([
    ['a policy without keys', { trust: { keys: [] } }, 'H4_PARAM'],
    ['a moment that is no number', { now: NaN }, 'H4_PARAM'],
    ['a moment before 1970', { now: -1 }, 'H4_PARAM'],
    ['a key of 31 bytes', { contentKeys: [new Uint8Array(31)] }, 'H4_PARAM'],
    ['a checkpoint of no records', { seen: [{ origin: ORIGIN, size: 0, root }] }, 'H4_PARAM'],
    ['a checkpoint of half a record', { seen: [{ origin: ORIGIN, size: 0.5, root }] }, 'H4_PARAM'],
    ['a checkpoint with a short root', { seen: [{ origin: ORIGIN, size: 4, root: root.subarray(1) }] }, 'H4_PARAM'],
  ])('are refused before anything is read: %s', async (_what, options, code) => {
    expect(await refused(options)).toBe(code);
  });
});
