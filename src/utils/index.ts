/** The door to the utilities. Code inside the library names the leaf files instead. */

export { aes256GcmOpen, aes256GcmSeal } from './aead.js';
export { ByteBuilder } from './builder.js';
export {
  concatBytes,
  type DecodeOptions,
  equalBytes,
  fromBase64,
  fromHex,
  isWellFormed,
  toBase64,
  toHex,
  utf8Decode,
  utf8Encode,
  viewOf,
} from './bytes.js';
export { canonicalJson, canonicalJsonBytes } from './canonical-json.js';
export { crc32 } from './crc32.js';
export { ByteCursor } from './cursor.js';
export {
  createEnvelope,
  type Envelope,
  type EnvelopeJson,
  type EnvelopeLimits,
  envelopeOf,
  type EnvelopeSignature,
  parseEnvelope,
  preAuthEncoding,
  type VerifiedEnvelope,
  verifyEnvelope,
} from './dsse.js';
export { isP256Key, isP256Secret, p256PublicKey, p256Sign, p256Verify } from './ecdsa-p256.js';
export { derToP1363, p1363ToDer } from './ecdsa-signature.js';
export { ed25519PublicKey, ed25519Sign, ed25519Verify } from './ed25519.js';
export { ERROR_CODES, type ErrorCode, type ErrorKind, exitCodeOf, httpStatusOf } from './error-codes.js';
export { H4Error, type H4ErrorOptions, isH4Error } from './error.js';
export { hkdf, hkdfExpand, hkdfExtract, hmacSha256 } from './hkdf.js';
export { isJsonObject, type JsonObject, type JsonValue } from './json-value.js';
export { aes256Ctr, MaskStream } from './mask.js';
export {
  type NoteSigner,
  type WebCryptoKey,
  type WebCryptoKeyPair,
  type WebCryptoSigner,
  webCryptoSigner,
} from './note-signer.js';
export { createSha256, type RunningHash, sha256 } from './sha256.js';
export {
  cosign,
  createSigningKey,
  formatSigningKey,
  parseSigningKey,
  SigningKey,
  statementKey,
} from './signing-key.js';
export { type JsonLimits, parseStrictJson } from './strict-json.js';
export { isSafeU64, MAX_U53, readU64, writeU64 } from './u64.js';
export {
  createVerificationKey,
  type Ed25519VerificationKey,
  formatVerificationKey,
  keyReference,
  type P256VerificationKey,
  parseVerificationKey,
  type VerificationKey,
  verifyCosignature,
  verifySignature,
  type WitnessVerificationKey,
} from './verification-key.js';
