/** One block on its way to a core and back, and the errors with which that can end. */
import { H4Error } from '../../../utils/error.js';
import type { EngineLane } from '../events.js';

export interface BlockCall {
  readonly lane: EngineLane;
  /** Borrowed until the call has settled. */
  readonly bytes: Uint8Array;
  /** Of the block as it is not compressed; in the lane `compress` that of `bytes`. */
  readonly rawLength: number;
  readonly resolve: (block: Uint8Array) => void;
  readonly reject: (error: H4Error) => void;
}

/** Why a process cannot be used any more. */
export type Ending =
  /** It ended by itself. */
  | { readonly why: 'died'; readonly signal?: string; readonly exitCode?: number; readonly cause?: unknown }
  /** It was killed: too slow, too large, or an answer that is none. */
  | { readonly why: 'timeout'; readonly millis: number }
  | { readonly why: 'memory'; readonly bytes: number; readonly limit: number }
  | { readonly why: 'bad-output'; readonly text: string }
  /** It refused a call in a way after which it is better not asked again. */
  | { readonly why: 'refused'; readonly text: string }
  | { readonly why: 'closed' };

/** For logs and counters, short: `SIGSEGV`, `memory`. */
export function reasonOf(ending: Ending): string {
  if (ending.why !== 'died') return ending.why;
  if (ending.signal !== undefined) return ending.signal;
  return ending.exitCode === undefined ? 'not started' : `exit code ${ending.exitCode}`;
}

/** What becomes of a call that was running when its process came to this end. */
export function endingError(ending: Ending, { lane, bytes }: BlockCall, engineId: string): H4Error {
  const what = `The core ${engineId} ${lane === 'compress' ? 'compressing' : 'restoring'} a block of ${bytes.length} bytes`;
  const detail = { engine_id: engineId, bytes: bytes.length };
  switch (ending.why) {
    case 'died': {
      const { signal, exitCode } = ending;
      return new H4Error(
        'H4_ENGINE_CRASHED',
        `${what} crashed (${reasonOf(ending)}). Only this block is lost; another process takes its place`,
        {
          detail: {
            ...detail,
            ...(signal === undefined ? {} : { signal }),
            ...(exitCode === undefined ? {} : { exit_code: exitCode }),
          },
        },
      );
    }
    case 'timeout':
      return new H4Error('H4_ENGINE_TIMEOUT', `${what} gave no answer within ${ending.millis} ms and was ended`, {
        detail: { ...detail, limit_ms: ending.millis },
      });
    case 'memory':
      return new H4Error(
        'H4_ENGINE_CRASHED',
        `${what} took ${ending.bytes} bytes of memory, the limit is ${ending.limit}, and was ended`,
        { detail: { ...detail, reason: 'memory', found: ending.bytes, limit: ending.limit } },
      );
    case 'bad-output':
      return new H4Error('H4_ENGINE_BAD_OUTPUT', `${what} gave an answer that is none: ${ending.text}`, { detail });
    case 'refused':
      return new H4Error('H4_ENGINE_CRASHED', `${what} failed: ${ending.text}`, { detail });
    case 'closed':
      return closedError(engineId);
  }
}

/** What becomes of the start of a process that came to this end instead. */
export function startError(ending: Ending): H4Error {
  const why =
    ending.why === 'timeout'
      ? `it was not ready after ${ending.millis} ms`
      : ending.why === 'bad-output'
        ? ending.text
        : `its process died (${reasonOf(ending)})`;
  const options = ending.why === 'died' && ending.cause !== undefined ? { cause: ending.cause } : {};
  return ending.why === 'closed'
    ? closedError('')
    : new H4Error('H4_CORE_LOAD', `Cannot load the compression core: ${why}. Try another build of the core`, {
        ...options,
        detail: { reason: reasonOf(ending) },
      });
}

export function closedError(engineId: string): H4Error {
  return new H4Error('H4_STATE', `The compression core ${engineId} was closed`);
}
