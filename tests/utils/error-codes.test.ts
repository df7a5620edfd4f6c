import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES, type ErrorCode, exitCodeOf, httpStatusOf } from '../../src/utils/error-codes.js';
import { describeShared } from '../support/shared.js';

const codes = Object.keys(ERROR_CODES) as ErrorCode[];
const page = readFileSync(new URL('../../docs/reference/errors.md', import.meta.url), 'utf8');

/** The cells of every table row whose first cell matches, without the backticks around names. */
function rowsOf(markdown: string, firstCell: RegExp): string[][] {
  return markdown
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.slice(1, -1).split('|'))
    .map((cells) => cells.map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')))
    .filter(([first]) => first !== undefined && firstCell.test(first));
}

describe('docs/reference/errors.md', () => {
  it('lists exactly the codes there are, each with its kind, status, exit code and meaning', () => {
    const documented = rowsOf(page, /^H4_/);
    const actual = codes.map((code) => {
      const { kind, meaning } = ERROR_CODES[code];
      return [code, kind, String(httpStatusOf(code)), String(exitCodeOf(code)), meaning];
    });

    expect(documented).toEqual(actual);
  });

  it('gives for each kind the status and the exit code that its codes have by default', () => {
    const documented = rowsOf(
      page,
      /^(malformed|tampered|untrusted|unsupported|limit|missing|unavailable|usage|internal)$/,
    );
    const kinds = new Set(codes.map((code) => ERROR_CODES[code].kind));

    expect(new Set(documented.map(([kind]) => kind))).toEqual(kinds);
    expect(documented).toHaveLength(kinds.size);
    for (const [kind, , status, exit] of documented) {
      const ofKind = codes.filter((code) => ERROR_CODES[code].kind === kind);
      const byDefault = ofKind.filter(
        (code) => String(httpStatusOf(code)) === status && String(exitCodeOf(code)) === exit,
      );
      expect(byDefault.length, kind).toBeGreaterThan(0);
      expect(byDefault.length, kind).toBeGreaterThanOrEqual(ofKind.length / 2);
    }
  });
});

describe('httpStatusOf()', () => {
  it.each([
    ['H4_BAD_MAGIC', 422],
    ['H4_CRC_MISMATCH', 422],
    ['H4_SIGN_MISSING', 403],
    ['H4_BAD_VERSION', 415],
    ['H4_LIMIT_CHUNK', 413],
    ['H4_SEEK_NOT_FOUND', 404],
    ['H4_BUSY', 503],
    ['H4_PARAM', 400],
    ['H4_INTERNAL', 500],
  ] as const)('answers %s with the status of its kind, %i', (code, status) => {
    expect(httpStatusOf(code)).toBe(status);
  });

  it.each([
    ['H4_KEY_MISSING', 403],
    ['H4_KEY_WRONG', 403],
    ['H4_RANGE_REDACTED', 410],
    ['H4_RANGE_NOT_FOUND', 416],
    ['H4_IO', 503],
    ['H4_WRITE', 503],
    ['H4_LOCKED', 503],
    ['H4_CANCELLED', 503],
    ['H4_CORE_MISMATCH', 503],
    ['H4_CORE_ALTERED', 503],
    ['H4_ENGINE_CRASHED', 502],
    ['H4_ENGINE_BAD_OUTPUT', 502],
    ['H4_ENGINE_TIMEOUT', 504],
    ['H4_METHOD', 405],
    ['H4_UPLOAD_STALLED', 408],
    ['H4_HOST', 421],
  ] as const)('answers %s with %i, other than its kind', (code, status) => {
    expect(httpStatusOf(code)).toBe(status);
  });
});

describe('exitCodeOf()', () => {
  it.each([
    ['H4_BAD_MAGIC', 1],
    ['H4_CRC_MISMATCH', 1],
    ['H4_SIGN_MISSING', 1],
    ['H4_BAD_VERSION', 1],
    ['H4_LIMIT_CHUNK', 1],
    ['H4_TRUNCATED', 1],
    ['H4_PARAM', 2],
    ['H4_INTERNAL', 70],
  ] as const)('ends on %s with the exit code of its kind, %i', (code, exit) => {
    expect(exitCodeOf(code)).toBe(exit);
  });

  it.each(['H4_IO', 'H4_WRITE', 'H4_LOCKED', 'H4_CORE_NOT_FOUND'] as const)(
    'ends on %s with 4, other than its kind',
    (code) => {
      expect(exitCodeOf(code)).toBe(4);
    },
  );

  it.each(['H4_KEY_MISSING', 'H4_KEY_WRONG', 'H4_RANGE_NOT_FOUND'] as const)(
    'ends on %s with 2: nothing is wrong with the file, but with what it was asked',
    (code) => {
      expect(exitCodeOf(code)).toBe(2);
    },
  );
});

describeShared('the table of error codes', (shared) => {
  const specification = readFileSync(`${shared}/h4mk.md`, 'utf8');
  const section17 = specification.slice(specification.indexOf('\n## 17.'), specification.indexOf('\n## 18.'));
  const specified = rowsOf(section17, /^H4_/).map(([code, kind]) => ({ code, kind }));

  it('has every code of section 17 of the specification, with the same kind', () => {
    expect(specified.length).toBeGreaterThan(90);
    for (const { code, kind } of specified) {
      expect(Object.entries(ERROR_CODES)).toContainEqual([code, expect.objectContaining({ kind })]);
    }
  });

  it('has beyond section 17 only the codes that no content of a file explains, and the one that section 3 names', () => {
    const known = new Set(specified.map(({ code }) => code));

    expect(codes.filter((code) => !known.has(code))).toEqual([
      'H4_SEEK_NOT_FOUND',
      'H4_ENGINE_UNTRUSTED',
      'H4_LIMIT_U64',
      'H4_WRITE',
      'H4_LOCKED',
      'H4_CANCELLED',
      'H4_CORE_NOT_FOUND',
      'H4_CORE_LOAD',
      'H4_CORE_SYMBOL',
      'H4_CORE_MISMATCH',
      'H4_CORE_ALTERED',
      'H4_CORE_PIN',
      'H4_ENGINE_CRASHED',
      'H4_ENGINE_TIMEOUT',
      'H4_ENGINE_BAD_OUTPUT',
      'H4_CORE_SETUP',
      'H4_ENGINE_EQUIVALENT',
      'H4_BUSY',
      'H4_NOT_FOUND',
      'H4_METHOD',
      'H4_UPLOAD_LIMIT',
      'H4_UPLOAD_STALLED',
      'H4_MEDIA_TYPE',
      'H4_HOST',
      'H4_ORIGIN',
      'H4_PARAM',
      'H4_EXISTS',
      'H4_STATE',
      'H4_ENGINE_INPUT',
      'H4_SIGNING_KEY',
      'H4_GUESSABLE',
      'H4_POLICY',
      'H4_INTERNAL',
    ]);
  });

  it('has every code that the specification names anywhere', () => {
    const named = new Set(specification.match(/H4_[A-Z0-9]+(?:_[A-Z0-9]+)*/g));

    expect([...named].filter((code) => !(code in ERROR_CODES))).toEqual([]);
  });
});
