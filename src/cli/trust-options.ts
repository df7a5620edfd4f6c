/**
 * Whom a command believes: keys and policies as they are given on the command line. They are read before any recording is
 * opened, because a policy that is made while looking at a file is made by whoever wrote the file (spec/h4mk.md section 16).
 */
import type { Command } from 'commander';
import { type Acceptable, type PolicyFile, parsePolicy } from '../container/trust/policy-file.js';
import type { TrustPolicy, TrustedKey } from '../container/trust/trust.js';
import { H4Error, isH4Error } from '../utils/error.js';
import { type VerificationKey, keyReference } from '../utils/verification-key.js';
import type { Context } from './context.js';
import { isStatementKey } from './engine/statement-keys.js';
import { assertNoSecret, readVerificationKeys } from './key-lines.js';
import { repeatable } from './options.js';
import { readSmallFile } from './small-file.js';
import { printable } from './text.js';

export interface TrustOptions {
  readonly key?: readonly string[];
  readonly policy?: string;
}

export interface Trust {
  /** Undefined where neither a key nor a policy is given: then nothing can be proven. */
  readonly trust: TrustPolicy | undefined;
  /** What the policy accepts although it is not all of a recording. */
  readonly accept: readonly Acceptable[];
  /** Seconds since 1970, as the system believes them to be; undefined where it does not say. */
  readonly now: number | undefined;
}

const MAX_POLICY_BYTES = 1024 * 1024;
const MICROS_PER_SECOND = 1_000_000;

export function addTrustOptions(command: Command): Command {
  return command
    .option(
      '--key <VKEY-or-FILE>',
      'believe whoever holds this key: its text, or a file such as KEY.pub; repeatable, one of them must have signed',
      repeatable,
    )
    .option('--policy <FILE>', 'believe whom this policy names: keys, witnesses and what they are good for');
}

/** Reads whom to believe. What is not given is not looked for anywhere else. */
export async function readTrust({ key = [], policy }: TrustOptions, { io }: Context): Promise<Trust> {
  const micros = io.utcMicros?.();
  const now = micros === undefined ? undefined : Math.floor(micros / MICROS_PER_SECOND);
  if (key.length > 0 && policy !== undefined) {
    throw new H4Error('H4_PARAM', 'Cannot use --key and --policy together: put the key into the policy');
  }
  if (policy !== undefined) {
    const { accept, ...trust } = await readPolicy(policy);
    return { trust, accept, now };
  }
  return { trust: key.length === 0 ? undefined : await trustIn(key), accept: [], now };
}

async function readPolicy(file: string): Promise<PolicyFile> {
  assertNoSecret(file, '--policy');
  const name = printable(file);
  const bytes = await readSmallFile(file, MAX_POLICY_BYTES, `the policy in ${name}`);
  if (bytes.length > MAX_POLICY_BYTES) {
    throw new H4Error('H4_PARAM', `${name} is no policy: it has more than ${MAX_POLICY_BYTES} bytes`);
  }
  try {
    return parsePolicy(bytes);
  } catch (cause) {
    throw isH4Error(cause) ? new H4Error(cause.code, `${name}: ${cause.message}`, { cause }) : cause;
  }
}

/** The keys that are named, those for statements among them, as a policy of which one key is enough. */
async function trustIn(texts: readonly string[]): Promise<TrustPolicy> {
  const named: VerificationKey[] = [];
  for (const text of texts) named.push(...(await typedKeys(text)));
  const all = [...new Map(named.map((key) => [`${keyReference(key)} ${key.type}`, key])).values()];
  const keys: TrustedKey[] = [];
  const statementKeys: VerificationKey[] = [];
  for (const key of all) {
    if (key.type === 'witness') throw witnessAlone(key);
    if (isStatementKey(key)) statementKeys.push(key);
    else keys.push({ key });
  }
  if (keys.length === 0) {
    throw new H4Error(
      'H4_PARAM',
      'Cannot check who signed with keys for statements only: give the key for checkpoints as well, the first line of KEY.pub',
    );
  }
  return { keys, statementKeys };
}

/** What is wrong with a key that somebody has typed is wrong with the command, and with no file that is checked. */
async function typedKeys(text: string): Promise<VerificationKey[]> {
  try {
    return await readVerificationKeys(text, '--key');
  } catch (cause) {
    if (!isH4Error(cause, 'H4_VKEY')) throw cause;
    throw new H4Error('H4_VKEY', `Cannot use what was given as --key: ${cause.message}`, {
      cause,
      detail: { option: '--key' },
    });
  }
}

function witnessAlone(key: VerificationKey): H4Error {
  return new H4Error(
    'H4_PARAM',
    `Cannot use ${printable(keyReference(key))} as --key: it is the key of a witness, who says when something was seen and ` +
      'not who made it; name it under "witnesses" in a policy, and use --policy',
  );
}
