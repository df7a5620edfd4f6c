/**
 * In-toto Statements v1: what somebody says of something that a SHA-256 names (specification, sections 10 and 15). They travel
 * in DSSE envelopes, whose signature covers exactly these bytes.
 */

import { canonicalJsonBytes } from './canonical-json.js';
import type { JsonObject } from './json-value.js';

export const STATEMENT_PAYLOAD_TYPE = 'application/vnd.in-toto+json';
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';

export interface StatementInput {
  /** What is spoken of: a name for people, and the lowercase hex of its SHA-256. */
  readonly subject: { readonly name: string; readonly sha256: string };
  readonly predicateType: string;
  readonly predicate: JsonObject;
}

/** The statement as canonical JSON: the same inputs give the same bytes. */
export function statementBytes({ subject, predicateType, predicate }: StatementInput): Uint8Array {
  const { name, sha256 } = subject;
  return canonicalJsonBytes({
    _type: STATEMENT_TYPE,
    subject: [{ name, digest: { sha256 } }],
    predicateType,
    predicate,
  });
}
