/**
 * Statements about a recording: the DSSE envelopes in ATTS (spec/h4mk.md sections 10 and 15). An envelope proves nothing by
 * standing in a file, since anybody can append one. It counts for what keys for statements have signed of it, and what it says
 * of records counts for the recording that its subject names. The bytes that were verified are the bytes that are parsed.
 */
import { toHex } from '../../utils/bytes.js';
import { type Envelope, parseEnvelope, verifyEnvelope } from '../../utils/dsse.js';
import { isH4Error } from '../../utils/error.js';
import { type JsonObject, type JsonValue, isJsonObject } from '../../utils/json-value.js';
import { STATEMENT_PAYLOAD_TYPE, STATEMENT_TYPE } from '../../utils/statement.js';
import { parseStrictJson } from '../../utils/strict-json.js';
import type { VerificationKey } from '../../utils/verification-key.js';
import type { Limits } from '../format/limits.js';
import type { RedactionCheck } from './redaction-check.js';

export const REDACTION_PREDICATE = 'urn:h4mk:predicate:redaction:v1';

/** One statement as a report lists it. */
export interface StatementInfo {
  /** The payload type of the envelope, cut to a length that fits a report, as all text here. */
  readonly type: string;
  /** Empty where the payload is no in-toto statement. */
  readonly predicate_type: string;
  /** Whether its subject is this recording. */
  readonly of_this_file: boolean;
  /**
   * Names of the configured keys that have signed it, none twice. None where it speaks of the redaction of another recording:
   * that proves nothing here.
   */
  readonly verified: readonly string[];
  /** Of a redaction of this recording: why, and the first of the records. */
  readonly reason?: string;
  readonly records?: readonly number[];
  /** How many records it names. */
  readonly record_count?: number;
}

const MAX_LISTED = 100;
const MAX_TEXT = 256;
const MAX_REASON = 1024;
const MAX_RECORDS = 1000;
const MAX_ANONYMOUS = 100;

/** The statements of one file. */
export class StatementCheck {
  readonly #limits: Limits;
  readonly #keys: readonly VerificationKey[];
  readonly #redactions: RedactionCheck;
  readonly #listed: StatementInfo[] = [];
  #count = 0;
  /** Signatures without a key ID that were tried. */
  #anonymous = 0;

  /** @param redactions is told what a believed statement says was redacted */
  constructor(limits: Limits, keys: readonly VerificationKey[], redactions: RedactionCheck) {
    this.#limits = limits;
    this.#keys = keys;
    this.#redactions = redactions;
  }

  /** Number of well-formed envelopes. */
  get count(): number {
    return this.#count;
  }

  /** The first of them. */
  get listed(): readonly StatementInfo[] {
    return this.#listed;
  }

  /**
   * Takes the payload of an ATTS in the file with this leaf(0). H4_ATTS_ENVELOPE if it is no envelope, H4_SIGN_BAD if a
   * signature in the name of a configured key does not verify; it is listed then, as signed by nobody.
   */
  check(payload: Uint8Array, fileId: Uint8Array | undefined): void {
    const { maxMetaBytes, maxJsonDepth, maxNoteLines } = this.#limits;
    const envelope = parseEnvelope(payload, {
      maxBytes: maxMetaBytes,
      maxDepth: maxJsonDepth,
      maxSignatures: maxNoteLines,
    });
    this.#count++;
    const { statement, redacted } = this.#describe(envelope, fileId);
    const { predicate_type, of_this_file } = statement;
    const counts = of_this_file || predicate_type !== REDACTION_PREDICATE;
    try {
      const verified = counts ? this.#signersOf(envelope) : [];
      this.#list({ ...statement, verified });
      if (verified.length > 0) this.#redactions.state(redacted);
    } catch (error) {
      this.#list(statement);
      throw error;
    }
  }

  /** Where there are too many, one that somebody known has signed takes the place of one that anybody can have appended. */
  #list(statement: StatementInfo): void {
    if (this.#listed.length >= MAX_LISTED) {
      const unsigned = this.#listed.findLastIndex(({ verified }) => verified.length === 0);
      if (statement.verified.length === 0 || unsigned < 0) return;
      this.#listed.splice(unsigned, 1);
    }
    this.#listed.push(statement);
  }

  #signersOf(envelope: Envelope): readonly string[] {
    try {
      return verifyEnvelope(this.#worthTrying(envelope), this.#keys).names;
    } catch (error) {
      if (!isH4Error(error, 'H4_SIGN_UNTRUSTED')) throw error;
      return [];
    }
  }

  /** Each of the signatures once, and of those that name no key only so many in a file: they are tried with all keys. */
  #worthTrying(envelope: Envelope): Envelope {
    const known = new Set<string>();
    const signatures = envelope.signatures.filter(({ keyid = '', signature }) => {
      const text = `${keyid} ${toHex(signature)}`;
      if (known.has(text) || (keyid === '' && this.#anonymous >= MAX_ANONYMOUS)) return false;
      known.add(text);
      if (keyid === '') this.#anonymous++;
      return true;
    });
    return { ...envelope, signatures };
  }

  /** `redacted`: all records that it says were redacted in this recording. */
  #describe(
    { payloadType, payload }: Envelope,
    fileId: Uint8Array | undefined,
  ): { readonly statement: StatementInfo; readonly redacted: readonly number[] } {
    const json = payloadType === STATEMENT_PAYLOAD_TYPE ? this.#statementIn(payload) : undefined;
    const predicateType = json?.['predicateType'];
    const isOfThisFile = json !== undefined && fileId !== undefined && hasSubject(json, toHex(fileId));
    const isRedaction = isOfThisFile && predicateType === REDACTION_PREDICATE;
    const { redacted, ...described } = isRedaction ? redactionIn(json['predicate']) : { redacted: [] };
    const statement = {
      type: shown(payloadType, MAX_TEXT),
      predicate_type: typeof predicateType === 'string' ? shown(predicateType, MAX_TEXT) : '',
      of_this_file: isOfThisFile,
      verified: [],
      ...described,
    };
    return { statement, redacted };
  }

  /** The in-toto statement that the payload is. A payload of another form is somebody's own, and no fault of the file. */
  #statementIn(payload: Uint8Array): JsonObject | undefined {
    const { maxMetaBytes, maxJsonDepth } = this.#limits;
    try {
      const json = parseStrictJson(payload, { maxBytes: maxMetaBytes, maxDepth: maxJsonDepth });
      return isJsonObject(json) && json['_type'] === STATEMENT_TYPE ? json : undefined;
    } catch (error) {
      if (!isH4Error(error)) throw error;
      return undefined;
    }
  }
}

/** Whether this SHA-256 is among the subjects. */
const hasSubject = ({ subject }: JsonObject, sha256: string): boolean =>
  isArray(subject) &&
  subject.some((item) => {
    const digest = isJsonObject(item) ? item['digest'] : undefined;
    return digest !== undefined && isJsonObject(digest) && digest['sha256'] === sha256;
  });

const redactionIn = (
  predicate: JsonValue | undefined,
): Pick<StatementInfo, 'reason' | 'records' | 'record_count'> & { readonly redacted: readonly number[] } => {
  const { seq, reason }: JsonObject = predicate !== undefined && isJsonObject(predicate) ? predicate : {};
  const records = isArray(seq)
    ? seq.filter((item): item is number => Number.isSafeInteger(item) && Number(item) >= 0)
    : [];
  return {
    ...(typeof reason === 'string' ? { reason: shown(reason, MAX_REASON) } : {}),
    records: records.slice(0, MAX_RECORDS),
    record_count: records.length,
    redacted: records,
  };
};

/** `Array.isArray` forgets the element type of a readonly array. */
const isArray = (value: JsonValue | undefined): value is readonly JsonValue[] => Array.isArray(value);

/** The beginning of a text, as a string of its own: a part would keep the whole alive as long as the report. */
const shown = (text: string, most: number): string => {
  const characters = Array.from(text.slice(0, 2 * most));
  return characters.length <= most && text.length <= 2 * most
    ? characters.join('')
    : `${characters.slice(0, most).join('')}...`;
};
