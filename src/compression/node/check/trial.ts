/**
 * What goes to and fro between a check and the processes in which it tries a core. Each trial has a process of its own:
 * what it does to the core may take that process along.
 */
import type { ExchangeFiles } from './exchange.js';
import type { Evidence, Figure } from './requirement.js';

export const TRIALS = [
  'survey',
  'round-trip',
  'pack',
  'unpack',
  'repeat',
  'digest',
  'damage',
  'memory',
  'speed',
  'compare',
] as const;
export type TrialName = (typeof TRIALS)[number];

/** How much is tried. */
export interface Extent {
  /** Every length up to here, of every short kind. */
  readonly shortBytes: number;
  readonly blockBytes: number;
  readonly largeBytes: number;
  readonly damages: number;
  /** Calls of which the memory is watched: that many compressions, and as many decompressions. */
  readonly calls: number;
  readonly repetitions: number;
  readonly rounds: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const FULL: Extent = {
  shortBytes: 600,
  blockBytes: MIB,
  largeBytes: 16 * MIB,
  damages: 10_000,
  calls: 10_000,
  repetitions: 100,
  rounds: 5,
};

/** Enough to show that everything runs, and too little to rely on. */
export const QUICK: Extent = {
  shortBytes: 48,
  blockBytes: 64 * KIB,
  largeBytes: MIB,
  damages: 400,
  calls: 1000,
  repetitions: 10,
  rounds: 1,
};

export interface CoreFileRef {
  readonly path: string;
  /** Of the file when the check began: another one is refused. */
  readonly fingerprint: string;
}

export interface TrialRequest {
  readonly trial: TrialName;
  readonly core: CoreFileRef;
  /** For `compare`. */
  readonly other?: CoreFileRef;
  /** Its memory is a reservation of the engine that runs it: address space says nothing. */
  readonly isWasm: boolean;
  readonly temporaryFolder?: string;
  /** Where the trial notes its calls. */
  readonly notePath: string;
  /** Where it writes its reply. No descriptor stands open for it: a core could write to that. */
  readonly replyPath: string;
  /** For `pack` and `unpack`. */
  readonly exchange?: ExchangeFiles;
  /** Files to try besides the corpus. */
  readonly files: readonly string[];
  readonly extent: Extent;
}

export type TrialReply =
  | { readonly kind: 'passed'; readonly evidence: Evidence; readonly figures?: readonly Figure[] }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly evidence: Evidence;
      /** Whether it was the call that was noted last at which it failed. */
      readonly atCall: boolean;
    }
  /** The core could not be loaded: an error of ours, by its code. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };
