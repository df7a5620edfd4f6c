/**
 * The keys of a reader against the key epochs of one recording (spec/h4mk.md section 12). A key opens an epoch only where it
 * yields the commitment that META lists: GCM alone would not tell, since one ciphertext can be made to open under two keys.
 */
import { equalBytes, fromHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { type EpochSecret, assertContentKey, createEpochSecret } from './block-secrets.js';
import { MODE, isHiddenMode } from '../format/layout.js';
import type { KeyEpoch } from '../format/meta.js';
import { type Tokn, headerOf } from '../format/tokn.js';
import type { Verified } from '../check/verified.js';

interface AdmittedEpoch {
  readonly listed: KeyEpoch;
  /** Undefined where no key fits. */
  readonly secret: EpochSecret | undefined;
}

export class KeyRing {
  readonly #keys: readonly Uint8Array[];
  readonly #epochs = new Map<number, AdmittedEpoch>();
  /** Whether a key fits any epoch. Not asked of all of them each time: a file can list 65536, one by one. */
  #fits = false;

  /** @param keys in any order, each of at least 32 bytes; none is legal, and then nothing hidden is revealed */
  constructor(keys: readonly Uint8Array[]) {
    for (const key of keys) assertContentKey(key, 'key');
    this.#keys = keys.map((key) => key.slice());
  }

  /** Whether there is no key at all. */
  get isEmpty(): boolean {
    return this.#keys.length === 0;
  }

  /** Whether `epoch` has been admitted and a key fits it. */
  opens(epoch: number): boolean {
    return this.#epochs.get(epoch)?.secret !== undefined;
  }

  /**
   * Takes the epochs that META lists; those it knows already may be among them. H4_KEY_WRONG if there are keys, and none of
   * them fits any epoch so far.
   */
  admit(epochs: readonly KeyEpoch[]): void {
    for (const listed of epochs) {
      const known = this.#epochs.get(listed.epoch)?.listed;
      if (known === undefined) this.#epochs.set(listed.epoch, { listed, secret: this.#secretOf(listed) });
      else if (known.salt !== listed.salt || known.commit !== listed.commit) {
        throw new H4Error('H4_KEYS_EPOCH', `Key epoch ${listed.epoch} is listed twice, with different values`);
      }
    }
    if (this.isEmpty || this.#epochs.size === 0) return;
    if (!this.#fits) {
      const numbers = [...this.#epochs.keys()];
      throw new H4Error(
        'H4_KEY_WRONG',
        `${this.#keys.length === 1 ? 'The key is' : 'The keys are'} not of this recording: ` +
          `the commitment of key epoch ${numbers.slice(0, 8).join(', ')} is that of another key`,
      );
    }
  }

  #secretOf({ salt, commit }: KeyEpoch): EpochSecret | undefined {
    const [saltBytes, committed] = [fromHex(salt), fromHex(commit)];
    for (const key of this.#keys) {
      const secret = createEpochSecret(key, saltBytes);
      if (!equalBytes(secret.commit, committed)) continue;
      this.#fits = true;
      return secret;
    }
    return undefined;
  }

  /** Refuses an epoch that `reveal` would refuse, before anything has been read: H4_KEYS_EPOCH, H4_KEY_MISSING, H4_KEY_WRONG. */
  assertOpens(epoch: number, seq: number): void {
    this.#secretFor(epoch, seq);
  }

  /**
   * The compressed bytes of a verified payload; a payload that is not hidden comes back as it is. Not one byte is given away
   * before the tag of an encrypted one has been verified (H4_AEAD_TAG).
   */
  reveal(fileId: Uint8Array, tokn: Tokn, payload: Verified<Uint8Array>): Uint8Array {
    const { mode, epoch, seq, entry } = tokn;
    if (!isHiddenMode(mode)) return payload;
    const secret = this.#secretFor(epoch, seq);
    if (mode === MODE.masked) return secret.mask(fileId, seq, payload);
    const bytes = secret.open(fileId, seq, headerOf(entry), payload);
    if (bytes === undefined) {
      throw new H4Error(
        'H4_AEAD_TAG',
        `Record ${seq} does not decrypt: it was not encrypted as this record of this recording with this key`,
      );
    }
    return bytes;
  }

  #secretFor(epoch: number, seq: number): EpochSecret {
    const admitted = this.#epochs.get(epoch);
    if (admitted === undefined) {
      throw new H4Error('H4_KEYS_EPOCH', `Record ${seq} uses key epoch ${epoch}, which no META lists before it`);
    }
    if (admitted.secret !== undefined) return admitted.secret;
    throw this.isEmpty
      ? new H4Error('H4_KEY_MISSING', `Record ${seq} is masked or encrypted: its key is needed (key epoch ${epoch})`)
      : new H4Error('H4_KEY_WRONG', `No key given is that of key epoch ${epoch}, under which record ${seq} is hidden`);
  }
}
