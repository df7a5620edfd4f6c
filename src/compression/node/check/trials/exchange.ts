/**
 * Blocks made in one process and restored in another: a core that keeps what it was given, and puts out where it keeps it, restores
 * everything as long as it runs (E12). Whether they came back is not for these processes to say.
 */
import { closeSync, openSync } from 'node:fs';
import { type ExchangeFiles, ExchangeReader, packedHead, writeAll } from '../exchange.js';
import { Failed } from '../noted-core.js';
import type { TrialRequest } from '../trial.js';
import { type Trial, allBlocks } from './bench.js';

export const pack: Trial = ({ core, request }) => {
  const file = openSync(filesOf(request).packed, 'wx', 0o600);
  let [blocks, at] = [0, 0];
  try {
    for (const { name, bytes } of allBlocks(request)) {
      const compressed = core.compressUnlessTooLong(name, bytes) ?? new Uint8Array(0);
      for (const part of [packedHead(bytes.length, compressed.length), compressed]) {
        writeAll(file, part, at);
        at += part.length;
      }
      blocks++;
    }
  } finally {
    closeSync(file);
  }
  return { evidence: { blocks } };
};

/** From the last to the first: a core that learns from the blocks before could follow those who come in the same order. */
export const unpack: Trial = ({ core, request }) => {
  const { packed, restored } = filesOf(request);
  const reader = ExchangeReader.open(packed);
  if (reader === undefined) throw new Failed('there is nothing to restore');
  const file = openSync(restored, 'wx', 0o600);
  try {
    const places = placesIn(reader);
    for (const { packedAt, restoredAt, number } of places.toReversed()) {
      reader.seek(packedAt);
      const block = reader.packed();
      if (block === undefined) throw new Failed('there is nothing to restore');
      if (block.compressed.length === 0) continue;
      writeAll(file, core.decompress(`block ${number}`, block.compressed, block.rawLength), restoredAt);
    }
    return { evidence: { blocks: places.length } };
  } finally {
    reader.close();
    closeSync(file);
  }
};

interface Place {
  /** Counted from 1. */
  readonly number: number;
  readonly packedAt: number;
  readonly restoredAt: number;
}

function placesIn(reader: ExchangeReader): Place[] {
  const places: Place[] = [];
  let restoredAt = 0;
  for (;;) {
    const packedAt = reader.at;
    const block = reader.packed();
    if (block === undefined) return places;
    places.push({ number: places.length + 1, packedAt, restoredAt });
    restoredAt += block.compressed.length === 0 ? 0 : block.rawLength;
  }
}

function filesOf({ exchange }: TrialRequest): ExchangeFiles {
  if (exchange === undefined) throw new RangeError('There are no files to exchange blocks by');
  return exchange;
}
