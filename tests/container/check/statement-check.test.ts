import { describe, expect, test } from 'vitest';
import {
  REDACTION_PREDICATE_TYPE,
  createRedactionStatement,
} from '../../../src/container/redact/redaction-statement.js';
import { REDACTION_PREDICATE, type StatementInfo } from '../../../src/container/check/statement-check.js';
import { type VerificationReport, verifyContainer } from '../../../src/container/check/verify.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { toBase64, toHex, utf8Decode, utf8Encode } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { statementKey } from '../../../src/utils/signing-key.js';
import { AUDIO, VIDEO, chunkOf, chunksOf, closedRecording, interleaved, resealed } from '../../support/container.js';
import { keyOf, signedBy, signedNote, statementBy, trusting, vkeyOf } from '../../support/signed.js';
import { prof, record, recordsOf, run, withTail } from '../../support/slices.js';

const camera = keyOf(1);
const speaker = statementKey(camera);
const trust = { ...trusting(camera), statementKeys: [vkeyOf(speaker)] };

const signed = await closedRecording(interleaved(9), { tracks: [VIDEO, AUDIO], sign: signedBy(camera) });
const { fileId, root } = recordsOf(signed);
const otherFile = sha256(Uint8Array.of(1));

const withStatements = (...payloads: readonly Uint8Array[]): Uint8Array =>
  resealed([
    ...chunksOf(signed),
    ...payloads.map((payload) => ({ tag: 'ATTS', payload })),
    chunkOf(signed, 'TAIL', -1),
  ]);

const check = (file: Uint8Array, options: object = { trust }): Promise<VerificationReport> =>
  verifyContainer(createMemorySource(file), options);

const statementsIn = async (...payloads: readonly Uint8Array[]): Promise<readonly StatementInfo[]> => {
  const report = await check(withStatements(...payloads));
  expect([report.state, report.errors]).toEqual(['OK', []]);
  return report.statements;
};

const REDACTION: StatementInfo = {
  type: 'application/vnd.in-toto+json',
  predicate_type: 'urn:h4mk:predicate:redaction:v1',
  of_this_file: true,
  verified: [speaker.name],
  reason: 'a bystander',
  records: [1, 3],
  record_count: 2,
};

describe('a redaction statement', () => {
  test('by a configured key says who, why and which records', async () => {
    expect(await statementsIn(statementBy(camera, { fileId }))).toEqual([REDACTION]);
  });

  test('that the writer of such statements makes is understood', async () => {
    expect(REDACTION_PREDICATE).toBe(REDACTION_PREDICATE_TYPE);
    const written = createRedactionStatement({ fileId, records: [1, 3], reason: 'a bystander', key: camera });
    expect(await statementsIn(written)).toEqual([REDACTION]);
  });

  test('by somebody else is listed, and proves nothing', async () => {
    expect(await statementsIn(statementBy(keyOf(7, 'somebody'), { fileId }))).toEqual([{ ...REDACTION, verified: [] }]);
  });

  test('without configured keys is listed, and nothing is proven', async () => {
    const file = withStatements(statementBy(camera, { fileId }));
    for (const options of [{}, { trust: trusting(camera) }]) {
      const { statements, errors } = await check(file, options);
      expect([statements, errors]).toEqual([[{ ...REDACTION, verified: [] }], []]);
    }
  });

  test('of another file proves nothing here, though a configured key has signed it', async () => {
    const [statement] = await statementsIn(statementBy(camera, { fileId: otherFile }));
    const { type, predicate_type } = REDACTION;
    expect(statement).toEqual({ type, predicate_type, of_this_file: false, verified: [] });
  });

  test.each<[string, unknown]>([
    ['no subject', undefined],
    ['an empty list of subjects', []],
    ['a subject that is an object', { digest: { sha256: toHex(fileId) } }],
    ['subjects that are texts', [toHex(fileId)]],
    ['a subject without a digest', [{ name: toHex(fileId) }]],
    ['a digest that is a text', [{ digest: toHex(fileId) }]],
    ['a digest of another sort', [{ digest: { sha512: toHex(fileId) } }]],
    ['a digest in capitals', [{ digest: { sha256: toHex(fileId).toUpperCase() } }]],
  ])('with %s is of no file', async (_what, subject) => {
    const [statement] = await statementsIn(statementBy(camera, { fileId, subject: subject ?? 0 }));
    expect(statement).toMatchObject({ of_this_file: false, verified: [] });
    expect(statement).not.toHaveProperty('records');
  });

  test('may have other subjects beside this file', async () => {
    const subject = [{ name: 'x', digest: { sha256: toHex(otherFile) } }, { digest: { sha256: toHex(fileId) } }];
    expect(await statementsIn(statementBy(camera, { fileId, subject }))).toEqual([REDACTION]);
  });

  test.each<[string, unknown, object]>([
    ['no predicate', null, { records: [], record_count: 0 }],
    ['a predicate that is a list', [1], { records: [], record_count: 0 }],
    ['no reason', { seq: [2] }, { records: [2], record_count: 1 }],
    ['a reason that is a number', { seq: [2], reason: 5 }, { records: [2], record_count: 1 }],
    ['records that are no list', { seq: 5, reason: 'x' }, { reason: 'x', records: [], record_count: 0 }],
    [
      'records that are no numbers',
      { seq: [1, 'two', -3, 4.5, 5], reason: '' },
      { reason: '', records: [1, 5], record_count: 2 },
    ],
  ])('with %s says what it can', async (_what, predicate, said) => {
    const [statement] = await statementsIn(statementBy(camera, { fileId, predicate: predicate ?? 0 }));
    const { type, predicate_type, of_this_file, verified } = REDACTION;
    expect(statement).toEqual({ type, predicate_type, of_this_file, verified, ...said });
  });

  test('is bounded in a report, whatever it says', async () => {
    const seq = Array.from({ length: 5000 }, (_, i) => i);
    const [statement] = await statementsIn(
      statementBy(camera, { fileId, predicate: { seq, reason: '\u{1f600}'.repeat(3000) } }),
    );
    expect(statement?.records).toEqual(seq.slice(0, 1000));
    expect(statement?.record_count).toBe(5000);
    expect(statement?.reason).toBe(`${'\u{1f600}'.repeat(1024)}...`);
    const [long] = await statementsIn(statementBy(camera, { fileId, predicateType: 'x'.repeat(5000) }));
    expect(long?.predicate_type).toBe(`${'x'.repeat(256)}...`);
    const [exact] = await statementsIn(statementBy(camera, { fileId, predicateType: 'x'.repeat(256) }));
    expect(exact?.predicate_type).toBe('x'.repeat(256));
  });
});

describe('another statement', () => {
  test('says who has signed it, whatever its subject is', async () => {
    const subject = [{ name: 'stored-v1', digest: { sha256: toHex(otherFile) } }];
    const predicateType = 'urn:h4mk:predicate:engine:v1';
    expect(await statementsIn(statementBy(camera, { fileId, subject, predicateType }))).toEqual([
      { type: REDACTION.type, predicate_type: predicateType, of_this_file: false, verified: [speaker.name] },
    ]);
  });

  test('that is no in-toto statement has no predicate type', async () => {
    const payloadType = 'text/plain';
    expect(await statementsIn(statementBy(camera, { fileId, payloadType }))).toEqual([
      { type: payloadType, predicate_type: '', of_this_file: false, verified: [speaker.name] },
    ]);
  });

  test.each<[string, string]>([
    ['is no JSON', 'hello'],
    ['is no object', '[]'],
    ['is of another type', '{"_type":"x","predicateType":"y"}'],
    ['has no type', '{"predicateType":"y"}'],
  ])('whose payload %s is an envelope all the same', async (_what, text) => {
    const envelope = {
      payloadType: REDACTION.type,
      payload: toBase64(utf8Encode(text)),
      signatures: [{ sig: 'AA==' }],
    };
    expect(await statementsIn(utf8Encode(JSON.stringify(envelope)))).toEqual([
      { type: REDACTION.type, predicate_type: '', of_this_file: false, verified: [] },
    ]);
  });

  test('without a predicate type has none', async () => {
    const json = utf8Decode(statementBy(camera, { fileId })).replace(/"payload":"[^"]+"/, () => {
      const statement = { _type: 'https://in-toto.io/Statement/v1', predicateType: 5 };
      return `"payload":"${toBase64(utf8Encode(JSON.stringify(statement)))}"`;
    });
    // Its signature is over another payload now, in the name of a configured key.
    const report = await check(withStatements(utf8Encode(json)));
    expect(report.errors.map(({ code }) => code)).toEqual(['H4_SIGN_BAD']);
    expect(report.statements).toEqual([
      { type: REDACTION.type, predicate_type: '', of_this_file: false, verified: [] },
    ]);
  });
});

describe('a bad signature in the name of a key for statements', () => {
  test('is an error at its ATTS, and the statement is listed as signed by nobody', async () => {
    const good = JSON.parse(utf8Decode(statementBy(camera, { fileId }))) as { signatures: { sig: string }[] };
    const bad = { ...good, signatures: [{ ...good.signatures[0], sig: toBase64(new Uint8Array(64)) }] };
    const file = withStatements(statementBy(camera, { fileId }), utf8Encode(JSON.stringify(bad)));
    const report = await check(file);
    expect(report).toMatchObject({ state: 'NOT_OK', exit_code: 1, error_count: 1, statement_count: 2 });
    expect(report.errors[0]).toMatchObject({ code: 'H4_SIGN_BAD', offset: chunkOf(file, 'ATTS', 1).offset });
    expect(report.statements.map(({ verified }) => verified)).toEqual([[speaker.name], []]);
    // To somebody who has not configured that key it is one more line of a stranger.
    expect((await check(file, {})).errors).toEqual([]);
  });
});

describe('many statements', () => {
  test('are listed up to a hundred, and all counted', async () => {
    const stranger = statementBy(keyOf(7, 'somebody'), { fileId });
    const report = await check(withStatements(...Array.from({ length: 130 }, () => stranger)));
    expect([report.statements.length, report.statement_count]).toEqual([100, 130]);
  });

  test('of strangers do not hide one by somebody who is known', async () => {
    const stranger = statementBy(keyOf(7, 'somebody'), { fileId });
    const strangers = Array.from({ length: 100 }, () => stranger);
    const statements = await statementsIn(...strangers, statementBy(camera, { fileId }), stranger);
    expect(statements).toHaveLength(100);
    expect(statements.at(-1)).toEqual(REDACTION);
    expect(statements.filter(({ verified }) => verified.length > 0)).toHaveLength(1);
  });

  test('by somebody who is known are cut off after a hundred as well', async () => {
    const known = Array.from({ length: 101 }, (_, i) =>
      statementBy(camera, { fileId, predicate: { seq: [i], reason: '' } }),
    );
    const statements = await statementsIn(...known);
    expect(statements.map(({ records }) => records?.[0])).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });
});

describe('signatures that name no key', () => {
  const anonymous = (payload: Uint8Array, before: number): Uint8Array => {
    const { signatures, ...rest } = JSON.parse(utf8Decode(payload)) as { signatures: { sig: string }[] };
    const others = Array.from({ length: before }, (_, i) => ({ sig: toBase64(new Uint8Array(64).fill(i)) }));
    return utf8Encode(JSON.stringify({ ...rest, signatures: [...others, { sig: signatures[0]?.sig }] }));
  };
  const good = statementBy(camera, { fileId });
  const verifiedIn = async (...payloads: readonly Uint8Array[]) =>
    (await statementsIn(...payloads)).map(({ verified }) => verified);

  test('are tried with all keys', async () => {
    expect(await verifiedIn(anonymous(good, 0), anonymous(good, 50))).toEqual([[speaker.name], [speaker.name]]);
  });

  test('are tried a hundred times in a file: each costs as many verifications as there are keys', async () => {
    expect(await verifiedIn(anonymous(good, 99))).toEqual([[speaker.name]]);
    expect(await verifiedIn(anonymous(good, 99), anonymous(good, 0), good)).toEqual([
      [speaker.name],
      [],
      [speaker.name],
    ]);
  });

  test('are not tried again where they repeat one', async () => {
    const { signatures, ...rest } = JSON.parse(utf8Decode(anonymous(good, 0))) as { signatures: object[] };
    const repeated = utf8Encode(
      JSON.stringify({ ...rest, signatures: Array.from({ length: 90 }, () => signatures[0]) }),
    );
    expect(await verifiedIn(...Array.from({ length: 5 }, () => repeated))).toEqual(
      Array.from({ length: 5 }, () => [speaker.name]),
    );
  });
});

test('a slice carries statements as a stream does', async () => {
  const all = recordsOf(signed);
  const file = withTail(
    [
      ...record(all, 0),
      prof(all, 2, 4),
      { tag: 'SIGN', payload: signedNote({ fileId, size: 11, root }, camera) },
      { tag: 'ATTS', payload: statementBy(camera, { fileId }) },
      ...run(all, 2, 4),
    ],
    root,
  );
  expect(await check(file)).toMatchObject({ state: 'OK_SLICE', statements: [REDACTION], statement_count: 1 });
});
