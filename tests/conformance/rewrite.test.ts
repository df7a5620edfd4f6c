/** A writer that is given what a sample was made from writes the sample, byte for byte. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type WriterStep, takeApart, writeAgain } from '../support/rewrite.js';
import { describeShared } from '../support/shared.js';

describeShared('written again from its META, tokens, payloads, blinds, index points and signatures', (shared) => {
  const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(shared, 'samples', name)));
  const count = (steps: readonly WriterStep[], kind: WriterStep['kind']): number =>
    steps.filter((step) => step.kind === kind).length;

  it.each([
    { name: 'minimal.h4mk', records: 5, indexPoints: 0, closes: 1 },
    { name: 'signed.h4mk', records: 23, indexPoints: 1, closes: 1 },
    { name: 'live.h4mk', records: 11, indexPoints: 1, closes: 0 },
    { name: 'private.h4mk', records: 11, indexPoints: 1, closes: 1 },
    { name: 'tiles.h4mk', records: 601, indexPoints: 2, closes: 1 },
  ])('$name has the same bytes', async ({ name, records, indexPoints, closes }) => {
    const bytes = bytesOf(name);
    const apart = await takeApart(bytes);
    expect(count(apart.steps, 'record')).toBe(records);
    expect(count(apart.steps, 'index')).toBe(indexPoints);
    expect(count(apart.steps, 'close')).toBe(closes);
    const again = await writeAgain(apart);
    expect(again).toHaveLength(bytes.length);
    expect(Buffer.compare(again, bytes)).toBe(0);
  });

  it('a file with one token changed does not', async () => {
    const bytes = bytesOf('minimal.h4mk');
    const { seekTrack, steps } = await takeApart(bytes);
    const changed = steps.map((step) =>
      step.kind === 'record' && step.input.tokens !== undefined
        ? { ...step, input: { ...step.input, tokens: step.input.tokens.map((t) => ({ ...t, duration: 1 })) } }
        : step,
    );
    expect(Buffer.compare(await writeAgain({ seekTrack, steps: changed }), bytes)).not.toBe(0);
  });
});
