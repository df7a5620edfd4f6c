/**
 * What signs and hides in the vectors: public test keys, signed notes (section 8) and the two hiding modes (section 12),
 * written from the specification and without the library, which has to agree.
 */
import { createCipheriv, createPrivateKey, createPublicKey, sign as signBytes } from 'node:crypto';
import { MODE } from '../src/container/format/layout.js';
import { concatBytes, fromHex, toBase64, toHex } from '../src/utils/bytes.js';
import { hkdfExpand, hkdfExtract, hmacSha256 } from '../src/utils/hkdf.js';
import { sha256 } from '../src/utils/sha256.js';
import { type FileKit, TOKN_AT, ascii, blindOf, u64s } from './vector-kit.js';

export const SIGNER_NAME = 'vectors.example/recorder';
export const SIGNER_SEED = new Uint8Array(32).map((_, i) => 0xa0 + i);
export const MASTER_KEY = new Uint8Array(32).map((_, i) => 0x11 * (1 + (i % 14)));
export const SALT = new Uint8Array(32).map((_, i) => 0xf0 - i);

const PKCS8_PREFIX = fromHex('302e020100300506032b657004220420');
const privateKey = createPrivateKey({
  key: Buffer.from(concatBytes(PKCS8_PREFIX, SIGNER_SEED)),
  format: 'der',
  type: 'pkcs8',
});
/** The last 32 bytes of the SPKI form. */
const publicKey = new Uint8Array(createPublicKey(privateKey).export({ format: 'der', type: 'spki' })).slice(-32);
const keyId = sha256(ascii(`${SIGNER_NAME}\n\x01`), publicKey).subarray(0, 4);

export const SIGNER_VKEY = `${SIGNER_NAME}+${toHex(keyId)}+${toBase64(concatBytes(Uint8Array.of(1), publicKey))}`;

export interface CheckpointText {
  readonly size: number;
  readonly root: Uint8Array;
  readonly fileId: Uint8Array;
}

const signatureLine = (text: Uint8Array): string => {
  const signature = new Uint8Array(signBytes(null, text, privateKey));
  return `\u2014 ${SIGNER_NAME} ${toBase64(concatBytes(keyId, signature))}\n`;
};

/** A SIGN payload over any text, with as many equal signature lines as wanted. */
export const noteOver = (text: string, lines = 1): Uint8Array => {
  const bytes = ascii(text);
  return new TextEncoder().encode(`${text}\n${signatureLine(bytes).repeat(lines)}`);
};

export const checkpointText = ({ size, root, fileId }: CheckpointText): string =>
  `${SIGNER_NAME}/${toHex(fileId)}\n${size}\n${toBase64(root)}\n`;

/** The SIGN payload of a checkpoint. */
export const signNote = (checkpoint: CheckpointText, lines = 1): Uint8Array =>
  noteOver(checkpointText(checkpoint), lines);

const prk = hkdfExtract(SALT, MASTER_KEY);

/** The `keys` entry of META for epoch `epoch`. */
export const keyEpoch = (epoch: number): { epoch: number; salt: string; commit: string } => ({
  epoch,
  salt: toHex(SALT),
  commit: toHex(hkdfExpand(prk, ascii('h4mk/v1/commit'), 32)),
});

const subkey = (label: string, fileId: Uint8Array, seq: number, length: number): Uint8Array =>
  hkdfExpand(prk, concatBytes(ascii(label), fileId, u64s(Math.floor(seq / 2 ** 20))), length);

/** What mode 2 adds to the compressed bytes. */
export const ENCRYPTION_BYTES = 28;

/** Hides the payload of the n-th record, of mode 1 or 2, which stands there as zeros of the right length until then. */
export const hide = (kit: FileKit, n: number, compressed: Uint8Array): void => {
  const { tokn } = kit.record(n);
  const mode = tokn.payload[TOKN_AT.mode];
  kit.setPayload(n, mode === MODE.masked ? masked(kit.fileId(), n, compressed) : encrypted(kit, n, compressed));
};

const masked = (fileId: Uint8Array, seq: number, compressed: Uint8Array): Uint8Array => {
  const cipher = createCipheriv('aes-256-ctr', subkey('h4mk/v1/mask', fileId, seq, 32), u64s(seq, 0));
  return new Uint8Array(cipher.update(compressed));
};

const encrypted = (kit: FileKit, seq: number, compressed: Uint8Array): Uint8Array => {
  const { tokn } = kit.record(seq);
  const fileId = kit.fileId();
  const keys = subkey('h4mk/v1/encrypt', fileId, seq, 64);
  const tokens = tokn.payload.subarray(TOKN_AT.tokens, tokn.payload.length - blindOf(tokn).length);
  const bound = concatBytes(fileId, tokn.payload.subarray(0, TOKN_AT.commit), tokens);
  const nonce = hmacSha256(keys.subarray(32), u64s(bound.length), bound, compressed).subarray(0, 12);
  const cipher = createCipheriv('aes-256-gcm', keys.subarray(0, 32), nonce);
  cipher.setAAD(bound);
  const text = cipher.update(compressed);
  cipher.final();
  return concatBytes(nonce, new Uint8Array(text), new Uint8Array(cipher.getAuthTag()));
};
