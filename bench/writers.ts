/** The ways to write the same blocks to a file and make it durable: ours, the peer's, and the bare cost of the work. */

import { createHash, hash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { McapWriter } from '@mcap/core';
import { storedEngine } from 'harmony4/compression';
import { type ByteSink, H4MKBuilder, type RecordingOptions } from 'harmony4/container';
import { createFileSink, createThreadedFileSink } from 'harmony4/storage/node';
import { McapOutput } from './mcap-file.js';
import type { Media } from './media.js';
import { whileSigning } from './signing.js';

export type WriterName = 'h4mk' | 'h4mk-threaded' | 'h4mk-signed' | 'h4mk-signed-each' | 'mcap' | 'bare';

/** `path` is free. */
export type Writer = (path: string, media: Media) => Promise<void>;

export const writers: Readonly<Record<WriterName, Writer>> = {
  h4mk: async (path, media) => writeH4mk(await createFileSink(path), media),
  'h4mk-threaded': async (path, media) => writeH4mk(await createThreadedFileSink(path), media),
  'h4mk-signed': (path, media) => writeSigned(path, media, 256),
  'h4mk-signed-each': (path, media) => writeSigned(path, media, 1),
  mcap: writeMcap,
  bare: writeBare,
};

export async function writeH4mk(
  sink: ByteSink,
  media: Media,
  options: Pick<RecordingOptions, 'uid' | 'signing'> = {},
): Promise<void> {
  const tracks = [{ id: 0, kind: 'opaque' }] as const;
  const builder = await H4MKBuilder.create(sink, { engine: storedEngine, tracks, ...options });
  for (let i = 0; i < media.blocks; i++) {
    const { ptsMicros, key, bytes } = media.block(i);
    await builder.addBlock({ track: 0, tokens: [{ pts: ptsMicros, key, size: bytes.length }], bytes });
  }
  await builder.close();
}

function writeSigned(path: string, media: Media, every: number): Promise<void> {
  return whileSigning(dirname(path), every, async (options) => writeH4mk(await createFileSink(path), media, options));
}

/** With the defaults of the writer: chunks of 1 MiB, both CRCs, all indexes. */
async function writeMcap(path: string, media: Media): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    const writer = new McapWriter({ writable: new McapOutput(handle) });
    await writer.start();
    const channelId = await writer.registerChannel({
      schemaId: 0,
      topic: 'media',
      messageEncoding: '',
      metadata: new Map(),
    });
    for (let i = 0; i < media.blocks; i++) {
      const { ptsMicros, bytes } = media.block(i);
      const time = mcapTime(ptsMicros);
      await writer.addMessage({ channelId, sequence: i, logTime: time, publishTime: time, data: bytes });
    }
    await writer.end();
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** MCAP counts nanoseconds. */
export function mcapTime(ptsMicros: number): bigint {
  return BigInt(ptsMicros) * 1000n;
}

/** The hashes that the format asks for, and the bytes; no record, no index, no promise, no second thread. */
function writeBare(path: string, media: Media): Promise<void> {
  const fd = openSync(path, 'wx');
  try {
    const veri = createHash('sha256');
    for (let i = 0; i < media.blocks; i++) {
      const { bytes } = media.block(i);
      hash('sha256', bytes, 'buffer');
      crc32(bytes);
      veri.update(bytes);
      writeSync(fd, bytes);
    }
    veri.digest();
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return Promise.resolve();
}
