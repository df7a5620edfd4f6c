/**
 * Writes a slice: some records of a recording with the proofs that they are exactly those at their places in its tree
 * (spec/h4mk.md section 11). Proofs and signature stand in front, so that whoever reads a pipe knows from the second record
 * on what it is. Records are copied as they stand: a slice needs neither key nor engine.
 */
import { concatBytes, equalBytes } from '../../utils/bytes.js';
import { crc32 } from '../../utils/crc32.js';
import { H4Error } from '../../utils/error.js';
import type { Attachment } from './attachments.js';
import { encodeChunk, writeChunkHeader } from '../format/chunk.js';
import { encodeHeader } from '../format/header.js';
import type { ByteSink } from '../io/io.js';
import { CHUNK_HEADER_BYTES, MODE, TAIL_STATE } from '../format/layout.js';
import { leafHash } from '../tree/merkle.js';
import type { RawRecord } from '../read/record-reader.js';
import { type RangeProof, RangeVerifier, encodeProf } from '../tree/range-proof.js';
import { encodeTail } from '../format/tail.js';
import type { Tokn } from '../format/tokn.js';

export interface SlicePlan {
  /** The root of the tree that all proofs are of. */
  readonly root: Uint8Array;
  /** One for each run, in ascending order with gaps between them. A run that begins at record 0 includes it. */
  readonly proofs: readonly RangeProof[];
  /** The payloads of the SIGN chunks over that tree; none for a recording that nobody signed. */
  readonly notes?: readonly Uint8Array[];
  /** Statements, and time stamps of the notes. */
  readonly attachments?: readonly Attachment[];
}

/**
 * Give it record 0, then exactly the records of the proofs, in order. What would not verify is refused with
 * H4_PROOF_INVALID when the run is whole: nothing that this writes is found false by a checker.
 */
export class SliceWriter {
  readonly #sink: ByteSink;
  readonly #plan: SlicePlan;
  /** Number of runs that are whole, and the one that is going on or comes next: a slice of many runs holds one verifier. */
  #whole = 0;
  #run: RangeVerifier | undefined;
  #records = 0;
  #meta = 0;
  #sign = 0;

  constructor(sink: ByteSink, plan: SlicePlan) {
    if (plan.proofs.length === 0) throw new H4Error('H4_PARAM', 'A slice holds at least one run of records');
    this.#sink = sink;
    this.#plan = plan;
    this.#run = this.#verifierOf(0);
  }

  #verifierOf(run: number): RangeVerifier | undefined {
    const proof = this.#plan.proofs[run];
    return proof === undefined ? undefined : new RangeVerifier(proof);
  }

  /** Writes the next record; record 0 brings the proofs with it. */
  async add(record: RawRecord): Promise<void> {
    const { tokn } = record;
    const isFirst = this.#records === 0;
    if (isFirst) await this.#sink.write(encodeHeader());
    if (isFirst && tokn.seq !== 0) throw new H4Error('H4_PARAM', `A slice begins with record 0, not ${tokn.seq}`);
    this.#prove(tokn, isFirst);
    if (tokn.mode === MODE.meta) this.#meta = this.#sink.length;
    await this.#writeRecord(record);
    this.#records++;
    if (isFirst) await this.#writeProofs();
  }

  #prove(tokn: Tokn, isFirst: boolean): void {
    const run = this.#run;
    // Record 0 needs no proof of its own: every signature names it.
    if (isFirst && run?.next !== 0) return;
    if (run === undefined || run.next !== tokn.seq) {
      throw new H4Error('H4_PARAM', `Record ${tokn.seq} is not the next one of this slice`);
    }
    run.push(leafHash(tokn.entry));
    if (!run.isComplete) return;
    if (!equalBytes(run.root(), this.#plan.root)) {
      throw new H4Error('H4_PROOF_INVALID', `The records up to ${tokn.seq} do not lead to the root of the recording`);
    }
    this.#run = this.#verifierOf(++this.#whole);
  }

  async #writeRecord({ tokn, tag, payload }: RawRecord): Promise<void> {
    await this.#sink.write(encodeChunk('TOKN', concatBytes(tokn.entry, tokn.blind)));
    const header = new Uint8Array(CHUNK_HEADER_BYTES);
    writeChunkHeader(header, 0, tag, payload.length, crc32(payload));
    await this.#sink.write(header);
    await this.#sink.write(payload);
  }

  async #writeProofs(): Promise<void> {
    for (const proof of this.#plan.proofs) await this.#sink.write(encodeChunk('PROF', encodeProf(proof)));
    for (const note of this.#plan.notes ?? []) {
      this.#sign = this.#sink.length;
      await this.#sink.write(encodeChunk('SIGN', note));
    }
    for (const { tag, payload } of this.#plan.attachments ?? []) await this.#sink.write(encodeChunk(tag, payload));
  }

  /** Writes the TAIL. Committing the sink is up to its owner. */
  async finish(): Promise<{ readonly records: number; readonly bytes: number }> {
    const run = this.#run;
    if (run !== undefined || this.#records === 0) {
      throw new H4Error('H4_STATE', `The slice lacks the records from ${run?.next ?? 0} on`);
    }
    const links = { meta: this.#meta, seek: 0, veri: 0, sign: this.#sign, prev: 0, tiles: [] };
    const tail = { self: this.#sink.length, state: TAIL_STATE.slice, records: this.#records, ...links };
    await this.#sink.write(encodeChunk('TAIL', encodeTail({ ...tail, root: this.#plan.root })));
    return { records: this.#records, bytes: this.#sink.length };
  }
}
