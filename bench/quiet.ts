/** The work of others on the same machine, seen through the idle time of its cores. */

import { cpus } from 'node:os';
import { setTimeout } from 'node:timers/promises';

const GLANCE_SECONDS = 0.3;

/** Cores that may be busy while we do nothing, or besides ours while we work. */
const QUIET_CORES = 0.25;

/** Begins to watch; the function that it returns tells how many cores have been busy since, with whatever work. */
export function watchCores(): () => number {
  const start = performance.now();
  const before = busySeconds();
  return () => (busySeconds() - before) / ((performance.now() - start) / 1e3);
}

/** Resolves as soon as others leave the machine alone for a moment, or after `maxSeconds`. */
export async function waitForQuiet(maxSeconds: number): Promise<void> {
  const deadline = performance.now() + maxSeconds * 1e3;
  let busyCores: number;
  do {
    const busy = watchCores();
    await setTimeout(GLANCE_SECONDS * 1e3);
    busyCores = busy();
  } while (!isQuiet(busyCores) && performance.now() < deadline);
}

export function isQuiet(busyCores: number): boolean {
  return busyCores <= QUIET_CORES;
}

function busySeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1e3;
}
