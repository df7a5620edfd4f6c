/**
 * `H4MKStreamReader`: reads a recording while it arrives, from the first byte, in pieces of any size. Each record is handed
 * out only after every rule has been checked that a check of the whole file checks up to that place; a broken rule ends the
 * reading with its code. Memory is one piece and one record, whatever the length of the recording.
 */
import { type EngineSet, createEngineSet } from '../compression/api/engine-set.js';
import { storedEngine } from '../compression/api/stored.js';
import { H4Error } from '../utils/error.js';
import { type Block, decodeBlock } from './block.js';
import type { ByteFeed } from './feed.js';
import { isMediaMode } from './layout.js';
import { type Limits, createLimits } from './limits.js';
import type { MetaLedger } from './meta.js';
import type { StoredRecord } from './record-reader.js';
import type { VerificationReport } from './report.js';
import { type StreamRun, createStreamRun } from './verify.js';

export interface StreamReadOptions {
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

  constructor(feed: ByteFeed, options: StreamReadOptions = {}) {
    const { engines = createEngineSet([storedEngine]), limits, signal } = options;
    this.#engines = engines;
    this.#stream = createStreamRun(feed, createLimits(limits), {
      observe: (record) => this.#ready.push(record),
      ...(signal === undefined ? {} : { signal }),
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
      const info = this.metas?.info;
      if (!isMediaMode(mode) || info === undefined || (track !== undefined && track !== of)) continue;
      yield await decodeBlock(record, info, this.#engines);
    }
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
