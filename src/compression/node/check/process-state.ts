/** What a core that is silent (E11) leaves as it was, as far as the system tells: Linux does. */
import { readFileSync, readdirSync } from 'node:fs';
import type { Evidence } from './requirement.js';

export interface ProcessState {
  readonly descriptors: number;
  readonly threads: number;
  /** The masks of `/proc/self/status`: which signals are blocked, ignored and caught. */
  readonly signals: readonly string[];
}

/** Of this process; undefined where nobody tells. */
export function processState(): ProcessState | undefined {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    return {
      descriptors: readdirSync('/proc/self/fd').length,
      threads: readdirSync('/proc/self/task').length,
      signals: status.split('\n').filter((line) => /^Sig(?:Blk|Ign|Cgt):/.test(line)),
    };
  } catch {
    return undefined;
  }
}

/**
 * How `after` differs. Signals are compared with what they were before the core was loaded; loading a library takes descriptors
 * and threads of the host, so that these are compared with what they were before the calls.
 */
export function stateChanges(loading: ProcessState | undefined, calling: ProcessState | undefined): Evidence {
  if (loading === undefined || calling === undefined) {
    return { threads_started: null, descriptors_left_open: null, signals_changed: null };
  }
  const after = processState();
  // Nothing can be opened any more: that is how it ends for whoever keeps everything open.
  if (after === undefined)
    return { threads_started: null, descriptors_left_open: 'all there are', signals_changed: null };
  const changed = after.signals.filter((line, i) => line !== loading.signals[i]);
  return {
    threads_started: after.threads - calling.threads,
    descriptors_left_open: after.descriptors - calling.descriptors,
    signals_changed: changed.map((line) => line.replace(/\s+/g, ' ')).join(', '),
  };
}
