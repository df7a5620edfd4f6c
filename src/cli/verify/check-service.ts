/** The far end of a `CheckPool`: checks the files that it is told, one at a time, on a thread of its own. */
import type { MessagePort } from 'node:worker_threads';
import type { Demands } from '../../container/check/demands.js';
import type { ByteSource } from '../../container/io/io.js';
import { openFileSource } from '../../storage/node/file-source.js';
import { type Checked, type CheckOptions, checkFile } from './checker.js';

export interface CheckRequest {
  /** A regular file; anything else is `H4_IO`. */
  readonly path: string;
  readonly options: CheckOptions;
}

export type CheckReply =
  /** Once: the thread works. */
  | { readonly kind: 'started' }
  | { readonly kind: 'progress'; readonly bytes: number }
  /** Ends a request. */
  | { readonly kind: 'checked'; readonly checked: Checked };

/** Without a thread of its own for hashing: there are as many threads already as there are processors. */
async function openPlain(path: string): Promise<ByteSource> {
  const source = await openFileSource(path);
  return {
    size: source.size,
    read: (start, end, signal) => source.read(start, end, signal),
    close: () => source.close(),
  };
}

/** `demands` is the same for all files: it comes once, with the thread. */
export function serveChecks(port: MessagePort, demands: Demands = {}): void {
  const reply = (message: CheckReply): void => port.postMessage(message);
  // Nothing is ever cancelled here: the other side ends the thread.
  const { signal } = new AbortController();
  port.on('message', ({ path, options }: CheckRequest) => {
    const onProgress = (bytes: number): void => reply({ kind: 'progress', bytes });
    void checkFile(() => openPlain(path), options, { signal, demands, onProgress }).then((checked) => {
      reply({ kind: 'checked', checked });
    });
  });
  reply({ kind: 'started' });
}
