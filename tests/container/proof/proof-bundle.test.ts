/**
 * Proofs that travel without their file: what an honest one answers, and that none answers anything else. The question always
 * comes from whoever checks.
 */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEngineSet } from '../../../src/compression/api/engine-set.js';
import { storedEngine } from '../../../src/compression/api/stored.js';
import {
  MAX_BUNDLED_RECORDS,
  type ProofBundle,
  encodeProof,
  parseProof,
} from '../../../src/container/proof/proof-bundle.js';
import { bytesOfRange, verifyRangeAnswer, verifySeekAnswer } from '../../../src/container/proof/proof-check.js';
import { proveRangeOfTrack, proveSeek } from '../../../src/container/proof/proof-maker.js';
import { ProvenReader } from '../../../src/container/proof/proven-reader.js';
import type { RecordInput } from '../../../src/container/write/record-writer.js';
import type { Tokn } from '../../../src/container/format/tokn.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { utf8Encode } from '../../../src/utils/bytes.js';
import { H4Error } from '../../../src/utils/error.js';
import { AUDIO, VIDEO, closedRecording, mediaRecord, recordZero, rejection, written } from '../../support/container.js';
import { keyOf, signedBy, trusting, witnessKeyOf, witnessOf } from '../../support/signed.js';

const SIGNER = keyOf(1);
const TRUST = trusting(SIGNER);
const options = { trust: TRUST };

/** Track 0: KEY every third block. Track 1: KEY at first and never again. Track 2 has one block, near the beginning. */
const blocks: RecordInput[] = Array.from({ length: 300 }, (_, i) => {
  const track = i === 3 ? 2 : i % 2;
  return mediaRecord({
    track,
    pts: 10 * i,
    key: track === 0 ? i % 6 === 0 : i < 4,
    payload: Uint8Array.from({ length: 20 + (i % 7) }, (__, j) => i + j),
    blind: i % 5 === 0 ? new Uint8Array(16).fill(i) : new Uint8Array(0),
  });
});
const TRACKS = { tracks: [VIDEO, AUDIO, { id: 2, kind: 'data' as const }] };
const file = await closedRecording(blocks, { ...TRACKS, totals: true, sign: signedBy(SIGNER) });
const live = await written(async (writer) => {
  await writer.record(recordZero(TRACKS));
  for (const block of blocks) await writer.record(block);
  await writer.indexPoint({ sign: signedBy(SIGNER, [witnessOf(5), 1_700_000_000]) });
});

const opened = (bytes: Uint8Array): Promise<ProvenReader> => ProvenReader.openUnjudged(createMemorySource(bytes));
const [closed, growing] = [await opened(file), await opened(live)];

const truth = (track: number, pts: number): number | undefined => {
  const seq = blocks.findLastIndex((block) => block.track === track && block.key === true && block.pts <= pts);
  return seq < 0 ? undefined : seq + 1;
};

const streamOf = (track: number): Buffer =>
  Buffer.concat(blocks.filter((block) => block.track === track).map(({ payload }) => payload));

const refusal = (check: () => unknown): H4Error => {
  try {
    check();
  } catch (error) {
    if (error instanceof H4Error) return error;
    throw error;
  }
  throw new Error('Expected a refusal');
};

const json = (bundle: ProofBundle): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(encodeProof(bundle))) as Record<string, unknown>;
const bytesOf = (value: unknown): Uint8Array => utf8Encode(JSON.stringify(value));

describe('the proof of a seek', () => {
  it.each<[string, ProvenReader]>([
    ['a closed recording', closed],
    ['a live one', growing],
  ])('gives the true answer for every time and track of %s', async (_, reader) => {
    for (const track of [0, 1, 2]) {
      for (const pts of [-1, 0, 9, 59, 60, 1234, 2940, 2999, 10 ** 9]) {
        const proof = encodeProof(await proveSeek(reader, pts, { track }));
        const answer = verifySeekAnswer(proof, { pts, track }, options);
        expect([track, pts, answer.key?.tokn.seq]).toEqual([track, pts, truth(track, pts)]);
        expect(answer.checkpoint).toMatchObject({ size: reader.checkpoint.size, signers: [SIGNER.name] });
        expect(answer.isComplete).toBe(reader === closed);
      }
    }
  });

  it('answers for the seek track unless another is asked about, and for a time that depends on the recording', async () => {
    const proof = encodeProof(await proveSeek(closed, 1234));
    const answer = verifySeekAnswer(proof, { pts: ({ shift }) => 1234 + shift }, options);
    expect([answer.track, answer.pts, answer.key?.tokn.seq]).toEqual([0, 1234, truth(0, 1234)]);
  });

  it('says of another question which one it answers, if it answers any', async () => {
    const proof = encodeProof(await proveSeek(growing, 1234));
    for (const [pts, track] of [
      [1199, 0],
      [10 ** 6, 0],
      [1234, 1],
    ] as const) {
      const { code, message, detail } = refusal(() => verifySeekAnswer(proof, { pts, track }, options));
      expect([code, message]).toEqual([
        'H4_SEEK_NOT_ADJACENT',
        `This proof answers another question: it is about time 1200 up to 1260 of track 0, asked was time ${pts} of track ${track}`,
      ]);
      const about = { form: 'proof', track: 0, from_pts: 1200, to_pts: 1260 };
      expect(detail).toEqual({ ...about, asked_pts: pts, asked_track: track });
    }
    const last = encodeProof(await proveSeek(growing, 10 ** 6));
    const late = refusal(() => verifySeekAnswer(last, { pts: 0 }, options));
    expect([late.message, late.detail['to_pts']]).toEqual([expect.stringContaining('time 2940 and later of'), null]);
    // It proves that there is no key at or before, and no time of its own.
    const none = encodeProof(await proveSeek(growing, -5));
    expect(refusal(() => verifySeekAnswer(none, { pts: 500 }, options)).message).toContain('does not answer');
  });

  it('answers for other times only as far as it proves them', async () => {
    const proof = encodeProof(await proveSeek(closed, 1234));
    expect(verifySeekAnswer(proof, { pts: 1200 }, options).key?.tokn.pts).toBe(1200);
    for (const pts of [1199, 1260, 0, 10 ** 6]) {
      expect(refusal(() => verifySeekAnswer(proof, { pts }, options)).code).toBe('H4_SEEK_NOT_ADJACENT');
    }
    expect(refusal(() => verifySeekAnswer(proof, { pts: 1234, track: 1 }, options)).code).toBe('H4_SEEK_NOT_ADJACENT');
  });

  it('shows the payload of the keyframe if asked to', async () => {
    const proof = encodeProof(await proveSeek(closed, 1234, { withPayload: true }));
    const answer = verifySeekAnswer(proof, { pts: 1234 }, options);
    expect([...(answer.key?.payload ?? [])]).toEqual([...(blocks[120]?.payload ?? [])]);
  });

  it('says that a track has no records by the totals of the end record, or by showing all others', async () => {
    expect(
      verifySeekAnswer(encodeProof(await proveSeek(closed, 5, { track: 9 })), { pts: 5, track: 9 }, options).key,
    ).toBe(undefined);
    const all = await proveSeek(growing, 5, { track: 9 });
    expect(all.runs[0]?.records).toHaveLength(301);
    expect(verifySeekAnswer(encodeProof(all), { pts: 5, track: 9 }, options).key).toBe(undefined);
    const fewer = await proveSeek(growing, 2999, { track: 0 });
    expect(refusal(() => verifySeekAnswer(encodeProof(fewer), { pts: 5, track: 9 }, options)).code).toBe(
      'H4_SEEK_NOT_ADJACENT',
    );
  });

  it('names the witnesses of its checkpoint', async () => {
    const proof = encodeProof(await proveSeek(growing, 60));
    const witness = witnessOf(5);
    const trust = { ...TRUST, witnesses: [witnessKeyOf(witness)], quorum: 1 };
    const { checkpoint } = verifySeekAnswer(proof, { pts: 60 }, { trust });
    expect(checkpoint.cosigners).toEqual([{ name: witness.name, time: 1_700_000_000 }]);
  });
});

describe('the proof of a range', () => {
  const whole = async (proof: Uint8Array, track: number, from: number, to: number): Promise<Buffer> => {
    const pieces: Uint8Array[] = [];
    const answer = verifyRangeAnswer(proof, { track, from, to }, options);
    for await (const piece of bytesOfRange(answer, createEngineSet([storedEngine]))) pieces.push(piece);
    return Buffer.concat(pieces);
  };

  it.each<[string, ProvenReader]>([
    ['a closed recording', closed],
    ['a live one', growing],
  ])('gives the true bytes of %s, as far as there are', async (_, reader) => {
    for (const track of [0, 1, 2]) {
      const stream = streamOf(track);
      for (const [from, to] of [
        [0, 1],
        [19, 22],
        [0, 10 ** 6],
        [stream.length - 1, stream.length],
        [stream.length - 1, stream.length + 9],
      ] as const) {
        const proof = encodeProof(await proveRangeOfTrack(reader, { track, from, to }));
        expect(await whole(proof, track, from, to)).toEqual(stream.subarray(from, to));
        const answer = verifyRangeAnswer(proof, { track, from, to }, options);
        expect([answer.from, answer.to]).toEqual([from, Math.min(to, stream.length)]);
      }
    }
  });

  it.each<[string, ProvenReader]>([
    ['a closed recording', closed],
    ['a live one', growing],
  ])('proves of %s that there is no such byte', async (_, reader) => {
    for (const track of [0, 2, 9]) {
      const length = track === 9 ? 0 : streamOf(track).length;
      const question = { track, from: length, to: length + 5 };
      const proof = encodeProof(await proveRangeOfTrack(reader, question));
      const error = refusal(() => verifyRangeAnswer(proof, question, options));
      expect([error.code, error.detail]).toEqual(['H4_RANGE_NOT_FOUND', { length }]);
    }
  });

  it('does not answer for bytes that it does not show', async () => {
    const proof = encodeProof(await proveRangeOfTrack(growing, { track: 0, from: 100, to: 300 }));
    for (const [track, from, to] of [
      [0, 50, 200],
      [0, 200, 600],
      [0, 10 ** 7, 10 ** 8],
      [1, 100, 300],
    ] as const) {
      const { code } = refusal(() => verifyRangeAnswer(proof, { track, from, to }, options));
      expect(['H4_PROOF_INVALID', 'H4_INDEX_MISMATCH']).toContain(code);
    }
  });

  it('proves places without payloads too, whose bytes nobody can then read', async () => {
    const question = { track: 0, from: 100, to: 300 };
    const proof = encodeProof(await proveRangeOfTrack(closed, question, { withPayload: false }));
    expect(verifyRangeAnswer(proof, question, options).records.map(({ payload }) => payload)).not.toContain(
      expect.any(Uint8Array),
    );
    expect(await rejection(whole(proof, 0, 100, 300))).toMatchObject({ code: 'H4_RANGE_REDACTED' });
  });

  it.each([
    [5, 5],
    [-1, 5],
    [0, 0.5],
    [NaN, 5],
  ])('is neither made nor checked for the bytes from %d to %d', async (from, to) => {
    const question = { track: 0, from, to };
    expect(await rejection(proveRangeOfTrack(closed, question))).toMatchObject({ code: 'H4_PARAM' });
    expect(refusal(() => verifyRangeAnswer(new Uint8Array(0), question, options)).code).toBe('H4_PARAM');
  });

  it('is not made of more records than anybody would check', async () => {
    const record = await closed.record(5);
    const endless = {
      limits: closed.limits,
      trackExtent: () => Promise.resolve({ length: 10 ** 9 }),
      // eslint-disable-next-line @typescript-eslint/require-await
      async *recordsOfRange() {
        for (let seq = 0; ; seq++) yield { ...record, tokn: { ...record.tokn, seq } };
      },
    } as unknown as ProvenReader;
    const asked = proveRangeOfTrack(endless, { track: 0, from: 0, to: 10 ** 9 }, { withPayload: false });
    expect(await rejection(asked)).toMatchObject({ code: 'H4_LIMIT_RECORDS' });
  });

  it('is not made where it would be too long to be checked', async () => {
    const small = await ProvenReader.openUnjudged(createMemorySource(file), { limits: { maxChunkBytes: 13_000 } });
    expect(await rejection(proveRangeOfTrack(small, { track: 0, from: 0, to: 10 ** 6 }))).toMatchObject({
      code: 'H4_LIMIT_CHUNK',
    });
  });
});

describe('who must have signed', () => {
  it('is somebody whom the policy trusts, for the recording that is meant', async () => {
    const proof = encodeProof(await proveSeek(closed, 60));
    const check = (given: Parameters<typeof verifySeekAnswer>[2]): string =>
      refusal(() => verifySeekAnswer(proof, { pts: 60 }, given)).code;
    expect(verifySeekAnswer(proof, { pts: 60 }, { ...options, fileId: closed.fileId }).key?.tokn.seq).toBe(7);
    expect(check({ ...options, fileId: new Uint8Array(32) })).toBe('H4_SIGN_ORIGIN');
    expect(check({ trust: trusting(keyOf(9)) })).toBe('H4_SIGN_UNTRUSTED');
    expect(check({ trust: { ...TRUST, quorum: 1 } })).toBe('H4_SIGN_QUORUM');
    expect(check({ trust: { ...TRUST, engines: [{ engineId: 'other', fingerprint: '0'.repeat(64) }] } })).toBe(
      'H4_ENGINE_UNTRUSTED',
    );
  });

  it('has signed the recording that record 0 describes', async () => {
    const another = await opened(
      await closedRecording(blocks, { ...TRACKS, uid: 'e'.repeat(32), sign: signedBy(SIGNER) }),
    );
    const [one, two] = [await proveSeek(closed, 60), await proveSeek(another, 60)];
    const mixed = encodeProof({ ...one, recordZero: two.recordZero });
    expect(refusal(() => verifySeekAnswer(mixed, { pts: 60 }, options)).code).toBe('H4_SIGN_ORIGIN');
    const runs = encodeProof({ ...one, runs: two.runs });
    expect(refusal(() => verifySeekAnswer(runs, { pts: 60 }, options)).code).toBe('H4_PROOF_INVALID');
  });
});

const good = await proveSeek(closed, 60);

describe('a proof that is none', () => {
  const text = json(good);
  const [run] = text['runs'] as Record<string, unknown>[];
  const [record] = (run?.['records'] ?? []) as Record<string, unknown>[];
  const withRun = (change: object): unknown => ({ ...text, runs: [{ ...run, ...change }] });
  const withRecord = (change: object): unknown => withRun({ records: [{ ...record, ...change }] });
  const hashes = run?.['hashes'] as string[];

  it.each<[string, unknown, string]>([
    ['is no object', [], 'H4_PROOF_INVALID'],
    ['is of another format', { ...text, format: 'h4mk-proof-v2' }, 'H4_PROOF_INVALID'],
    ['is of another kind', { ...text, kind: 'clip' }, 'H4_PROOF_INVALID'],
    ['is of a range', { ...text, kind: 'range' }, 'H4_PROOF_INVALID'],
    ['has a key too many', { ...text, extra: 1 }, 'H4_PROOF_INVALID'],
    ['lacks a key', { ...text, runs: undefined }, 'H4_PROOF_INVALID'],
    ['has runs that are no array', { ...text, runs: {} }, 'H4_PROOF_INVALID'],
    ['has a checkpoint that is no text', { ...text, checkpoint: 5 }, 'H4_PROOF_INVALID'],
    ['has a checkpoint that is no base64', { ...text, checkpoint: '-' }, 'H4_PROOF_INVALID'],
    ['has a checkpoint that is no note', { ...text, checkpoint: '' }, 'H4_SIGN_NOTE'],
    ['has a checkpoint that is too long', { ...text, checkpoint: 'A'.repeat(90_000) }, 'H4_PROOF_INVALID'],
    ['has no record 0', { ...text, record_zero: 1 }, 'H4_PROOF_INVALID'],
    ['has another record as record 0', { ...text, record_zero: { entry: record?.['entry'], payload: '' } }, 'H4_'],
    ['has a run that begins nowhere', withRun({ first: 1.5 }), 'H4_PROOF_INVALID'],
    ['has a run that begins elsewhere', withRun({ first: 8 }), 'H4_PROOF_INVALID'],
    ['has a run beyond the tree', withRun({ first: 10 ** 9 }), 'H4_PROOF_INVALID'],
    ['has two runs that touch', { ...text, runs: [run, run] }, 'H4_PROOF_INVALID'],
    ['has a run without records', withRun({ records: [] }), 'H4_PROOF_INVALID'],
    ['has a hash too few', withRun({ hashes: hashes.slice(1) }), 'H4_PROOF_INVALID'],
    ['has a hash too many', withRun({ hashes: [...hashes, hashes[0]] }), 'H4_PROOF_INVALID'],
    ['has a short hash', withRun({ hashes: [...hashes.slice(1), 'AAAA'] }), 'H4_PROOF_INVALID'],
    ['has a long hash', withRun({ hashes: [...hashes.slice(1), 'A'.repeat(48)] }), 'H4_PROOF_INVALID'],
    ['has no runs, which would prove a closed recording', { ...text, runs: [] }, 'H4_SEEK_NOT_ADJACENT'],
    ['has a record that is no object', withRun({ records: [1] }), 'H4_PROOF_INVALID'],
    ['has a record with a key too many', withRecord({ seq: 1 }), 'H4_PROOF_INVALID'],
    ['has an entry that is none', withRecord({ entry: 'AAAA' }), 'H4_'],
    ['has a payload that is another one', withRecord({ payload: 'AAAA' }), 'H4_'],
  ])('%s', (_, value, code) => {
    expect(refusal(() => verifySeekAnswer(bytesOf(value), { pts: 60 }, options)).code).toContain(code);
  });

  it('is no JSON, has a key twice, or is deeper or longer than any', () => {
    const check = (bytes: Uint8Array, limits = {}): string =>
      refusal(() => verifySeekAnswer(bytes, { pts: 60 }, { ...options, limits })).code;
    expect(check(utf8Encode('{'))).toBe('H4_META_JSON');
    expect(check(utf8Encode('{"kind":1,"kind":1}'))).toBe('H4_META_JSON');
    expect(check(utf8Encode('['.repeat(20)))).toBe('H4_LIMIT_META');
    expect(check(encodeProof(good), { maxChunkBytes: 500 })).toBe('H4_LIMIT_META');
  });

  it('has more records than anybody should look at', () => {
    const many = Array.from({ length: MAX_BUNDLED_RECORDS + 1 }, () => ({ entry: '' }));
    expect(refusal(() => parseProof(bytesOf(withRun({ records: many })))).code).toBe('H4_LIMIT_RECORDS');
  });

  it('has a proven record whose payload or blind is not its own', async () => {
    const range = await proveRangeOfTrack(closed, { track: 0, from: 0, to: 5 });
    const tampered = (change: (record: ProofBundle['runs'][0]['records'][0]) => object): Uint8Array =>
      encodeProof({
        ...range,
        runs: range.runs.map((each) => ({ ...each, records: each.records.map((one) => ({ ...one, ...change(one) })) })),
      });
    const check = (bytes: Uint8Array): string =>
      refusal(() => verifyRangeAnswer(bytes, { track: 0, from: 0, to: 5 }, options)).code;
    expect(
      check(tampered(({ payload }) => (payload === undefined ? {} : { payload: payload.map((b) => b ^ 1) }))),
    ).toBe('H4_COMMIT_MISMATCH');
    expect(check(tampered(({ blind }) => (blind === undefined ? {} : { blind: blind.map((b) => b ^ 1) })))).toBe(
      'H4_COMMIT_MISMATCH',
    );
    expect(check(tampered(({ payload }) => (payload === undefined ? {} : { payload: payload.slice(1) })))).toBe(
      'H4_PAYLOAD_SIZE',
    );
  });
});

describe('random lies', () => {
  it('a proof with bytes changed is refused or gives the true answer', async () => {
    const seek = encodeProof(await proveSeek(closed, 1234, { withPayload: true }));
    const range = encodeProof(await proveRangeOfTrack(closed, { track: 0, from: 90, to: 400 }));
    const isTrue = (tokn: Tokn | undefined, wanted: number | undefined): boolean => tokn?.seq === wanted;
    const ask = (name: string, question: () => boolean): void => {
      try {
        expect([name, question()]).toEqual([name, true]);
      } catch (error) {
        if (!(error instanceof H4Error) || error.kind === 'usage' || error.kind === 'internal') throw error;
      }
    };
    const mutation = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 32, max: 126 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(mutation, (changes) => {
        const changed = (proof: Uint8Array): Uint8Array => {
          const copy = proof.slice();
          for (const [at, byte] of changes) copy[at % copy.length] = byte;
          return copy;
        };
        ask('seek', () => isTrue(verifySeekAnswer(changed(seek), { pts: 1234 }, options).key?.tokn, truth(0, 1234)));
        ask('range', () => {
          const { records } = verifyRangeAnswer(changed(range), { track: 0, from: 90, to: 400 }, options);
          const bytes = Buffer.concat(records.map(({ payload }) => payload ?? new Uint8Array(0)));
          const start = records[0]?.tokn.pos ?? 0;
          // A payload may be left out; one that is shown is the true one.
          return (
            records.some(({ payload }) => payload === undefined) ||
            bytes.equals(streamOf(0).subarray(start, start + bytes.length))
          );
        });
      }),
      { numRuns: 2000, seed: 8 },
    );
  }, 120_000);
});

describe('the schema', () => {
  it('names exactly the keys that proofs have', async () => {
    const schema = JSON.parse(await readFile(new URL('../../../spec/proof.schema.json', import.meta.url), 'utf8')) as {
      readonly required: string[];
      readonly properties: Record<string, unknown> & {
        readonly format: { readonly const: string };
        readonly runs: {
          readonly items: {
            readonly required: string[];
            readonly properties: { readonly records: { readonly items: { readonly properties: object } } };
          };
        };
      };
    };
    const proof = json(await proveRangeOfTrack(closed, { track: 0, from: 0, to: 30 }));
    expect(Object.keys(proof).sort()).toEqual([...schema.required].sort());
    expect(Object.keys(schema.properties).sort()).toEqual([...schema.required].sort());
    expect(proof['format']).toBe(schema.properties.format.const);
    const [run] = proof['runs'] as { readonly records: object[] }[];
    expect(Object.keys(run ?? {}).sort()).toEqual([...schema.properties.runs.items.required].sort());
    const keys = new Set((run?.records ?? []).flatMap((record) => Object.keys(record)));
    expect([...keys].sort()).toEqual(
      Object.keys(schema.properties.runs.items.properties.records.items.properties).sort(),
    );
  });
});
