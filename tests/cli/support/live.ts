/** What the tests of live recordings share: a stream of input by hand, and what the files of a recording say. */

import { readFile } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { builtinEngines } from '../../../src/compression/index.js';
import { H4MKReader } from '../../../src/container/read/reader.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { readSidecar } from '../../../src/storage/node/sidecar.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import { jsonLines } from './harness.js';

/** An input that gives what it is given, and ends when it is told to. */
export class HandFed extends Readable {
  override _read(): void {
    // Whoever feeds it decides when.
  }

  feed(bytes: Uint8Array): void {
    this.push(Buffer.from(bytes));
  }

  end(): void {
    this.push(null);
  }
}

/** Standard output whose lines can be waited for. */
export class Lines extends Writable {
  #text = '';
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#text += chunk.toString();
    for (const { count, resolve } of this.#waiting) if (this.count >= count) resolve();
    done();
  }

  get count(): number {
    return this.#text.split('\n').length - 1;
  }

  get text(): string {
    return this.#text;
  }

  get json(): Record<string, unknown>[] {
    return jsonLines(this.#text);
  }

  /** Resolves when there are at least `count` lines. */
  async has(count: number): Promise<void> {
    if (this.count >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
  }
}

export interface Opened {
  readonly records: number;
  readonly tailRecords: number | undefined;
  /** The media bytes of track 0. */
  readonly media: Uint8Array;
}

/** Opens a file, or the beginning of one, as a recording, and reads all of its blocks. */
export async function opened(file: Uint8Array): Promise<Opened> {
  const reader = await H4MKReader.open(createMemorySource(file), { engines: builtinEngines() });
  const blocks: Uint8Array[] = [];
  for await (const { bytes } of reader.blocks({ track: 0 })) blocks.push(bytes.slice());
  return { records: reader.recordCount, tailRecords: reader.tail?.records, media: concatBytes(...blocks) };
}

/** The part of the file at `path` that its sidecar speaks for; undefined without one. */
export async function sidecarPrefix(path: string): Promise<Uint8Array | undefined> {
  const sidecar = await readSidecar(path);
  return sidecar === undefined ? undefined : (await readFile(path)).subarray(0, sidecar.end);
}
