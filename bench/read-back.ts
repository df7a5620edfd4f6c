/** Proof that contenders did the same work: the blocks come back from the file that each has written. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { McapStreamReader } from '@mcap/core';
import { H4MKReader } from 'harmony4/container';
import { openFileSource } from 'harmony4/storage/node';
import type { Media } from './media.js';
import type { WriterName } from './writers.js';

type TakeBytes = (bytes: Uint8Array) => void;

/** Throws unless the file holds the blocks of `media`, all of them and in their order. */
export async function assertHolds(path: string, writer: WriterName, media: Media): Promise<void> {
  const hash = createHash('sha256');
  await payloadsOf[writer](path, (bytes) => {
    hash.update(bytes);
  });
  const [found, expected] = [hash.digest('hex'), media.digest()];
  if (found !== expected) {
    throw new Error(
      `${writer} did not write what it was given: the blocks read back hash to ${found}, not ${expected}`,
    );
  }
}

const payloadsOf: Readonly<Record<WriterName, (path: string, take: TakeBytes) => Promise<void>>> = {
  h4mk: readH4mk,
  'h4mk-threaded': readH4mk,
  'h4mk-signed': readH4mk,
  'h4mk-signed-each': readH4mk,
  mcap: readMcap,
  bare: readBare,
};

async function readH4mk(path: string, take: TakeBytes): Promise<void> {
  const source = await openFileSource(path);
  try {
    const reader = await H4MKReader.open(source);
    for await (const { bytes } of reader.blocks({ track: 0 })) {
      take(bytes);
    }
  } finally {
    await source.close();
  }
}

/** Hands out the data of every message; the CRC of every chunk is checked on the way. */
export async function readMcap(path: string, take: TakeBytes): Promise<void> {
  const reader = new McapStreamReader({ validateCrcs: true });
  for await (const piece of piecesOf(path)) {
    reader.append(piece);
    for (let record = reader.nextRecord(); record !== undefined; record = reader.nextRecord()) {
      if (record.type === 'Message') {
        take(record.data);
      }
    }
  }
  if (!reader.done()) {
    throw new Error(`${path} is not a whole MCAP file`);
  }
}

async function readBare(path: string, take: TakeBytes): Promise<void> {
  for await (const piece of piecesOf(path)) {
    take(piece);
  }
}

function piecesOf(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: 1024 * 1024 });
}
