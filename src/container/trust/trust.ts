/**
 * Whom a check believes (spec/h4mk.md sections 8, 16 and 21). A policy is chosen before a file is looked at: a policy made from
 * what a file holds would be made by whoever wrote it.
 *
 * `judgeNote` is the one place where a checkpoint becomes trusted. It says who has signed the text of a note; that size, root
 * and file are right is for the caller, who has the tree.
 */
import type { EngineInfo } from '../../compression/api/engine.js';
import { toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import {
  type Ed25519VerificationKey,
  type P256VerificationKey,
  type VerificationKey,
  type WitnessVerificationKey,
  keyReference,
  verifyCosignature,
  verifySignature,
} from '../../utils/verification-key.js';
import type { Note, NoteSignature } from '../format/note.js';

/** Times are seconds since 1970, UTC. */
export interface TrustedKey {
  readonly key: Ed25519VerificationKey | P256VerificationKey;
  /** The key counts from then on, and until then. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** From then on anybody may hold the key: what it signed counts only where witnesses saw it before. */
  readonly revokedAt?: number;
}

export interface TrustPolicy {
  readonly keys: readonly TrustedKey[];
  /** How many of the keys must have signed a checkpoint, among them one with the name of its origin. Default 1. */
  readonly threshold?: number;
  readonly witnesses?: readonly WitnessVerificationKey[];
  /** How many of the witnesses must have cosigned it. Default 0. */
  readonly quorum?: number;
  /** How old the cosignatures may be that count for the quorum. */
  readonly maxAgeSeconds?: number;
  /** The only engines that may have made the blocks. Default: any. */
  readonly engines?: readonly { readonly engineId: string; readonly fingerprint: string }[];
  /** Keys that may sign statements about a recording, such as that records were redacted. */
  readonly statementKeys?: readonly VerificationKey[];
}

/** A witness that has seen a checkpoint. */
export interface Cosigner {
  readonly name: string;
  /** When, as it says: seconds since 1970. */
  readonly time: number;
}

/** A key of the policy that has signed and does not count, because of the time. */
export interface IgnoredKey {
  readonly name: string;
  readonly why: 'not_yet_valid' | 'expired' | 'revoked';
  /** From when it counts, until when it did, or when it was revoked. */
  readonly at: number;
  /** By when the witnesses that a policy wants had seen the signature; null where they do not say. */
  readonly seen: number | null;
}

/** What a policy asks for, how much of it there is, and how much there must be. */
export interface Shortfall {
  /** `keys` that have signed and count, among them one with the `name` of the origin; `witnesses` whose time counts. */
  readonly what: 'keys' | 'name' | 'witnesses';
  readonly have: number;
  readonly need: number;
}

export interface NoteVerdict {
  /** Names of the keys of the policy that have signed and count, none twice. */
  readonly verified: readonly string[];
  /** Witnesses of the policy that have cosigned, whether or not their time counts. */
  readonly cosigners: readonly Cosigner[];
  /** Keys of the policy that have signed and do not count, and why. */
  readonly ignored: readonly IgnoredKey[];
  /** What the policy asks for and this note lacks; undefined if it lacks nothing. */
  readonly lacks: 'signature' | 'quorum' | undefined;
  /** How much of it there is; undefined if it lacks nothing, or nobody was asked. */
  readonly shortfall?: Shortfall;
}

/**
 * Refuses a policy that cannot mean what it says: H4_PARAM for a threshold or a quorum that is no number, or that no file could
 * ever meet, H4_VKEY for a key of a type that cannot sign what it is listed for.
 */
export const assertPolicy = (policy: TrustPolicy): void => {
  const { keys, threshold = 1, witnesses = [], quorum = 0, maxAgeSeconds, statementKeys = [] } = policy;
  assertCount('threshold', threshold, 1, distinct(keys.map(({ key }) => key)).length, 'keys');
  assertCount('quorum', quorum, 0, distinct(witnesses).length, 'witnesses');
  if (maxAgeSeconds !== undefined && !(maxAgeSeconds >= 0)) {
    throw new H4Error('H4_PARAM', `Cannot use a policy whose maximum age is ${maxAgeSeconds} seconds`);
  }
  for (const { key } of keys) assertType(key, ['ed25519', 'p256'], 'checkpoints');
  for (const key of witnesses) assertType(key, ['witness'], 'what it has seen');
  for (const key of statementKeys) assertType(key, ['ed25519', 'p256'], 'statements');
};

const assertCount = (what: string, count: number, least: number, most: number, of: string): void => {
  if (Number.isSafeInteger(count) && count >= least && count <= most) return;
  throw new H4Error(
    'H4_PARAM',
    `Cannot use a policy with a ${what} of ${count}: it has ${most} different ${of}, and at least ${least} is needed`,
  );
};

const assertType = (key: VerificationKey, types: readonly VerificationKey['type'][], what: string): void => {
  if (types.includes(key.type)) return;
  throw new H4Error('H4_VKEY', `Cannot believe ${keyReference(key)} about ${what}: it is a key of type ${key.type}`);
};

/** Whoever holds one secret is one signer, under however many names. */
const distinct = <Key extends VerificationKey>(keys: readonly Key[]): Key[] => [
  ...new Map(keys.map((key) => [toHex(key.publicKey), key])).values(),
];

/**
 * Judges a note under `policy` at the moment `now`, in seconds since 1970; where that is unknown, what depends on it does not
 * count. H4_SIGN_BAD if a signature in the name of a key of the policy does not verify.
 */
export const judgeNote = (note: Note, policy: TrustPolicy, now: number | undefined): NoteVerdict => {
  const { threshold = 1, quorum = 0, maxAgeSeconds } = policy;
  const witnessed = witnessesOf(note, policy.witnesses ?? []);
  const isFresh = ({ latest }: Witnessed): boolean =>
    maxAgeSeconds === undefined || (now !== undefined && latest >= now - maxAgeSeconds);
  const seenBy = distinct(witnessed.filter(isFresh).map(({ key }) => key)).length;
  const hasQuorum = seenBy >= quorum;
  // Witnesses fix a moment by which the signature existed; without them it may be as late as now.
  const seen = hasQuorum && quorum > 0 ? momentOf(witnessed, quorum) : undefined;
  const signed = signersOf(note, policy.keys).map((trusted) => ({
    trusted,
    ignored: reasonAgainst(trusted, seen, now),
  }));
  const counted = signed.flatMap(({ trusted, ignored }) => (ignored === undefined ? [trusted.key] : []));
  const names = [...new Set(counted.map(({ name }) => name))];
  const need = Math.max(1, threshold);
  const have = distinct(counted).length;
  const shortfall: Shortfall | undefined =
    have < need
      ? { what: 'keys', have, need }
      : !names.includes(note.origin.name)
        ? { what: 'name', have: 0, need: 1 }
        : hasQuorum
          ? undefined
          : { what: 'witnesses', have: seenBy, need: quorum };
  return {
    verified: names,
    cosigners: witnessed.map(({ key, latest }) => ({ name: key.name, time: latest })),
    ignored: signed.flatMap(({ ignored }) => ignored ?? []),
    lacks: shortfall === undefined ? undefined : shortfall.what === 'witnesses' ? 'quorum' : 'signature',
    ...(shortfall === undefined ? {} : { shortfall }),
  };
};

/** The keys among `keys` that have signed the text of the note. */
const signersOf = (note: Note, keys: readonly TrustedKey[]): TrustedKey[] => {
  const verifying = linesBy(
    note,
    keys.map(({ key }) => key),
    (key, { signature }) => (verifySignature(key, note.text, signature) ? true : undefined),
  );
  return keys.filter(({ key }) => verifying.has(key));
};

/** A witness that has cosigned, and the first and the last moment at which it says to have seen the checkpoint. */
interface Witnessed {
  readonly key: WitnessVerificationKey;
  readonly earliest: number;
  readonly latest: number;
}

const witnessesOf = (note: Note, witnesses: readonly WitnessVerificationKey[]): Witnessed[] => {
  const times = linesBy(note, witnesses, (key, { signature }) => verifyCosignature(key, note.text, signature));
  return [...times].map(([key, of]) => ({ key, earliest: Math.min(...of), latest: Math.max(...of) }));
};

/**
 * What the lines of the note yield, for each key that one of them is by. A line that selects keys, and is by none of them, is
 * bad; name and key ID only select, and two keys may have both in common. A line that repeats another is not verified again:
 * whoever writes the file could make that take any time.
 */
const linesBy = <Key extends VerificationKey, Yield>(
  note: Note,
  keys: readonly Key[],
  verify: (key: Key, line: NoteSignature) => Yield | undefined,
): Map<Key, Yield[]> => {
  const found = new Map<Key, Yield[]>();
  const known = new Set<string>();
  for (const line of note.signatures) {
    const selected = keys.filter((key) => key.name === line.name && key.keyId === line.keyId);
    const [first] = selected;
    if (first === undefined) continue;
    const text = `${line.name}+${line.keyId}+${toHex(line.signature)}`;
    if (known.has(text)) continue;
    known.add(text);
    let isBy = false;
    for (const key of selected) {
      const yielded = verify(key, line);
      if (yielded === undefined) continue;
      isBy = true;
      found.set(key, [...(found.get(key) ?? []), yielded]);
    }
    if (!isBy) throw new H4Error('H4_SIGN_BAD', `The signature by ${keyReference(first)} does not verify`);
  }
  return found;
};

/**
 * The earliest moment by which `quorum` witnesses had seen the note; undefined where fewer of them name one. The time 0 is
 * none: a witness without a clock must not make a signature older than every revocation.
 */
const momentOf = (witnessed: readonly Witnessed[], quorum: number): number | undefined => {
  const first = new Map<string, number>();
  for (const { key, earliest } of witnessed) {
    const name = toHex(key.publicKey);
    if (earliest > 0) first.set(name, Math.min(earliest, first.get(name) ?? Infinity));
  }
  return [...first.values()].sort((a, b) => a - b)[quorum - 1];
};

/** Why what the key has signed does not count; undefined if it does. */
const reasonAgainst = (
  { key: { name }, notBefore, notAfter, revokedAt }: TrustedKey,
  seen: number | undefined,
  now: number | undefined,
): IgnoredKey | undefined => {
  const moment = seen ?? now;
  const because = (why: IgnoredKey['why'], at: number): IgnoredKey => ({ name, why, at, seen: seen ?? null });
  if (notBefore !== undefined && (moment === undefined || moment < notBefore)) {
    return because('not_yet_valid', notBefore);
  }
  if (notAfter !== undefined && (moment === undefined || moment > notAfter)) return because('expired', notAfter);
  // A thief can sign at any time and name any time: only witnesses can tell that it was before.
  const isBefore = revokedAt === undefined || (seen !== undefined && seen < revokedAt);
  return isBefore ? undefined : because('revoked', revokedAt);
};

/** Why a recording made by this engine is not accepted; undefined if it is. */
export const engineFault = (
  { engine_id, fingerprint }: Pick<EngineInfo, 'engine_id' | 'fingerprint'>,
  engines: TrustPolicy['engines'],
): string | undefined =>
  engines?.some((each) => each.engineId === engine_id && each.fingerprint === fingerprint) === false
    ? `The recording names the engine ${engine_id} with fingerprint ${fingerprint}, and the policy does not list it`
    : undefined;

/** The refusal of checkpoints of which the best one lacks this; undefined where there is none. */
export const notTrusted = (lacks: NoteVerdict['lacks']): H4Error => {
  switch (lacks) {
    case 'quorum':
      return new H4Error('H4_SIGN_QUORUM', 'Fewer witnesses have cosigned the checkpoint than the policy wants');
    case 'signature':
      return new H4Error('H4_SIGN_UNTRUSTED', 'The checkpoint is not signed by whom the policy trusts');
    case undefined:
      return new H4Error('H4_SIGN_MISSING', 'The file is not signed: nothing in it can be proven');
  }
};
