/**
 * The one place where bytes become trusted. A payload that matches its record's commitment says so in its type, and only
 * this module can make such a value; decompression accepts nothing else. How far that reaches depends on the record's
 * own standing: under a signed root it is proof, without one it says that file and tree agree.
 */
import { equalBytes } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import { type Tokn, commitmentOf } from './tokn.js';

declare const verified: unique symbol;

/** A `T` that has been compared with what its record committed to. */
export type Verified<T> = T & { readonly [verified]: true };

/** Compares a payload with size and commitment of its record. */
export const verifyPayload = (tokn: Tokn, payload: Uint8Array): Verified<Uint8Array> => {
  if (payload.length !== tokn.size) {
    throw new H4Error(
      'H4_PAYLOAD_SIZE',
      `The payload of record ${tokn.seq} has ${payload.length} bytes instead of ${tokn.size}`,
    );
  }
  if (!equalBytes(commitmentOf(tokn.blind, payload), tokn.commit)) {
    throw new H4Error('H4_COMMIT_MISMATCH', `The payload of record ${tokn.seq} is not the one it committed to`);
  }
  return payload as Verified<Uint8Array>;
};
