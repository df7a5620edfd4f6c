/**
 * Reads neighbouring records with few large reads: whole ones to copy them, or their TOKNs to look at them. Memory is one
 * window. Where records stand comes from an index, so that it is a hint: each must say that it is the one asked for, and
 * whoever copies them proves them.
 */
import type { ByteSource } from '../io/io.js';
import type { Limits } from '../format/limits.js';
import type { RecordIndex } from './record-index.js';
import { type RawRecord, readRawRecordAt, readToknAt } from './record-reader.js';
import { ReadWindow } from '../source/read-window.js';
import type { Tokn } from '../format/tokn.js';

/** Records `[first, end)`. */
export interface RecordRun {
  readonly first: number;
  readonly end: number;
}

/** What is read at once of a run of whole records. */
const RUN_BYTES = 4 * 1024 * 1024;
/** What is read at once to look at TOKNs; of a record that is larger, only its beginning is. */
const LOOK_BYTES = 64 * 1024;

export interface RunReaderInput {
  readonly source: ByteSource;
  readonly limits: Limits;
  readonly index: Pick<RecordIndex, 'place'>;
}

export class RunReader {
  readonly #input: RunReaderInput;
  readonly #window: ReadWindow;
  readonly #source: ByteSource;
  /** What the next read takes along. */
  #ahead = 0;

  constructor(input: RunReaderInput) {
    this.#input = input;
    this.#window = new ReadWindow(input.source);
    this.#source = {
      size: input.source.size,
      read: (start, end, signal) => this.#window.read(start, end, this.#ahead, signal),
      close: input.source.close.bind(input.source),
    };
  }

  /** The TOKN of record `seq`. */
  async tokn(seq: number, signal?: AbortSignal): Promise<Tokn> {
    const { index, limits } = this.#input;
    const { offset, end } = await index.place(seq, signal);
    this.#ahead = end - offset > LOOK_BYTES ? 0 : LOOK_BYTES;
    return (await readToknAt(this.#source, { offset, end }, seq, limits, signal)).tokn;
  }

  /** The TOKNs of a run, in order. */
  async *tokns({ first, end }: RecordRun, signal?: AbortSignal): AsyncGenerator<Tokn, void> {
    for (let seq = first; seq < end; seq++) yield this.tokn(seq, signal);
  }

  /** The records of a run as they stand in the file, in order, each payload verified or VOID. */
  async *records({ first, end }: RecordRun, signal?: AbortSignal): AsyncGenerator<RawRecord, void> {
    const { index, limits } = this.#input;
    for (let seq = first; seq < end; seq++) {
      const place = await index.place(seq, signal);
      if (this.#window.held(place.offset, place.end) === undefined) {
        this.#ahead = (await this.#reach(place.offset, { first: seq, end }, signal)) - place.offset;
      }
      yield await readRawRecordAt(this.#source, place, seq, limits, signal);
    }
  }

  /** How far the records of a run reach that are read at once, of those that begin at `start`. */
  async #reach(start: number, { first, end }: RecordRun, signal?: AbortSignal): Promise<number> {
    let reach = start;
    for (let seq = first; seq < end; seq++) {
      const place = await this.#input.index.place(seq, signal);
      if (place.end < reach || place.end - start > RUN_BYTES) break;
      reach = place.end;
    }
    return reach;
  }
}
