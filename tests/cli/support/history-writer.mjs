/**
 * A process that signs: `history-writer.mjs PATH ORIGIN ID`. It tries to be the one who signs the next size, with a root of its own,
 * until there are 60, and tells which sizes it got. With ID 0 it takes the lock, says so and keeps it.
 */
import process from 'node:process';
import { setInterval } from 'node:timers';
import { SigningHistoryFile } from '../../../dist/cli/signing-history.js';
import { acquireWriterLock } from '../../../dist/storage/node/writer-lock.js';

const [, , path, origin, id] = process.argv;
const MOST = 60;

if (id === '0') {
  await acquireWriterLock(`${path}.lock`);
  process.send('locked');
  setInterval(() => undefined, 1000);
} else {
  const history = new SigningHistoryFile(path);
  const root = new Uint8Array(32).fill(Number(id));
  const sizes = [];
  for (;;) {
    const latest = await history.latest(origin);
    const size = (latest?.size ?? 0) + 1;
    if (size > MOST) break;
    if (await history.remember(origin, { size, root }, latest, { isDurable: false })) sizes.push(size);
  }
  process.send(sizes, () => process.disconnect());
}
