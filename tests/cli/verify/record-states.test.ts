import { expect, test } from 'vitest';
import { recordStates } from '../../../src/cli/verify/record-states.js';
import { verifyContainer } from '../../../src/container/check/verify.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { TEN_BLOCKS, recording } from '../support/files.js';

const { signal } = new AbortController();

test('records beyond the signed size are pending', async () => {
  const source = createMemorySource(await recording(TEN_BLOCKS, {}, {}));
  const report = await verifyContainer(source);
  const { counts, listed } = await recordStates(source, { ...report, proven: true, signed_size: 10 }, signal);
  expect(counts).toEqual({ verified: 10, redacted: 0, tampered: 0, pending: 3 });
  expect(listed[10]).toMatchObject({ seq: 10, status: 'pending', codes: [] });
});

test('where nothing is signed, nothing is pending', async () => {
  const source = createMemorySource(await recording(TEN_BLOCKS, {}, {}));
  const { counts } = await recordStates(source, await verifyContainer(source), signal);
  expect(counts).toEqual({ verified: 13, redacted: 0, tampered: 0, pending: 0 });
});

test('an error of the machine is not taken for one of the file', async () => {
  const source = createMemorySource(await recording(TEN_BLOCKS, {}, {}));
  const report = await verifyContainer(source);
  await source.close();
  await expect(recordStates(source, report, signal)).rejects.toMatchObject({ code: 'H4_STATE' });
});
