/**
 * Signs checkpoints of one recording (spec/h4mk.md section 8): the payloads of SIGN. A signature that would tell another history than
 * the key has told before is refused: see `HistoryGuard`.
 */
import { equalBytes, toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import type { NoteSigner } from '../../utils/note-signer.js';
import { type SigningKey, cosign } from '../../utils/signing-key.js';
import { isKeyName } from '../../utils/verification-key.js';
import { HistoryGuard, type SignedState, type SigningHistory, createMemoryHistory } from './history-guard.js';
import { type NoteSignature, checkpointText, encodeNote, parseNote } from '../format/note.js';
import type { Checkpoint, SignCheckpoint } from '../write/record-writer.js';

export interface CheckpointSignerOptions {
  readonly signer: NoteSigner;
  /** Default: one in memory, which knows of no other recording. */
  readonly history?: SigningHistory;
}

/** H4_SIGNING_KEY for a key that signs something else than checkpoints. */
export const createCheckpointSigner = (options: CheckpointSignerOptions): CheckpointSigner =>
  new CheckpointSigner(options);

/** Signs one recording: make another one for the next. */
export class CheckpointSigner {
  readonly #signer: NoteSigner;
  readonly #history: SigningHistory;
  #recording: { readonly fileId: Uint8Array; readonly origin: string; readonly guard: HistoryGuard } | undefined;
  #count = 0;

  constructor({ signer, history = createMemoryHistory() }: CheckpointSignerOptions) {
    assertSignsCheckpoints(signer);
    this.#signer = signer;
    this.#history = history;
  }

  get name(): string {
    return this.#signer.name;
  }

  /** 8 lowercase hex digits. */
  get keyId(): string {
    return this.#signer.keyId;
  }

  /** Checkpoints signed here. */
  get count(): number {
    return this.#count;
  }

  /** What the key had signed of this recording when the history was last asked. */
  get latest(): SignedState | undefined {
    return this.#recording?.guard.latest;
  }

  /** Call it when record 0 is known, before any further record is reported. Asks what has been signed of this recording. */
  async begin(fileId: Uint8Array): Promise<void> {
    await this.#of(fileId).guard.begin();
  }

  /** See `HistoryGuard`. */
  passed(size: number, root: () => Uint8Array): void {
    this.#recording?.guard.passed(size, root);
  }

  /** The payload of a SIGN for this checkpoint. Refuses with H4_EQUIVOCATION, or as history and signer do. */
  readonly sign: SignCheckpoint = (checkpoint) => this.#sign(checkpoint, { isDurable: true });

  /**
   * The same for a checkpoint in a file that nobody is meant to see before it is whole. What is kept of it survives a crash, but
   * need not survive a loss of power, which costs such a file most of its bytes as well: waiting for the disk each time would
   * slow writing down.
   */
  readonly signOnTheWay: SignCheckpoint = (checkpoint) => this.#sign(checkpoint, { isDurable: false });

  async #sign({ size, root, fileId }: Checkpoint, options: { readonly isDurable: boolean }): Promise<Uint8Array> {
    const { guard, origin } = this.#of(fileId);
    await guard.claim({ size, root }, options);
    const { name, keyId } = this.#signer;
    const text = checkpointText(origin, size, root);
    const note = encodeNote(text, [{ name, keyId, signature: await this.#signer.sign(text) }]);
    this.#count++;
    return note;
  }

  #of(fileId: Uint8Array): { readonly origin: string; readonly guard: HistoryGuard } {
    if (this.#recording !== undefined && !equalBytes(this.#recording.fileId, fileId)) {
      throw new H4Error('H4_STATE', 'A checkpoint signer signs one recording: make another one for the next');
    }
    if (this.#recording === undefined) {
      const { name: signer } = this.#signer;
      const origin = `${signer}/${toHex(fileId)}`;
      const guard = new HistoryGuard({ history: this.#history, origin, signer });
      this.#recording = { fileId: fileId.slice(), origin, guard };
    }
    return this.#recording;
  }
}

const STATEMENTS = '/statements';

const assertSignsCheckpoints = (signer: NoteSigner): void => {
  const { name, keyId } = signer;
  const why =
    'type' in signer && signer.type === 'witness'
      ? 'the key of a witness cosigns what others have signed'
      : name.endsWith(STATEMENTS)
        ? 'a key for statements signs statements; use the key that it was derived from'
        : isKeyName(name) && /^[0-9a-f]{8}$/.test(keyId)
          ? undefined
          : 'its name or its key ID could not stand in a note';
  if (why === undefined) return;
  throw new H4Error('H4_SIGNING_KEY', `Cannot sign checkpoints with ${JSON.stringify(name)}: ${why}`);
};

/**
 * The note in `payload` with the cosignature of a witness that sees it at `time`, in seconds since 1970: the payload of a later
 * SIGN. An earlier cosignature of the same witness is left out. Whether the witness may cosign it is for the caller to know.
 */
export const addCosignature = (payload: Uint8Array, witness: SigningKey, time: number): Uint8Array => {
  const { text, signatures } = parseNote(payload);
  return withLine(text, signatures, witness, cosign(witness, time, text));
};

/**
 * The note in `payload` with the signature of a further key over the same text, for policies that want several: the payload of a
 * later SIGN. H4_SIGNING_KEY for a key that signs something else. Whether the key may sign it is for the caller to know: see
 * `HistoryGuard`.
 */
export const addCountersignature = async (payload: Uint8Array, signer: NoteSigner): Promise<Uint8Array> => {
  assertSignsCheckpoints(signer);
  const { text, signatures } = parseNote(payload);
  return withLine(text, signatures, signer, await signer.sign(text));
};

const withLine = (
  text: Uint8Array,
  signatures: readonly NoteSignature[],
  { name, keyId }: Pick<NoteSigner, 'name' | 'keyId'>,
  signature: Uint8Array,
): Uint8Array => {
  const others = signatures.filter((line) => line.name !== name || line.keyId !== keyId);
  return encodeNote(text, [...others, { name, keyId, signature }]);
};
