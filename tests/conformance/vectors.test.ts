/**
 * The vectors that are part of the specification: the check and the reader give what `vectors.json` says, the tool gives the
 * same bytes again, and every code that a file can cause without keys has its file.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/utils/error-codes.js';
import {
  type VectorBook,
  answersOf,
  bookText,
  checkVector,
  describeVectors,
  makeVectors,
} from '../../tools/vectors.js';

const folder = fileURLToPath(new URL('../../spec/vectors', import.meta.url));
const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(join(folder, path)));
const book = JSON.parse(readFileSync(join(folder, 'vectors.json'), 'utf8')) as VectorBook;
const files = Object.entries(book.files);
const codeOf = (path: string): string => path.replace('broken/', '').replace('.h4mk', '');

/** Codes of section 17 that a file cannot cause by itself in a check, and why. */
const WITHOUT_VECTOR: Readonly<Record<string, string>> = {
  // Only who has a key can tell.
  H4_KEY_WRONG: 'keys',
  H4_AEAD_TAG: 'keys',
  H4_SIGN_BAD: 'keys',
  // Only a policy can ask for it.
  H4_SIGN_MISSING: 'policy',
  H4_SIGN_UNTRUSTED: 'policy',
  H4_SIGN_QUORUM: 'policy',
  H4_ENGINE_UNTRUSTED: 'policy',
  H4_VKEY: 'policy',
  H4_ROLLBACK: 'a follower',
  H4_EQUIVOCATION: 'a follower',
  // Only a question about part of a file can be answered with it.
  H4_PROOF_INVALID: 'proofs',
  H4_INDEX_MISMATCH: 'positioned reads',
  H4_SEEK_NOT_ADJACENT: 'positioned reads',
  H4_SEEK_NOT_FOUND: 'positioned reads',
  H4_RANGE_NOT_FOUND: 'positioned reads',
  H4_RANGE_REDACTED: 'positioned reads',
  // At the default limits such a file is larger than all vectors together; lower limits are tested elsewhere.
  H4_LIMIT_CHUNK: 'size',
  H4_LIMIT_TOKENS: 'size',
  H4_LIMIT_RECORDS: 'size',
  // Not about the content of a file.
  H4_IO: 'the world outside',
  H4_WRITE: 'the world outside',
  H4_LOCKED: 'the world outside',
  H4_HTTP_RANGE: 'the world outside',
  H4_CANCELLED: 'the world outside',
  H4_CORE_MISMATCH: 'cores',
  H4_CORE_ALTERED: 'cores',
  H4_ENGINE_BAD_OUTPUT: 'cores',
  H4_NOT_FOUND: 'requests',
  H4_UPLOAD_LIMIT: 'requests',
  H4_MEDIA_TYPE: 'requests',
  H4_HOST: 'requests',
  H4_ORIGIN: 'requests',
};

describe('the vectors of the specification', () => {
  it('are the files that vectors.json lists, and less than 1 MiB together', () => {
    const found = ['v1', 'broken'].flatMap((name) => readdirSync(join(folder, name)).map((file) => `${name}/${file}`));
    expect(found.sort()).toEqual(files.map(([path]) => path).sort());
    expect(files.reduce((sum, [, { size }]) => sum + size, 0)).toBeLessThan(2 ** 20);
  });

  it('come out of the tool byte for byte, their description included', async () => {
    const made = await makeVectors();
    for (const [path, bytes] of made) expect(Buffer.compare(bytes, bytesOf(path)), path).toBe(0);
    expect([...made.keys()]).toEqual(files.map(([path]) => path));
    expect(bookText(await describeVectors(made))).toBe(readFileSync(join(folder, 'vectors.json'), 'utf8'));
  });

  it.each(files)('%s is judged as vectors.json says', async (path, { seek, range, ...wanted }) => {
    expect(await checkVector(bytesOf(path))).toEqual(wanted);
    if (path.startsWith('v1/'))
      expect(await answersOf(bytesOf(path))).toEqual(seek === undefined ? {} : { seek, range });
  });
});

describe('a golden file', () => {
  const golden = files.filter(([path]) => path.startsWith('v1/'));

  it('breaks no rule', () => {
    for (const [path, { codes, state }] of golden) {
      expect(codes, path).toEqual([]);
      expect(['NOT_SIGNED', 'SIGNED_UNTRUSTED_KEY'], path).toContain(state);
    }
  });

  it('exists for every form of file', () => {
    const forms = new Set(golden.map(([, { format }]) => format));
    expect([...forms].sort()).toEqual(['H4MK v1 final', 'H4MK v1 legacy', 'H4MK v1 live', 'H4MK v1 slice']);
  });
});

describe('a broken file', () => {
  const broken = files.filter(([path]) => path.startsWith('broken/'));

  it.each(broken)('%s is refused with its own code and no other', (path, { codes, state, exit }) => {
    expect(codes).toEqual([codeOf(path)]);
    expect(state).toBe('NOT_OK');
    expect(exit).toBe(1);
  });

  it('exists for every code that a file can cause without keys, and a golden one for every warning', () => {
    const caused = new Set([...broken.map(([path]) => codeOf(path)), ...files.flatMap(([, { warnings }]) => warnings)]);
    const mustBeCaused = Object.entries(ERROR_CODES)
      .filter(([, { kind }]) => kind !== 'usage' && kind !== 'internal' && kind !== 'unavailable')
      .map(([code]) => code)
      .filter((code) => !(code in WITHOUT_VECTOR));
    expect(mustBeCaused.filter((code) => !caused.has(code))).toEqual([]);
    expect(Object.keys(WITHOUT_VECTOR).filter((code) => caused.has(code))).toEqual([]);
  });
});
