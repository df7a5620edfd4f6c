/**
 * The end of the sockets in a process of a core: blocking reads and writes, without an event loop between a request and
 * the core. A frame is read into one buffer that is kept, with one system call if it is short.
 */
import { readSync, writevSync } from 'node:fs';
import { H4Error } from '../../../utils/error.js';
import { decodeHeader, encodeHeader, type FrameHeader, HEADER_BYTES, MAX_REQUEST_BYTES } from './frames.js';

export interface Request extends FrameHeader {
  /** Overwritten by the next `receive`. */
  readonly payload: Uint8Array;
}

/** What is kept between two requests; for longer ones a buffer is made and thrown away. */
const KEPT_BYTES = 4 * 1024 * 1024;

export class BlockingChannel {
  readonly #input: number;
  readonly #output: number;
  readonly #kept = Buffer.allocUnsafeSlow(HEADER_BYTES + KEPT_BYTES);

  /** Two descriptors, or twice that of a socket. */
  constructor(input: number, output: number) {
    this.#input = input;
    this.#output = output;
  }

  /** Undefined when the parent has closed its end or is dead. */
  receive(): Request | undefined {
    // The parent sends nothing before it has the answer, so that whatever comes belongs to this frame.
    let buffer: Uint8Array = this.#kept;
    let filled = 0;
    let needed = HEADER_BYTES;
    let header: FrameHeader | undefined;
    while (filled < needed) {
      const count = readSync(this.#input, buffer, filled, buffer.length - filled, null);
      if (count === 0) return undefined;
      filled += count;
      if (header === undefined && filled >= HEADER_BYTES) {
        header = decodeHeader(buffer);
        if (header.length > MAX_REQUEST_BYTES)
          throw new H4Error('H4_STATE', 'The parent sent a frame that is too long');
        needed = HEADER_BYTES + header.length;
        if (needed > buffer.length) {
          const longer = Buffer.allocUnsafeSlow(needed);
          longer.set(buffer.subarray(0, filled));
          buffer = longer;
        }
      }
    }
    if (header === undefined || filled > needed) throw new H4Error('H4_STATE', 'The parent sent more than a frame');
    return { ...header, payload: buffer.subarray(HEADER_BYTES, needed) };
  }

  /** Answers the request of this number. */
  send(kind: number, sequence: number, payload: Uint8Array): void {
    const header = encodeHeader({ kind, sequence, rawLength: 0, length: payload.length });
    let written = writevSync(this.#output, [header, payload]);
    while (written < HEADER_BYTES + payload.length) {
      written +=
        written < HEADER_BYTES
          ? writevSync(this.#output, [header.subarray(written), payload])
          : writevSync(this.#output, [payload.subarray(written - HEADER_BYTES)]);
    }
  }
}
