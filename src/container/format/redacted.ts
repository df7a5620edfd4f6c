/** What takes the place of a payload that was redacted (spec/h4mk.md section 10). */
import type { ErrorCode } from '../../utils/error-codes.js';
import type { Tokn } from './tokn.js';

export interface VoidFault {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What is wrong with the payload of a VOID that follows `tokn`, or with that TOKN. */
export const voidFaults = (tokn: Tokn, payload: Uint8Array): VoidFault[] => {
  const faults: VoidFault[] = [];
  if ((payload.length !== 0 && payload.length !== tokn.size) || payload.some((byte) => byte !== 0)) {
    faults.push({ code: 'H4_VOID_PAYLOAD', message: 'VOID must be all zero, and empty or of the size it replaces' });
  }
  if (tokn.blind.some((byte) => byte !== 0)) {
    faults.push({ code: 'H4_VOID_BLIND', message: `Record ${tokn.seq} is redacted, but it keeps its blind` });
  }
  return faults;
};
