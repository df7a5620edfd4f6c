/** Redaction: what goes, what stays valid, and the shared samples byte for byte. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MODE } from '../../../src/container/format/layout.js';
import { redactRecording } from '../../../src/container/redact/redact.js';
import { MAX_STATED_RECORDS, createRedactionStatement } from '../../../src/container/redact/redaction-statement.js';
import { commitmentOf, parseTokn } from '../../../src/container/format/tokn.js';
import { verifyContainer } from '../../../src/container/check/verify.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { fromHex, toHex } from '../../../src/utils/bytes.js';
import { parseEnvelope, verifyEnvelope } from '../../../src/utils/dsse.js';
import { createSigningKey, statementKey } from '../../../src/utils/signing-key.js';
import { parseVerificationKey } from '../../../src/utils/verification-key.js';
import {
  AUDIO,
  SIGNABLE_UID,
  VIDEO,
  chunkOf,
  chunksOf,
  closedRecording,
  endRecord,
  interleaved,
  mediaRecord,
  recordZero,
  rejection,
  tagsOf,
  written,
} from '../../support/container.js';
import { signNothing } from '../../support/notes.js';
import { errorCodes, reportOf } from '../../support/reports.js';
import { recordsOf, slice } from '../../support/slices.js';
import { describeShared } from '../../support/shared.js';

const BLIND = new Uint8Array(16).fill(7);

const recording = (records = interleaved(600)): Promise<Uint8Array> =>
  closedRecording(records, { tracks: [VIDEO, AUDIO], uid: SIGNABLE_UID, sign: signNothing });

interface Options {
  readonly compact?: boolean;
  readonly statement?: Uint8Array;
  readonly isRemoved?: (seq: number) => boolean;
}

const redacted = async (file: Uint8Array, { isRemoved = (seq) => seq % 7 === 3, ...options }: Options = {}) => {
  const sink = createMemorySink();
  const result = await redactRecording(createMemorySource(file), sink, {
    isRemoved: ({ seq }) => isRemoved(seq),
    ...options,
  });
  return { bytes: sink.bytes(), result };
};

/** The payloads of SIGN and the root, which redaction must not touch. */
const signed = (file: Uint8Array): unknown => ({
  notes: chunksOf(file).flatMap(({ tag, payload }) => (tag === 'SIGN' ? [toHex(payload)] : [])),
  root: toHex(recordsOf(file).root),
});

describe('redactRecording()', () => {
  describe.each([
    ['in place', false],
    ['compacting', true],
  ])('%s', (_, compact) => {
    it('leaves a file that is sound, with the signatures and the root that it had', async () => {
      const file = await recording();
      const { bytes, result } = await redacted(file, { compact });
      const report = await reportOf(bytes);
      expect(report.errors).toEqual([]);
      expect(report.redacted).toBe(result.removed.length);
      expect(result.removed.length).toBeGreaterThan(80);
      expect(signed(bytes)).toEqual(signed(file));
      expect(result.bytes).toBe(bytes.length);
      expect(file.length - bytes.length).toBe(compact ? result.removedBytes : 0);
    });

    it('leaves no byte of what it removes', async () => {
      const secret = new TextEncoder().encode('nobody may ever read this');
      const file = await recording([mediaRecord({ pts: 0, key: true, payload: secret })]);
      const { bytes } = await redacted(file, { compact, isRemoved: (seq) => seq === 1 });
      expect(Buffer.from(file).includes(Buffer.from(secret))).toBe(true);
      expect(Buffer.from(bytes).includes(Buffer.from(secret))).toBe(false);
    });

    it('removes the blind with the payload, and both, shown later, match the commitment', async () => {
      const payload = Uint8Array.of(1, 2, 3);
      const file = await recording([mediaRecord({ pts: 0, key: true, payload, blind: BLIND })]);
      const { bytes, result } = await redacted(file, { compact, isRemoved: (seq) => seq === 1 });
      expect(errorCodes(await reportOf(bytes))).toEqual([]);
      const tokn = parseTokn(chunkOf(bytes, 'TOKN', 1).payload);
      expect(tokn.blind).toEqual(new Uint8Array(16));
      expect(Buffer.from(bytes).includes(Buffer.from(BLIND))).toBe(false);
      expect(commitmentOf(BLIND, payload)).toEqual(tokn.commit);
      expect(result.guessable).toEqual([]);
    });

    it('adds a statement behind the end, before a TAIL that says so', async () => {
      const statement = createRedactionStatement({
        fileId: recordsOf(await recording()).fileId,
        records: [3, 10],
        reason: 'a bystander',
        key: createSigningKey('example.com/cam7', new Uint8Array(32).fill(0x42)),
      });
      const { bytes } = await redacted(await recording(), { compact, statement });
      expect(errorCodes(await reportOf(bytes))).toEqual([]);
      expect(tagsOf(bytes).slice(-4)).toEqual(['VERI', 'TAIL', 'ATTS', 'TAIL']);
      expect(chunkOf(bytes, 'ATTS').payload).toEqual(statement);
    });

    it('redacts a slice, and puts the statement where a slice has it', async () => {
      const file = slice(recordsOf(await recording()), [[20, 40]]);
      const statement = new TextEncoder().encode('{"payload":"","payloadType":"a","signatures":[{"sig":""}]}');
      const { bytes, result } = await redacted(file, { compact, statement });
      expect(errorCodes(await reportOf(bytes))).toEqual([]);
      expect(result.removed).toEqual([24, 31, 38]);
      expect(tagsOf(bytes).slice(-2)).toEqual(['ATTS', 'TAIL']);
    });

    it('redacts a live file, with or without a TAIL at its end', async () => {
      for (const tail of [true, false]) {
        const file = await written(async (writer) => {
          await writer.record(recordZero());
          await writer.record(mediaRecord({ pts: 0, key: true }));
          await writer.record(mediaRecord({ pts: 1 }));
          await writer.indexPoint({ tail });
        });
        const statement = new TextEncoder().encode('{"payload":"","payloadType":"a","signatures":[{"sig":""}]}');
        const { bytes, result } = await redacted(file, { compact, statement, isRemoved: (seq) => seq === 2 });
        expect(errorCodes(await reportOf(bytes))).toEqual([]);
        expect(result.removed).toEqual([2]);
        expect(tagsOf(bytes)).toContain('ATTS');
      }
    });
  });

  it('makes room where an earlier redaction left zeros, without counting it again', async () => {
    const once = await redacted(await recording(), { isRemoved: (seq) => seq < 50 });
    const { bytes, result } = await redacted(once.bytes, { compact: true, isRemoved: (seq) => seq < 51 });
    expect(result.removed).toEqual([50]);
    expect(once.bytes.length - bytes.length).toBe(once.result.removedBytes + result.removedBytes);
    expect(errorCodes(await reportOf(bytes))).toEqual([]);
  });

  it('keeps the blind of a redacted record away when it is copied again', async () => {
    const payload = Uint8Array.of(1);
    const once = await redacted(await recording([mediaRecord({ pts: 0, key: true, payload, blind: BLIND })]), {
      isRemoved: (seq) => seq === 1,
    });
    const twice = await redacted(once.bytes, { isRemoved: () => false });
    expect(twice.bytes).toEqual(once.bytes);
    expect(twice.result.removed).toEqual([]);
  });

  it('never asks about META, which cannot be removed', async () => {
    const asked: number[] = [];
    const sink = createMemorySink();
    await redactRecording(createMemorySource(await recording(interleaved(3))), sink, {
      isRemoved: ({ seq, mode }) => {
        expect(mode).not.toBe(MODE.meta);
        asked.push(seq);
        return true;
      },
    });
    expect(asked).toEqual([1, 2, 3]);
    expect((await reportOf(sink.bytes())).errors).toEqual([]);
  });

  it('names the records whose content can be guessed', async () => {
    const file = await recording([
      mediaRecord({ pts: 0, key: true }),
      mediaRecord({ pts: 1, blind: BLIND }),
      mediaRecord({ pts: 2 }),
    ]);
    const { result } = await redacted(file, { isRemoved: () => true });
    expect(result.removed).toEqual([1, 2, 3]);
    expect(result.guessable).toEqual([1, 3]);
  });

  it('refuses a legacy file, and one that breaks off', async () => {
    const file = await recording();
    const legacy = Buffer.concat([file.subarray(0, 8), Buffer.from('CORE'), Buffer.alloc(8)]);
    expect((await rejection(redacted(legacy))).code).toBe('H4_CHUNK_ORDER');
    expect((await rejection(redacted(file.subarray(0, file.length - 1)))).code).toBe('H4_TRUNCATED');
    const tokn = chunkOf(file, 'TOKN', 4);
    const cut = file.subarray(0, tokn.offset + 12 + tokn.size);
    expect((await rejection(redacted(cut))).code).toBe('H4_TRUNCATED');
  });

  it('commits nothing when it is cancelled or fails', async () => {
    const sink = createMemorySink();
    const source = createMemorySource(await recording());
    const signal = AbortSignal.abort();
    expect((await rejection(redactRecording(source, sink, { isRemoved: () => true, signal }))).code).toBe(
      'H4_CANCELLED',
    );
    expect(() => sink.bytes()).toThrow();
  });

  it('tells how far it has come', async () => {
    const file = await recording(interleaved(3));
    const seen: number[] = [];
    await redactRecording(createMemorySource(file), createMemorySink(), {
      isRemoved: () => false,
      onProgress: (bytes) => seen.push(bytes),
    });
    expect(seen.at(-1)).toBe(file.length);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });
});

describe('createRedactionStatement()', () => {
  const key = createSigningKey('example.com/cam7', new Uint8Array(32).fill(0x42));
  const fileId = fromHex('ab'.repeat(32));

  it('names the recording, the records and the reason, signed by the statement key', () => {
    const envelope = parseEnvelope(createRedactionStatement({ fileId, records: [4, 9], reason: 'a bystander', key }));
    const { payload, names } = verifyEnvelope(envelope, [parseVerificationKey(statementKey(key).verificationKey)]);
    expect(names).toEqual(['example.com/cam7/statements']);
    expect(JSON.parse(new TextDecoder().decode(payload))).toEqual({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'recording', digest: { sha256: 'ab'.repeat(32) } }],
      predicateType: 'urn:h4mk:predicate:redaction:v1',
      predicate: { seq: [4, 9], reason: 'a bystander' },
    });
  });

  it('refuses a reason that says nothing or too much, and a list that is empty or too long', () => {
    const refused = (records: number[], reason: string) => () =>
      createRedactionStatement({ fileId, records, reason, key });
    expect(refused([1], ' ')).toThrow(/A reason has 1 to 4096/);
    expect(refused([1], 'x'.repeat(4097))).toThrow(/not 4097/);
    expect(refused([], 'why')).toThrow(/names 1 to 65536 records, not 0/);
    expect(
      refused(
        Array.from({ length: MAX_STATED_RECORDS + 1 }, (_, i) => i),
        'why',
      ),
    ).toThrow(/in several steps/);
  });

  it('fits into an ATTS for as many records as it may name', async () => {
    const records = Array.from({ length: MAX_STATED_RECORDS }, (_, i) => 16_000_000 + i);
    const statement = createRedactionStatement({ fileId, records, reason: 'x'.repeat(4096), key });
    const file = await written(async (writer) => {
      await writer.record(recordZero());
      await writer.record(endRecord(0));
      await writer.close();
    });
    const { bytes } = await redacted(file, { statement });
    expect((await verifyContainer(createMemorySource(bytes))).errors).toEqual([]);
  });
});

describeShared('the redacted samples', (shared) => {
  const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(shared, 'samples', name)));

  it.each([
    ['redacted.h4mk', false],
    ['redacted-compact.h4mk', true],
  ])('%s is made of private.h4mk byte for byte', async (name, compact) => {
    const wanted = bytesOf(name);
    const chunks = chunksOf(wanted);
    const voids = chunks.flatMap(({ tag }, i) =>
      tag === 'VOID' ? [parseTokn(chunks[i - 1]?.payload ?? wanted).seq] : [],
    );
    expect(voids.length).toBeGreaterThan(0);
    const { bytes } = await redacted(bytesOf('private.h4mk'), { compact, isRemoved: (seq) => voids.includes(seq) });
    expect(Buffer.from(bytes).equals(Buffer.from(wanted))).toBe(true);
  });
});
