/**
 * What an attacker has: a file that somebody else signed, a knife for it, keys of his own, and the writer to mend whatever
 * does not need the signer's key. Sums, tiles, SEEK, VERI and TAIL come out right, so that what remains wrong is the attack.
 */
import { MODE } from '../../src/container/format/layout.js';
import type { Checkpoint, RecordInput } from '../../src/container/write/record-writer.js';
import { concatBytes, fromHex, toBase64, toHex, utf8Encode } from '../../src/utils/bytes.js';
import { type SigningKey, createSigningKey } from '../../src/utils/signing-key.js';
import { FileKit, type Piece, TOKN_AT, piece } from '../../tools/vector-kit.js';
import { AUDIO, type ClosedOptions, VIDEO, closedRecording, interleaved } from '../support/container.js';
import { type WriterStep, takeApart, writeAgain } from '../support/rewrite.js';

const seedOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

export const NAME = 'example.com/gate';
/** The key that everybody has configured. */
export const signer = createSigningKey(NAME, seedOf(1));
/** A key that the attacker made: with a name of his own, and with the name of the signer. */
export const stranger = createSigningKey('example.net/mallory', seedOf(2));
export const namesake = createSigningKey(NAME, seedOf(3));

/** The signed text of a checkpoint. */
export const textOf = ({ fileId, size, root }: Checkpoint, name = NAME): string =>
  `${name}/${toHex(fileId)}\n${size}\n${toBase64(root)}\n`;

/** A signature line with any key ID and any bytes. */
export const lineOf = (name: string, keyId: string, signature: Uint8Array): string =>
  `\u2014 ${name} ${toBase64(concatBytes(fromHex(keyId), signature))}\n`;

export const noteOf = (text: string, ...lines: readonly string[]): Uint8Array =>
  utf8Encode(`${text}\n${lines.join('')}`);

/** The line of a key over a text, as its owner writes it. */
export const signed = (key: SigningKey, text: string): string =>
  lineOf(key.name, key.keyId, key.sign(utf8Encode(text)));

/** For a writer: signs every checkpoint in the name of `key`. */
export const signingWith =
  (key: SigningKey) =>
  (checkpoint: Checkpoint): Uint8Array => {
    const text = textOf(checkpoint, key.name);
    return noteOf(text, signed(key, text));
  };

/** A recording of two tracks, signed at its close. */
export const recorded = (records: Iterable<RecordInput>, options: Partial<ClosedOptions> = {}): Promise<Uint8Array> =>
  closedRecording(records, { tracks: [VIDEO, AUDIO], sign: signingWith(signer), ...options });

/** Ten records in two tracks; checkpoints at 4, at 8 and at the close. */
export const RECORDS = 10;
export const FIRST_POINT = 4;
export const SECOND_POINT = 8;

export const original = (options: Partial<ClosedOptions> = {}): Promise<Uint8Array> =>
  recorded(interleaved(RECORDS - 2, 2), { pointEvery: FIRST_POINT, ...options });

export const kitOf = async (file: Uint8Array | Promise<Uint8Array> = original()): Promise<FileKit> =>
  FileKit.of(await file);

/** The state of the tree of a kit before `end`, as a signer would see it. */
export const checkpointAt = (kit: FileKit, end?: Piece): Checkpoint => ({
  fileId: kit.fileId(),
  size: kit.leaves(end).length,
  root: kit.root(end),
});

export const withoutSigns = (kit: FileKit): FileKit => kit.remove(...kit.pieces.filter(({ tag }) => tag === 'SIGN'));

/** Everything that follows from the records without a key; twice, because tiles of another width move what stands behind them. */
export const mended = (kit: FileKit): FileKit => kit.mend().mend();

/** Every SIGN replaced by what `note` gives for its place, the rest as it follows from that. */
export const resigned = (kit: FileKit, note: (checkpoint: Checkpoint) => Uint8Array): FileKit => {
  mended(kit);
  for (const sign of kit.pieces.filter(({ tag }) => tag === 'SIGN')) sign.payload = note(checkpointAt(kit, sign));
  return mended(kit);
};

/** Everything behind the first chunk with this tag thrown away. */
export const cutBehind = (kit: FileKit, last: Piece): FileKit => {
  kit.pieces = kit.pieces.slice(0, kit.pieces.indexOf(last) + 1);
  return kit;
};

/** Writes `file` up to its n-th index point again, with the attacker's own steps behind it. */
export const continued = async (file: Uint8Array, point: number, more: readonly WriterStep[]): Promise<Uint8Array> => {
  const { seekTrack, steps } = await takeApart(file);
  const points = steps.flatMap(({ kind }, i) => (kind === 'index' ? [i] : []));
  const kept = steps.slice(0, (points[point] ?? steps.length) + 1);
  return writeAgain({ seekTrack, steps: [...kept, ...more] });
};

export const recordStep = (input: RecordInput): WriterStep => ({ kind: 'record', input });

/** Gives record n and those behind it the numbers from n on. */
export const renumbered = (kit: FileKit): FileKit => {
  const count = kit.pieces.filter(({ tag }) => tag === 'TOKN').length;
  for (let n = 0; n < count; n++) kit.editTokn(n, (view) => view.setBigUint64(TOKN_AT.seq, BigInt(n)));
  return kit;
};

/** Sets `back` and `pos` of all records to what they should be. */
export const relinked = (kit: FileKit): FileKit => {
  const tracks = new Map<number, { key: number | undefined; pos: number }>();
  const count = kit.pieces.filter(({ tag }) => tag === 'TOKN').length;
  for (let n = 0; n < count; n++) {
    kit.editTokn(n, (view) => {
      const track = view.getUint16(TOKN_AT.track);
      const state = tracks.get(track) ?? { key: undefined, pos: 0 };
      view.setUint32(TOKN_AT.back, state.key === undefined ? 0 : n - state.key);
      const isMedia = view.getUint8(TOKN_AT.mode) < MODE.meta;
      view.setBigUint64(TOKN_AT.pos, BigInt(isMedia ? state.pos : 0));
      if ((view.getUint8(TOKN_AT.flags) & 1) !== 0) state.key = n;
      state.pos += view.getUint32(TOKN_AT.raw);
      tracks.set(track, state);
    });
  }
  return kit;
};

/** Puts another META into record 0: everything that follows from it without a key is right again. */
export const withMeta = (
  kit: FileKit,
  change: (meta: { compression: Record<string, unknown>; h4mk: Record<string, unknown> }) => void,
): FileKit => {
  const meta = JSON.parse(new TextDecoder().decode(kit.record(0).payload.payload)) as Parameters<typeof change>[0];
  change(meta);
  return kit.setPayload(0, utf8Encode(JSON.stringify(meta)));
};

export const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

export { FileKit, type Piece, TOKN_AT, piece };
