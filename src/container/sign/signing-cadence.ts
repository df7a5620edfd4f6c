/**
 * When a recording is signed while it is written (spec/h4mk.md section 8.2): after every so many records, at every index point,
 * and at its close.
 */
import { H4Error } from '../../utils/error.js';
import type { CheckpointSigner } from './checkpoint-signer.js';
import type { RecordWriter, SignCheckpoint } from '../write/record-writer.js';

export const DEFAULT_SIGN_EVERY = 256;

export interface SigningOptions {
  /** Of this recording alone. */
  readonly signer: CheckpointSigner;
  /**
   * Records from one signature to the next; 1 signs every record. Default 256. 0: only where index points are asked for. The close
   * is always signed.
   */
  readonly every?: number;
  /** Makes everything durable that has been written, before it is signed: for files that others read while they grow. */
  readonly sync?: () => Promise<unknown>;
}

export class SigningCadence {
  readonly #writer: RecordWriter;
  readonly #signer: CheckpointSigner;
  readonly #every: number;
  readonly #sync: (() => Promise<unknown>) | undefined;
  #signedSize: number;

  constructor(writer: RecordWriter, { signer, every = DEFAULT_SIGN_EVERY, sync }: SigningOptions) {
    if (!Number.isSafeInteger(every) || every < 0) {
      throw new H4Error('H4_PARAM', `Cannot sign every ${every} records: expected a whole number of 0 or more`);
    }
    this.#writer = writer;
    this.#signer = signer;
    this.#every = every;
    this.#sync = sync;
    this.#signedSize = writer.size;
  }

  readonly sign: SignCheckpoint = async (checkpoint) => {
    await this.#sync?.();
    this.#signedSize = checkpoint.size;
    return this.#signer.sign(checkpoint);
  };

  readonly #signOnTheWay: SignCheckpoint = async (checkpoint) => {
    if (this.#sync !== undefined) return this.sign(checkpoint);
    this.#signedSize = checkpoint.size;
    return this.#signer.signOnTheWay(checkpoint);
  };

  /**
   * Call it after each record; writes a SIGN if one is due. The end record is signed by the close. Gives no promise where there is
   * nothing to wait for, which is after nearly every record.
   */
  afterRecord({ isEnd }: { readonly isEnd: boolean }): Promise<void> | undefined {
    const { size } = this.#writer;
    if (size === 1) return this.#begin();
    this.#signer.passed(size, this.#root);
    return isEnd ? undefined : this.#signIfDue();
  }

  readonly #root = (): Uint8Array => this.#writer.checkpoint().root;

  async #begin(): Promise<void> {
    await this.#signer.begin(this.#writer.fileId);
    this.#signer.passed(1, this.#root);
    await this.#signIfDue();
  }

  #signIfDue(): Promise<void> | undefined {
    return this.#every === 0 || this.#writer.size - this.#signedSize < this.#every ? undefined : this.#write();
  }

  async #write(): Promise<void> {
    // Nobody opens a file here that is not whole: tiles and TAIL would only cost room.
    await this.#writer.indexPoint({ tiles: false, tail: false, sign: this.#signOnTheWay });
  }
}
