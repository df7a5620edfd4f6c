/** Entry of a thread that checks files until it is ended. */
import { parentPort } from 'node:worker_threads';
import { serveChecks } from './check-service.js';

if (parentPort !== null) serveChecks(parentPort);
