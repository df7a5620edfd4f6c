/** What one request may cost. Lengths and speeds come from strangers: each is held against one of these. */

const KiB = 1024;
const MiB = KiB * KiB;

export interface ServiceLimits {
  /** Of the body of a streamed request. */
  readonly maxUploadBytes: number;
  /** Of a body that has to be held whole, and of what it is decompressed to: the limit of one block. */
  readonly maxRawBytes: number;
  /** An answer of up to this size is sent when it is complete: with its length, and with an error status if it fails. */
  readonly heldBytes: number;
  /** Blocks that are compressed or decompressed at the same time. A request that waits for its sender holds none of these places. */
  readonly heavyRequests: number;
  /** Requests with a body that are open at the same time. More are told to come back. */
  readonly openRequests: number;
  /** How long a client may leave us waiting, for bytes or for room to write. */
  readonly idleMillis: number;
  /**
   * Of a body: who sends less uses up `idleMillis`, and who sends more earns it back. An upload of any size over a slow line
   * comes through; a trickle that keeps a connection open does not.
   */
  readonly minBytesPerSecond: number;
  /** How much of a refused body is still read, so that its sender gets to see the answer. */
  readonly drainedBytes: number;
}

export function createServiceLimits(cores: number, overrides: Partial<ServiceLimits> = {}): ServiceLimits {
  const heavyRequests = 2 * cores;
  return {
    maxUploadBytes: 64 * KiB * MiB,
    maxRawBytes: 64 * MiB,
    heldBytes: MiB,
    heavyRequests,
    openRequests: 16 * heavyRequests,
    idleMillis: 60_000,
    minBytesPerSecond: 1024,
    drainedBytes: 8 * MiB,
    ...overrides,
  };
}
