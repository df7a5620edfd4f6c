/** What can only be read once is laid into a temporary file first, never into memory. */
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { HashingSource } from '../container/io/io.js';
import { openFileSource } from '../storage/node/file-source.js';
import { explain, systemFailure } from '../storage/node/system-error.js';
import { H4Error } from '../utils/error.js';
import type { Context } from './context.js';
import { createTemporaryFolder } from './temporary.js';

/** The whole stream as a source, whose `close` removes the file. */
export async function openSpooled(openStream: () => Readable, name: string, { io }: Context): Promise<HashingSource> {
  const folder = await createTemporaryFolder();
  try {
    const path = folder.file('input');
    await pipeline(openStream(), createWriteStream(path, { mode: 0o600 }), { signal: io.signal });
    const source = await openFileSource(path);
    return {
      size: source.size,
      read: (start, end, signal) => source.read(start, end, signal),
      sha256: (start, end, signal) => source.sha256(start, end, signal),
      close: () => source.close().finally(() => folder.remove()),
    };
  } catch (thrown) {
    await folder.remove();
    if (thrown instanceof H4Error) throw thrown;
    throw new H4Error('H4_IO', `Cannot read ${name}: ${explain(systemFailure(thrown))}`, { cause: thrown });
  }
}
