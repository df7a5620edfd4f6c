/**
 * The signed statement that goes with a redaction: who removed which payloads, and why (spec/h4mk.md sections 10 and 15). A
 * redaction needs no key, so that without such a statement nobody can tell whether it was allowed.
 */
import { toHex, utf8Encode } from '../../utils/bytes.js';
import { canonicalJson } from '../../utils/canonical-json.js';
import { createEnvelope } from '../../utils/dsse.js';
import { H4Error } from '../../utils/error.js';
import type { SigningKey } from '../../utils/signing-key.js';
import { STATEMENT_PAYLOAD_TYPE, statementBytes } from '../../utils/statement.js';

export const REDACTION_PREDICATE_TYPE = 'urn:h4mk:predicate:redaction:v1';

export const MAX_REASON_LENGTH = 4096;
/** What fits into an ATTS as readers take it. */
export const MAX_STATED_RECORDS = 65_536;

export interface RedactionStatementInput {
  /** leaf(0) of the recording. */
  readonly fileId: Uint8Array;
  /** Numbers of the records, ascending. */
  readonly records: readonly number[];
  readonly reason: string;
  /** The statement key that belongs to it signs. */
  readonly key: SigningKey;
}

/** The payload of an ATTS. H4_PARAM for a reason that says nothing or too much, and for more records than it can name. */
export const createRedactionStatement = ({ fileId, records, reason, key }: RedactionStatementInput): Uint8Array => {
  if (reason.trim() === '' || reason.length > MAX_REASON_LENGTH) {
    throw new H4Error('H4_PARAM', `A reason has 1 to ${MAX_REASON_LENGTH} characters, not ${reason.length}`);
  }
  if (records.length === 0 || records.length > MAX_STATED_RECORDS) {
    throw new H4Error(
      'H4_PARAM',
      `A statement names 1 to ${MAX_STATED_RECORDS} records, not ${records.length}: redact in several steps`,
    );
  }
  const payload = statementBytes({
    subject: { name: 'recording', sha256: toHex(fileId) },
    predicateType: REDACTION_PREDICATE_TYPE,
    predicate: { seq: [...records], reason },
  });
  return utf8Encode(canonicalJson(createEnvelope({ payloadType: STATEMENT_PAYLOAD_TYPE, payload, key })));
};
