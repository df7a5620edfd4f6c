/** Who stands behind a recording, out of a report: for the first line, the details and the page for people. */
import type { TrustPolicy } from '../../container/trust/trust.js';
import type { VerificationReport } from '../../container/check/verify.js';
import { keyReference } from '../../utils/verification-key.js';
import { printable, shortened } from '../text.js';

/** A witness with the moment at which it saw a checkpoint, as it says: seconds since 1970. */
export interface Cosigner {
  readonly name: string;
  readonly time: number;
}

/** More names than this are counted. */
const MAX_NAMED = 5;
const MAX_NAME_CHARACTERS = 120;

/** Names of the keys that have signed what is proven, that of the origin first. */
export function signersOf(report: VerificationReport): readonly string[] {
  const { checkpoint } = report;
  // Without the witnesses that a policy wants, what is signed is not yet trusted.
  if (checkpoint === null) return unique(report.signatures.flatMap(({ verified }) => verified));
  // The key that names the origin has signed, or the checkpoint would not be trusted, even where its note is not listed.
  const own = signerIn(checkpoint.origin);
  return unique([own, ...notesOf(report).flatMap(({ verified }) => verified)]);
}

/** Witnesses that have cosigned what is proven, each with its latest time. */
export function cosignersOf(report: VerificationReport): readonly Cosigner[] {
  const times = new Map<string, number>();
  for (const { name, time } of notesOf(report).flatMap(({ cosigned }) => cosigned)) {
    times.set(name, Math.max(time, times.get(name) ?? 0));
  }
  return Array.from(times, ([name, time]) => ({ name, time }));
}

/** In whose name the checkpoints are that the file holds, whether or not that is true. */
export function claimedSignersOf({ signatures }: VerificationReport): readonly string[] {
  return unique(signatures.map(({ origin }) => signerIn(origin)));
}

/** `NAME+ID` of the keys of which one, or as many as the policy wants, must have signed. */
export function configuredKeysOf({ keys }: TrustPolicy): readonly string[] {
  return keys.map(({ key }) => keyReference(key));
}

const notesOf = ({ checkpoint, signatures }: VerificationReport): VerificationReport['signatures'] =>
  signatures.filter(
    ({ origin, size, verified }) => verified.length > 0 && origin === checkpoint?.origin && size === checkpoint.size,
  );

/** The name of the key in an origin, which is `<key name>/<hex file_id>`. */
export const signerIn = (origin: string): string => origin.replace(/\/[^/]*$/, '');

const unique = (names: readonly string[]): string[] => [...new Set(names)];

/** `a`, `a and b`, `a, b and 3 more`: names from outside, printable. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMED).map((name) => shortened(printable(name), MAX_NAME_CHARACTERS));
  const more = names.length - shown.length;
  const parts = more > 0 ? [...shown, `${more} more`] : shown;
  const last = parts.at(-1) ?? 'nobody';
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(', ')} and ${last}`;
}

/** The last second that a calendar date can name in JavaScript. */
const MAX_SECONDS = 8_640_000_000_000;

/** `2023-11-14 22:13:20 UTC`. */
export function formatMoment(seconds: number): string {
  // A witness may say whatever it likes.
  if (seconds > MAX_SECONDS) return `second ${seconds} since 1970`;
  return `${new Date(seconds * 1000).toISOString().slice(0, -5).replace('T', ' ')} UTC`;
}
