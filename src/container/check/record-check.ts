/**
 * The rules of the records of a stream (spec/h4mk.md sections 4 and 17), applied one record after the other: what a whole
 * TOKN and its payload must be given all records before them. Errors here are noted and the walk goes on; what would make it
 * meaningless to go on has been refused before, when the TOKN was parsed.
 */
import type { ErrorCode } from '../../utils/error-codes.js';
import { ContentCheck, type RecordStatus } from './content-check.js';
import type { Findings } from './findings.js';
import type { CheckContext } from './format-check.js';
import type { GapCheck } from './gap-check.js';
import { MerkleFrontier, leafHash } from '../tree/merkle.js';
import type { MetaLedger } from '../format/meta.js';
import type { FramedRecord } from './record-framing.js';
import type { RedactionCheck } from './redaction-check.js';
import { TrackLedger } from '../format/track-ledger.js';

export class RecordCheck {
  readonly tree = new MerkleFrontier();
  readonly tracks = new TrackLedger();
  readonly #findings: Findings;
  readonly #content: ContentCheck;

  constructor(context: CheckContext) {
    this.#findings = context.findings;
    this.#content = new ContentCheck(context, () => this.tracks.totals());
  }

  /** leaf(0) */
  get fileId(): Uint8Array | undefined {
    return this.#content.fileId;
  }

  get metas(): MetaLedger {
    return this.#content.metas;
  }

  get counts(): Readonly<Record<RecordStatus, number>> {
    return this.#content.counts;
  }

  get gaps(): GapCheck {
    return this.#content.gaps;
  }

  get redactions(): RedactionCheck {
    return this.#content.redactions;
  }

  /** Whether record 0 says that this file can never be signed. */
  get hasZeroUid(): boolean {
    return this.#content.hasZeroUid;
  }

  /** Checks the next record and takes it into account; returns its leaf. */
  admit(record: FramedRecord): Uint8Array {
    const { tokn } = record;
    const before = this.tree.size;
    this.#content.checkPlace(record, before);
    this.#checkOrder(record, before);
    this.#content.check(record, before);
    this.tracks.admit(tokn, tokn.seq);
    const leaf = leafHash(tokn.entry);
    this.tree.push(leaf);
    this.#content.fileId ??= leaf;
    return leaf;
  }

  /** The file has ended. */
  end(): void {
    this.#content.end();
  }

  #checkOrder({ tokn, offset }: FramedRecord, seq: number): void {
    const error = (code: ErrorCode, message: string): void => this.#findings.error(code, offset, message);
    if (tokn.seq !== seq) error('H4_TOKN_SEQ_GAP', `This is record ${seq} of the file, but it says ${tokn.seq}`);
    // After a gap the distances are still those the records were written with, so they are counted from what a record says.
    const back = this.tracks.back(tokn.track, tokn.seq);
    if (tokn.back !== back) {
      error('H4_TOKN_BACK', `Record ${seq} has back ${tokn.back}; the last key record is ${back} before it`);
    }
    const fault = this.tracks.ptsFault(tokn);
    if (fault !== undefined) error('H4_TOKN_PTS_ORDER', `Record ${seq}: ${fault}`);
    const pos = this.tracks.pos(tokn.track);
    if (tokn.pos !== pos) {
      error('H4_TOKN_POS', `Record ${seq} has pos ${tokn.pos}; the records before it end at ${pos}`);
    }
  }
}
