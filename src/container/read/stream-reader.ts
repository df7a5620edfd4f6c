/**
 * `H4MKStreamReader`: reads a recording while it arrives, from the first byte, in pieces of any size. Each record is handed
 * out only after every rule has been checked that a check of the whole file checks up to that place; a broken rule ends the
 * reading with its code. Memory is one piece and one record, whatever the length of the recording.
 */
import { type EngineSet, createEngineSet } from '../../compression/api/engine-set.js';
import { storedEngine } from '../../compression/api/stored.js';
import { H4Error } from '../../utils/error.js';
import { type Block, type BlockKeys, decodeBlock } from './block.js';
import type { Demands } from '../check/demands.js';
import type { ByteFeed } from '../source/feed.js';
import { KeyRing } from '../secrecy/key-ring.js';
import { isHiddenMode, isMediaMode } from '../format/layout.js';
import { type Limits, createLimits } from '../format/limits.js';
import type { MetaLedger } from '../format/meta.js';
import type { StoredRecord } from './record-reader.js';
import type { VerificationReport } from '../check/report.js';
import { type StreamRun, createStreamRun } from '../check/verify.js';

/** `contentKeys` also decode what is hidden. Whom to believe is told by `report`: it changes nothing in what is handed out. */
export interface StreamReadOptions extends Demands {
  /** Engines that may decode blocks. Default: `stored-v1` only. */
  readonly engines?: EngineSet;
  readonly limits?: Partial<Limits>;
  readonly signal?: AbortSignal;
}

export class H4MKStreamReader {
  readonly #engines: EngineSet;
  readonly #stream: StreamRun;
  /** Records that the latest steps have completed. */
  readonly #ready: StoredRecord[] = [];
  readonly #ring: KeyRing;

  constructor(feed: ByteFeed, options: StreamReadOptions = {}) {
    const { engines = createEngineSet([storedEngine]), limits } = options;
    this.#engines = engines;
    this.#ring = new KeyRing(options.contentKeys ?? []);
    this.#stream = createStreamRun(feed, createLimits(limits), {
      ...options,
      observe: (record) => this.#ready.push(record),
    });
  }

  /** What the recording has said of itself so far; undefined before record 0 has arrived. */
  get metas(): MetaLedger | undefined {
    return this.#stream.run.result?.metas;
  }

  /**
   * Records in file order, those of META included, as they arrive. Ends where the recording does; whether that is its end
   * or a cut is told by `report`. Throws the first broken rule, with its offset in `detail`.
   */
  async *records(): AsyncGenerator<StoredRecord, void> {
    const { run } = this.#stream;
    do {
      this.#assertSound();
      yield* this.#ready.splice(0);
    } while (await run.step());
    this.#assertSound();
    yield* this.#ready.splice(0);
  }

  /** Decoded blocks, of one track or of all, in file order: the pieces of their raw streams. */
  async *blocks(options: { readonly track?: number } = {}): AsyncGenerator<Block, void> {
    const { track } = options;
    for await (const record of this.records()) {
      const { mode, track: of } = record.tokn;
      const { metas, fileId } = this.#stream.run.result ?? {};
      const isWanted = isMediaMode(mode) && (track === undefined || track === of);
      if (!isWanted || metas?.info === undefined || fileId === undefined) continue;
      yield await decodeBlock(record, metas.info, this.#engines, this.#keysFor(record, metas, fileId));
    }
  }

  /** The keys for a block, its epoch admitted; undefined for one that is not hidden, and without keys. */
  #keysFor({ tokn }: StoredRecord, metas: MetaLedger, fileId: Uint8Array): BlockKeys | undefined {
    const epoch = metas.epoch(tokn.epoch);
    if (!isHiddenMode(tokn.mode) || this.#ring.isEmpty || epoch === undefined) return undefined;
    if (!this.#ring.opens(tokn.epoch)) this.#ring.admit([epoch]);
    return { fileId, ring: this.#ring };
  }

  /** What a check says of the bytes read so far: final once the generators have ended. */
  report(): VerificationReport {
    const { run, received } = this.#stream;
    return run.report(received());
  }

  #assertSound(): void {
    const { findings, result } = this.#stream.run;
    const [first] = findings.errors;
    if (first !== undefined) throw new H4Error(first.code, first.message, { detail: { offset: first.offset } });
    if (result?.format === 'legacy') {
      throw new H4Error(
        'H4_ENGINE_UNKNOWN',
        'This is a legacy file: what its blocks are stands at its end; open it whole',
      );
    }
  }
}
