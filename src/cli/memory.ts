/**
 * Keeps the memory of the command line small. V8 lets the space for young objects grow to 48 MB in long runs, for a few per
 * cent of speed; what is left of a limit of 150 MB is better used for data. This is the program's to decide: the library
 * leaves the settings of its process alone.
 */
import type { Worker } from 'node:worker_threads';
import { setFlagsFromString } from 'node:v8';

/** Does nothing worse than nothing where a later engine does not know the setting. */
const keepYoungGenerationSmall = (): void => setFlagsFromString('--semi-space-growth-factor=1');

export function limitMemory(): void {
  keepYoungGenerationSmall();
  // Setting up the heap of a thread sets it back for the whole process.
  process.on('worker', (worker: Worker) => worker.once('online', keepYoungGenerationSmall));
}
