import { describe, expect, test } from 'vitest';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { MODE } from '../../../src/container/format/layout.js';
import { leafHash } from '../../../src/container/tree/merkle.js';
import { recordZeroJson } from '../../../src/container/format/meta.js';
import type { RecordInput } from '../../../src/container/write/record-writer.js';
import { parseTokn } from '../../../src/container/format/tokn.js';
import type { Finding } from '../../../src/container/check/findings.js';
import { concatBytes, toHex, utf8Encode } from '../../../src/utils/bytes.js';
import type { JsonObject } from '../../../src/utils/json-value.js';
import { sha256 } from '../../../src/utils/sha256.js';
import {
  AUDIO,
  type Piece,
  SIGNABLE_UID,
  VIDEO,
  chunkOf,
  chunksOf,
  closedRecording,
  endRecord,
  mediaRecord,
  metaRecord,
  patched,
  recordZero,
  resealed,
  written,
} from '../../support/container.js';
import { reportOf } from '../../support/reports.js';

const TRACKS = { tracks: [VIDEO, AUDIO] };
const BLIND = new Uint8Array(16).fill(7);

/** Record 0; then, by number: 1 V key, 2 A key, 3 V, 4 V key, 5 A, 6 V, 7 scopes, 8 V, 9 A key, 10 V key, 11 the end. */
const records: readonly RecordInput[] = [
  mediaRecord({ track: 0, pts: 100, key: true, payload: utf8Encode('one') }),
  mediaRecord({ track: 1, pts: 50, key: true, payload: utf8Encode('two') }),
  mediaRecord({ track: 0, pts: 110, payload: utf8Encode('three') }),
  mediaRecord({ track: 0, pts: 200, key: true, payload: utf8Encode('four'), blind: BLIND }),
  mediaRecord({ track: 1, pts: 60, payload: utf8Encode('five') }),
  mediaRecord({ track: 0, pts: 210, payload: utf8Encode('six'), blind: BLIND }),
  { mode: MODE.scopes, pts: 10, payload: utf8Encode('{}') },
  mediaRecord({ track: 0, pts: 205, payload: utf8Encode('eight') }),
  mediaRecord({ track: 1, pts: 70, key: true, payload: utf8Encode('nine') }),
  mediaRecord({ track: 0, pts: 300, key: true, payload: utf8Encode('ten') }),
];
const file = await closedRecording(records, { ...TRACKS, totals: true });

const payloadOf = (piece: Piece | undefined): Uint8Array => piece?.payload ?? new Uint8Array(0);

/** The file with record `seq` replaced by what `change` makes of its two chunks; everything derived is made anew. */
const withRecord = (
  seq: number,
  change: (tokn: Piece, payload: Piece) => readonly Piece[],
  of: Uint8Array = file,
): Uint8Array => {
  const pieces: Piece[] = [];
  const chunks = chunksOf(of);
  for (let i = 0, n = 0; i < chunks.length; i++) {
    const [chunk, next] = [chunks[i], chunks[i + 1]];
    if (chunk === undefined) break;
    if (chunk.tag === 'TOKN' && next !== undefined && n++ === seq) {
      pieces.push(...change(chunk, next));
      i++;
    } else {
      pieces.push(chunk);
    }
  }
  return resealed(pieces);
};

/** The file with another value in the TOKN of record `seq`. */
const withTokn = (seq: number, at: number, value: number, width: 1 | 2 | 4 | 8): Uint8Array =>
  withRecord(seq, (tokn, payload) => [{ tag: 'TOKN', payload: patched(tokn.payload, at, value, width) }, payload]);

const codes = (findings: readonly Finding[]): string[] => findings.map(({ code }) => code);

const checked = async (bytes: Uint8Array) => {
  const { errors, warnings, ...report } = await reportOf(bytes);
  return { ...report, errors: codes(errors), warnings: codes(warnings), first: errors[0] };
};

test('a sound file has no findings; its report names root and file_id', async () => {
  const report = await checked(file);
  expect(report).toMatchObject({
    errors: [],
    warnings: [],
    records: 12,
    redacted: 0,
    exit_code: 0,
    state: 'NOT_SIGNED',
  });
  expect(report.file_id).toBe(toHex(leafHash(parseTokn(chunkOf(file, 'TOKN').payload).entry)));
});

describe('the order of records:', () => {
  test.each<[string, Uint8Array, string[]]>([
    ['another seq', withTokn(3, 8, 9, 8), ['H4_TOKN_SEQ_GAP', 'H4_TOKN_BACK']],
    ['another back', withTokn(3, 32, 1, 4), ['H4_TOKN_BACK']],
    ['a back where there is none', withTokn(1, 32, 1, 4), ['H4_TOKN_BACK']],
    ['no back where there is one', withTokn(3, 32, 0, 4), ['H4_TOKN_BACK']],
    ['another pos', withTokn(3, 24, 4, 8), ['H4_TOKN_POS']],
    ['a pos for scopes', withTokn(7, 24, 1, 8), ['H4_TOKN_POS']],
    ['a KEY time that does not increase', withTokn(4, 16, 100, 8), ['H4_TOKN_PTS_ORDER', 'H4_SEEK_ORDER']],
    ['a time before that of the KEY record', withTokn(3, 16, 99, 8), ['H4_TOKN_PTS_ORDER']],
    ['scopes that go back in time', withTokn(11, 16, 9, 8), ['H4_TOKN_PTS_ORDER']],
    ['a META at time 0 again', withTokn(11, 16, 10, 8), []],
  ])('%s', async (_, bytes, errors) => {
    expect((await checked(bytes)).errors).toEqual(errors);
  });

  test('a finding names the record and its place', async () => {
    const { first } = await checked(withTokn(3, 24, 4, 8));
    expect(first).toEqual({
      code: 'H4_TOKN_POS',
      offset: chunkOf(file, 'TOKN', 3).offset,
      message: 'Record 3 has pos 4; the records before it end at 3',
    });
  });

  test('a record that was taken out is missed by every record that follows, and where it belonged', async () => {
    const { errors, records: count } = await checked(withRecord(3, () => []));
    expect(count).toBe(11);
    // Records 4 to 11 have another number; 4, 6, 8 and 10 of the same track another position; the totals are wrong,
    // so that the last META is no end record.
    expect(errors.filter((code) => code === 'H4_TOKN_SEQ_GAP')).toHaveLength(8);
    expect(errors.filter((code) => code === 'H4_TOKN_POS')).toHaveLength(4);
    expect(new Set(errors)).toEqual(new Set(['H4_TOKN_SEQ_GAP', 'H4_TOKN_POS', 'H4_META_FIELD', 'H4_TAIL_STATE']));
  });

  test('a KEY record that was taken out is missed by those that depend on it', async () => {
    const { errors } = await checked(withRecord(4, () => []));
    expect(errors.filter((code) => code === 'H4_TOKN_BACK')).toHaveLength(3);
  });

  test('a record that stands there twice', async () => {
    const { errors } = await checked(withRecord(3, (tokn, payload) => [tokn, payload, tokn, payload]));
    expect(errors[0]).toBe('H4_TOKN_SEQ_GAP');
    expect(errors).toContain('H4_TOKN_POS');
  });

  test('two records that changed places', async () => {
    const [a, b] = [chunkOf(file, 'TOKN', 2), chunkOf(file, 'CORE', 1)];
    const swapped = withRecord(2, () => []);
    const { errors } = await checked(withRecord(2, (tokn, payload) => [tokn, payload, { ...a }, { ...b }], swapped));
    expect(errors.slice(0, 2)).toEqual(['H4_TOKN_SEQ_GAP', 'H4_TOKN_SEQ_GAP']);
  });

  test('in one record: seq, back, pts and pos, then size', async () => {
    let bytes = withTokn(3, 8, 4, 8);
    const change = (at: number, value: number, width: 4 | 8): void => {
      bytes = withRecord(
        3,
        (tokn, payload) => [{ tag: 'TOKN', payload: patched(tokn.payload, at, value, width) }, payload],
        bytes,
      );
    };
    change(32, 99, 4);
    change(16, 0, 8);
    change(24, 99, 8);
    change(44, 99, 4);
    expect((await checked(bytes)).errors).toEqual([
      'H4_TOKN_SEQ_GAP',
      'H4_TOKN_BACK',
      'H4_TOKN_PTS_ORDER',
      'H4_TOKN_POS',
      'H4_PAYLOAD_SIZE',
    ]);
  });
});

describe('payloads:', () => {
  const replaced = (seq: number, payload: Uint8Array): Uint8Array =>
    withRecord(seq, (tokn, { tag }) => [tokn, { tag, payload }]);

  test.each<[string, Uint8Array, string[]]>([
    ['one byte changed', replaced(3, utf8Encode('threE')), ['H4_COMMIT_MISMATCH']],
    ['one byte more', replaced(3, utf8Encode('three!')), ['H4_PAYLOAD_SIZE']],
    ['nothing', replaced(3, new Uint8Array(0)), ['H4_PAYLOAD_SIZE']],
    ['another size in the TOKN', withTokn(3, 44, 6, 4), ['H4_PAYLOAD_SIZE']],
    ['another commitment', withTokn(3, 48, 0, 8), ['H4_COMMIT_MISMATCH']],
    [
      'another blind',
      withRecord(4, (tokn, payload) => [
        { tag: 'TOKN', payload: patched(tokn.payload, tokn.payload.length - 1, 8) },
        payload,
      ]),
      ['H4_COMMIT_MISMATCH'],
    ],
  ])('%s', async (_, bytes, errors) => {
    const report = await checked(bytes);
    expect(report.errors).toEqual(errors);
    expect(report).toMatchObject({ state: 'NOT_OK', exit_code: 1, records: 12 });
  });

  test('a stored block must have the size of its raw bytes', async () => {
    const long = mediaRecord({
      pts: 400,
      payload: utf8Encode('block'),
      tokens: [{ delta: 0, duration: 0, key: false, size: 6 }],
    });
    const wrong = await closedRecording([...records, long], TRACKS);
    expect((await checked(wrong)).errors).toEqual(['H4_ENGINE_OUTPUT']);
    // The blocks of another engine are not decoded by a check.
    const compression = { ...storedEngine.info(), fingerprint: 'ab'.repeat(32) };
    const json = recordZeroJson({ compression, uid: SIGNABLE_UID, seekTrack: 0, tracks: TRACKS.tracks });
    const other = await written(async (writer) => {
      await writer.record(metaRecord(json));
      for (const record of [...records, long]) await writer.record(record);
      await writer.record(endRecord(500));
      await writer.close();
    });
    expect((await checked(other)).errors).toEqual([]);
    const tampered = withRecord(11, (tokn) => [tokn, { tag: 'CORE', payload: utf8Encode('Block') }], wrong);
    expect((await checked(tampered)).errors).toEqual(['H4_COMMIT_MISMATCH']);
  });
});

describe('redaction:', () => {
  const zero = (size: number): Piece => ({ tag: 'VOID', payload: new Uint8Array(size) });
  const unblind = (tokn: Piece): Piece => ({
    tag: 'TOKN',
    payload: concatBytes(tokn.payload.subarray(0, -16), new Uint8Array(16)),
  });

  test.each([
    ['a record in place', withRecord(3, (tokn) => [tokn, zero(5)])],
    ['a record, compacted', withRecord(3, (tokn) => [tokn, zero(0)])],
    ['a record with a blind', withRecord(4, (tokn) => [unblind(tokn), zero(4)])],
    ['scopes', withRecord(7, (tokn) => [tokn, zero(2)])],
  ])('%s leaves the root as it was', async (_, bytes) => {
    const [before, after] = [await checked(file), await checked(bytes)];
    expect(after).toMatchObject({ errors: [], redacted: 1, exit_code: 3, root: before.root, file_id: before.file_id });
  });

  test.each<[string, Uint8Array, string[]]>([
    [
      'a byte that is not zero',
      withRecord(3, (tokn) => [tokn, { tag: 'VOID', payload: utf8Encode('three') }]),
      ['H4_VOID_PAYLOAD'],
    ],
    ['another size', withRecord(3, (tokn) => [tokn, zero(4)]), ['H4_VOID_PAYLOAD']],
    ['a blind that was kept', withRecord(4, (tokn) => [tokn, zero(4)]), ['H4_VOID_BLIND']],
    ['both', withRecord(4, (tokn) => [tokn, zero(3)]), ['H4_VOID_PAYLOAD', 'H4_VOID_BLIND']],
  ])('%s', async (_, bytes, errors) => {
    expect(await checked(bytes)).toMatchObject({ errors, redacted: 1, exit_code: 1 });
  });

  test('record 0 cannot be redacted: without it no track is declared', async () => {
    const { errors } = await checked(withRecord(0, (tokn, { payload }) => [tokn, zero(payload.length)]));
    expect(errors[0]).toBe('H4_VOID_RECORD0');
    expect(errors.filter((code) => code === 'H4_TRACK_UNDECLARED')).toHaveLength(9);
  });

  test('a redacted end record is none', async () => {
    const { errors } = await checked(withRecord(11, (tokn, { payload }) => [tokn, zero(payload.length)]));
    expect(errors).toEqual(['H4_TAIL_STATE']);
  });
});

describe('record 0:', () => {
  const startingWith = async (input: RecordInput): Promise<Uint8Array> => {
    const pieces = await written(async (writer) => {
      await writer.record(recordZero(TRACKS));
      await writer.record(input);
    });
    const [tokn, payload] = chunksOf(pieces).slice(2);
    const zeroed = { tag: 'TOKN', payload: patched(patched(payloadOf(tokn), 8, 0, 8), 32, 0, 4) };
    return resealed([zeroed, payload ?? zeroed]);
  };

  test.each<[string, RecordInput, string[]]>([
    ['a block', mediaRecord({ pts: 0 }), ['H4_RECORD0', 'H4_TRACK_UNDECLARED']],
    ['scopes', { mode: MODE.scopes, pts: 0, payload: utf8Encode('{}') }, ['H4_RECORD0']],
    ['META at another time', { ...recordZero(TRACKS), pts: 1 }, ['H4_RECORD0']],
    ['META with a blind', { ...recordZero(TRACKS), blind: BLIND }, ['H4_RECORD0']],
    ['META without the keys of a record 0', metaRecord({}), ['H4_META_FIELD']],
  ])('is not %s', async (_, input, errors) => {
    expect((await checked(await startingWith(input))).errors).toEqual(errors);
  });
});

describe('META:', () => {
  const withJson = (...payloads: readonly (JsonObject | string)[]): Promise<Uint8Array> =>
    written(async (writer) => {
      await writer.record(recordZero(TRACKS));
      for (const json of payloads) {
        const payload = typeof json === 'string' ? utf8Encode(json) : metaRecord(json).payload;
        await writer.record({ mode: MODE.meta, pts: 0, payload });
      }
    });

  test.each<[string, (JsonObject | string)[], string[], string[]]>([
    ['no JSON', ['{'], ['H4_META_JSON'], []],
    ['an array', ['[]'], ['H4_META_JSON'], []],
    ['a key twice', ['{"a":1,"a":1}'], ['H4_META_JSON'], []],
    ['a field that is wrong', [{ h4mk: { end: false } }], ['H4_META_FIELD'], []],
    ['a field of record 0 that changed', [{ h4mk: { seek_track: 1 } }], ['H4_META_FIELD'], []],
    [
      'a key epoch twice',
      [{ keys: [0, 0].map((epoch) => ({ epoch, salt: 'a'.repeat(64), commit: 'b'.repeat(64) })) }],
      ['H4_KEYS_EPOCH'],
      [],
    ],
    ['another form than the canonical one', ['{ }'], [], ['H4_META_NOT_JCS']],
    ['another form, and a wrong field', ['{"h4mk": {"end":false}}'], ['H4_META_FIELD'], ['H4_META_NOT_JCS']],
    ['a record after the end', [{ h4mk: { end: true } }, {}], ['H4_AFTER_END'], []],
    ['two records after the end', [{ h4mk: { end: true } }, {}, {}], ['H4_AFTER_END', 'H4_AFTER_END'], []],
    ['totals that are wrong', [{ h4mk: { totals: [{ track: 0, records: 1, raw: 1 }] } }], ['H4_META_FIELD'], []],
    ['totals that are right', [{ h4mk: { totals: [] } }], [], []],
    ['unknown keys', [{ x: [1, { y: null }] }], [], []],
  ])('%s', async (_, payloads, errors, warnings) => {
    expect(await checked(await withJson(...payloads))).toMatchObject({ errors, warnings });
  });

  test('a warning about form does not change the exit code', async () => {
    const bytes = await written(async (writer) => {
      await writer.record(recordZero(TRACKS));
      await writer.record({ mode: MODE.scopes, pts: 0, payload: utf8Encode('{ }') });
      await writer.record(endRecord(0));
      await writer.close();
    });
    expect(await checked(bytes)).toMatchObject({ errors: [], warnings: ['H4_META_NOT_JCS'], exit_code: 0 });
  });

  test('scopes are JSON too, and declare nothing', async () => {
    const scopes = (text: string): Promise<Uint8Array> =>
      written(async (writer) => {
        await writer.record(recordZero({ tracks: [VIDEO] }));
        await writer.record({ mode: MODE.scopes, pts: 0, payload: utf8Encode(text) });
        await writer.record(mediaRecord({ track: 1, pts: 0 }));
      });
    expect((await checked(await scopes('[1]'))).errors).toEqual(['H4_META_JSON', 'H4_TRACK_UNDECLARED']);
    expect((await checked(await scopes('{"h4mk":{"tracks":[{"id":1,"kind":"data"}]}}'))).errors).toEqual([
      'H4_TRACK_UNDECLARED',
    ]);
  });

  test('tracks are declared before their first record', async () => {
    const declaration = metaRecord({ h4mk: { tracks: [{ id: 5, kind: 'data' }] } });
    const block = mediaRecord({ track: 5, pts: 0 });
    const script = (order: readonly RecordInput[]) =>
      written(async (writer) => {
        await writer.record(recordZero(TRACKS));
        for (const record of order) await writer.record(record);
      });
    expect((await checked(await script([declaration, block]))).errors).toEqual([]);
    expect((await checked(await script([block, declaration]))).errors).toEqual(['H4_TRACK_UNDECLARED']);
  });

  test('that was changed counts as it stands, so that one fault gives one finding', async () => {
    const declaration = (kind: string): Piece => ({
      tag: 'META',
      payload: utf8Encode(`{"h4mk":{"tracks":[{"id":5,"kind":"${kind}"}]}}`),
    });
    const bytes = await written(async (writer) => {
      await writer.record(recordZero(TRACKS));
      await writer.record({ mode: MODE.meta, pts: 0, payload: declaration('audio').payload });
      await writer.record(mediaRecord({ track: 5, pts: 0 }));
    });
    const errorsWith = async (kind: string): Promise<string[]> =>
      (await checked(withRecord(1, (tokn) => [tokn, declaration(kind)], bytes))).errors;
    expect(await errorsWith('video')).toEqual(['H4_COMMIT_MISMATCH']);
    expect(await errorsWith('voice')).toEqual(['H4_COMMIT_MISMATCH', 'H4_META_FIELD', 'H4_TRACK_UNDECLARED']);
  });
});

describe('masked and encrypted blocks:', () => {
  const keys = [{ epoch: 3, salt: 'a'.repeat(64), commit: 'b'.repeat(64) }];
  const hidden = (mode: 1 | 2, epoch: number): RecordInput =>
    mediaRecord({ pts: epoch, mode, epoch, payload: new Uint8Array(40) });

  test('are checked but not opened: one warning that changes nothing', async () => {
    const bytes = await closedRecording([hidden(1, 3), hidden(2, 3)], { ...TRACKS, keys });
    expect(await checked(bytes)).toMatchObject({ errors: [], warnings: ['H4_KEY_MISSING'], exit_code: 0 });
  });

  test('use an epoch that META lists', async () => {
    const bytes = await closedRecording([hidden(1, 3), hidden(2, 4), hidden(1, 5)], { ...TRACKS, keys });
    expect(await checked(bytes)).toMatchObject({
      errors: ['H4_KEYS_EPOCH', 'H4_KEYS_EPOCH'],
      warnings: ['H4_KEY_MISSING'],
    });
  });

  test('commit to what is stored, whatever that means', async () => {
    const bytes = await closedRecording([hidden(2, 3)], { ...TRACKS, keys });
    const changed = withRecord(1, (tokn) => [tokn, { tag: 'SAFE', payload: new Uint8Array(40).fill(1) }], bytes);
    expect((await checked(changed)).errors).toEqual(['H4_COMMIT_MISMATCH']);
    expect(parseTokn(chunkOf(bytes, 'TOKN', 1).payload).commit).toEqual(sha256(new Uint8Array(40)));
  });
});
