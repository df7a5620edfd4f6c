/**
 * The signed note in a SIGN chunk: a checkpoint of the tree and the signatures under it (spec/h4mk.md section 8.1; C2SP
 * signed-note and tlog-checkpoint). Parsing proves nothing. It keeps the exact bytes that were signed, so that whoever holds
 * a key verifies those and never a text that was put together again.
 */
import { concatBytes, fromBase64, fromHex, toBase64, toHex, utf8Decode, utf8Encode } from '../../utils/bytes.js';
import type { ErrorCode } from '../../utils/error-codes.js';
import { H4Error } from '../../utils/error.js';
import { HASH_BYTES } from './layout.js';
import { DEFAULT_LIMITS, type Limits } from './limits.js';

/** Part of the format, not a limit of this reader. */
export const MAX_NOTE_BYTES = 65_536;

const KEY_ID_BYTES = 4;
const NEWLINE = 0x0a;
const SPACE = 0x20;

/** One line below the text. Name and key ID only select a key; they say nothing about who signed. */
export interface NoteSignature {
  readonly name: string;
  /** 8 lowercase hex digits, as in a verification key. */
  readonly keyId: string;
  /** Its form depends on the type of the key: a cosignature begins with a time. */
  readonly signature: Uint8Array;
}

/** Of which recording a checkpoint speaks: `<key name>/<hex file_id>`. */
export interface Origin {
  readonly line: string;
  readonly name: string;
  readonly fileIdHex: string;
}

export interface Note {
  /** The signed bytes: everything up to the blank line, the last newline included. A view of the payload. */
  readonly text: Uint8Array;
  readonly origin: Origin;
  /** Number of records that the checkpoint covers; 0 is well-formed here, and wrong everywhere. */
  readonly size: number;
  readonly root: Uint8Array;
  /** In file order; at least one. */
  readonly signatures: readonly NoteSignature[];
  /** Lines of the text after the root. They are signed, and ignored. */
  readonly extensions: number;
}

/**
 * Parses the payload of a SIGN. Refuses with H4_SIGN_NOTE what is no note with a checkpoint, with H4_SIGN_ORIGIN an origin
 * that names no file, with H4_SIGN_SIZE a size that no file here can have, and with H4_LIMIT_NOTES too many signatures.
 */
export const parseNote = (payload: Uint8Array, limits: Limits = DEFAULT_LIMITS): Note => {
  const { text, signatures } = splitNote(payload);
  const [, size, root, ...extensions] = linesOf(text);
  if (size === undefined || root === undefined) {
    return refuse('H4_SIGN_NOTE', 'has fewer than the three lines of a checkpoint');
  }
  assertDecimal(size);
  return {
    text,
    root: parseRoot(root),
    signatures: parseSignatures(signatures, limits),
    origin: parseOrigin(text),
    size: parseSize(size),
    extensions: extensions.length,
  };
};

const refuse = (code: ErrorCode, why: string): never => {
  throw new H4Error(code, `SIGN ${why}`);
};

/** Halves the note at its last blank line. Both halves end in a newline and hold no control characters but that. */
const splitNote = (payload: Uint8Array): { readonly text: Uint8Array; readonly signatures: Uint8Array } => {
  if (payload.length > MAX_NOTE_BYTES) {
    refuse('H4_SIGN_NOTE', `has ${payload.length} bytes; a note has at most ${MAX_NOTE_BYTES}`);
  }
  if (payload.some((byte) => byte < SPACE && byte !== NEWLINE)) refuse('H4_SIGN_NOTE', 'holds a control character');
  let blank = payload.length - 1;
  while (blank > 0 && (payload[blank] !== NEWLINE || payload[blank - 1] !== NEWLINE)) blank--;
  if (blank <= 0) refuse('H4_SIGN_NOTE', 'has no blank line between text and signatures');
  const signatures = payload.subarray(blank + 1);
  if (signatures.at(-1) !== NEWLINE) refuse('H4_SIGN_NOTE', 'does not end in a signature line');
  return { text: payload.subarray(0, blank), signatures };
};

/** The lines of a text that ends in a newline. */
const linesOf = (text: Uint8Array): string[] =>
  utf8Decode(text, { code: 'H4_SIGN_NOTE', what: 'SIGN' }).slice(0, -1).split('\n');

const DECIMAL = /^(?:0|[1-9][0-9]*)$/;

const assertDecimal = (text: string): void => {
  if (!DECIMAL.test(text)) refuse('H4_SIGN_NOTE', 'names a tree size that is not a plain decimal number');
};

const parseSize = (text: string): number => {
  const size = Number(text);
  return Number.isSafeInteger(size) ? size : refuse('H4_SIGN_SIZE', 'names a tree size beyond 2^53-1 records');
};

const parseRoot = (text: string): Uint8Array => {
  const root = fromBase64(text, { code: 'H4_SIGN_NOTE', what: 'the root in SIGN' });
  return root.length === HASH_BYTES
    ? root
    : refuse('H4_SIGN_NOTE', `names a root of ${root.length} bytes, not ${HASH_BYTES}`);
};

const ORIGIN = /^(.+)\/([0-9a-f]{64})$/;

/** The first line, decoded by itself: reports keep it, and a part of a longer string would keep the whole note alive. */
const parseOrigin = (text: Uint8Array): Origin => {
  const line = utf8Decode(text.subarray(0, text.indexOf(NEWLINE)), { code: 'H4_SIGN_NOTE', what: 'SIGN' });
  const [, name, fileIdHex] = ORIGIN.exec(line) ?? [];
  return name === undefined || fileIdHex === undefined
    ? refuse('H4_SIGN_ORIGIN', 'has an origin that is not a key name, "/" and 64 lowercase hex digits')
    : { line, name, fileIdHex: toHex(fromHex(fileIdHex)) };
};

/** A key name holds neither white space nor "+", which separates the parts of a verification key. */
const SIGNATURE_LINE = /^\u2014 ([^\s+]+) ([^\s]+)$/;

const parseSignatures = (bytes: Uint8Array, limits: Limits): NoteSignature[] => {
  const lines = linesOf(bytes);
  if (lines.length > limits.maxNoteLines) {
    refuse('H4_LIMIT_NOTES', `has ${lines.length} signature lines; the limit is ${limits.maxNoteLines}`);
  }
  return lines.map(parseSignature);
};

const parseSignature = (line: string): NoteSignature => {
  const [, name, base64] = SIGNATURE_LINE.exec(line) ?? [];
  if (name === undefined || base64 === undefined) {
    return refuse('H4_SIGN_NOTE', 'has a signature line that is not a dash, a name and base64');
  }
  const bytes = fromBase64(base64, { code: 'H4_SIGN_NOTE', what: 'a signature in SIGN' });
  if (bytes.length <= KEY_ID_BYTES) refuse('H4_SIGN_NOTE', `has a signature of ${bytes.length} bytes, key ID included`);
  return { name, keyId: toHex(bytes.subarray(0, KEY_ID_BYTES)), signature: bytes.subarray(KEY_ID_BYTES) };
};

/** The text of a checkpoint: three lines, which are what is signed. */
export const checkpointText = (origin: string, size: number, root: Uint8Array): Uint8Array =>
  utf8Encode(`${origin}\n${size}\n${toBase64(root)}\n`);

/** The payload of a SIGN: `text` and the signatures under it. H4_SIGN_NOTE or H4_LIMIT_NOTES if no reader would take it. */
export const encodeNote = (text: Uint8Array, signatures: readonly NoteSignature[]): Uint8Array => {
  const payload = concatBytes(text, utf8Encode(`\n${signatures.map(signatureLine).join('')}`));
  parseNote(payload);
  return payload;
};

const signatureLine = ({ name, keyId, signature }: NoteSignature): string =>
  `\u2014 ${name} ${toBase64(concatBytes(fromHex(keyId), signature))}\n`;
