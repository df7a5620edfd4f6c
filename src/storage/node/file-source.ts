/**
 * A regular file as a source: positioned reads through one descriptor, and hashing beside them on a worker thread. Where
 * no thread can be started (the permission model forbids it, a bundler lost the worker's module), and for ranges too
 * small to repay one, hashing happens on the calling thread, one chunk per turn of the event loop.
 */

import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { HashingSource } from '../../container/io/io.js';
import { H4Error } from '../../utils/error.js';
import { assertNotCancelled, orCancelled } from '../cancel.js';
import { assertRange } from '../range.js';
import { type HashJob, startHashJob } from './hash-job.js';
import { type HashOutcome, hashRange } from './hash-range.js';
import { handleReader, type ReadAt, readFully, type ReadFailure } from './positioned-io.js';
import { causeOf, explain, systemFailure } from './system-error.js';

/** The most that one read may ask for: more is one allocation that a caller should not want. */
const MAX_READ_BYTES = 1024 * 1024 * 1024;

/** Ranges up to this size take less time to hash, 10 ms, than a thread takes to start. */
const HASH_IN_THREAD_BYTES = 16 * 1024 * 1024;

export interface FileSource extends HashingSource {
  readonly path: string;
}

/** Opens the regular file at `path`. Rejects with `H4_IO` if it cannot be opened or is a folder, a pipe or a device. */
export async function openFileSource(path: string): Promise<FileSource> {
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a pipe waits for a writer, for ever. It has no effect on regular files.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (!stats.isFile()) {
      throw new H4Error('H4_IO', `Cannot read ${path}: it is ${kindOf(stats)}; name a regular file`);
    }
    return new PositionedFileSource(path, handle, stats.size);
  } catch (thrown) {
    await handle?.close().catch(() => undefined);
    if (thrown instanceof H4Error) {
      throw thrown;
    }
    throw new H4Error('H4_IO', `Cannot open ${path}: ${explain(systemFailure(thrown))}`, { cause: thrown });
  }
}

class PositionedFileSource implements FileSource {
  readonly path: string;
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #readAt: ReadAt;
  readonly #jobs = new Set<HashJob>();
  #closing: Promise<void> | undefined;

  constructor(path: string, handle: FileHandle, size: number) {
    this.path = path;
    this.size = size;
    this.#handle = handle;
    this.#readAt = handleReader(handle);
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    const what = () => `Reading [${start}, ${end}) of ${this.path}`;
    this.#assertUsable(start, end);
    assertNotCancelled(signal, what);
    if (end - start > MAX_READ_BYTES) {
      throw new H4Error('H4_PARAM', `Cannot read ${end - start} bytes at once: the limit is ${MAX_READ_BYTES}`);
    }
    const bytes = new Uint8Array(end - start);
    const failure = await orCancelled(readFully(this.#readAt, bytes, start), signal, what);
    if (failure !== undefined) {
      throw await this.#readError(start, end, failure);
    }
    return bytes;
  }

  async sha256(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    const what = () => `Hashing [${start}, ${end}) of ${this.path}`;
    this.#assertUsable(start, end);
    assertNotCancelled(signal, what);
    const outcome = await orCancelled(this.#hash(start, end, signal), signal, what);
    switch (outcome.kind) {
      case 'digest':
        return outcome.digest;
      case 'stopped':
        throw new H4Error('H4_CANCELLED', `${what()} was stopped before its end`);
      default:
        throw await this.#readError(start, end, outcome);
    }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await Promise.all(Array.from(this.#jobs, (job) => job.stop()));
    await this.#handle.close();
  }

  async #hash(start: number, end: number, signal: AbortSignal | undefined): Promise<HashOutcome> {
    const isStopped = () => this.#closing !== undefined || signal?.aborted === true;
    if (end - start <= HASH_IN_THREAD_BYTES) {
      return hashRange(this.#readAt, start, end, isStopped);
    }
    const job = startHashJob({ fd: this.#handle.fd, start, end });
    const stop = () => void job.stop();
    this.#jobs.add(job);
    signal?.addEventListener('abort', stop, { once: true });
    try {
      const outcome = await job.outcome;
      return outcome.kind === 'unavailable' ? await hashRange(this.#readAt, start, end, isStopped) : outcome;
    } finally {
      signal?.removeEventListener('abort', stop);
      await job.stop();
      this.#jobs.delete(job);
    }
  }

  #assertUsable(start: number, end: number): void {
    if (this.#closing !== undefined) {
      throw new H4Error('H4_STATE', `Cannot read ${this.path} after it has been closed`);
    }
    assertRange(start, end, this.size, this.path);
  }

  async #readError(start: number, end: number, failure: ReadFailure): Promise<H4Error> {
    const tried = `Cannot read [${start}, ${end}) of ${this.path}`;
    if (failure.kind === 'refused') {
      const { position } = failure;
      return new H4Error('H4_IO', `${tried} at offset ${position}: ${explain(failure)}`, {
        detail: { start, end, position },
        cause: causeOf(failure),
      });
    }
    const now = await this.#handle.stat().then(
      (stats) => `${stats.size} bytes now`,
      () => 'fewer now',
    );
    return new H4Error(
      'H4_IO',
      `${tried}: it had ${this.size} bytes when it was opened and has ${now}: it was truncated meanwhile; ` +
        'read a copy that nobody writes to',
      { detail: { start, end, position: failure.position, sizeAtOpening: this.size } },
    );
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) {
    return 'a folder';
  }
  return stats.isFIFO() ? 'a pipe' : 'a device or a socket';
}
