/** A file as @mcap/core wants to see it, through a FileHandle, as its authors' own package for Node does it. */

import type { FileHandle } from 'node:fs/promises';
import type { IWritable, McapTypes } from '@mcap/core';

export class McapOutput implements IWritable {
  readonly #handle: FileHandle;
  #position = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { bytesWritten } = await this.#handle.write(bytes);
    this.#position += bytesWritten;
  }

  position(): bigint {
    return BigInt(this.#position);
  }
}

/** Also counts, as our side does. Reuses one buffer, which the reader allows. */
export class McapInput implements McapTypes.IReadable {
  readonly #handle: FileHandle;
  #buffer = new Uint8Array(4096);
  readCount = 0;
  readBytes = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async size(): Promise<bigint> {
    const { size } = await this.#handle.stat();
    return BigInt(size);
  }

  async read(offset: bigint, size: bigint): Promise<Uint8Array> {
    const length = Number(size);
    if (length > this.#buffer.length) {
      this.#buffer = new Uint8Array(2 * length);
    }
    const { bytesRead } = await this.#handle.read(this.#buffer, 0, length, Number(offset));
    if (bytesRead !== length) {
      throw new Error(`Read ${bytesRead} bytes at offset ${offset} instead of ${length}`);
    }
    this.readCount++;
    this.readBytes += length;
    return this.#buffer.subarray(0, length);
  }
}
