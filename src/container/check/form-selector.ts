/**
 * Which of its three forms a file has (spec/h4mk.md section 1.2). The first chunk tells records from a legacy file, so that
 * stripping TOKN chunks cannot turn a signed file into a quiet legacy one; the third tells a slice from a stream, unless
 * the TAIL at the end has told so before. Until then chunks are held back: at most a TOKN and its payload, and where the
 * end is not known, a few of those after which a slice of record 0 alone may end.
 */
import { crc32 } from '../../utils/crc32.js';
import { type H4Error, isH4Error } from '../../utils/error.js';
import type { Chunk } from '../format/chunk.js';
import type { StreamEnd } from '../source/chunk-stream.js';
import type { CheckContext, CheckResult, FormatCheck } from './format-check.js';
import { HEADER_BYTES, TAIL_BYTES, TAIL_STATE, type TailState } from '../format/layout.js';
import { LegacyCheck } from '../legacy/legacy-check.js';
import { SliceCheck } from './slice-check.js';
import { StreamCheck } from './stream-check.js';
import { parseTail } from '../format/tail.js';

interface Held {
  readonly chunk: Chunk;
  readonly digest: Uint8Array | undefined;
}

/** State of the TAIL that a file ends in: undefined where there is none, `unknown` while the file is still to arrive. */
export type EndState = TailState | undefined | 'unknown';

/** Chunks that may stand between record 0 and the TAIL of a slice that shows nothing else, and how many are waited for. */
const NOTES: ReadonlySet<string> = new Set(['SIGN', 'TIME', 'ATTS']);
const MAX_NOTES_HELD = 16;
const RECORD_ZERO_CHUNKS = 2;

export class FormSelector {
  readonly #context: CheckContext;
  readonly #endState: EndState;
  #held: Held[] = [];
  #check: FormatCheck | undefined;
  /** Whether one of the chunks held back has ended the walk. */
  #isOver = false;

  constructor(context: CheckContext, endState: EndState) {
    this.#context = context;
    this.#endState = endState;
  }

  /** Takes the next chunk; false ends the walk. */
  chunk(chunk: Chunk, digest?: Uint8Array): boolean {
    if (this.#check !== undefined) return this.#check.chunk(chunk, digest);
    this.#held.push({ chunk, digest });
    this.#check = this.#select();
    return this.#check === undefined || this.#handOver(this.#check);
  }

  /** The file has ended. */
  end(end: StreamEnd, endsInTail: boolean): void {
    // Where not even the first chunk is whole, its tag decides all the same.
    const cutTag = end.kind === 'cut' && end.offset === HEADER_BYTES ? end.tag : undefined;
    if (end.kind === 'end' && this.#endState === 'unknown' && isSliceTail(this.#held.at(-1)?.chunk)) {
      this.#check ??= this.#slice();
    }
    const check = this.#settle(cutTag);
    if (!this.#isOver) check.end(end, endsInTail);
  }

  /** The walk cannot go on behind the chunks given so far. */
  fail(error: H4Error, offset: number): void {
    if (this.#held.length > 0) this.#settle(undefined);
    if (!this.#isOver) this.#context.findings.error(error.code, offset, error.message);
  }

  /** The check of the form that the file has, once that is known. */
  get check(): FormatCheck | undefined {
    return this.#check;
  }

  /** Undefined if nothing of the file could be read. */
  get result(): CheckResult | undefined {
    return this.#check?.result;
  }

  #select(): FormatCheck | undefined {
    const [first, , third] = this.#held;
    if (first?.chunk.tag !== 'TOKN') return this.#legacy();
    if (this.#endState === TAIL_STATE.slice || third?.chunk.tag === 'PROF') return this.#slice();
    if (third === undefined) return undefined;
    if (this.#endState !== 'unknown') return this.#stream();
    const rest = this.#held.slice(RECORD_ZERO_CHUNKS);
    const other = rest.findIndex(({ chunk }) => !NOTES.has(chunk.tag));
    // What may be the TAIL of a slice is one only if nothing follows.
    const mayEndHere = other < 0 || (other === rest.length - 1 && isSliceTail(rest[other]?.chunk));
    const notes = other < 0 ? rest.length : other;
    return mayEndHere && notes <= MAX_NOTES_HELD ? undefined : this.#stream();
  }

  /** Nothing more comes, so that what has come must do. */
  #settle(cutTag: string | undefined): FormatCheck {
    this.#check ??= cutTag !== undefined && cutTag !== 'TOKN' ? this.#legacy() : this.#stream();
    this.#handOver(this.#check);
    return this.#check;
  }

  #handOver(check: FormatCheck): boolean {
    for (const { chunk, digest } of this.#held) {
      if (this.#isOver) break;
      this.#isOver = !check.chunk(chunk, digest);
    }
    this.#held = [];
    return !this.#isOver;
  }

  #legacy(): FormatCheck {
    return new LegacyCheck(this.#context);
  }

  #slice(): FormatCheck {
    return new SliceCheck(this.#context);
  }

  #stream(): FormatCheck {
    return new StreamCheck(this.#context);
  }
}

/** Whether a chunk is what `tailAtEnd` finds at the end of a slice, if it stands there. */
const isSliceTail = (chunk: Chunk | undefined): boolean => {
  if (chunk?.tag !== 'TAIL' || chunk.size !== TAIL_BYTES || chunk.crc !== crc32(chunk.payload)) return false;
  try {
    const { self, state } = parseTail(chunk.payload);
    return self === chunk.offset && state === TAIL_STATE.slice;
  } catch (error) {
    if (!isH4Error(error)) throw error;
    return false;
  }
};
