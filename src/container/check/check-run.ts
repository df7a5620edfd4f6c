/**
 * One check under way, chunk by chunk: header, form, chunks, end (spec/h4mk.md section 16). Nothing in the file is believed:
 * every hash, index and sum is computed again from the bytes. It serves files and streams alike, and whoever drives it may
 * look at what has been found after each step.
 */
import { H4Error, isH4Error } from '../../utils/error.js';
import type { ChunkStream } from '../source/chunk-stream.js';
import type { Demands } from './demands.js';
import { Findings } from './findings.js';
import { type EndState, FormSelector } from './form-selector.js';
import type { CheckResult, RecordObserver } from './format-check.js';
import { assertHeader } from '../format/header.js';
import { HEADER_BYTES } from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import { type VerificationReport, createReport } from './report.js';
import { StreamCheck } from './stream-check.js';

export interface CheckInput {
  readonly stream: ChunkStream;
  readonly limits: Limits;
  /** State of the TAIL at the end of the file, as far as it is known when the check begins. */
  readonly endState: EndState;
  /** Whether the file, which has ended, ends in a TAIL. */
  readonly endsInTail: () => boolean;
  /** The hash of all bytes from the file header to the VERI chunk at `offset`. */
  readonly digest: (offset: number) => Uint8Array | Promise<Uint8Array>;
  readonly demands: Demands;
  readonly observe?: RecordObserver;
  readonly signal?: AbortSignal;
}

export class CheckRun {
  readonly findings: Findings;
  readonly #input: CheckInput;
  readonly #form: FormSelector;
  #stage: 'header' | 'chunks' | 'over' = 'header';
  #veriSeen = false;

  constructor(input: CheckInput) {
    this.#input = input;
    const { limits, demands, endState, observe } = input;
    this.findings = new Findings(limits.maxReport);
    const context = { findings: this.findings, limits, demands, ...(observe === undefined ? {} : { observe }) };
    this.#form = new FormSelector(context, endState);
  }

  /** File position behind what has been checked. */
  get offset(): number {
    return this.#input.stream.offset;
  }

  /** What is known so far; undefined before the form of the file is. */
  get result(): CheckResult | undefined {
    return this.#form.result;
  }

  /** The check of a stream of records, if that is what the file is. */
  get records(): StreamCheck | undefined {
    const { check } = this.#form;
    return check instanceof StreamCheck ? check : undefined;
  }

  /** Checks the next chunk. False once the walk is over; rejects only if the bytes cannot be read. */
  async step(): Promise<boolean> {
    if (this.#stage === 'over') return false;
    const { signal } = this.#input;
    if (signal?.aborted === true) {
      throw new H4Error('H4_CANCELLED', 'The check was cancelled', { cause: signal.reason });
    }
    try {
      if (await this.#advance()) return true;
    } catch (error) {
      if (!isH4Error(error) || !FILE_FAULTS.has(error.kind) || error.code === 'H4_HTTP_RANGE') throw error;
      this.#form.fail(error, this.#stage === 'header' ? 0 : this.offset);
    }
    this.#stage = 'over';
    return false;
  }

  async #advance(): Promise<boolean> {
    const { stream, digest, endsInTail } = this.#input;
    if (this.#stage === 'header') {
      assertHeader(await stream.take(HEADER_BYTES));
      this.#stage = 'chunks';
      return true;
    }
    const chunk = await stream.next();
    if ('kind' in chunk) {
      this.#form.end(chunk, endsInTail());
      return false;
    }
    const isVeri = chunk.tag === 'VERI' && !this.#veriSeen;
    this.#veriSeen ||= isVeri;
    return this.#form.chunk(chunk, isVeri ? await digest(chunk.offset) : undefined);
  }

  /** The report on what has been checked so far, of `bytes` bytes. */
  report(bytes: number): VerificationReport {
    return createReport(this.result, this.findings, bytes, this.#input.demands.trust);
  }
}

/** Kinds of errors that speak about the file; any other one, and a server that ignores ranges, is not its fault. */
const FILE_FAULTS: ReadonlySet<string> = new Set(['malformed', 'tampered', 'unsupported', 'limit']);
