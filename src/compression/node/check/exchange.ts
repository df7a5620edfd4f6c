/**
 * Blocks on their way from one process to another: what the first has made of them lies in a file, and what a second has restored
 * in another. Whoever judges reads both, and has never called the core.
 */
import { closeSync, lstatSync, openSync, readSync, writeSync } from 'node:fs';
import { equalBytes } from '../../../utils/bytes.js';
import { compressedCap } from '../../core.js';
import type { NotedCall } from './call-note.js';
import type { CorpusBlock } from './corpus.js';

export interface ExchangeFiles {
  /** Of each block: its length and that of what became of it, both u32le, then the latter; 0 for a block that is too long. */
  readonly packed: string;
  /** The blocks, one after the other, without those that are too long. */
  readonly restored: string;
}

const HEAD_BYTES = 8;

export function packedHead(rawLength: number, length: number): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES);
  const view = new DataView(head.buffer);
  view.setUint32(0, rawLength, true);
  view.setUint32(4, length, true);
  return head;
}

export interface PackedBlock {
  readonly rawLength: number;
  readonly compressed: Uint8Array;
}

/** Reads a file that the process of a core has written: nothing in it is believed. */
export class ExchangeReader {
  readonly #file: number;
  #at = 0;

  /** Undefined if there is no such file. */
  static open(path: string): ExchangeReader | undefined {
    // Anything but a file could keep the reader waiting.
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
    return new ExchangeReader(openSync(path, 'r'));
  }

  private constructor(file: number) {
    this.#file = file;
  }

  get at(): number {
    return this.#at;
  }

  seek(at: number): void {
    this.#at = at;
  }

  /** Exactly so many bytes; undefined if there are fewer. */
  bytes(length: number): Uint8Array | undefined {
    const bytes = new Uint8Array(length);
    let found = 0;
    while (found < length) {
      const read = readSync(this.#file, bytes, found, length - found, this.#at + found);
      if (read === 0) return undefined;
      found += read;
    }
    this.#at += length;
    return bytes;
  }

  /** The next block; undefined at the end, and where there is none of a length that can be. */
  packed(): PackedBlock | undefined {
    const head = this.bytes(HEAD_BYTES);
    if (head === undefined) return undefined;
    const view = new DataView(head.buffer);
    const [rawLength, length] = [view.getUint32(0, true), view.getUint32(4, true)];
    if (length > compressedCap(rawLength)) return undefined;
    const compressed = this.bytes(length);
    return compressed === undefined ? undefined : { rawLength, compressed };
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Writes everything, wherever it is to be. */
export function writeAll(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done, bytes.length - done, at + done);
}

export type Judgement =
  | { readonly restored: number; readonly tooLong: number }
  /** What did not come back, or nothing where a block is missing. */
  | { readonly reason: string; readonly call?: NotedCall };

/** Compares what has come back with the blocks themselves. */
export function judgeExchange(files: ExchangeFiles, blocks: Iterable<CorpusBlock>): Judgement {
  const packed = ExchangeReader.open(files.packed);
  const restored = ExchangeReader.open(files.restored);
  try {
    if (packed === undefined || restored === undefined) return { reason: 'its processes wrote no blocks' };
    return compareAll(packed, restored, blocks);
  } finally {
    packed?.close();
    restored?.close();
  }
}

function compareAll(packed: ExchangeReader, restored: ExchangeReader, blocks: Iterable<CorpusBlock>): Judgement {
  let [same, tooLong] = [0, 0];
  for (const { name, bytes } of blocks) {
    const found = packed.packed();
    if (found?.rawLength !== bytes.length) return { reason: `its process wrote nothing for ${name}` };
    const { compressed } = found;
    if (compressed.length === 0) {
      tooLong++;
      continue;
    }
    const back = restored.bytes(bytes.length);
    if (back === undefined || !equalBytes(back, bytes)) {
      const about = { count: 0, operation: 'decompress', rawLength: bytes.length, label: name } as const;
      return {
        reason: `what one process made of ${bytes.length} bytes (${name}) another restores to other bytes`,
        call: { ...about, input: compressed },
      };
    }
    same++;
  }
  return { restored: same, tooLong };
}
