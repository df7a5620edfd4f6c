import { expect, test } from 'vitest';
import { RecordTrace, recordStates } from '../../../src/cli/verify/record-states.js';
import { type VerificationReport, verifyContainer } from '../../../src/container/check/verify.js';
import type { ByteSource } from '../../../src/container/io/io.js';
import { redactRecording } from '../../../src/container/redact/redact.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { TEN_BLOCKS, recording } from '../support/files.js';

const { signal } = new AbortController();

const checked = async (source: ByteSource): Promise<readonly [VerificationReport, RecordTrace]> => {
  const trace = new RecordTrace();
  const report = await verifyContainer(source, {
    observe: ({ tokn, offset, payload }) => trace.admit(tokn, offset, payload === undefined),
  });
  return [report, trace];
};

test('records beyond the signed size are pending', async () => {
  const source = createMemorySource(await recording(TEN_BLOCKS, {}, {}));
  const [report, trace] = await checked(source);
  const { counts, listed } = await recordStates(source, { ...report, proven: true, signed_size: 10 }, trace, signal);
  expect(counts).toEqual({ verified: 10, redacted: 0, tampered: 0, pending: 3 });
  expect(listed[10]).toMatchObject({ seq: 10, status: 'pending', codes: [] });
});

test('where nothing is signed, nothing is pending', async () => {
  const source = createMemorySource(await recording(TEN_BLOCKS, {}, {}));
  const { counts } = await recordStates(source, ...(await checked(source)), signal);
  expect(counts).toEqual({ verified: 13, redacted: 0, tampered: 0, pending: 0 });
});

test('a file that shows other records when it is read again is told nothing about', async () => {
  const whole = await recording(TEN_BLOCKS, {}, {});
  const sink = createMemorySink();
  await redactRecording(createMemorySource(whole), sink, { isRemoved: ({ seq }) => seq === 5 });
  const [report, trace] = await checked(createMemorySource(sink.bytes()));
  expect(report.redacted).toBe(1);
  const lie = recordStates(createMemorySource(whole), report, trace, signal);
  await expect(lie).rejects.toMatchObject({ code: 'H4_IO' });
  const { counts } = await recordStates(createMemorySource(sink.bytes()), report, trace, signal);
  expect(counts).toEqual({ verified: 12, redacted: 1, tampered: 0, pending: 0 });
});

test('an error of the machine is not taken for one of the file', async () => {
  const source = createMemorySource(await recording(TEN_BLOCKS, {}, {}));
  const [report, trace] = await checked(source);
  await source.close();
  await expect(recordStates(source, report, trace, signal)).rejects.toMatchObject({ code: 'H4_STATE' });
});
