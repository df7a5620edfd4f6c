/** The ways to get at one block by its time, with what each costs in reads. */

import { type FileHandle, open } from 'node:fs/promises';
import { McapIndexedReader } from '@mcap/core';
import { H4MKReader } from 'harmony4/container';
import { createCountingSource } from 'harmony4/storage';
import { openFileSource } from 'harmony4/storage/node';
import { McapInput } from './mcap-file.js';
import { mcapTime } from './writers.js';

export type SeekerName = 'h4mk' | 'mcap';

/** A file that stays open; its reader keeps what it has learnt. */
export interface Seeker {
  /** The block at exactly `ptsMicros`, valid until the next call. */
  blockAt(ptsMicros: number): Promise<Uint8Array>;
  /** Reads of the file so far, those of opening included. */
  readonly readCount: number;
  readonly readBytes: number;
  close(): Promise<void>;
}

export const openSeeker: Readonly<Record<SeekerName, (path: string) => Promise<Seeker>>> = {
  h4mk: openH4mk,
  mcap: openMcap,
};

async function openH4mk(path: string): Promise<Seeker> {
  const source = createCountingSource(await openFileSource(path));
  const reader = await H4MKReader.open(source);
  return {
    async blockAt(ptsMicros) {
      const block = await reader.blockAt(ptsMicros);
      return found(block?.bytes, ptsMicros);
    },
    get readCount() {
      return source.count;
    },
    get readBytes() {
      return source.bytes;
    },
    close: () => source.close(),
  };
}

/** Keeps message indexes, which is what repeated seeks gain from most; chunks are read anew each time. */
const MESSAGE_INDEX_CACHE_BYTES = 64 * 1024 * 1024;

async function openMcap(path: string): Promise<Seeker> {
  const handle: FileHandle = await open(path);
  const input = new McapInput(handle);
  const reader = await McapIndexedReader.Initialize({
    readable: input,
    messageIndexCacheSizeBytes: MESSAGE_INDEX_CACHE_BYTES,
  });
  return {
    async blockAt(ptsMicros) {
      const messages = reader.readMessages({ startTime: mcapTime(ptsMicros) });
      const { value } = await messages.next();
      await messages.return();
      return found(value?.data, ptsMicros);
    },
    get readCount() {
      return input.readCount;
    },
    get readBytes() {
      return input.readBytes;
    },
    close: () => handle.close(),
  };
}

function found(bytes: Uint8Array | undefined, ptsMicros: number): Uint8Array {
  if (bytes === undefined) {
    throw new Error(`There is no block at ${ptsMicros} µs`);
  }
  return bytes;
}
