/**
 * The grammar of a stream of records (spec/h4mk.md section 1.2): which chunk may stand where, from record 0 to the last
 * TAIL. The rules of what a chunk contains are `RecordCheck`, `IndexCheck` and `SignCheck`.
 */
import type { ErrorCode } from '../../utils/error-codes.js';
import { isH4Error } from '../../utils/error.js';
import type { Chunk } from '../format/chunk.js';
import type { StreamEnd } from '../source/chunk-stream.js';
import { CheckpointTrust } from './checkpoint-trust.js';
import type { Findings } from './findings.js';
import { type CheckContext, type CheckResult, type FormatCheck, checkCrc, checkVeri } from './format-check.js';
import { IndexCheck, type Links } from './index-check.js';
import { MODE, TAIL_STATE, isMediaMode } from '../format/layout.js';
import { RecordCheck } from './record-check.js';
import { type FramedRecord, RecordFraming } from './record-framing.js';
import { SeenHistory } from '../trust/seen.js';
import { CheckpointCheck, SignCheck } from './sign-check.js';
import type { Tokn } from '../format/tokn.js';
import type { WriterState } from '../write/writer-state.js';

/** `records` until SEEK, `close` until VERI, then `after`. */
type Stage = 'records' | 'close' | 'after';

export class StreamCheck implements FormatCheck {
  readonly records: RecordCheck;
  readonly #framing: RecordFraming;
  readonly #indexes: IndexCheck;
  readonly #signs: SignCheck;
  readonly #checkpoints: CheckpointCheck;
  readonly #trust: CheckpointTrust;
  readonly #seen: SeenHistory;
  readonly #findings: Findings;
  readonly #links: Links = { meta: 0, seek: 0, veri: 0, sign: 0 };
  #stage: Stage = 'records';
  #closeSigned = false;
  /** Whether the last chunk was a TAIL, and one of state final. */
  #endsInTail = false;
  #finished = false;

  constructor(context: CheckContext) {
    const { findings, limits, demands } = context;
    this.#findings = findings;
    this.records = new RecordCheck(context);
    this.#framing = new RecordFraming(limits);
    this.#indexes = new IndexCheck(findings, limits, this.records.tree);
    this.#trust = new CheckpointTrust(demands.trust, demands.now);
    this.#seen = new SeenHistory(demands.seen ?? []);
    this.#signs = new SignCheck(context, this.#trust, this.records.redactions);
    this.#checkpoints = new CheckpointCheck(findings, limits, this.records.tree);
  }

  get result(): CheckResult {
    const { tree, fileId, counts } = this.records;
    const { newest } = this.#trust;
    return {
      format: this.#finished ? 'final' : 'live',
      records: tree.size,
      treeSize: tree.size,
      root: tree.size === 0 ? undefined : tree.root(),
      fileId,
      redacted: counts.redacted,
      ...this.#signs.result,
      newest,
      nearMiss: this.#trust.nearMiss,
      seenFaults: this.#seen.faults(newest, (origin) => this.#trust.newestOf(origin)),
      metas: this.records.metas,
      gaps: this.records.gaps,
      redactions: this.records.redactions,
    };
  }

  /** File position behind the last whole chunk or record, `offset` bytes of a file having been checked. */
  soundUpTo(offset: number): number {
    return this.#framing.open?.offset ?? offset;
  }

  /** File position of a VERI before which a TILE of the close is missing: no crash does that. 0 if there is none. */
  get untiledVeri(): number {
    return this.#indexes.lacksClosingTiles ? this.#links.veri : 0;
  }

  /** Like `soundUpTo`, but before a close that cannot be finished as it has begun. */
  wholeUpTo(offset: number): number {
    const { seek, veri } = this.#links;
    const mayTile = veri === 0 && !this.#closeSigned;
    const isCloseLost = seek > 0 && (!this.records.metas.ended || (!mayTile && this.#indexes.lacksClosingTiles));
    return isCloseLost ? seek : this.soundUpTo(offset);
  }

  /** Whether the last chunk is a TAIL: a reader can open the file by it. */
  get isIndexed(): boolean {
    return this.#endsInTail;
  }

  /** The TOKN whose payload has not come yet. */
  get openTokn(): Tokn | undefined {
    return this.#framing.open?.tokn;
  }

  /** The state in which a writer goes on behind the chunks so far, `offset` bytes of a file without a fault. */
  writerState(offset: number): WriterState {
    const { tree, tracks: ledger, fileId } = this.records;
    const { levels, ...indexes } = this.#indexes.written;
    const { meta, sign, seek, veri } = this.#links;
    const close = { seek, veri, levels, isSigned: this.#closeSigned };
    return { offset, fileId, tree, ledger, ...indexes, meta, sign, close };
  }

  chunk(chunk: Chunk, digest?: Uint8Array): boolean {
    checkCrc(chunk, this.#findings);
    this.#finished = false;
    this.#endsInTail = chunk.tag === 'TAIL';
    try {
      const record = this.#framing.complete(chunk);
      if (record === undefined) {
        this.#indexes.expectDueTile(chunk);
        this.#dispatch(chunk, digest);
      } else {
        this.#record(record);
      }
      return true;
    } catch (error) {
      if (!isH4Error(error)) throw error;
      return this.#framing.recover(error, chunk, this.#findings);
    }
  }

  #dispatch(chunk: Chunk, digest: Uint8Array | undefined): void {
    switch (chunk.tag) {
      case 'TOKN':
        this.#allowed(chunk, this.#stage === 'records');
        this.#framing.begin(chunk, this.records.tree.size);
        return;
      case 'CORE':
      case 'SAFE':
      case 'META':
      case 'VOID':
        if (this.#allowed(chunk, this.#stage !== 'after')) {
          this.#error('H4_ORPHAN_PAYLOAD', chunk.offset, `${chunk.tag} must follow the TOKN of its record`);
        }
        return;
      case 'TILE':
        if (this.#allowed(chunk, this.#stage === 'records' || (this.#stage === 'close' && !this.#closeSigned))) {
          this.#indexes.checkTile(chunk, this.#stage === 'close');
        }
        return;
      case 'SIGN':
        this.#sign(chunk);
        return;
      case 'SEEK':
        this.#seek(chunk);
        return;
      case 'VERI':
        this.#veri(chunk, digest);
        return;
      case 'TAIL':
        if (this.#allowed(chunk, this.#stage !== 'close')) this.#tail(chunk);
        return;
      case 'PROF':
        this.#error('H4_CHUNK_ORDER', chunk.offset, 'PROF stands only in a slice, directly after record 0');
        return;
      case 'TIME':
        if (this.#allowed(chunk, this.#stage !== 'close')) this.#signs.time(chunk);
        return;
      case 'ATTS':
        if (this.#allowed(chunk, this.#stage !== 'close')) this.#signs.attestation(chunk, this.records);
        return;
      default:
        // Unknown chunks are skipped, but the close is no place for them.
        this.#allowed(chunk, this.#stage === 'records');
    }
  }

  /** Notes a chunk that the grammar does not allow at this stage. */
  #allowed(chunk: Chunk, isAllowed: boolean): boolean {
    if (isAllowed) return true;
    if (this.#stage === 'after') {
      this.#error('H4_CHUNK_AFTER_VERI', chunk.offset, `${chunk.tag} must not follow VERI`);
    } else {
      this.#error('H4_CHUNK_ORDER', chunk.offset, `${chunk.tag} must not stand between SEEK and VERI here`);
    }
    return false;
  }

  #record(record: FramedRecord): void {
    const { tokn, offset } = record;
    const leaf = this.records.admit(record);
    this.#remember(leaf);
    const media = isMediaMode(tokn.mode);
    const seekTrack = this.records.metas.info?.seekTrack;
    const key = media && tokn.key && tokn.track === seekTrack;
    if (tokn.mode === MODE.meta) this.#links.meta = offset;
    this.#indexes.admit({ pts: tokn.pts, offset, key, media, leaf }, seekTrack);
  }

  /** Keeps the root where a checkpoint was seen before. */
  #remember(leaf: Uint8Array): void {
    const { tree } = this.records;
    if (tree.size === 1) this.#seen.begin(leaf);
    if (this.#seen.wants(tree.size)) this.#seen.remember(tree.size, tree.root());
  }

  #sign(chunk: Chunk): void {
    if (!this.#allowed(chunk, this.#stage !== 'close' || !this.#closeSigned)) return;
    if (this.#stage === 'close') this.#closeSigned = true;
    this.#links.sign = chunk.offset;
    const { note, verdict } = this.#signs.sign(chunk, this.records);
    const root = this.#checkpoints.check(note, chunk.offset);
    const { fileId } = this.records;
    if (root === undefined || fileId === undefined) this.#trust.miss(verdict, chunk.offset);
    else this.#trust.admit(note, verdict, { fileId, size: note.size, root }, chunk.offset);
  }

  #seek(chunk: Chunk): void {
    if (this.#links.seek > 0) {
      this.#error('H4_CHUNK_DUPLICATE', chunk.offset, 'A file has one SEEK, this is the second');
      return;
    }
    if (!this.#allowed(chunk, this.#stage === 'records')) return;
    this.#links.seek = chunk.offset;
    this.#stage = 'close';
    this.#indexes.checkSeek(chunk);
  }

  #veri(chunk: Chunk, digest: Uint8Array | undefined): void {
    if (this.#links.veri > 0) {
      this.#error('H4_CHUNK_DUPLICATE', chunk.offset, 'A file has one VERI, this is the second');
      return;
    }
    if (this.#stage === 'records') this.#error('H4_CHUNK_ORDER', chunk.offset, 'VERI must follow SEEK');
    this.#links.veri = chunk.offset;
    this.#stage = 'after';
    checkVeri(chunk, digest, this.#findings);
  }

  #tail(chunk: Chunk): void {
    const tail = this.#indexes.checkTail(chunk, this.#links, this.records.metas.ended);
    this.#finished = tail.state === TAIL_STATE.final;
    this.#checkpoints.remember();
  }

  end(end: StreamEnd, endsInTail: boolean): void {
    this.records.end();
    if (!this.#framing.checkEnd(end, endsInTail, this.records.tree.size, this.#findings)) return;
    if (endsInTail && !this.#endsInTail) {
      // A reader that opens the file by its last bytes would believe what stands inside of a payload.
      this.#error('H4_INNER_DAMAGE', end.offset, 'The file ends in a TAIL that is no chunk of it, but part of another');
    }
    if (this.#links.veri === 0) return;
    this.#indexes.checkClosed(this.#links.veri);
    if (!this.#finished) {
      this.#findings.warn('H4_TAIL_MISSING', end.offset, 'A closed file must end in a TAIL of state final');
    }
  }

  #error(code: ErrorCode, offset: number, message: string): void {
    this.#findings.error(code, offset, message);
  }
}
