/**
 * The payloads that are not blocks. What a process has written is read as the claim of a stranger: the core in it has run by
 * then, and may have taken it over. Text from there is shortened and stripped before it gets into a message.
 */
import { utf8Decode, utf8Encode } from '../../../utils/bytes.js';
import { ERROR_CODES, type ErrorCode } from '../../../utils/error-codes.js';
import { isJsonObject, type JsonObject, parseStrictJson } from '../../../utils/strict-json.js';
import type { Declared } from '../../core.js';
import { ENGINE_ID_FORM, type Pins } from '../../seal.js';
import { MAX_TEXT_BYTES } from './frames.js';

/** What a process is to do. It travels in a frame: arguments and environment can be read by other users. */
export interface CoreSetup {
  readonly path: string;
  /** The fingerprint is always there: it was measured before the first process was started. */
  readonly pins: Pins;
  readonly temporaryFolder?: string;
  /** Whether `compress` is followed by the round-trip check. */
  readonly isChecked: boolean;
  readonly parentPid: number;
}

/** What a process says of the core that it has loaded. */
export interface SealReport {
  /** Of the file that was measured. */
  readonly fingerprint: string;
  readonly bytes: number;
  readonly declared: Declared;
}

/** A request that was understood and not done. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

const MAX_MESSAGE_CHARACTERS = 1000;
const JSON_LIMITS = { maxDepth: 4, maxBytes: MAX_TEXT_BYTES };
const FINGERPRINT_FORM = /^[0-9a-f]{64}$/u;

export function encodeMessage(message: CoreSetup | SealReport | Refusal): Uint8Array {
  // JSON writes half a surrogate pair, which a path or a message may hold, as an escape.
  return utf8Encode(JSON.stringify(message));
}

/** For the process: what comes from its parent needs no doubt. */
export function decodeSetup(bytes: Uint8Array): CoreSetup {
  return JSON.parse(utf8Decode(bytes)) as CoreSetup;
}

/** Undefined if the bytes are no such report. */
export function decodeSealReport(payload: Uint8Array): SealReport | undefined {
  const { fingerprint, bytes, declared } = decodeObject(payload);
  if (typeof fingerprint !== 'string' || !FINGERPRINT_FORM.test(fingerprint)) return undefined;
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 1) return undefined;
  if (declared === undefined || !isJsonObject(declared)) return undefined;
  const { engineId, fingerprint: declaredFingerprint } = declared;
  if (engineId !== undefined && !(typeof engineId === 'string' && ENGINE_ID_FORM.test(engineId))) return undefined;
  if (declaredFingerprint !== undefined && !isFingerprint(declaredFingerprint)) return undefined;
  return {
    fingerprint,
    bytes,
    declared: {
      ...(engineId === undefined ? {} : { engineId }),
      ...(declaredFingerprint === undefined ? {} : { fingerprint: declaredFingerprint }),
    },
  };
}

/** Undefined if the bytes are no refusal with one of these codes. */
export function decodeRefusal(payload: Uint8Array, codes: ReadonlySet<ErrorCode>): Refusal | undefined {
  const { code, message } = decodeObject(payload);
  if (typeof code !== 'string' || !isErrorCode(code) || !codes.has(code)) return undefined;
  return typeof message === 'string' ? { code, message: printable(message) } : undefined;
}

function decodeObject(payload: Uint8Array): JsonObject {
  try {
    const value = parseStrictJson(payload, JSON_LIMITS);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

function isFingerprint(value: unknown): value is string {
  return typeof value === 'string' && FINGERPRINT_FORM.test(value);
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}

/** One line, without characters that would steer a terminal. */
function printable(text: string): string {
  return text.slice(0, MAX_MESSAGE_CHARACTERS).replace(/\p{C}+/gu, ' ');
}
