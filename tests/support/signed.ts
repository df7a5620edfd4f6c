/** Notes that are really signed: by keys made of one byte each, so that a test can tell them apart. */
import {
  encodeNote,
  type Note,
  type NoteSignature,
  checkpointText,
  parseNote,
} from '../../src/container/format/note.js';
import type { SignCheckpoint } from '../../src/container/write/record-writer.js';
import type { TrustPolicy, TrustedKey } from '../../src/container/trust/trust.js';
import { toHex, utf8Encode } from '../../src/utils/bytes.js';
import { createEnvelope } from '../../src/utils/dsse.js';
import { type SigningKey, cosign, createSigningKey } from '../../src/utils/signing-key.js';
import { STATEMENT_PAYLOAD_TYPE, STATEMENT_TYPE } from '../../src/utils/statement.js';
import {
  type VerificationKey,
  type WitnessVerificationKey,
  parseVerificationKey,
} from '../../src/utils/verification-key.js';
import { KEY_NAME } from './notes.js';

export const keyOf = (byte: number, name = KEY_NAME, type: VerificationKey['type'] = 'ed25519'): SigningKey =>
  createSigningKey(name, new Uint8Array(32).fill(byte), type);

export const witnessOf = (byte: number, name = `witness.example/w${byte}`): SigningKey => keyOf(byte, name, 'witness');

export const vkeyOf = (key: SigningKey): TrustedKey['key'] => {
  const parsed = parseVerificationKey(key.verificationKey);
  if (parsed.type === 'witness') throw new Error('A witness signs no checkpoints');
  return parsed;
};

export const witnessKeyOf = (key: SigningKey): WitnessVerificationKey => {
  const parsed = parseVerificationKey(key.verificationKey);
  if (parsed.type !== 'witness') throw new Error('This is no witness');
  return parsed;
};

/** A policy of which one of `keys` is enough. */
export const trusting = (...keys: readonly SigningKey[]): TrustPolicy => ({
  keys: keys.map((key) => ({ key: vkeyOf(key) })),
});

export const lineBy = ({ name, keyId }: SigningKey, signature: Uint8Array): NoteSignature => ({
  name,
  keyId,
  signature,
});

/** A line for each: of a witness a cosignature at that time. */
export type Signatory = SigningKey | readonly [witness: SigningKey, time: number];

export const linesOn = (text: Uint8Array, signatories: readonly Signatory[]): NoteSignature[] =>
  signatories.map((signatory) =>
    'name' in signatory
      ? lineBy(signatory, signatory.sign(text))
      : lineBy(signatory[0], cosign(signatory[0], signatory[1], text)),
  );

export interface SignedNoteInput {
  readonly fileId: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
  /** The key name in the origin. Default: that of the first key. */
  readonly originName?: string;
}

/** The payload of a SIGN, signed by all of them. */
export const signedNote = (
  { fileId, size, root, originName = KEY_NAME }: SignedNoteInput,
  ...signatories: readonly Signatory[]
): Uint8Array => {
  const text = checkpointText(`${originName}/${toHex(fileId)}`, size, root);
  return encodeNote(text, linesOn(text, signatories));
};

/** The note as it is parsed from a file, with these lines behind those of `signatories`. */
export const noteWith = (
  input: SignedNoteInput,
  signatories: readonly Signatory[],
  lines: (text: Uint8Array) => readonly NoteSignature[] = () => [],
): Note => {
  const text = checkpointText(`${input.originName ?? KEY_NAME}/${toHex(input.fileId)}`, input.size, input.root);
  return parseNote(encodeNote(text, [...linesOn(text, signatories), ...lines(text)]));
};

/** For a writer: every checkpoint signed by all of them. */
export const signedBy =
  (...signatories: readonly Signatory[]): SignCheckpoint =>
  (checkpoint) =>
    signedNote(checkpoint, ...signatories);

export interface StatementParts {
  readonly fileId: Uint8Array;
  readonly predicateType?: string;
  readonly predicate?: unknown;
  readonly subject?: unknown;
  readonly payloadType?: string;
}

/** The payload of an ATTS: an in-toto statement, a redaction unless something else is said. */
export const statementBy = (key: SigningKey, parts: StatementParts): Uint8Array => {
  const statement = {
    _type: STATEMENT_TYPE,
    subject: parts.subject ?? [{ name: 'recording', digest: { sha256: toHex(parts.fileId) } }],
    predicateType: parts.predicateType ?? 'urn:h4mk:predicate:redaction:v1',
    predicate: parts.predicate ?? { seq: [1, 3], reason: 'a bystander' },
  };
  const payload = utf8Encode(JSON.stringify(statement));
  const payloadType = parts.payloadType ?? STATEMENT_PAYLOAD_TYPE;
  return utf8Encode(JSON.stringify(createEnvelope({ payloadType, payload, key })));
};
