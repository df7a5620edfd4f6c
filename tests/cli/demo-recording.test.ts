import { expect, test } from 'vitest';
import { writeDemoRecording } from '../../src/cli/demo-recording.js';
import { verifyContainer } from '../../src/container/check/verify.js';
import { createMemorySink, createMemorySource } from '../../src/storage/memory.js';

test('the recording of the demonstration is sound', async () => {
  const sink = createMemorySink();
  const { size } = await writeDemoRecording(sink);
  const report = await verifyContainer(createMemorySource(sink.bytes()));
  expect(report).toMatchObject({ exit_code: 0, records: size, warnings: [] });
});
