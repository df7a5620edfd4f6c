/**
 * A file as a sink: nothing under its name before `commit()`, nothing at all after `abort()`, whatever happens between.
 * Two of them: one writes through the thread pool, the other has a thread that also hashes what passes through.
 *
 * Who owns the bytes: `write` copies them into slabs, of fixed number and size. If it returns undefined, the buffer is the
 * caller's again at once; if it returns a promise, when that resolves. Writes may follow one another without waiting;
 * waiting is what bounds the memory.
 *
 * A failure stays: every later call but `abort()` rejects with the same error.
 */

import type { HashingSink } from '../../container/io/io.js';
import { H4Error } from '../../utils/error.js';
import { LocalDrain } from './local-drain.js';
import { createPendingFile, type PendingFile } from './pending-file.js';
import type { DrainEvents, DrainTarget } from './slab-drain.js';
import { type FileSink, HashingSlabSink, SlabSink } from './slab-sink.js';
import { WorkerDrain } from './worker-drain.js';
import { writeError } from './write-error.js';

export interface FileSinkOptions {
  /** Replace an existing file. Default: refuse, with `H4_EXISTS`, when the sink is made and again when it is committed. */
  readonly overwrite?: boolean;
  /** `never` leaves it to the system when the file reaches the disk. Default: `commit` waits until it has. */
  readonly sync?: 'commit' | 'never';
  /** Size of a slab, which is what one write to the file holds. Default 1 MiB. */
  readonly slabBytes?: number;
  /** Number of slabs. Default 4, for a threaded sink 8. */
  readonly slabCount?: number;
}

export interface ThreadedFileSinkOptions extends FileSinkOptions {
  /** Offset from which on `digest()` hashes. Default 8: the container's hash leaves out its header. */
  readonly hashedFrom?: number;
}

export type { FileSink } from './slab-sink.js';

const DEFAULT_SLAB_BYTES = 1024 * 1024;
const DEFAULT_SLABS = 4;
/** More: the thread may fall behind by a few while the disk is busy, and should find work when it is not. */
const DEFAULT_SLABS_THREADED = 8;
const DEFAULT_HASHED_FROM = 8;

/**
 * A sink that writes through the thread pool. Rejects with `H4_EXISTS`, with `H4_LOCKED` while another writer is at work
 * on `path`, or with `H4_WRITE`, and then leaves nothing behind.
 */
export async function createFileSink(path: string, options: FileSinkOptions = {}): Promise<FileSink> {
  const slabBytes = positive('slabBytes', options.slabBytes ?? DEFAULT_SLAB_BYTES);
  const slabCount = positive('slabCount', options.slabCount ?? DEFAULT_SLABS);
  return open(path, options, (file, target) => {
    const memory = { buffer: new ArrayBuffer(slabBytes * slabCount), slabBytes };
    return new SlabSink(file, memory, (events) => new LocalDrain(target, memory, events));
  });
}

/**
 * A sink with a thread of its own that writes and hashes, for writers that have a second core to spare. Rejects like
 * `createFileSink`, and with `H4_WRITE` where no thread can be started: use `createFileSink` there.
 */
export async function createThreadedFileSink(
  path: string,
  options: ThreadedFileSinkOptions = {},
): Promise<FileSink & HashingSink> {
  const slabBytes = positive('slabBytes', options.slabBytes ?? DEFAULT_SLAB_BYTES);
  const slabCount = positive('slabCount', options.slabCount ?? DEFAULT_SLABS_THREADED);
  const { hashedFrom = DEFAULT_HASHED_FROM } = options;
  if (!Number.isSafeInteger(hashedFrom) || hashedFrom < 0) {
    throw new H4Error('H4_PARAM', `Cannot hash from offset ${hashedFrom}: expected an integer of 0 or more`);
  }
  return open(path, options, (file, target) => {
    const memory = { buffer: new SharedArrayBuffer(slabBytes * slabCount), slabBytes };
    const makeDrain = (events: DrainEvents) => new WorkerDrain({ ...target, hashedFrom }, memory, events);
    return new HashingSlabSink(file, memory, makeDrain, hashedFrom);
  });
}

async function open<Sink>(
  path: string,
  { overwrite = false, sync = 'commit' }: FileSinkOptions,
  makeSink: (file: PendingFile, target: DrainTarget) => Sink,
): Promise<Sink> {
  const durable = sync === 'commit';
  const file = await createPendingFile(path, { overwrite, durable });
  try {
    return makeSink(file, { fd: file.fd, path: file.partPath, writeBehind: durable });
  } catch (thrown) {
    await file.discard();
    throw writeError(`Cannot write ${file.path}`, thrown);
  }
}

function positive(name: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new H4Error('H4_PARAM', `Cannot use ${value} as ${name}: expected an integer of 1 or more`);
  }
  return value;
}
