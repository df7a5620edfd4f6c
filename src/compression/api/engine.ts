/**
 * The contract between the container and a compression engine. It is frozen: new abilities are new interfaces beside it,
 * never new methods, so that an engine written today serves every later release. An engine compresses whole blocks and
 * keeps nothing between two of them; media stay opaque to it (h4mk.md 5.2 and 19).
 */

/**
 * Who an engine is. The names are those of META `compression`, into which this object is written as it stands
 * (h4mk.md 5.2). `engine_id` and `fingerprint` together select the decoder; the rest informs.
 */
export interface EngineInfo {
  /** A name for people. */
  readonly engine: string;
  /** `[A-Za-z0-9._:@/+-]{1,128}`. */
  readonly engine_id: string;
  /** 64 lowercase hex digits: the SHA-256 of the engine's bytes, or of its id for an engine that is a specification. */
  readonly fingerprint: string;
  /** The same block always gives the same output, in any process and on any machine. */
  readonly deterministic: boolean;
  /** The engine draws no conclusion about people from content: it neither finds, nor stores, nor compares identities. */
  readonly identity_safe: boolean;
  /** How it works is not published. */
  readonly opaque: boolean;
  /** The engine was pinned and measured: true at level 3 only. */
  readonly sealed: boolean;
  /** 0 built in; 1 external and unpinned; 2 one of id and fingerprint pinned; 3 both pinned, fingerprint measured. */
  readonly seal_level: 0 | 1 | 2 | 3;
}

/**
 * Promises of every engine, each tried by the contract suite that all engines run:
 *
 * - **Exact.** `decompress(compress(bytes), bytes.length)` gives `bytes` back, for any bytes including none.
 * - **Bounded.** `decompress` stops at `rawLength` and returns exactly `rawLength` bytes, or fails with `H4_ENGINE_OUTPUT`.
 *   It never returns another length, never hangs, and allocates in proportion to `rawLength`. The caller has
 *   compared `rawLength` with its limit for blocks before: the engine does not know it.
 * - **Honest about what it is not.** Exact length is all it checks. Altered input may decode to other bytes of that length;
 *   whoever wants the bytes that were written verifies the commitment first.
 * - **Deterministic** if `info().deterministic`: neither clock nor randomness nor earlier calls change a byte.
 * - **Ownership.** The argument is borrowed until the call has settled and is never written to. The result is never touched
 *   again by the engine, but it may share memory with the argument (a stored block is the argument): leave the one
 *   unchanged while the other is in use.
 *
 * Calls may overlap. An engine that cannot work at once queues.
 */
export interface CompressionEngine {
  /** Compresses one block. */
  compress(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Restores one block, whose length the verified block header states. */
  decompress(bytes: Uint8Array, rawLength: number): Uint8Array | Promise<Uint8Array>;
  /** Constant for the life of the engine. */
  info(): EngineInfo;
}
