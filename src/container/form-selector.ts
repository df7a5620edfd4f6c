/**
 * Which of its three forms a file has (spec/h4mk.md section 1.2). The first chunk tells records from a legacy file, so that
 * stripping TOKN chunks cannot turn a signed file into a quiet legacy one; the third tells a slice from a stream, unless
 * the TAIL at the end has told so before. Until then chunks are held back: at most a TOKN and its payload.
 */
import type { H4Error } from '../utils/error.js';
import type { Chunk } from './chunk.js';
import type { StreamEnd } from './chunk-stream.js';
import type { Findings } from './findings.js';
import type { CheckResult, FormatCheck } from './format-check.js';
import { TAIL_STATE, type TailState } from './layout.js';
import { LegacyCheck } from './legacy-check.js';
import type { Limits } from './limits.js';
import { SliceCheck } from './slice-check.js';
import { StreamCheck } from './stream-check.js';

interface Held {
  readonly chunk: Chunk;
  readonly digest: Uint8Array | undefined;
}

export class FormSelector {
  readonly #findings: Findings;
  readonly #limits: Limits;
  readonly #tailState: TailState | undefined;
  #held: Held[] = [];
  #check: FormatCheck | undefined;
  /** Whether one of the chunks held back has ended the walk. */
  #isOver = false;

  /** @param tailState state of the TAIL that the file ends in, where that is known */
  constructor(findings: Findings, limits: Limits, tailState: TailState | undefined) {
    this.#findings = findings;
    this.#limits = limits;
    this.#tailState = tailState;
  }

  /** Takes the next chunk; false ends the walk. */
  chunk(chunk: Chunk, digest?: Uint8Array): boolean {
    if (this.#check !== undefined) return this.#check.chunk(chunk, digest);
    this.#held.push({ chunk, digest });
    this.#check = this.#select();
    return this.#check === undefined || this.#handOver(this.#check);
  }

  /** The file has ended; `cutTag` is the tag of its first chunk, if the file ends within that. */
  end(end: StreamEnd, endsInTail: boolean, left: number, cutTag: string | undefined): void {
    const check = this.#settle(cutTag);
    if (!this.#isOver) check.end(end, endsInTail, left);
  }

  /** The walk cannot go on behind the chunks given so far. */
  fail(error: H4Error, offset: number): void {
    if (this.#held.length > 0) this.#settle(undefined);
    if (!this.#isOver) this.#findings.error(error.code, offset, error.message);
  }

  /** Undefined if nothing of the file could be read. */
  get result(): CheckResult | undefined {
    return this.#check?.result;
  }

  #select(): FormatCheck | undefined {
    const [first, , third] = this.#held;
    if (first?.chunk.tag !== 'TOKN') return this.#legacy();
    if (this.#tailState === TAIL_STATE.slice || third?.chunk.tag === 'PROF') return this.#slice();
    return third === undefined ? undefined : this.#stream();
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
    return new LegacyCheck(this.#findings, this.#limits);
  }

  #slice(): FormatCheck {
    return new SliceCheck(this.#findings, this.#limits);
  }

  #stream(): FormatCheck {
    return new StreamCheck(this.#findings, this.#limits);
  }
}
