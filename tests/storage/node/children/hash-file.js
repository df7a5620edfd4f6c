/** Prints the SHA-256 of a file, hashed by the compiled file source, or the error; ends without closing the source. */

import { Buffer } from 'node:buffer';
import process from 'node:process';
import { openFileSource } from '../../../../dist/storage/node/index.js';

try {
  const source = await openFileSource(process.argv[2]);
  const digest = await source.sha256(0, source.size);
  process.stdout.write(`${Buffer.from(digest).toString('hex')}\n`);
} catch (error) {
  process.stdout.write(`${error.code} ${error.message}\n`);
}
