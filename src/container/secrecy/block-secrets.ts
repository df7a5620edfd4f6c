/**
 * What hides blocks: the keys of one epoch, and masking and encryption with them; and the blinds of redactable blocks
 * (spec/h4mk.md sections 10 and 12). There is no randomness in here: salts and seeds are given, the nonce is made of what
 * it encrypts, so that equal input gives equal bytes and only unequal input needs, and gets, another nonce.
 */
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES, aes256GcmOpen, aes256GcmSeal } from '../../utils/aead.js';
import { concatBytes, equalBytes } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { hkdfExpand, hkdfExtract, hmacSha256 } from '../../utils/hkdf.js';
import { MASK_COUNTER_BYTES, MASK_KEY_BYTES, aes256Ctr } from '../../utils/mask.js';
import { writeU64 } from '../../utils/u64.js';
import { BLIND_BYTES, HASH_BYTES } from '../format/layout.js';

/** Uniformly random bytes, never a password: nothing here slows down somebody who guesses. */
export const MIN_CONTENT_KEY_BYTES = 32;
export const SALT_BYTES = 32;
/** Nonce and tag, which mode 2 adds to the compressed bytes. */
export const ENCRYPTED_OVERHEAD_BYTES = AEAD_NONCE_BYTES + AEAD_TAG_BYTES;

/** Records under one sub-key. */
const ERA_RECORDS = 2 ** 20;

const label = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));
const COMMIT_LABEL = label('h4mk/v1/commit');
const MASK_LABEL = label('h4mk/v1/mask');
const ENCRYPT_LABEL = label('h4mk/v1/encrypt');
const BLIND_LABEL = label('h4mk/v1/blind');

/** How a writer hides the blocks that follow. */
export interface MaskSpec {
  /** `mask` keeps sizes and authenticates nothing; `encrypt` adds 28 bytes to a block and binds it to its place. */
  readonly mode: 'mask' | 'encrypt';
  /** At least 32 bytes. */
  readonly key: Uint8Array;
  /** 32 bytes, fresh for every session of writing: never twice under one key for different content. */
  readonly salt: Uint8Array;
  /** 0 to 65535. Default: the one after the highest that the recording lists. */
  readonly epoch?: number;
}

/** The keys of one epoch. One recording at a time: the sub-keys of the latest stretch of 2^20 records are kept. */
export interface EpochSecret {
  /** What META says of the key, so that a wrong one is noticed before anything is decrypted. */
  readonly commit: Uint8Array;
  /** Mode 1, in both directions. */
  mask(fileId: Uint8Array, seq: number, bytes: Uint8Array): Uint8Array;
  /** Mode 2. `header` is the entry of the record without its commitment: see `headerOf`. */
  seal(fileId: Uint8Array, seq: number, header: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** Mode 2: the compressed bytes, or undefined unless the tag verifies. */
  open(fileId: Uint8Array, seq: number, header: Uint8Array, payload: Uint8Array): Uint8Array | undefined;
}

/** Refuses a key that is too short to be one. No message shows a byte of it. */
export const assertContentKey = (key: Uint8Array, what: string): void => {
  if (key.length >= MIN_CONTENT_KEY_BYTES) return;
  const need = `at least ${MIN_CONTENT_KEY_BYTES} random bytes are needed`;
  throw new H4Error('H4_PARAM', `The ${what} has ${key.length} bytes: ${need}, and a password is none`);
};

/** The secret of the epoch with this `salt`. `ikm` is used now and not kept. */
export const createEpochSecret = (ikm: Uint8Array, salt: Uint8Array): EpochSecret => {
  assertContentKey(ikm, 'key');
  if (salt.length !== SALT_BYTES) {
    throw new H4Error('H4_PARAM', `The salt of a key epoch has ${SALT_BYTES} bytes, not ${salt.length}`);
  }
  const prk = hkdfExtract(salt, ikm);
  const maskKeys = subKeys(prk, MASK_LABEL, MASK_KEY_BYTES);
  const sealKeys = subKeys(prk, ENCRYPT_LABEL, 2 * HASH_BYTES);
  return {
    commit: hkdfExpand(prk, COMMIT_LABEL, HASH_BYTES),
    mask: (fileId, seq, bytes) => {
      const counter = new Uint8Array(MASK_COUNTER_BYTES);
      counter.set(u64(seq));
      return aes256Ctr(maskKeys(fileId, seq), counter, bytes);
    },
    seal: (fileId, seq, header, bytes) => {
      const keys = sealKeys(fileId, seq);
      const bound = concatBytes(fileId, header);
      const nonce = hmacSha256(keys.subarray(HASH_BYTES), u64(bound.length), bound, bytes).slice(0, AEAD_NONCE_BYTES);
      return aes256GcmSeal(keys.subarray(0, HASH_BYTES), nonce, bound, bytes, nonce);
    },
    open: (fileId, seq, header, payload) => {
      if (payload.length < ENCRYPTED_OVERHEAD_BYTES) return undefined;
      const key = sealKeys(fileId, seq).subarray(0, HASH_BYTES);
      const nonce = payload.subarray(0, AEAD_NONCE_BYTES);
      return aes256GcmOpen(key, nonce, concatBytes(fileId, header), payload.subarray(AEAD_NONCE_BYTES));
    },
  };
};

/** The blind of a record (section 10). Who knows `blindSeed` can test guesses of what has been redacted. */
export const blindOf = (blindSeed: Uint8Array, fileId: Uint8Array, seq: number): Uint8Array => {
  assertContentKey(blindSeed, 'blind seed');
  return hmacSha256(blindSeed, BLIND_LABEL, fileId, u64(seq)).slice(0, BLIND_BYTES);
};

type SubKeys = (fileId: Uint8Array, seq: number) => Uint8Array;

/** Derives sub-keys and keeps the latest: neighbouring records share one, and the next one costs two hashes. */
const subKeys = (prk: Uint8Array, purpose: Uint8Array, bytes: number): SubKeys => {
  let kept: { readonly fileId: Uint8Array; readonly era: number; readonly key: Uint8Array } | undefined;
  return (fileId, seq) => {
    const era = Math.floor(seq / ERA_RECORDS);
    if (kept?.era !== era || !equalBytes(kept.fileId, fileId)) {
      const key = hkdfExpand(prk, concatBytes(purpose, fileId, u64(era)), bytes);
      kept = { fileId: fileId.slice(), era, key };
    }
    return kept.key;
  };
};

const u64 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  writeU64(new DataView(bytes.buffer), 0, value);
  return bytes;
};
