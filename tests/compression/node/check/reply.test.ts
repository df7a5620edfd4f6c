/** A reply is read from a file that the core's process could write as well. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { hasReply, readReply, writeReply } from '../../../../src/compression/node/check/reply.js';
import { QUICK, type TrialName, type TrialReply } from '../../../../src/compression/node/check/trial.js';

const folder = mkdtempSync(join(tmpdir(), 'reply-test-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const core = { path: 'core.so', fingerprint: '0'.repeat(64) };
const other = { path: 'other.so', fingerprint: '1'.repeat(64) };
const read = (path: string, trial: TrialName = 'speed'): TrialReply | undefined =>
  readReply(path, { trial, core, other, isWasm: false, files: [], extent: QUICK });

let count = 0;
const readBack = (reply: unknown, trial?: TrialName): TrialReply | undefined => {
  const path = join(folder, `${++count}.reply`);
  writeReply(path, reply as TrialReply);
  expect(hasReply(path)).toBe(true);
  return read(path, trial);
};
const isForged = { kind: 'failed', reason: expect.stringContaining('not one of the trial') as string, atCall: false };

describe('readReply()', () => {
  it('gives no reply where there is none', () => {
    const path = join(folder, 'none');
    expect([hasReply(path), read(path)]).toEqual([false, undefined]);
  });

  it('gives failures and refusals as they are', () => {
    const failure: TrialReply = { kind: 'failed', reason: 'why', evidence: { blocks: 3 }, atCall: true };
    const refusal: TrialReply = { kind: 'refused', code: 'H4_CORE_LOAD', message: 'why' };
    expect([readBack(failure), readBack(refusal)]).toEqual([failure, refusal]);
  });

  it.each([
    [null],
    [[]],
    ['passed'],
    [{ kind: 'other', evidence: {} }],
    [{ kind: 'passed' }],
    [{ kind: 'passed', evidence: { blocks: [1] } }],
    [{ kind: 'passed', evidence: { blocks: 1 }, figures: 'many' }],
    [{ kind: 'passed', evidence: { blocks: 1 }, figures: [{ name: 'ramp', bytes: 1 }] }],
    [{ kind: 'passed', evidence: { blocks: 1 }, figures: [null] }],
    [{ kind: 'passed', evidence: { blocks: -1 } }],
    [{ kind: 'failed', evidence: {} }],
    [{ kind: 'refused', code: 'H4_IO' }],
  ])('believes nothing of %j', (reply) => {
    expect(readBack(reply)).toMatchObject(isForged);
  });

  it('reads no folder, and no file that is too long', () => {
    const [directory, long] = [join(folder, 'directory'), join(folder, 'long')];
    mkdirSync(directory);
    writeFileSync(long, ' '.repeat(1024 * 1024 + 1));
    expect([read(directory), read(long)]).toMatchObject([isForged, isForged]);
  });

  const sum = { blocks: 402, bytes: 1, blocks_refused_as_too_long: 1, other_engine_id: 'x' };
  it.each([
    ['pack', { blocks: 403 }, { blocks: 402 }],
    ['unpack', { blocks: 403 }, {}],
    ['digest', { output_sha256: 'a'.repeat(64), engine_id: 'x' }, { output_sha256: 'x', engine_id: 'x' }],
    ['compare', { ...sum, other_fingerprint: other.fingerprint }, { ...sum, other_fingerprint: core.fingerprint }],
    [
      'compare',
      { ...sum, blocks: 403, blocks_refused_as_too_long: null, other_fingerprint: other.fingerprint },
      { ...sum, blocks: 1, other_fingerprint: other.fingerprint },
    ],
  ] as const)('demands the figures of %s', (trial, good, bad) => {
    expect(readBack({ kind: 'passed', evidence: good }, trial)).toMatchObject({ kind: 'passed' });
    expect(readBack({ kind: 'passed', evidence: bad }, trial)).toMatchObject(isForged);
  });
});
