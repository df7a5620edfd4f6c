/** What a verifier says of a file: through the library, as a file and as a stream, and on the command line. All must agree. */
import { expect } from 'vitest';
import { createSourceFeed } from '../../src/container/source/feed.js';
import { parsePolicy } from '../../src/container/trust/policy-file.js';
import type { SeenCheckpoint } from '../../src/container/trust/seen.js';
import type { TrustPolicy } from '../../src/container/trust/trust.js';
import {
  type VerificationReport,
  type VerificationState,
  verifyContainer,
  verifyStream,
} from '../../src/container/check/verify.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { toHex, utf8Encode } from '../../src/utils/bytes.js';
import type { ErrorCode } from '../../src/utils/error-codes.js';
import { cli, jsonOf } from '../cli/support/harness.js';
import type { Folder } from '../cli/support/files.js';
import { signer } from './surgery.js';

/** 2030-01-01 */
export const NOW = 1_893_456_000;

export interface Wanted {
  readonly state: VerificationState;
  readonly exit: 0 | 1 | 3;
  /** All codes, each once, in the order found; none by default. */
  readonly codes?: readonly ErrorCode[];
  /** What a stream comes to, where its end tells too late what it is. */
  readonly streamed?: readonly ErrorCode[];
  /** Largest size that a trusted checkpoint covers. */
  readonly signed?: number;
}

export interface Chosen {
  /** Default: the key of the signer. */
  readonly policy?: Readonly<Record<string, unknown>>;
  readonly seen?: readonly SeenCheckpoint[];
}

const seenFile = (seen: readonly SeenCheckpoint[]): string =>
  JSON.stringify({ harmony4_seen: 1, checkpoints: seen.map((each) => ({ ...each, root: toHex(each.root) })) });

type Summary = Omit<Required<Wanted>, 'streamed'>;

const summary = ({ state, exit_code, errors, signed_size }: VerificationReport): Summary => ({
  state,
  exit: exit_code as Wanted['exit'],
  codes: [...new Set(errors.map(({ code }) => code))],
  signed: signed_size,
});

let count = 0;

/** Fails unless every way to check `file` comes to what is wanted. */
export const expectVerdict = async (
  folder: Folder,
  file: Uint8Array,
  { codes = [], streamed, ...wanted }: Wanted,
  { policy = { keys: [{ vkey: signer.verificationKey }] }, seen = [] }: Chosen = {},
): Promise<void> => {
  const name = `attack-${count++}`;
  const trust: TrustPolicy = parsePolicy(utf8Encode(JSON.stringify({ v: 1, ...policy })));
  const options = { trust, now: NOW, seen };
  const whole = await verifyContainer(createMemorySource(file), options);
  const stream = await verifyStream(createSourceFeed(createMemorySource(file)), options);

  const path = await folder.write(`${name}.h4mk`, file);
  const memory = seen.length === 0 ? [] : ['--seen', await folder.write(`${name}.seen`, seenFile(seen))];
  const belief = ['--policy', await folder.write(`${name}.policy`, JSON.stringify({ v: 1, ...policy }))];
  const ended = await cli(['verify', ...belief, ...memory, '--json', path], { utcMicros: () => NOW * 1_000_000 });
  expect(ended.stderr).toBe('');
  const told = jsonOf(ended.stdout) as unknown as VerificationReport;

  const expected = { ...wanted, codes };
  expect(summary(whole)).toMatchObject(expected);
  expect(summary(stream)).toEqual({ ...summary(whole), codes: streamed ?? codes });
  expect(summary(told)).toEqual(summary(whole));
  expect(ended.code).toBe(wanted.exit);
};
