/**
 * Masked and encrypted blocks in a check (spec/h4mk.md sections 12 and 16). Where a key fits they are opened, record by record,
 * and what comes out is gone at once. Without a key that is warned about, once: structure and signatures verify all the same.
 */
import type { ErrorCode } from '../../utils/error-codes.js';
import { type H4Error, isH4Error } from '../../utils/error.js';
import type { Findings } from './findings.js';
import { KeyRing } from '../secrecy/key-ring.js';
import type { KeyEpoch, MetaLedger } from '../format/meta.js';
import type { Tokn } from '../format/tokn.js';
import type { Verified } from './verified.js';

/** Blocks of key epochs that no key fits. */
interface Unopened {
  readonly epoch: number;
  /** File position of the first of their TOKNs. */
  readonly offset: number;
}

export class HiddenCheck {
  readonly #findings: Findings;
  readonly #metas: MetaLedger;
  readonly #ring: KeyRing;
  readonly #known = new Set<number>();
  #hasOpened = false;
  #hasWarned = false;
  #unopened: Unopened | undefined;

  constructor(findings: Findings, metas: MetaLedger, keys: readonly Uint8Array[]) {
    this.#findings = findings;
    this.#metas = metas;
    this.#ring = new KeyRing(keys);
  }

  /**
   * The compressed bytes of a block, whose TOKN stands at `offset` and its payload at `payloadOffset`; undefined where they
   * cannot be had. `payload` is undefined where it was redacted, or is not the one committed to.
   */
  open(
    fileId: Uint8Array | undefined,
    { tokn, offset, payloadOffset }: { readonly tokn: Tokn; readonly offset: number; readonly payloadOffset: number },
    payload: Verified<Uint8Array> | undefined,
  ): Uint8Array | undefined {
    if (this.#ring.isEmpty) {
      this.#warnOnce(offset);
      return undefined;
    }
    const listed = this.#metas.epoch(tokn.epoch);
    if (listed === undefined || payload === undefined || fileId === undefined) return undefined;
    this.#admit(listed);
    if (!this.#ring.opens(tokn.epoch)) {
      this.#unopened ??= { epoch: tokn.epoch, offset };
      return undefined;
    }
    this.#hasOpened = true;
    try {
      return this.#ring.reveal(fileId, tokn, payload);
    } catch (error) {
      const { code, message } = expected(error, 'H4_AEAD_TAG');
      this.#findings.error(code, payloadOffset, message);
      return undefined;
    }
  }

  #warnOnce(offset: number): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const message = 'Masked or encrypted blocks: their content was not looked at without a key';
    this.#findings.warn('H4_KEY_MISSING', offset, message);
  }

  #admit(listed: KeyEpoch): void {
    if (this.#known.has(listed.epoch)) return;
    this.#known.add(listed.epoch);
    try {
      this.#ring.admit([listed]);
    } catch (error) {
      // That no key fits this epoch is judged at the end: a recording may have another, for which one was given.
      expected(error, 'H4_KEY_WRONG');
    }
  }

  /** The file has ended. Keys of which none has opened anything are wrong keys; else some blocks need others. */
  end(): void {
    if (this.#unopened === undefined) return;
    const { epoch, offset } = this.#unopened;
    if (this.#hasOpened) {
      const message = `No key given is that of key epoch ${epoch}: its blocks were not looked at`;
      this.#findings.warn('H4_KEY_MISSING', offset, message);
    } else {
      const message = `No key given is that of key epoch ${epoch}: what META says of the key does not follow from it`;
      this.#findings.error('H4_KEY_WRONG', offset, message);
    }
  }
}

/** Anything else is no finding. */
const expected = (error: unknown, code: ErrorCode): H4Error => {
  if (!isH4Error(error, code)) throw error;
  return error;
};
