/** The far end of a `WorkerDrain`: answers its requests in their order, on the thread that hashes and writes. */

import type { MessagePort } from 'node:worker_threads';
import { FileAppender, type FileAppenderOptions } from './file-appender.js';
import type { WriteFailure } from './positioned-io.js';
import { type SlabMemory, slabView } from './slab-memory.js';

export interface SinkSetup extends FileAppenderOptions {
  readonly memory: SlabMemory<SharedArrayBuffer>;
}

export type SinkRequest =
  /** The slab belongs to the far end until `appended` gives it back. */
  | { readonly kind: 'append'; readonly slab: number; readonly length: number }
  /** `settle`: also wait for the disk work that goes on behind the writes. */
  | { readonly kind: 'flush'; readonly settle: boolean };

/** One for each request. */
export type SinkReply =
  | { readonly kind: 'appended'; readonly slab: number }
  /** The digest of everything appended before the request. */
  | { readonly kind: 'flushed'; readonly digest: Uint8Array }
  /** Nothing has been or will be written from `failure.position` on. */
  | { readonly kind: 'failed'; readonly failure: WriteFailure };

export function serveSink(port: MessagePort, setup: SinkSetup): void {
  const appender = new FileAppender(setup);

  const answer = async (request: SinkRequest): Promise<SinkReply> => {
    switch (request.kind) {
      case 'append': {
        const failure = await appender.append([slabView(setup.memory, request.slab, request.length)]);
        return failure === undefined ? { kind: 'appended', slab: request.slab } : { kind: 'failed', failure };
      }
      case 'flush': {
        const failure = request.settle ? await appender.settle() : undefined;
        return failure === undefined ? { kind: 'flushed', digest: appender.digest() } : { kind: 'failed', failure };
      }
    }
  };

  // Requests are answered one at a time: the digest must be taken after the bytes before it, and before those after it.
  let last: Promise<void> = Promise.resolve();
  port.on('message', (request: SinkRequest) => {
    last = last.then(async () => {
      port.postMessage(await answer(request));
    });
  });
}
