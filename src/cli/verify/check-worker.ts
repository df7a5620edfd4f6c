/** Entry of a thread that checks files until it is ended. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Demands } from '../../container/check/demands.js';
import { serveChecks } from './check-service.js';

if (parentPort !== null) serveChecks(parentPort, (workerData ?? {}) as Demands);
