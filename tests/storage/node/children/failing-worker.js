/** A thread that begins like a hashing one and then fails. */

import { setTimeout } from 'node:timers';
import { parentPort } from 'node:worker_threads';

parentPort.postMessage({ kind: 'started' });
parentPort.on('message', () => undefined);
// Not at once: on a busy machine the failure of a thread overtakes its last words.
setTimeout(() => {
  throw new Error('failing as it was told to');
}, 500);
