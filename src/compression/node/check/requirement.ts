/** What is demanded of a core, and what a check says about it (spec/engine.md). */

export const REQUIREMENTS = {
  loads: 'It loads, and exports what the binary interface demands',
  identity: 'Its id has the right form and is the same in every process',
  empty: 'An empty block stays empty, and never reaches it',
  'round-trip':
    'Every block comes back as it was, to its own length only, and becomes no longer than twice its length plus 64 KiB',
  determinism:
    'The same block gives the same bytes, over and over in a process, and in processes with other surroundings',
  'hostile-input':
    'Damaged input gives an error or the right length, never a crash, and takes no more memory than it may',
  memory: 'It gives back the memory that it takes, and however many calls there were, it gives the same bytes',
  memcheck: 'It touches no memory that is not its own, and loses none (valgrind)',
  silence: 'It prints nothing, leaves no process, thread or open descriptor, and changes no signal handler',
  agreement: 'It gives the same bytes as the other build, and each decodes what the other made',
} as const;

export type RequirementId = keyof typeof REQUIREMENTS;

export type Verdict = 'pass' | 'fail' | 'skip';

/** Figures and facts, by names in snake_case. */
export type Evidence = Readonly<Record<string, string | number | boolean | null>>;

export interface RequirementResult {
  readonly id: RequirementId;
  readonly title: string;
  readonly verdict: Verdict;
  /** Why it failed or was skipped. */
  readonly reason?: string;
  readonly evidence: Evidence;
  /** The call at which it failed. */
  readonly call?: FailedCall;
}

export interface FailedCall {
  readonly operation: 'compress' | 'decompress';
  /** What the input was made from. */
  readonly label: string;
  readonly bytes: number;
  /** Of the input. */
  readonly sha256: string;
  /** The length that was asked for, of a decompression. */
  readonly raw_length: number | null;
  /** Where the input was saved. */
  readonly saved?: string;
}

/** Of one block of the corpus, through this software; speeds in 10^6 bytes of the original per second. */
export interface Figure {
  readonly name: string;
  readonly bytes: number;
  readonly compressed_bytes: number;
  readonly compress_mb_s: number;
  readonly decompress_mb_s: number;
  readonly reference_bytes: number;
  /** How many times as fast as the reference engine on the same block in the same run. */
  readonly compress_speedup: number;
  readonly decompress_speedup: number;
}

export function passed(id: RequirementId, evidence: Evidence): RequirementResult {
  return { id, title: REQUIREMENTS[id], verdict: 'pass', evidence };
}

export function failed(
  id: RequirementId,
  reason: string,
  evidence: Evidence = {},
  call?: FailedCall,
): RequirementResult {
  return { id, title: REQUIREMENTS[id], verdict: 'fail', reason, evidence, ...(call === undefined ? {} : { call }) };
}

export function skipped(id: RequirementId, reason: string): RequirementResult {
  return { id, title: REQUIREMENTS[id], verdict: 'skip', reason, evidence: {} };
}
