import { describe, expect, it } from 'vitest';
import { utf8Decode } from '../../src/utils/bytes.js';
import { statementBytes } from '../../src/utils/statement.js';
import { refusal } from './refusal.js';

const subject = { name: 'recording', sha256: 'ab'.repeat(32) };

describe('statementBytes()', () => {
  it('is an in-toto statement as canonical JSON', () => {
    const bytes = statementBytes({ subject, predicateType: 'urn:test', predicate: { b: [1], a: 'ü' } });
    expect(utf8Decode(bytes)).toBe(
      `{"_type":"https://in-toto.io/Statement/v1","predicate":{"a":"ü","b":[1]},"predicateType":"urn:test",` +
        `"subject":[{"digest":{"sha256":"${'ab'.repeat(32)}"},"name":"recording"}]}`,
    );
  });

  it('refuses a predicate that has no canonical form', () => {
    expect(refusal(() => statementBytes({ subject, predicateType: 'urn:test', predicate: { a: 0.5 } })).code).toBe(
      'H4_PARAM',
    );
  });
});
