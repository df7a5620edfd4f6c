/**
 * How the records of a slice follow one another (spec/h4mk.md section 11). Within a run, which is a stretch of neighbouring
 * records, `seq`, `back`, `pts` and `pos` are as exact as in a stream. Across a gap only their order can be judged: what
 * lies in it is not there.
 */
import type { Findings } from './findings.js';
import { NO_TRACK } from '../format/layout.js';
import type { FramedRecord } from './record-framing.js';
import type { Tokn } from '../format/tokn.js';
import { TrackLedger } from '../format/track-ledger.js';

export class RunOrder {
  readonly #findings: Findings;
  readonly #tracks = new TrackLedger();
  /** Per track, its last record: number, and end in the raw stream. */
  readonly #last = new Map<number, { readonly seq: number; readonly end: number }>();
  /** First record of the run that is going on, and the record that would continue it. */
  #runStart = 0;
  #next = 0;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /**
   * Checks the next record and takes it into account. `expected` is the record that a proof demands now, if any. False
   * if it does not ascend: it has no place then.
   */
  admit({ tokn, offset }: Pick<FramedRecord, 'tokn' | 'offset'>, expected: number | undefined): boolean {
    const { seq, track } = tokn;
    const ascends = seq >= this.#next;
    if (!ascends || (this.#next === 0 && seq > 0) || (expected !== undefined && seq !== expected)) {
      const message = `Record ${expected ?? this.#next} should stand here, but it says ${seq}`;
      this.#findings.error('H4_TOKN_SEQ_GAP', offset, message);
    }
    if (seq !== this.#next) this.#runStart = seq;
    this.#next = seq + 1;
    const back = this.#backFault(tokn);
    if (back !== undefined)
      this.#findings.error('H4_TOKN_BACK', offset, `Record ${seq} has back ${tokn.back}; ${back}`);
    const pts = this.#tracks.ptsFault(tokn);
    if (pts !== undefined) this.#findings.error('H4_TOKN_PTS_ORDER', offset, `Record ${seq}: ${pts}`);
    const pos = this.#posFault(tokn);
    if (pos !== undefined) this.#findings.error('H4_TOKN_POS', offset, `Record ${seq} has pos ${tokn.pos}; ${pos}`);
    this.#tracks.admit(tokn, seq);
    this.#last.set(track, { seq, end: tokn.pos + tokn.raw });
    return ascends;
  }

  #backFault({ track, seq, back }: Tokn): string | undefined {
    // Distance to the last KEY record of the track that this slice carries, 0 if there is none.
    const known = this.#tracks.back(track, seq);
    const inRun = seq - this.#runStart;
    if (this.#runStart === 0 || (known > 0 && known <= inRun)) {
      return back === known ? undefined : `the last key record is ${known} before it`;
    }
    // It may lie in the gap before this run, but not before one that is here.
    if (known === 0) {
      return back === 0 || (back > inRun && back <= seq) ? undefined : 'no such record can be the last key record';
    }
    return back > inRun && back <= known ? undefined : `the last key record is ${known} before it or nearer`;
  }

  #posFault({ track, pos }: Tokn): string | undefined {
    if (track === NO_TRACK) return pos === 0 ? undefined : 'a record without a track has 0';
    const last = this.#last.get(track);
    const end = last?.end ?? 0;
    const isExact = this.#runStart === 0 || (last !== undefined && last.seq >= this.#runStart);
    if (isExact) return pos === end ? undefined : `the records before it end at ${end}`;
    return pos >= end ? undefined : `an earlier record of the track ends at ${end}`;
  }
}
