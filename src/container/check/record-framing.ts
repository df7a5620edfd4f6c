/**
 * Records as they stand in a file: a TOKN and, with nothing between the two, its payload chunk (spec/h4mk.md sections 1.2
 * and 4). Also how a walk over records ends, which is the same for streams and slices (section 14).
 */
import { H4Error } from '../../utils/error.js';
import type { Chunk } from '../format/chunk.js';
import type { StreamEnd } from '../source/chunk-stream.js';
import type { Findings } from './findings.js';
import { payloadTagOf } from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import { type Tokn, parseTokn } from '../format/tokn.js';

/** A record whose TOKN and payload chunk have been read, at the file position of its TOKN. */
export interface FramedRecord {
  readonly tokn: Tokn;
  readonly offset: number;
  readonly payload: Chunk;
}

export class RecordFraming {
  readonly #limits: Limits;
  /** The TOKN whose payload has not come yet. */
  #open: { readonly tokn: Tokn; readonly offset: number } | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** The TOKN whose payload has not come yet, and its file position. */
  get open(): { readonly tokn: Tokn; readonly offset: number } | undefined {
    return this.#open;
  }

  /** Takes a TOKN; `records` is the number of whole records before it. */
  begin(chunk: Chunk, records: number): void {
    if (records >= this.#limits.maxRecords) {
      throw new H4Error('H4_LIMIT_RECORDS', `The file has more than ${this.#limits.maxRecords} records`);
    }
    this.#open = { tokn: parseTokn(chunk.payload, this.#limits), offset: chunk.offset };
  }

  /** The record that `payload` completes, or undefined where no TOKN waits for it. */
  complete(payload: Chunk): FramedRecord | undefined {
    if (this.#open === undefined) return undefined;
    const { tokn, offset } = this.#open;
    const expected = payloadTagOf(tokn.mode);
    if (payload.tag !== expected && payload.tag !== 'VOID') {
      throw new H4Error(
        'H4_PAYLOAD_TAG',
        `Record ${tokn.seq} of mode ${tokn.mode} must be followed by ${expected}, not ${payload.tag}`,
      );
    }
    this.#open = undefined;
    return { tokn, offset, payload };
  }

  /** Notes what `error` says of `chunk`; false if the chunks after it cannot be understood. */
  recover(error: H4Error, chunk: Chunk, findings: Findings): boolean {
    findings.error(error.code, chunk.offset, error.message);
    // A broken index chunk is one broken hint; a broken record or an exceeded limit makes the rest unreadable.
    return error.kind !== 'limit' && this.#open === undefined && chunk.tag !== 'TOKN';
  }

  /**
   * Notes how a file of `records` whole records ended. A cut at the physical end is a crash; one in a file that does end
   * in a TAIL is damage inside, beyond which nothing can be said: false.
   */
  checkEnd(end: StreamEnd, endsInTail: boolean, records: number, findings: Findings): boolean {
    if (end.kind === 'cut' && endsInTail) {
      const message = `A chunk runs ${end.missing} bytes past the end, but the file ends in a TAIL: the damage is inside`;
      findings.error('H4_INNER_DAMAGE', end.offset, message);
      return false;
    }
    if (records === 0) findings.error('H4_NO_RECORDS', end.offset, 'The file ends before record 0 is whole');
    if (end.kind === 'cut') {
      const message = `The file ends within a chunk; at least ${end.missing} bytes are missing`;
      findings.warn('H4_TRUNCATED', end.offset, message);
    }
    if (this.#open !== undefined) {
      const { tokn, offset } = this.#open;
      findings.warn('H4_TOKN_NO_PAYLOAD', offset, `The payload of record ${tokn.seq} is missing`);
    }
    return true;
  }
}
