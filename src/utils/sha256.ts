/** SHA-256 (FIPS 180-4), the only hash of the format. Synchronous: a record's hash is needed before its header is written. */

import { platform } from '#platform';
import { H4Error } from './error.js';
import type { RunningHash } from './platform/contract.js';

export type { RunningHash } from './platform/contract.js';

/** The 32 bytes of the SHA-256 of all parts, one after another. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return platform.sha256(parts);
}

/** A hash that is fed piece by piece. `digest()` ends it: whatever is asked of it afterwards is `H4_STATE`. */
export function createSha256(): RunningHash {
  return new Sha256(platform.createSha256());
}

/** The platforms differ in what they do after the end; this class does not. */
class Sha256 implements RunningHash {
  #running: RunningHash | undefined;

  constructor(running: RunningHash) {
    this.#running = running;
  }

  update(bytes: Uint8Array): void {
    this.#open().update(bytes);
  }

  copy(): RunningHash {
    return new Sha256(this.#open().copy());
  }

  digest(): Uint8Array {
    const digest = this.#open().digest();
    this.#running = undefined;
    return digest;
  }

  #open(): RunningHash {
    if (this.#running === undefined) {
      throw new H4Error('H4_STATE', 'Cannot use a SHA-256 after its digest has been taken; copy() it before');
    }
    return this.#running;
  }
}
