/**
 * Why a signature by somebody whom one believes does not count: the time, too few keys or witnesses, another name. Who is not
 * told that apart from a stranger's signature looks for another key, and has the right one.
 */
import { closeness } from '../../container/check/checkpoint-trust.js';
import type { VerificationReport } from '../../container/check/verify.js';
import { formatMoment, listed, signerIn } from './signers.js';

type Signature = VerificationReport['signatures'][number];

export interface SigningFault {
  readonly kind: 'time' | 'keys' | 'name' | 'witnesses';
  /** A sentence without its end. Printable. */
  readonly words: string;
}

/** What the checkpoint lacks that came closest to counting; undefined where no configured key has signed any. */
export function signingFaultOf({ checkpoint, signatures }: VerificationReport): SigningFault | undefined {
  if (checkpoint !== null) return undefined;
  let closest: Signature | undefined;
  for (const signature of signatures) {
    if (closest === undefined || closenessOf(signature) >= closenessOf(closest)) closest = signature;
  }
  return closest === undefined ? undefined : faultOf(closest);
}

const closenessOf = ({ lacking, ignored }: Signature): number => closeness({ ignored, shortfall: lacking });

function faultOf({ lacking, ignored, verified, origin }: Signature): SigningFault | undefined {
  if (lacking === undefined) return undefined;
  const { what, have, need } = lacking;
  const others = ignored.map((key) => ignoredWords(key));
  if (what === 'witnesses') {
    const words = `it is signed by ${listed(verified)}, but ${have} of ${need} witnesses ${have === 1 ? 'has' : 'have'} seen it`;
    return { kind: 'witnesses', words };
  }
  if (what === 'name') {
    const name = listed([signerIn(origin)]);
    const words = `it is signed by ${listed(verified)}, but not by ${name}, in whose name it is`;
    return { kind: 'name', words: [words, ...others].join('; ') };
  }
  if (have === 0) return others.length === 0 ? undefined : { kind: 'time', words: others.join('; ') };
  const words = `${have} of ${need} required keys signed: ${listed(verified)}`;
  return { kind: 'keys', words: [words, ...others].join('; ') };
}

/** Why one key does not count that has signed. */
function ignoredWords({ name, why, at, seen }: Signature['ignored'][number]): string {
  const before =
    seen === null ? 'no witness says that it was signed before' : `witnesses saw it by ${formatMoment(seen)}`;
  const signed = `${listed([name])} signed it, but its key`;
  switch (why) {
    case 'not_yet_valid':
      return `${signed} is valid only from ${formatMoment(at)}${seen === null ? '' : `, and ${before}`}`;
    case 'expired':
      return `${signed} was valid until ${formatMoment(at)}, and ${before}`;
    case 'revoked':
      return `${signed} was revoked at ${formatMoment(at)}, and ${before}`;
  }
}
