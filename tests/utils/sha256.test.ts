import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, toHex, utf8Encode } from '../../src/utils/bytes.js';
import { createSha256, sha256 } from '../../src/utils/sha256.js';
import { refusal } from './refusal.js';

/** Examples of FIPS 180 and of NIST's example documents. */
const known: readonly (readonly [text: string, digest: string])[] = [
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
  [
    'abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu',
    'cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1',
  ],
  ['a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
];

const someParts = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 });

describe('sha256()', () => {
  it.each(known.map(([text, digest]) => ({ length: text.length, text, digest })))(
    'of the FIPS 180 example of $length bytes is the published digest',
    ({ text, digest }) => {
      expect(toHex(sha256(utf8Encode(text)))).toBe(digest);
    },
  );

  it('of several parts is that of their concatenation', () => {
    fc.assert(
      fc.property(someParts, (parts) => {
        expect(sha256(...parts)).toEqual(sha256(concatBytes(...parts)));
      }),
    );
  });

  it('of no part is that of no bytes', () => {
    expect(sha256()).toEqual(sha256(new Uint8Array(0)));
  });

  it('gives fresh bytes that the caller may change, and no Buffer', () => {
    for (const parts of [
      [Uint8Array.of(1)],
      [Uint8Array.of(1), Uint8Array.of(2)],
      [new Uint8Array(300), Uint8Array.of(2)],
    ]) {
      const digest = sha256(...parts);
      const again = toHex(sha256(...parts));
      digest.fill(0);

      expect(Object.getPrototypeOf(digest)).toBe(Uint8Array.prototype);
      expect(toHex(sha256(...parts))).toBe(again);
    }
  });
});

describe('createSha256()', () => {
  it('gives the same digest however the bytes are cut', () => {
    fc.assert(
      fc.property(someParts, (parts) => {
        const running = createSha256();
        for (const part of parts) {
          running.update(part);
        }
        expect(running.digest()).toEqual(sha256(...parts));
      }),
    );
  });

  it('copy() forks the state: both go on alone', () => {
    const prefix = utf8Encode('abc');
    const suffix = utf8Encode('def');
    const running = createSha256();
    running.update(prefix);
    const fork = running.copy();
    const second = fork.copy();
    running.update(suffix);

    expect(fork.digest()).toEqual(sha256(prefix));
    expect(running.digest()).toEqual(sha256(prefix, suffix));
    second.update(suffix);
    expect(second.digest()).toEqual(sha256(prefix, suffix));
  });

  it.each<[string, (hash: ReturnType<typeof createSha256>) => unknown]>([
    ['update', (hash) => hash.update(new Uint8Array(1))],
    ['copy', (hash) => hash.copy()],
    ['digest', (hash) => hash.digest()],
  ])('refuses %s() after digest()', (_, use) => {
    const running = createSha256();
    running.digest();

    expect(refusal(() => use(running)).code).toBe('H4_STATE');
  });

  it('gives a digest that is no Buffer', () => {
    expect(Object.getPrototypeOf(createSha256().digest())).toBe(Uint8Array.prototype);
  });
});
