/** Notes that are well-formed and signed by nobody: what a check without keys can tell is right about them. */
import type { Checkpoint } from '../../src/container/write/record-writer.js';
import { toBase64, toHex, utf8Encode } from '../../src/utils/bytes.js';

export const KEY_NAME = 'example.com/cam7';

export interface NoteInput {
  readonly fileId: Uint8Array;
  readonly size: number | string;
  readonly root: Uint8Array;
}

export const originOf = (fileId: Uint8Array): string => `${KEY_NAME}/${toHex(fileId)}`;

/** A signature line. The first four bytes are the key ID. */
export const signatureLine = (name = KEY_NAME, bytes = Uint8Array.of(1, 2, 3, 4, 5)): string =>
  `\u2014 ${name} ${toBase64(bytes)}\n`;

export const checkpointText = ({ fileId, size, root }: NoteInput): string =>
  `${originOf(fileId)}\n${size}\n${toBase64(root)}\n`;

export const noteOf = (input: NoteInput): Uint8Array => utf8Encode(`${checkpointText(input)}\n${signatureLine()}`);

/** For a writer: puts such a note at every checkpoint. */
export const signNothing = (checkpoint: Checkpoint): Uint8Array => noteOf(checkpoint);
