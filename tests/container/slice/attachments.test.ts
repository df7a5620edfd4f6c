import { describe, expect, test } from 'vitest';
import { MAX_ATTACHED_BYTES } from '../../../src/container/slice/attachments.js';
import { SliceReader } from '../../../src/container/slice/slice-reader.js';
import { type VerificationReport, verifyContainer } from '../../../src/container/check/verify.js';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import { encodeTail, parseTail } from '../../../src/container/format/tail.js';
import { redactRecording } from '../../../src/container/redact/redact.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes, utf8Encode } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { statementKey } from '../../../src/utils/signing-key.js';
import { parseVerificationKey } from '../../../src/utils/verification-key.js';
import { SIGNER, TRUST, cut, cutFrom, opened, pictures, signedRecording } from '../../support/clips.js';
import { chunkOf, chunksOf, patched, withField, written, recordZero, mediaRecord } from '../../support/container.js';
import { signedBy, statementBy } from '../../support/signed.js';

const STATEMENTS = statementKey(SIGNER);
const trust = { ...TRUST, statementKeys: [parseVerificationKey(STATEMENTS.verificationKey)] };
const range = (from: number, to: number) => ({ ranges: [{ from, to }] });

interface Late {
  readonly tag: string;
  readonly payload: Uint8Array;
}

const behind = (file: Uint8Array, ...late: readonly Late[]): Uint8Array => {
  const tail = parseTail(chunkOf(file, 'TAIL', -1).payload);
  const longer = concatBytes(file, ...late.map(({ tag, payload }) => encodeChunk(tag, payload)));
  return concatBytes(longer, encodeChunk('TAIL', encodeTail({ ...tail, self: longer.length, prev: tail.self })));
};
const time = (note: Uint8Array): Late => ({
  tag: 'TIME',
  payload: concatBytes(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), sha256(note), Uint8Array.of(0x30)),
});
const statement = async (file: Uint8Array, reason = 'a bystander'): Promise<Late> => {
  const { fileId } = await opened(file);
  return { tag: 'ATTS', payload: statementBy(STATEMENTS, { fileId, predicate: { seq: [3], reason } }) };
};
const noteIn = (file: Uint8Array): Uint8Array => chunkOf(file, 'SIGN', -1).payload;
const attached = (file: Uint8Array): string[] =>
  chunksOf(file).flatMap(({ tag }) => (tag === 'ATTS' || tag === 'TIME' ? [tag] : []));
const check = (file: Uint8Array): Promise<VerificationReport> => verifyContainer(createMemorySource(file), { trust });

describe('a clip of a recording that was redacted', () => {
  test('carries the statement that says why, and so does a clip of it', async () => {
    const whole = await signedRecording(pictures(20));
    const sink = createMemorySink();
    const { payload } = await statement(whole);
    await redactRecording(createMemorySource(whole), sink, { isRemoved: ({ seq }) => seq === 3, statement: payload });
    const clip = await cut(sink.bytes(), { ...range(0, 300), trust });
    const again = await cutFrom(await SliceReader.open(createMemorySource(clip.bytes)), { ...range(0, 100), trust });
    for (const { bytes } of [clip, again]) {
      const report = await check(bytes);
      expect([report.errors, report.proven, report.statements]).toMatchObject([
        [],
        true,
        [{ verified: [STATEMENTS.name], reason: 'a bystander', records: [3] }],
      ]);
    }
  });
});

describe('what stands behind the close of a recording', () => {
  test('goes with a clip if it is well-formed: each once, and time stamps only of what is carried', async () => {
    const file = await signedRecording(pictures(20));
    const [own, other] = [await statement(file), await statement(file, 'another')];
    const stamp = time(noteIn(file));
    const late = behind(
      file,
      ...[own, { tag: 'ATTS', payload: utf8Encode('{}') }, stamp, time(Uint8Array.of(1)), own, stamp, other],
      { tag: 'TIME', payload: Uint8Array.of(2) },
    );
    const { bytes } = await cut(late, range(0, 100));
    expect(attached(bytes)).toEqual(['ATTS', 'TIME', 'ATTS']);
    expect((await check(bytes)).errors).toEqual([]);
  });

  test('goes with it up to a bound, the earliest first', async () => {
    const file = await signedRecording(pictures(20));
    const large = await statement(file, 'x'.repeat(400_000));
    const long = await statement(file, 'y'.repeat(400_000));
    const small = await statement(file);
    expect(2 * large.payload.length).toBeGreaterThan(MAX_ATTACHED_BYTES);
    const { bytes } = await cut(behind(file, large, long, small), range(0, 100));
    const sizes = chunksOf(bytes).flatMap(({ tag, size }) => (tag === 'ATTS' ? [size] : []));
    expect(sizes).toEqual([large.payload.length, small.payload.length]);
  });

  test('is left out where it is damaged, and nothing is looked for where no VERI stands', async () => {
    const file = await signedRecording(pictures(20));
    const late = behind(file, await statement(file), await statement(file, 'another'));
    const [first] = chunksOf(late).filter(({ tag }) => tag === 'ATTS');
    const damaged = patched(late, (first?.offset ?? 0) + 20, 0x20);
    expect(attached((await cut(damaged, range(0, 100))).bytes)).toEqual(['ATTS']);
    const broken = patched(late, first?.offset ?? 0, 0);
    expect(attached((await cut(broken, range(0, 100))).bytes)).toEqual([]);
    const tail = chunkOf(late, 'TAIL', -1);
    const misled = withField(late, tail, 40, chunkOf(late, 'ATTS', 0).offset, 8);
    expect(attached((await cut(misled, range(0, 100))).bytes)).toEqual([]);
  });

  test('is nothing where a recording goes on', async () => {
    const live = await written(async (writer) => {
      await writer.record(recordZero());
      for (let i = 0; i < 5; i++) await writer.record(mediaRecord({ pts: 40 * i, key: true }));
      await writer.indexPoint({ sign: signedBy(SIGNER) });
    });
    expect(attached((await cut(live, range(0, 100))).bytes)).toEqual([]);
  });
});
