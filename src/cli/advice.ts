/**
 * What to do next, by error code. A message says what happened; this says what a person can do about it. Codes whose
 * messages already do, because only they know the circumstances (`H4_IO`, `H4_WRITE`, `H4_PARAM`), have no entry.
 */
import { ERROR_CODES, type ErrorCode, type ErrorKind } from '../utils/error-codes.js';

const CUT_OFF =
  'The recording was cut off. What is whole is still readable; if the original is complete, copy it again. Else ' +
  "'{harmony4} recover FILE -o NEW' makes a file of what is whole.";
const LEGACY = 'Read it with the software that wrote it: the coding of its blocks was never published.';
const NEWER = 'The file may come from newer software: update harmony4.';
const NOT_WRITTEN_SO =
  'The file is not as it was written. Compare it with another copy, and do not rely on what it says until then.';

const TOO_FEW =
  'Get a copy with the cosignatures of the witnesses, or ask whoever wrote the policy whether it asks for too much.';

const BY_CODE: Readonly<Partial<Record<ErrorCode, string>>> = {
  H4_BAD_MAGIC: "This is no H4MK file. To make one from it: '{harmony4} export FILE -o FILE.h4mk'",
  H4_TOO_SHORT: 'Is the file empty, or is it still being copied?',
  H4_BAD_VERSION: NEWER,
  H4_TOKN_SUITE: NEWER,
  H4_TOKN_MODE: NEWER,
  H4_NO_RECORDS: CUT_OFF,
  H4_TRUNCATED: CUT_OFF,
  H4_TOKN_NO_PAYLOAD: CUT_OFF,
  H4_TAIL_MISSING: CUT_OFF,
  H4_VERI_MISSING: 'Nothing in an old file without VERI tells accidents: keep the hash of the file elsewhere.',
  H4_META_MISSING: 'The reference engine is assumed, as the original software did.',
  H4_META_NOT_JCS: 'It is readable all the same; another writer formats its JSON differently.',
  H4_KEY_MISSING: 'What is masked or encrypted can be read only with its key.',
  H4_INNER_DAMAGE:
    "Compare it with another copy. All whole records on both sides of the damage: '{harmony4} recover FILE --slice -o NEW'; " +
    "only what stands before it, as a recording: '{harmony4} recover FILE --cut -o NEW'.",
  H4_AFTER_END: 'Nothing can follow the end of a recording: record to another file.',
  H4_ROLLBACK: 'What was once safe is gone: look for another copy before you go on, and keep this one.',
  H4_KEY_WRONG: 'Use the key with which this recording was made.',
  H4_ENGINE_UNKNOWN:
    'Set HARMONY4_CORE_PATH to the core with which this recording was made, with exactly that fingerprint, or list an ' +
    'equivalent build of it in the file that HARMONY4_ENGINE_EQUIVALENTS names.',
  H4_RANGE_REDACTED: 'Redacted content is gone for good. --from and --to extract what lies around it.',
  H4_EXISTS: 'Choose another name, or overwrite with --force.',
  H4_SIGN_MISSING: 'Ask whoever made the recording for a signed copy.',
  H4_SIGN_QUORUM: TOO_FEW,
  H4_EQUIVOCATION: 'Keep both copies, and rely on neither before whoever holds the key has explained them.',
  H4_POLICY: 'Nothing was checked. Correct the policy, or ask whoever wrote it for the right one.',
  H4_VKEY: 'Copy the key again from KEY.pub, or ask whoever holds it for its public half.',
  H4_SIGN_UNTRUSTED: 'Check that you have the right public key of whoever made the recording.',
  H4_LEGACY_ENCRYPTED: 'Nobody can decrypt such a file: its writer did not store what decryption needs.',
};

/** Where the right key has signed: another key is not what is missing. */
const BY_SIGNING: Readonly<Record<NonNullable<Circumstances['signing']>, string>> = {
  time:
    'The key is one that you believe, but not at that time. A copy that witnesses cosigned while it was in force shows when it ' +
    'was signed; else ask whoever made the recording.',
  keys: 'Get a copy that the other keys have signed as well, or ask whoever wrote the policy whether it asks for too much.',
  name: 'Get a copy that is signed by whom it names, or ask them for their public key and believe it as well.',
  witnesses: TOO_FEW,
};

const BY_KIND: Readonly<Partial<Record<ErrorKind, string>>> = {
  malformed: NOT_WRITTEN_SO,
  tampered: NOT_WRITTEN_SO,
  untrusted: 'Do not rely on the file before this has been cleared up with whoever made it.',
  limit: 'The file demands more than a reader grants to a file that nobody vouches for.',
};

const PROOF =
  "Ask whoever made it for another proof, or make one from the recording: '{harmony4} seek FILE PTS --prove -o PROOF'";
const ABOUT_BYTES: ReadonlySet<ErrorKind> = new Set<ErrorKind>(['malformed', 'tampered']);

/** They are about a core and not about a file, and their messages say what to do. */
const ABOUT_CORES: ReadonlySet<ErrorCode> = new Set(['H4_CORE_MISMATCH', 'H4_CORE_ALTERED', 'H4_ENGINE_BAD_OUTPUT']);

/** What is known about a file beside a code, where it changes what to do. */
export interface Circumstances {
  /** It is a legacy file, without records. */
  readonly isLegacy?: boolean;
  /** It is a proof, and no recording: what is wrong with it says nothing about any file. */
  readonly isProof?: boolean;
  /** Why a signature does not count that is by a key which one believes. */
  readonly signing?: 'time' | 'keys' | 'name' | 'witnesses';
  /** Where the bytes begin that follow the end of a closed recording, and how many they are. */
  readonly stray?: { readonly offset: number; readonly bytes: number };
}

/** The next step for an error of this code, if the message leaves one to be said. */
export function nextStepFor(code: ErrorCode, command: string, about: Circumstances = {}): string | undefined {
  if (code === 'H4_ENGINE_UNKNOWN' && about.isLegacy === true) return LEGACY;
  if (code === 'H4_TRUNCATED' && about.stray !== undefined) {
    const { offset, bytes } = about.stray;
    const [count, verb] = bytes === 1 ? ['1 byte', 'does'] : [`${bytes} bytes`, 'do'];
    return (
      `The recording itself is complete: it ends at offset ${offset}. From there on, ${count} that ${verb} not belong ` +
      `to it follow${bytes === 1 ? 's' : ''}; a copy that ends at offset ${offset} has all of it.`
    );
  }
  if (code === 'H4_SIGN_UNTRUSTED' && about.signing !== undefined) return BY_SIGNING[about.signing];
  if (about.isProof === true && ABOUT_BYTES.has(ERROR_CODES[code].kind)) return PROOF.replaceAll('{harmony4}', command);
  if (ABOUT_CORES.has(code)) return undefined;
  return (BY_CODE[code] ?? BY_KIND[ERROR_CODES[code].kind])?.replaceAll('{harmony4}', command);
}

/** What an error of this code means, in plain words. */
export function meaningOf(code: ErrorCode): string {
  return ERROR_CODES[code].meaning;
}
