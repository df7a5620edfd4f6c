/** `spec/report.schema.json` against reports: those of every sample, with and without keys, and some that break it. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type VerificationReport, type VerifyOptions, verifyContainer } from '../../src/container/check/verify.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { fromHex } from '../../src/utils/bytes.js';
import { parseVerificationKey } from '../../src/utils/verification-key.js';
import { chunkOf, chunksOf, closedRecording, interleaved, resealed } from '../support/container.js';
import { schemaFaults } from '../support/json-schema.js';
import { describeShared } from '../support/shared.js';
import { keyOf, signedBy, statementBy, trusting, vkeyOf } from '../support/signed.js';
import { recordsOf } from '../support/slices.js';
import { statementKey } from '../../src/utils/signing-key.js';

const schema = JSON.parse(readFileSync(new URL('../../spec/report.schema.json', import.meta.url), 'utf8')) as {
  readonly required: readonly string[];
  readonly properties: Readonly<Record<string, unknown>>;
};
const faultsOf = (report: unknown): string[] => schemaFaults(schema, report);
const check = (file: Uint8Array, options: VerifyOptions = {}): Promise<VerificationReport> =>
  verifyContainer(createMemorySource(file), options);

const camera = keyOf(1);
const recording = await closedRecording(interleaved(9), {
  sign: signedBy(camera),
  tracks: [
    { id: 0, kind: 'video' },
    { id: 1, kind: 'audio' },
  ],
});
const { fileId } = recordsOf(recording);
const file = resealed([
  ...chunksOf(recording),
  { tag: 'ATTS', payload: statementBy(camera, { fileId }) },
  { tag: 'ATTS', payload: statementBy(keyOf(7, 'x'), { fileId, predicateType: 'x'.repeat(5000) }) },
  { tag: 'ATTS', payload: statementBy(camera, { fileId, predicate: { seq: [1], reason: '\u{1f600}'.repeat(5000) } }) },
  chunkOf(recording, 'TAIL', -1),
]);
const trust = { ...trusting(camera), statementKeys: [vkeyOf(statementKey(camera))] };
const good = await check(file, { trust });

describe('the schema of a report', () => {
  it('lists exactly the fields that a report has, all of them required', () => {
    expect(Object.keys(good).sort()).toEqual([...schema.required].sort());
    expect(Object.keys(schema.properties).sort()).toEqual([...schema.required, 'file'].sort());
  });

  it('is met by a report with checkpoints, statements and findings', async () => {
    expect(good).toMatchObject({ state: 'OK', proven: true, signature_count: 1, statement_count: 3 });
    for (const options of [{ trust }, {}, { trust: { ...trust, engines: [] } }, { trust: trusting(keyOf(3)) }]) {
      expect(faultsOf(await check(file, options))).toEqual([]);
    }
    for (const bytes of [0, 7, 8, 200, file.length - 1]) {
      expect(faultsOf(await check(file.subarray(0, bytes), { trust })), `${bytes} bytes`).toEqual([]);
    }
  });

  it.each<[string, object]>([
    ['no state', { state: undefined }],
    ['a state that is none', { state: 'FINE' }],
    ['a state of trust that is not proven', { proven: false }],
    ['a proven file without a checkpoint', { checkpoint: null }],
    ['an exit code that is none', { exit_code: 2 }],
    ['exit code 0 with errors', { error_count: 1 }],
    ['a broken file with exit code 0', { state: 'NOT_OK', proven: false }],
    ['a root in capitals', { root: 'A'.repeat(64) }],
    ['a number of records as text', { records: '5' }],
    ['half a record', { tree_size: 1.5 }],
    ['fewer than no records', { redacted: -1 }],
    ['a size that no reader can hold', { signed_size: 2 ** 53 }],
    ['a signature without cosigners', { signatures: [{ size: 1, origin: 'x', verified: [] }] }],
    ['one name twice', { signatures: [{ size: 1, origin: 'x', verified: ['a', 'a'], cosigned: [] }] }],
    [
      'a signature that says nothing of ignored keys',
      { signatures: [{ size: 1, origin: 'x', verified: [], cosigned: [] }] },
    ],
    [
      'a key that is ignored for no known reason',
      {
        signatures: [
          { size: 1, origin: 'x', verified: [], cosigned: [], ignored: [{ name: 'a', why: 'x', at: 1, seen: null }] },
        ],
      },
    ],
    ['a gap without an end', { gaps: [{ track: 0, from_pts: 0 }] }],
    ['too many gaps', { gaps: Array.from({ length: 101 }, () => ({ track: 0, from_pts: 0, to_pts: 1 })) }],
    ['a redacted record without a time', { redacted_records: [{ seq: 1, track: 0 }] }],
    ['one record unexplained twice', { unexplained: [1, 1] }],
    ['a timebase of one number', { timebase: [1] }],
    ['a statement with a field of its own', { statements: [{ ...good.statements[0], more: 1 }] }],
    ['too many statements', { statements: Array.from({ length: 101 }, () => good.statements[0]) }],
    ['a reason without end', { statements: [{ ...good.statements[0], reason: 'x'.repeat(3000) }] }],
    ['an error without a code', { errors: [{ offset: 0, message: '' }] }],
    ['an error with another code', { errors: [{ code: 'E_FAIL', offset: 0, message: '' }] }],
    ['findings that are no list', { warnings: {} }],
  ])('is broken by %s', (_what, change) => {
    expect(faultsOf({ ...good, ...change })).not.toEqual([]);
  });

  it('lets interfaces add fields of their own', () => {
    expect(faultsOf({ ...good, file: 'a.h4mk', more: 1 })).toEqual([]);
    expect(faultsOf({ ...good, file: 5 })).not.toEqual([]);
  });
});

describeShared('the schema of a report and the shared samples', (shared) => {
  const samples = JSON.parse(readFileSync(join(shared, 'samples', 'samples.json'), 'utf8')) as {
    readonly vkey: string;
    readonly ikm_hex: string;
    readonly files: Readonly<Record<string, unknown>>;
  };
  const key = parseVerificationKey(samples.vkey);
  if (key.type === 'witness') throw new Error('The key of the samples changed its type');
  const withKeys: VerifyOptions = { trust: { keys: [{ key }] }, contentKeys: [fromHex(samples.ikm_hex)] };

  it.each(Object.keys(samples.files))('agree about %s', async (name) => {
    const bytes = new Uint8Array(readFileSync(join(shared, 'samples', name)));
    for (const options of [withKeys, {}]) expect(faultsOf(await check(bytes, options))).toEqual([]);
  });
});

describe('the schema of a report and the golden files', () => {
  const folder = new URL('../../spec/vectors/', import.meta.url);
  const files = ['v1', 'broken'].flatMap((name) =>
    readdirSync(new URL(name, folder)).map((entry) => `${name}/${entry}`),
  );

  it.each(files)('agree about %s', async (name) => {
    expect(faultsOf(await check(new Uint8Array(readFileSync(new URL(name, folder))), { trust }))).toEqual([]);
  });
});
