/**
 * A check of legacy files: chunks without records (spec/h4mk.md section 13). META usually comes last, and only it says
 * whether CORE holds run-length pairs at all; so what is wrong with blocks is kept back until the end. Nothing is
 * decompressed, and memory is 4 bytes per block plus SEEK.
 */
import type { ErrorCode } from '../../utils/error-codes.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import type { Chunk } from '../format/chunk.js';
import type { StreamEnd } from '../source/chunk-stream.js';
import type { Findings } from '../check/findings.js';
import { type CheckContext, type CheckResult, type FormatCheck, checkCrc, checkVeri } from '../check/format-check.js';
import { CHUNK_HEADER_BYTES } from '../format/layout.js';
import { BlockLengths, legacyBlockBytes } from './legacy-blocks.js';
import { LegacyGrammar, misplacedSeekEntry, parseLegacySeek } from './legacy-grammar.js';
import { LEGACY_DEFAULTS, LEGACY_ENGINE, type LegacyMeta, parseLegacyMeta, shownEngine } from './legacy-meta.js';
import type { Limits } from '../format/limits.js';
import type { SeekTable } from '../format/seek.js';

/** The first fault of one kind in a block, and how many there are. */
interface BlockFault {
  readonly offset: number;
  readonly message: string;
  count: number;
}

export class LegacyCheck implements FormatCheck {
  readonly #findings: Findings;
  readonly #limits: Limits;
  /** Whatever key it is, nothing in a legacy file tells whether it is the right one. */
  readonly #hasKeys: boolean;
  readonly #grammar = new LegacyGrammar();
  readonly #blocks = new BlockLengths();
  readonly #faults = new Map<ErrorCode, BlockFault>();
  /** Undefined once a META has been refused: what it says is not known. */
  #meta: LegacyMeta | undefined = LEGACY_DEFAULTS;
  #metaOffset = 0;
  /** A well-formed SEEK, to be compared with the blocks. */
  #seek: { readonly table: SeekTable; readonly offset: number } | undefined;

  constructor({ findings, limits, demands }: CheckContext) {
    this.#findings = findings;
    this.#limits = limits;
    this.#hasKeys = (demands.contentKeys?.length ?? 0) > 0;
  }

  readonly result: CheckResult = {
    format: 'legacy',
    records: 0,
    treeSize: 0,
    root: undefined,
    fileId: undefined,
    redacted: 0,
    signatures: [],
    signatureCount: 0,
    newest: undefined,
    nearMiss: undefined,
    seenFaults: [],
    statements: [],
    statementCount: 0,
    metas: undefined,
  };

  chunk(chunk: Chunk, digest?: Uint8Array): boolean {
    checkCrc(chunk, this.#findings);
    try {
      this.#grammar.admit(chunk.tag);
      this.#dispatch(chunk, digest);
      return true;
    } catch (error) {
      if (!isH4Error(error)) throw error;
      this.#error(error.code, chunk.offset, error.message);
      return error.kind !== 'limit';
    }
  }

  #dispatch(chunk: Chunk, digest: Uint8Array | undefined): void {
    switch (chunk.tag) {
      case 'CORE':
        this.#core(chunk);
        return;
      case 'SEEK':
        this.#checkSeek(chunk);
        return;
      case 'META':
        // Set first: where the payload is refused, nothing is known.
        this.#meta = undefined;
        this.#metaOffset = chunk.offset;
        this.#meta = parseLegacyMeta(chunk.payload, this.#limits);
        return;
      case 'VERI':
        checkVeri(chunk, digest, this.#findings);
        return;
      default:
      // SAFE is shown and never acted on; unknown chunks are skipped.
    }
  }

  #core({ payload, offset }: Chunk): void {
    if (this.#blocks.count >= this.#limits.maxRecords) {
      throw new H4Error('H4_LIMIT_RECORDS', `The file has more than ${this.#limits.maxRecords} blocks`);
    }
    let bytes = 0;
    try {
      bytes = legacyBlockBytes(payload, this.#limits);
    } catch (error) {
      if (!isH4Error(error)) throw error;
      const fault = this.#faults.get(error.code);
      if (fault === undefined) this.#faults.set(error.code, { offset, message: error.message, count: 1 });
      else fault.count++;
    }
    this.#blocks.push(bytes);
  }

  #checkSeek({ payload, offset }: Chunk): void {
    this.#seek = { table: parseLegacySeek(payload), offset };
  }

  end(end: StreamEnd): void {
    if (end.kind === 'cut' && !this.#grammar.hasVeri) {
      // Without records there is no recovery: what the file lacks may be anything, so nothing more is said of it.
      this.#error('H4_TRUNCATED', end.offset, `A chunk runs ${end.missing} bytes past the end of the file`);
      return;
    }
    if (end.kind === 'cut' && end.tag === undefined) {
      this.#error('H4_TRAILING_BYTES', end.offset, `${CHUNK_HEADER_BYTES - end.missing} bytes follow VERI`);
    } else if (end.kind === 'cut') {
      this.#error('H4_CHUNK_AFTER_VERI', end.offset, 'Part of a chunk follows VERI');
    }
    if (!this.#grammar.hasMeta) {
      this.#findings.warn(
        'H4_META_MISSING',
        end.offset,
        `There is no META: the engine is taken to be ${LEGACY_ENGINE}`,
      );
    }
    if (!this.#grammar.hasVeri) {
      this.#findings.warn(
        'H4_VERI_MISSING',
        end.offset,
        'There is no VERI: nothing shows whether the file has changed',
      );
    }
    if (this.#meta !== undefined) this.#judge(this.#meta);
  }

  /** What META says about the blocks, and what the blocks must be then. */
  #judge({ engine, isMasked, isEncrypted }: LegacyMeta): void {
    if (isEncrypted) {
      const message = 'The blocks are encrypted with a state that was never stored: nobody can decode them';
      this.#findings.warn('H4_LEGACY_ENCRYPTED', this.#metaOffset, message);
      return;
    }
    if (engine !== LEGACY_ENGINE) {
      const name = shownEngine(engine);
      const message = `Legacy files are read with ${LEGACY_ENGINE} only, not with ${name}: blocks were not looked at`;
      this.#findings.warn('H4_ENGINE_UNKNOWN', this.#metaOffset, message);
      return;
    }
    if (isMasked && !this.#hasKeys && this.#blocks.count > 0) {
      this.#findings.warn(
        'H4_KEY_MISSING',
        this.#metaOffset,
        'Masked blocks: their content was not looked at without a key',
      );
    }
    for (const [code, { offset, message, count }] of this.#faults) {
      this.#error(code, offset, count === 1 ? message : `${message} (the first of ${count} such blocks)`);
    }
    if (this.#faults.size === 0) this.#compareSeek();
  }

  #compareSeek(): void {
    if (this.#seek === undefined) return;
    const misplaced = this.#blocks.firstMisplaced(offsetsOf(this.#seek.table));
    if (misplaced === undefined) return;
    const { code, message } = misplacedSeekEntry(misplaced);
    this.#error(code, this.#seek.offset, message);
  }

  #error(code: ErrorCode, offset: number, message: string): void {
    this.#findings.error(code, offset, message);
  }
}

function* offsetsOf(table: SeekTable): Generator<number, void> {
  for (let k = 0; k < table.length; k++) yield table.entry(k).offset;
}
