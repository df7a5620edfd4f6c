/**
 * The two forms of an ECDSA signature of P-256: ASN.1 DER, in which notes have it (specification, section 8.2), and r || s
 * (IEEE P1363), which WebCrypto makes and wants.
 *
 * DER is read strictly (X.690): shortest lengths, shortest integers, nothing behind them. Lax readers have let one signature
 * have many spellings, and attackers smuggle bytes.
 */

import { concatBytes, viewOf } from './bytes.js';
import { H4Error } from './error.js';

const INTEGER_BYTES = 32;
const P1363_BYTES = 2 * INTEGER_BYTES;
const SEQUENCE = 0x30;
const INTEGER = 0x02;
const SIGN_BIT = 0x80;

/** r || s, each in 32 bytes; undefined unless `der` is the DER of two non-negative integers of at most 256 bits. */
export function derToP1363(der: Uint8Array): Uint8Array | undefined {
  // Two integers of 33 bytes have a length below 128, which DER writes in one byte.
  if (der[0] !== SEQUENCE || der[1] !== der.length - 2) {
    return undefined;
  }
  const r = integerAt(der, 2);
  const s = r === undefined ? undefined : integerAt(der, r.end);
  if (r === undefined || s === undefined || s.end !== der.length) {
    return undefined;
  }
  const signature = new Uint8Array(P1363_BYTES);
  signature.set(r.bytes, INTEGER_BYTES - r.bytes.length);
  signature.set(s.bytes, P1363_BYTES - s.bytes.length);
  return signature;
}

/** The DER of r || s. `H4_PARAM` unless these are 64 bytes. */
export function p1363ToDer(signature: Uint8Array): Uint8Array {
  if (signature.length !== P1363_BYTES) {
    const message = `Cannot use ${signature.length} bytes as a signature of P-256: it has ${P1363_BYTES}`;
    throw new H4Error('H4_PARAM', message);
  }
  const r = derInteger(signature.subarray(0, INTEGER_BYTES));
  const s = derInteger(signature.subarray(INTEGER_BYTES));
  return concatBytes(Uint8Array.of(SEQUENCE, r.length + s.length), r, s);
}

interface DerInteger {
  /** Without the zero that keeps the sign; at most 32. */
  readonly bytes: Uint8Array;
  readonly end: number;
}

function integerAt(der: Uint8Array, at: number): DerInteger | undefined {
  const length = der[at + 1] ?? 0;
  const start = at + 2;
  const end = start + length;
  if (der[at] !== INTEGER || length === 0 || end > der.length) {
    return undefined;
  }
  const bytes = der.subarray(start, end);
  const view = viewOf(bytes);
  const isNegative = view.getUint8(0) >= SIGN_BIT;
  const hasLeadingZero = view.getUint8(0) === 0 && length > 1;
  if (isNegative || (hasLeadingZero && view.getUint8(1) < SIGN_BIT)) {
    return undefined;
  }
  const magnitude = hasLeadingZero ? bytes.subarray(1) : bytes;
  return magnitude.length > INTEGER_BYTES ? undefined : { bytes: magnitude, end };
}

function derInteger(bytes: Uint8Array): Uint8Array {
  const firstDigit = bytes.findIndex((byte) => byte !== 0);
  const magnitude = bytes.subarray(firstDigit === -1 ? INTEGER_BYTES - 1 : firstDigit);
  const sign = viewOf(magnitude).getUint8(0) >= SIGN_BIT ? Uint8Array.of(0) : new Uint8Array(0);
  return concatBytes(Uint8Array.of(INTEGER, sign.length + magnitude.length), sign, magnitude);
}
