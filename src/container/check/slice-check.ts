/**
 * The grammar of a slice (spec/h4mk.md sections 1.2 and 11): record 0, proofs, signatures, any records in ascending runs,
 * and a TAIL of state 2. The rules of what a chunk contains are those of streams, as far as they can be judged without
 * the records in between; that the records belong to the signed tree is what the proofs show.
 */
import { equalBytes } from '../../utils/bytes.js';
import type { ErrorCode } from '../../utils/error-codes.js';
import { isH4Error } from '../../utils/error.js';
import type { Chunk } from '../format/chunk.js';
import type { StreamEnd } from '../source/chunk-stream.js';
import { CheckpointTrust } from './checkpoint-trust.js';
import { ContentCheck } from './content-check.js';
import type { Findings } from './findings.js';
import { type CheckContext, type CheckResult, type FormatCheck, checkCrc } from './format-check.js';
import { MODE, TAIL_STATE } from '../format/layout.js';
import { leafHash } from '../tree/merkle.js';
import type { Origin } from '../format/note.js';
import { type FramedRecord, RecordFraming } from './record-framing.js';
import { RunOrder } from './run-order.js';
import { RunProofs } from './run-proofs.js';
import { SeenHistory } from '../trust/seen.js';
import { type JudgedNote, SignCheck } from './sign-check.js';
import { parseTail } from '../format/tail.js';
import { checkTailFields } from './tail-check.js';

/** In this order; `notes` are the signatures before the records, `late` those after them. */
type Stage = 'proofs' | 'notes' | 'records' | 'late' | 'done';

/** A checkpoint that counts if the proofs lead to its root. */
interface Candidate {
  readonly origin: Origin;
  readonly size: number;
  readonly root: Uint8Array;
  readonly offset: number;
}

export class SliceCheck implements FormatCheck {
  readonly #findings: Findings;
  readonly #framing: RecordFraming;
  readonly #content: ContentCheck;
  readonly #order: RunOrder;
  readonly #proofs: RunProofs;
  readonly #signs: SignCheck;
  readonly #trust: CheckpointTrust;
  readonly #seen: SeenHistory;
  /** The first in each name: one that is of another file or tree is a fault anyway. */
  readonly #candidates = new Map<string, Candidate>();
  #stage: Stage = 'proofs';
  #records = 0;
  /** Positions of the latest META record and SIGN, 0 if there is none. */
  #meta = 0;
  #sign = 0;
  /** What the first SIGN says. It stands before the records, so that its root can be compared only at the end. */
  #signed: { readonly root: Uint8Array; readonly offset: number } | undefined;

  constructor(context: CheckContext) {
    const { findings, limits, demands } = context;
    this.#findings = findings;
    this.#framing = new RecordFraming(limits);
    this.#content = new ContentCheck(context, () => undefined);
    this.#order = new RunOrder(findings);
    this.#proofs = new RunProofs(findings, limits);
    this.#trust = new CheckpointTrust(demands.trust, demands.now);
    this.#seen = new SeenHistory(demands.seen ?? []);
    this.#signs = new SignCheck(context, this.#trust, this.#content.redactions);
  }

  get result(): CheckResult {
    const { newest } = this.#trust;
    return {
      format: 'slice',
      records: this.#records,
      treeSize: this.#proofs.size ?? 0,
      root: this.#proofs.root,
      fileId: this.#content.fileId,
      redacted: this.#content.counts.redacted,
      ...this.#signs.result,
      newest,
      nearMiss: this.#trust.nearMiss,
      seenFaults: this.#seen.faults(newest, (origin) => this.#trust.newestOf(origin)),
      metas: this.#content.metas,
      gaps: this.#content.gaps,
      redactions: this.#content.redactions,
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
        this.#signs.attestation(chunk, this.#content);
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
      this.#content.fileId = leaf;
      this.#seen.begin(leaf);
      this.#proofs.begin(leaf);
    } else if (ascends) {
      this.#proofs.admit(tokn.seq, offset, leaf);
    }
  }

  #checkSign(chunk: Chunk): void {
    this.#sign = chunk.offset;
    const judged = this.#signs.sign(chunk, this.#content);
    const { size, root } = judged.note;
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
    this.#propose(judged, chunk.offset);
  }

  /** Keeps a checkpoint of this tree that the policy would trust until its root is known. */
  #propose({ note: { origin, size, root }, verdict }: JudgedNote, offset: number): void {
    if (verdict.lacks !== undefined) this.#trust.miss(verdict, offset);
    else if (!this.#candidates.has(origin.name)) this.#candidates.set(origin.name, { origin, size, root, offset });
  }

  /** All runs that are whole lead to one root: which checkpoints are of it? */
  #judgeCandidates(): void {
    const { root, size } = this.#proofs;
    const { fileId } = this.#content;
    if (root === undefined || size === undefined || fileId === undefined) return;
    if (this.#seen.wants(size)) this.#seen.remember(size, root);
    for (const candidate of this.#candidates.values()) {
      this.#trust.admit(candidate, { lacks: undefined }, { fileId, size, root }, candidate.offset);
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
    this.#content.end();
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
    this.#judgeCandidates();
  }

  #error(code: ErrorCode, offset: number, message: string): void {
    this.#findings.error(code, offset, message);
  }
}

const STAGES: readonly Stage[] = ['proofs', 'notes', 'records', 'late', 'done'];
