/**
 * The proofs of a slice and the runs of records they cover (spec/h4mk.md section 11). PROFs come first and are kept as they
 * stand in the file; each is unfolded when its run begins and gone when the run is whole, so that memory is the PROF
 * chunks, which a limit bounds, and O(log n).
 */
import { equalBytes } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import type { Chunk } from '../format/chunk.js';
import type { Findings } from './findings.js';
import type { Limits } from '../format/limits.js';
import { RangeVerifier, parseProf } from '../tree/range-proof.js';

/** The records `[first, end)` that the PROF at `offset` covers. */
interface Run {
  readonly offset: number;
  readonly first: number;
  readonly end: number;
  readonly payload: Uint8Array;
}

export class RunProofs {
  readonly #findings: Findings;
  readonly #limits: Limits;
  readonly #runs: Run[] = [];
  /** Index of the run that is going on or comes next. */
  #at = 0;
  /** Of the run that is going on. */
  #verifier: RangeVerifier | undefined;
  /** Whether a record of that run is missing, so that it can never become whole. */
  #isSpoiled = false;
  #leafZero: Uint8Array | undefined;
  #count = 0;
  #heldBytes = 0;
  #size: number | undefined;
  #root: Uint8Array | undefined;
  /** False once a PROF is unreadable or leads nowhere: coverage and root are then unknown. */
  #isSound = true;

  constructor(findings: Findings, limits: Limits) {
    this.#findings = findings;
    this.#limits = limits;
  }

  /** Number of PROF chunks. */
  get count(): number {
    return this.#count;
  }

  /** Number of records of the tree, as the first readable PROF says. */
  get size(): number | undefined {
    return this.#size;
  }

  /** The one root to which all runs that are whole lead; undefined where there is none. */
  get root(): Uint8Array | undefined {
    return this.#isSound ? this.#root : undefined;
  }

  /** The record that must come next because a run is not whole yet. */
  get expected(): number | undefined {
    return this.#verifier?.next;
  }

  /** Takes record 0, which stands before all proofs and needs none: signatures name it. */
  begin(leaf: Uint8Array): void {
    this.#leafZero = leaf;
  }

  /** Takes a PROF. Throws what is no PROF, and notes what contradicts those before it. */
  add(chunk: Chunk): void {
    this.#count++;
    const { size, first, count } = this.#parse(chunk);
    this.#size ??= size;
    if (size !== this.#size) {
      this.#fault('H4_PROF_ROOT', chunk.offset, `PROF is of ${size} records, the one before it of ${this.#size}`);
      return;
    }
    const last = this.#runs.at(-1);
    if (last !== undefined && first <= last.end) {
      const message = `PROF of records from ${first} on: runs must ascend with a gap between them, and one ends at ${last.end}`;
      this.#fault('H4_PROF_LAYOUT', chunk.offset, message);
      return;
    }
    this.#hold({ offset: chunk.offset, first, end: first + count, payload: chunk.payload.slice() });
    if (first === 0 && this.#leafZero !== undefined) this.admit(0, 0, this.#leafZero);
  }

  #parse(chunk: Chunk): { readonly size: number; readonly first: number; readonly count: number } {
    try {
      return parseProf(chunk.payload);
    } catch (error) {
      this.#isSound = false;
      throw error;
    }
  }

  #hold(run: Run): void {
    this.#heldBytes += run.payload.length;
    if (this.#heldBytes > this.#limits.maxChunkBytes) {
      const message = `The PROF chunks of the slice have more than ${this.#limits.maxChunkBytes} bytes together`;
      throw new H4Error('H4_LIMIT_CHUNK', message);
    }
    this.#runs.push(run);
  }

  /** Takes record `seq`, whose TOKN stands at `offset`. Numbers must ascend. */
  admit(seq: number, offset: number, leaf: Uint8Array): void {
    let run = this.#runs[this.#at];
    for (; run !== undefined && run.end <= seq; run = this.#runs[this.#at]) this.#leave(run);
    if (run === undefined || seq < run.first) {
      // A slice without any PROF has one fault, and its TAIL is where that is noted.
      if (this.#isSound && this.#count > 0)
        this.#findings.error('H4_PROF_COVER', offset, `No PROF covers record ${seq}`);
      return;
    }
    if (this.#isSpoiled) return;
    this.#verifier ??= new RangeVerifier(parseProf(run.payload));
    if (this.#verifier.next !== seq) {
      this.#spoil(run);
      return;
    }
    this.#verifier.push(leaf);
    if (!this.#verifier.isComplete) return;
    this.#compare(this.#verifier.root(), run);
    this.#verifier = undefined;
    this.#at++;
  }

  #compare(root: Uint8Array, run: Run): void {
    this.#root ??= root;
    if (!equalBytes(root, this.#root)) {
      const message = `The records ${run.first} to ${run.end - 1} lead to another root than those before them`;
      this.#fault('H4_PROF_ROOT', run.offset, message);
    }
  }

  #spoil(run: Run): void {
    const message = `Record ${this.expected ?? run.first} is missing, so that this PROF leads to no root`;
    this.#fault('H4_PROF_ROOT', run.offset, message);
    this.#verifier = undefined;
    this.#isSpoiled = true;
  }

  /** Goes on to the next run although this one is not whole. */
  #leave(run: Run): void {
    if (!this.#isSpoiled) this.#spoil(run);
    this.#isSpoiled = false;
    this.#at++;
  }

  /** No record follows: every run must be whole. */
  finish(): void {
    for (let run = this.#runs[this.#at]; run !== undefined; run = this.#runs[this.#at]) this.#leave(run);
  }

  /** The file broke off: runs of which nothing is there promise nothing, but the one that was going on is not proven. */
  breakOff(): void {
    const run = this.#runs[this.#at];
    if (run !== undefined && this.#verifier !== undefined) this.#leave(run);
  }

  #fault(code: 'H4_PROF_LAYOUT' | 'H4_PROF_ROOT', offset: number, message: string): void {
    this.#isSound = false;
    this.#findings.error(code, offset, message);
  }
}
