/** Checks a recording chunk after chunk up to where it stops being whole (spec/h4mk.md section 14, rules 1 and 2). */
import type { RunningHash } from '../../utils/sha256.js';
import type { CheckRun } from '../check/check-run.js';
import type { ByteFeed } from '../source/feed.js';
import { HEADER_BYTES, isMediaMode } from '../format/layout.js';
import { type Limits, createLimits } from '../format/limits.js';
import type { Tail } from '../format/tail.js';
import { type Tokn, tokensOf } from '../format/tokn.js';
import { createStreamRun } from '../check/verify.js';

export interface RecoverOptions {
  readonly limits?: Partial<Limits>;
  readonly signal?: AbortSignal;
  /** Called now and then with the number of bytes read so far; each byte is read at most three times. */
  readonly onProgress?: (bytes: number) => void;
  /** The newest TAIL that is known from elsewhere, for instance from the sidecar: what the recording should have at least. */
  readonly promised?: Tail;
  /** Called after each whole record with the number of records up to it, and a way to get their root. */
  readonly onRecord?: (size: number, root: () => Uint8Array) => void;
}

/** Until when media records go. */
export class MediaSpan {
  end: number | undefined;

  add(tokn: Tokn): void {
    if (!isMediaMode(tokn.mode)) return;
    for (const { delta, duration } of tokensOf(tokn)) {
      this.end = Math.max(this.end ?? 0, tokn.pts + delta + duration);
    }
  }
}

export interface WholeWalk {
  readonly run: CheckRun;
  /** File position up to which all chunks are whole and keep the rules, and the records up to there. */
  readonly end: number;
  readonly records: number;
  /** File position up to which no fault was found: behind `end` only where a close cannot be finished as it has begun. */
  readonly checked: number;
  /** Whether the bytes behind `end` begin a record. */
  readonly lone: Tokn | undefined;
  readonly hash: () => RunningHash;
}

const PROGRESS_BYTES = 1024 * 1024;

/** Checks chunk after chunk until the first fault or the end. */
export const walkWhole = async (feed: ByteFeed, span: MediaSpan, options: RecoverOptions): Promise<WholeWalk> => {
  let pending: Tokn[] = [];
  const { run, hashSoFar } = createStreamRun(feed, createLimits(options.limits), {
    observe: ({ tokn }) => pending.push(tokn),
    // Whether the recording goes on behind what is whole is looked into afterwards, and more closely.
    endsInTail: () => false,
    ...signalOf(options),
  });
  let end = HEADER_BYTES;
  let records = 0;
  let checked = end;
  let reported = 0;
  for (let goesOn = true; goesOn;) {
    goesOn = await run.step();
    if (run.findings.errorCount > 0) break;
    for (const tokn of pending) span.add(tokn);
    pending = [];
    const { records: check } = run;
    if (check !== undefined) {
      end = check.wholeUpTo(run.offset);
      checked = check.soundUpTo(run.offset);
      const { tree } = check.records;
      if (tree.size > records) options.onRecord?.(tree.size, () => tree.root());
      records = tree.size;
    }
    if (run.offset - reported >= PROGRESS_BYTES) options.onProgress?.((reported = run.offset));
  }
  return { run, end, records, checked, lone: run.records?.openTokn, hash: hashSoFar };
};

export const signalOf = ({ signal }: Pick<RecoverOptions, 'signal'>): { readonly signal?: AbortSignal } =>
  signal === undefined ? {} : { signal };
