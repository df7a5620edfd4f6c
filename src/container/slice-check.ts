/**
 * The grammar of a slice (spec/h4mk.md sections 1.2 and 11): record 0, proofs, signatures, any records in ascending runs,
 * and a TAIL of state 2. The rules of what a chunk contains are those of streams, as far as they can be judged without
 * the records in between; that the records belong to the signed tree is what the proofs show.
 */
import { equalBytes } from '../utils/bytes.js';
import type { ErrorCode } from '../utils/error-codes.js';
import { isH4Error } from '../utils/error.js';
import type { Chunk } from './chunk.js';
import type { StreamEnd } from './chunk-stream.js';
import { ContentCheck, type RecordObserver } from './content-check.js';
import type { Findings } from './findings.js';
import { type CheckResult, type FormatCheck, checkCrc } from './format-check.js';
import { MODE, TAIL_STATE } from './layout.js';
import type { Limits } from './limits.js';
import { leafHash } from './merkle.js';
import { type FramedRecord, RecordFraming } from './record-framing.js';
import { RunOrder } from './run-order.js';
import { RunProofs } from './run-proofs.js';
import { SignCheck } from './sign-check.js';
import { parseTail } from './tail.js';
import { checkTailFields } from './tail-check.js';

/** In this order; `notes` are the signatures before the records, `late` those after them. */
type Stage = 'proofs' | 'notes' | 'records' | 'late' | 'done';

export class SliceCheck implements FormatCheck {
  readonly #findings: Findings;
  readonly #framing: RecordFraming;
  readonly #content: ContentCheck;
  readonly #order: RunOrder;
  readonly #proofs: RunProofs;
  readonly #signs: SignCheck;
  #stage: Stage = 'proofs';
  #records = 0;
  #fileId: Uint8Array | undefined;
  /** Positions of the latest META record and SIGN, 0 if there is none. */
  #meta = 0;
  #sign = 0;
  /** What the first SIGN says. It stands before the records, so that its root can be compared only at the end. */
  #signed: { readonly root: Uint8Array; readonly offset: number } | undefined;

  constructor(findings: Findings, limits: Limits, observe?: RecordObserver) {
    this.#findings = findings;
    this.#framing = new RecordFraming(limits);
    this.#content = new ContentCheck(findings, limits, observe, () => undefined);
    this.#order = new RunOrder(findings);
    this.#proofs = new RunProofs(findings, limits);
    this.#signs = new SignCheck(findings, limits);
  }

  get result(): CheckResult {
    return {
      format: 'slice',
      records: this.#records,
      treeSize: this.#proofs.size ?? 0,
      root: this.#proofs.root,
      fileId: this.#fileId,
      redacted: this.#content.counts.redacted,
      signatures: this.#signs.listed,
      signatureCount: this.#signs.count,
      metas: this.#content.metas,
    };
  }

  chunk(chunk: Chunk): boolean {
    checkCrc(chunk, this.#findings);
    try {
      const record = this.#framing.complete(chunk);
      if (record === undefined) this.#dispatch(chunk);
      else this.#record(record);
      return true;
    } catch (error) {
      if (!isH4Error(error)) throw error;
      return this.#framing.recover(error, chunk, this.#findings);
    }
  }

  #dispatch(chunk: Chunk): void {
    switch (chunk.tag) {
      case 'TOKN':
        // Record 0 comes before everything else, and moves nothing on.
        if (this.#records > 0) this.#enter('records', chunk);
        this.#framing.begin(chunk, this.#records);
        return;
      case 'CORE':
      case 'SAFE':
      case 'META':
      case 'VOID':
        this.#error('H4_ORPHAN_PAYLOAD', chunk.offset, `${chunk.tag} must follow the TOKN of its record`);
        return;
      case 'PROF':
        this.#enter('proofs', chunk);
        this.#proofs.add(chunk);
        return;
      case 'SIGN':
        this.#enter(this.#notesStage(), chunk);
        this.#checkSign(chunk);
        return;
      case 'TIME':
        this.#enter(this.#notesStage(), chunk);
        this.#signs.time(chunk);
        return;
      case 'ATTS':
        this.#enter(this.#notesStage(), chunk);
        this.#signs.attestation(chunk);
        return;
      case 'TAIL':
        this.#enter('done', chunk);
        this.#tail(chunk);
        return;
      default:
        this.#error('H4_CHUNK_ORDER', chunk.offset, `${chunk.tag} has no place in a slice`);
    }
  }

  #notesStage(): Stage {
    return this.#stage === 'proofs' ? 'notes' : this.#stage === 'records' ? 'late' : this.#stage;
  }

  /** Goes on to a stage, or notes a chunk that comes too late; nothing follows TAIL. */
  #enter(stage: Stage, chunk: Chunk): void {
    const isLate = STAGES.indexOf(stage) < STAGES.indexOf(this.#stage);
    if (isLate || this.#stage === 'done') {
      this.#error('H4_CHUNK_ORDER', chunk.offset, `${chunk.tag} comes too late in this slice`);
    } else {
      this.#stage = stage;
    }
  }

  #record(record: FramedRecord): void {
    const { tokn, offset } = record;
    const before = this.#records++;
    this.#content.checkPlace(record, before);
    const ascends = this.#order.admit(record, this.#proofs.expected);
    this.#content.check(record, before);
    if (tokn.mode === MODE.meta) this.#meta = offset;
    const leaf = leafHash(tokn.entry);
    if (before === 0) {
      this.#fileId = leaf;
      this.#proofs.begin(leaf);
    } else if (ascends) {
      this.#proofs.admit(tokn.seq, offset, leaf);
    }
  }

  #checkSign(chunk: Chunk): void {
    this.#sign = chunk.offset;
    const { hasZeroUid } = this.#content;
    const { size, root } = this.#signs.sign(chunk, { fileId: this.#fileId, hasZeroUid });
    const expected = this.#proofs.size ?? size;
    if (size === 0 || size !== expected) {
      const message = `The checkpoint has size ${size}, but the proofs of this slice are of ${expected} records`;
      this.#error('H4_SIGN_SIZE', chunk.offset, message);
    } else if (this.#signed === undefined) {
      this.#signed = { root, offset: chunk.offset };
    } else if (!equalBytes(root, this.#signed.root)) {
      const message = `The checkpoint has another root than that at offset ${this.#signed.offset} of the same size`;
      this.#error('H4_SIGN_ROOT', chunk.offset, message);
    }
  }

  #tail(chunk: Chunk): void {
    const tail = parseTail(chunk.payload);
    const links = { meta: this.#meta, seek: 0, veri: 0, sign: this.#sign, prev: 0, tiles: [] };
    checkTailFields(tail, { self: chunk.offset, records: this.#records, ...links }, chunk.offset, this.#findings);
    this.#proofs.finish();
    const { root, count } = this.#proofs;
    if (root !== undefined && !equalBytes(tail.root, root)) {
      this.#error('H4_TAIL_ROOT', chunk.offset, 'TAIL.root is not the root that the proofs of this slice lead to');
    }
    if (tail.state !== TAIL_STATE.slice) {
      this.#error('H4_TAIL_STATE', chunk.offset, `A slice ends in a TAIL of state 2, not ${tail.state}`);
    } else if (count === 0) {
      this.#error('H4_TAIL_STATE', chunk.offset, 'TAIL says "slice", but the file has no PROF');
    }
  }

  end(end: StreamEnd, endsInTail: boolean): void {
    if (!this.#framing.checkEnd(end, endsInTail, this.#records, this.#findings)) return;
    if (this.#stage !== 'done') {
      this.#proofs.breakOff();
      this.#findings.warn('H4_TAIL_MISSING', end.offset, 'A slice must end in a TAIL of state 2');
    }
    const { root } = this.#proofs;
    if (root !== undefined && this.#signed !== undefined && !equalBytes(root, this.#signed.root)) {
      const message = 'The checkpoint does not have the root that the proofs of this slice lead to';
      this.#error('H4_SIGN_ROOT', this.#signed.offset, message);
    }
  }

  #error(code: ErrorCode, offset: number, message: string): void {
    this.#findings.error(code, offset, message);
  }
}

const STAGES: readonly Stage[] = ['proofs', 'notes', 'records', 'late', 'done'];
