/** Entry of the thread that hashes and writes for a threaded file sink. It ends when it is terminated. */

import { parentPort, workerData } from 'node:worker_threads';
import { serveSink, type SinkSetup } from './sink-service.js';

if (parentPort !== null) {
  // What the other side passed as `workerData`; both sides are this package.
  serveSink(parentPort, workerData as SinkSetup);
}
