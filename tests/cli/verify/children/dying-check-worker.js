/** A thread that checks files like the real one, and dies of some of them: by their names it knows how. */

import process from 'node:process';
import { parentPort } from 'node:worker_threads';
import { serveChecks } from '../../../../dist/cli/verify/check-service.js';

parentPort.on('message', ({ path }) => {
  if (path.includes('exits')) process.exit(3);
  if (path.includes('throws')) throw new Error('failing as it was told to');
  if (path.includes('hangs')) for (;;);
});
serveChecks(parentPort);
