/**
 * The two small interfaces through which the container touches the world. The container itself does no I/O: storage
 * implements these for memory, files, HTTP ranges and object stores.
 */

/** Positioned reads over bytes that do not change while they are read. */
export interface ByteSource {
  /** Total length in bytes. */
  readonly size: number;
  /**
   * Exactly the bytes `[start, end)`, or a rejection: never fewer, never others. The caller must not change them;
   * the source must not reuse their memory.
   */
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A source that can hash a range on its own, for instance on another thread, while its caller reads. */
export interface HashingSource extends ByteSource {
  /** SHA-256 of the bytes `[start, end)`. */
  sha256(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
}

/**
 * An append-only destination: file, HTTP response and multipart upload have this one shape. Nothing is visible under
 * its final name before `commit()`; `abort()` leaves nothing behind.
 */
export interface ByteSink {
  /** Bytes accepted so far, which is the offset of the next one. */
  readonly length: number;
  /**
   * Appends `bytes`. A sink that has taken them and has room for more returns undefined, so that the fast path costs no
   * turn of the event loop; the bytes are the caller's again at once. Else the caller must leave them alone until the
   * promise resolves, and should write nothing more before: that is what bounds memory.
   */
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** Makes everything written durable and visible. */
  commit(): Promise<void>;
  /** Discards everything written. Never rejects on a sink that has already failed. */
  abort(): Promise<void>;
}

/** A sink that hashes what passes through it, for instance on another thread, so that the writer need not. */
export interface HashingSink extends ByteSink {
  /** SHA-256 of all bytes `[from, length)` accepted so far; `from` is the constant given when the sink was made. */
  readonly hashedFrom: number;
  digest(): Promise<Uint8Array>;
}

export const canHashSource = (source: ByteSource): source is HashingSource => 'sha256' in source;

export const canHashSink = (sink: ByteSink): sink is HashingSink => 'digest' in sink && 'hashedFrom' in sink;
