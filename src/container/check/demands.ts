/**
 * What a check is asked beyond the rules of the format: whom to believe, which keys open blocks, what was seen before. All of it
 * is chosen before the file is looked at (spec/h4mk.md section 16), and without any of it nothing is proven about origin.
 */
import { H4Error } from '../../utils/error.js';
import { assertContentKey } from '../secrecy/block-secrets.js';
import { type SeenCheckpoint, assertSeen } from '../trust/seen.js';
import { type TrustPolicy, assertPolicy } from '../trust/trust.js';

export interface Demands {
  /** Whose signatures count. With it a signature is required. */
  readonly trust?: TrustPolicy;
  /** The moment of the check in seconds since 1970; where it is missing, no key counts whose time is limited. */
  readonly now?: number;
  /** Keys of masked and encrypted blocks, in any order: what they open is opened and checked. */
  readonly contentKeys?: readonly Uint8Array[];
  /** Checkpoints that earlier checks have trusted. */
  readonly seen?: readonly SeenCheckpoint[];
}

/** Just the demands among the options of a check. H4_PARAM and H4_VKEY for what nobody can mean, before a byte is read. */
export const demandsOf = ({ trust, now, contentKeys, seen }: Demands): Demands => {
  if (trust !== undefined) assertPolicy(trust);
  if (now !== undefined && !(Number.isFinite(now) && now >= 0)) {
    throw new H4Error('H4_PARAM', `The moment of a check is a number of seconds since 1970, not ${now}`);
  }
  for (const key of contentKeys ?? []) assertContentKey(key, 'key');
  assertSeen(seen ?? []);
  return {
    ...(trust === undefined ? {} : { trust }),
    ...(now === undefined ? {} : { now }),
    ...(contentKeys === undefined ? {} : { contentKeys }),
    ...(seen === undefined ? {} : { seen }),
  };
};
