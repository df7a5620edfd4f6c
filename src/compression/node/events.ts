/** What an engine reports while it lives, for logs and counters. No event carries a path. */
import type { EngineInfo } from '../api/engine.js';
import type { ErrorCode } from '../../utils/error-codes.js';

export type EngineEvent =
  /** A core was sealed, at the start or when one of its processes was started. */
  | { readonly type: 'seal-pass'; readonly info: EngineInfo }
  /** A core was refused: it is not the one that is meant, or none that can be used. */
  | { readonly type: 'seal-failure'; readonly code: ErrorCode; readonly message: string }
  /** The engine, or one of its processes (`lane`), could not be started, which says nothing about the core. */
  | { readonly type: 'start-failure'; readonly code: ErrorCode; readonly message: string; readonly lane?: EngineLane }
  /** Something an operator should mend. */
  | { readonly type: 'warning'; readonly message: string }
  /** There is no core and the operator allowed to go on with the reference engine. */
  | { readonly type: 'fallback'; readonly message: string }
  | { readonly type: 'process-start'; readonly pid: number; readonly lane: EngineLane }
  /** A process of the engine ended without having been told to. */
  | { readonly type: 'process-crash'; readonly pid: number; readonly lane: EngineLane; readonly reason: string }
  /** A process was told to end because it had kept too much memory; no call failed. */
  | { readonly type: 'process-replace'; readonly pid: number; readonly lane: EngineLane; readonly reason: string }
  /** So many processes failed in a row that the next one is started only after a pause. */
  | { readonly type: 'process-pause'; readonly lane: EngineLane; readonly failures: number; readonly millis: number }
  /** A call failed: the engine crashed, did not answer in time, or answered wrongly. */
  | { readonly type: 'call-failure'; readonly code: ErrorCode; readonly lane: EngineLane };

/** Untrusted decompression never shares a process with compression. */
export type EngineLane = 'compress' | 'decompress';

export type OnEngineEvent = (event: EngineEvent) => void;

/**
 * Codes that judge a core. All others, a time limit or a machine without memory, are no sign that anybody has touched it; nor is
 * `H4_CORE_LOAD`, once the same bytes have been loaded before.
 */
export const SEAL_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'H4_CORE_ALTERED',
  'H4_CORE_MISMATCH',
  'H4_CORE_SYMBOL',
  'H4_CORE_NOT_FOUND',
  'H4_CORE_PIN',
]);
