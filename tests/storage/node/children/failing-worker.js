/** A thread that begins like a hashing one and then fails. */

import { setImmediate } from 'node:timers';
import { parentPort } from 'node:worker_threads';

parentPort.postMessage({ kind: 'started' });
parentPort.on('message', () => undefined);
setImmediate(() => {
  throw new Error('failing as it was told to');
});
