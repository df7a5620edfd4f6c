/** Entry of the thread that hashes one range of a file and ends. */

import { parentPort, workerData } from 'node:worker_threads';
import type { HashReply, HashRequest } from './hash-job.js';
import { hashRange } from './hash-range.js';
import { descriptorReader } from './positioned-io.js';

const reply = (message: HashReply) => parentPort?.postMessage(message);

// What the other side passed as `workerData`; both sides are this package.
const { fd, start, end } = workerData as HashRequest;

reply({ kind: 'started' });
reply(await hashRange(descriptorReader(fd), start, end));
