/** A source of which some windows are already in memory: what opening a file has read is not read again. */
import { type ByteSource } from '../io/io.js';

interface Window {
  readonly start: number;
  readonly bytes: Uint8Array;
}

export class PreloadedSource implements ByteSource {
  readonly #source: ByteSource;
  readonly #windows: Window[] = [];

  constructor(source: ByteSource) {
    this.#source = source;
  }

  get size(): number {
    return this.#source.size;
  }

  /** Reads `[start, end)` and keeps it for as long as this source lives. */
  async preload(start: number, end: number, signal?: AbortSignal): Promise<void> {
    this.#windows.push({ start, bytes: await this.#source.read(start, end, signal) });
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    // Who has given up is told so even where the bytes are at hand: the source knows how.
    if (signal?.aborted === true) return this.#source.read(start, end, signal);
    for (const window of this.#windows) {
      if (start >= window.start && end <= window.start + window.bytes.length) {
        return window.bytes.subarray(start - window.start, end - window.start);
      }
    }
    return this.#source.read(start, end, signal);
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}
