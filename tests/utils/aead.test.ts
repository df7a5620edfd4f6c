import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AEAD_TAG_BYTES, aes256GcmOpen, aes256GcmSeal } from '../../src/utils/aead.js';
import { concatBytes, fromHex, toHex } from '../../src/utils/bytes.js';
import { platform as node } from '../../src/utils/platform/node/platform.js';
import { platform as web } from '../../src/utils/platform/web/platform.js';
import { describeShared } from '../support/shared.js';
import { refusal } from './refusal.js';

const key = Uint8Array.from({ length: 32 }, (_, index) => index);
const nonce = Uint8Array.from({ length: 12 }, (_, index) => 0xa0 + index);
const header = Uint8Array.of(1, 2, 3);
const nothing = new Uint8Array(0);
const sample = Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 2_654_435_761) >>> 24);

describe('AES-256-GCM', () => {
  it.each([
    ['nothing', nothing, '530f8afbc74536b9a963b4f1c4cb738b'],
    ['a block of zeros', new Uint8Array(16), 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919'],
  ])('gives the result of the GCM specification for %s', (_, plain, sealed) => {
    const [zeroKey, zeroNonce] = [new Uint8Array(32), new Uint8Array(12)];
    expect(toHex(aes256GcmSeal(zeroKey, zeroNonce, nothing, plain))).toBe(sealed);
    expect(aes256GcmOpen(zeroKey, zeroNonce, nothing, fromHex(sealed))).toEqual(plain);
  });

  it.each([0, 1, 15, 16, 17, 1 << 20])('is the same behind both doors for %i bytes', (length) => {
    const plain = sample.subarray(0, length);
    const sealed = aes256GcmSeal(key, nonce, header, plain);
    expect(sealed).toHaveLength(length + AEAD_TAG_BYTES);
    for (const door of [node, web]) {
      expect(Buffer.compare(door.aes256GcmSeal(key, nonce, header, plain), sealed)).toBe(0);
      expect(Buffer.compare(door.aes256GcmOpen(key, nonce, header, sealed) ?? nothing, plain)).toBe(0);
      const behind = door.aes256GcmSeal(key, nonce, header, plain, nonce);
      expect(Buffer.compare(behind, concatBytes(nonce, sealed))).toBe(0);
    }
  });

  it('opens nothing that has been changed, under another key, nonce or header', () => {
    const plain = sample.subarray(0, 20);
    const sealed = aes256GcmSeal(key, nonce, header, plain);
    const changed = (bytes: Uint8Array, at: number): Uint8Array =>
      bytes.map((byte, index) => (index === at ? byte ^ 0x80 : byte));
    for (const door of [node, web]) {
      const isOpen = (...args: Parameters<typeof door.aes256GcmOpen>): boolean =>
        door.aes256GcmOpen(...args) !== undefined;
      expect(isOpen(key, nonce, header, sealed)).toBe(true);
      for (let at = 0; at < sealed.length; at++) expect(isOpen(key, nonce, header, changed(sealed, at))).toBe(false);
      for (let at = 0; at < 32; at++) expect(isOpen(changed(key, at), nonce, header, sealed)).toBe(false);
      for (let at = 0; at < 12; at++) expect(isOpen(key, changed(nonce, at), header, sealed)).toBe(false);
      for (const other of [nothing, changed(header, 2), concatBytes(header, Uint8Array.of(0))]) {
        expect(isOpen(key, nonce, other, sealed)).toBe(false);
      }
      for (const end of [16, 20, 35]) expect(isOpen(key, nonce, header, sealed.subarray(0, end))).toBe(false);
    }
  });

  it.each([0, 1, 15])('opens nothing of %i bytes, which have no tag', (length) => {
    expect(aes256GcmOpen(key, nonce, header, new Uint8Array(length))).toBeUndefined();
  });

  it('opens what it has sealed, and leaves its input as it was', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (head, plain) => {
        const before = plain.slice();
        const sealed = aes256GcmSeal(key, nonce, head, plain);
        const kept = sealed.slice();
        expect(aes256GcmOpen(key, nonce, head, sealed)).toEqual(before);
        expect([plain, sealed]).toEqual([before, kept]);
      }),
    );
  });

  it('gives no Buffer, and arrays of their own', () => {
    const sealed = aes256GcmSeal(key, nonce, header, sample.subarray(3, 20));
    const opened = aes256GcmOpen(key, nonce, header, sealed) ?? nothing;
    for (const bytes of [sealed, opened]) expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
    sealed.fill(0);
    expect(opened).toEqual(sample.slice(3, 20));
  });

  it.each([
    [31, 12],
    [33, 12],
    [16, 12],
    [32, 11],
    [32, 16],
    [32, 0],
  ])('takes no key of %i bytes with a nonce of %i', (keyBytes, nonceBytes) => {
    const [badKey, badNonce] = [new Uint8Array(keyBytes), new Uint8Array(nonceBytes)];
    for (const run of [aes256GcmSeal, aes256GcmOpen]) {
      expect(refusal(() => run(badKey, badNonce, header, new Uint8Array(16)))).toMatchObject({
        code: 'H4_PARAM',
        message: `Cannot use AES-256-GCM with a key of ${keyBytes} bytes and a nonce of ${nonceBytes}: it has 32 and 12`,
      });
    }
  });
});

interface WycheproofGcm {
  readonly testGroups: readonly {
    readonly tests: readonly {
      readonly tcId: number;
      readonly key: string;
      readonly iv: string;
      readonly aad: string;
      readonly msg: string;
      readonly ct: string;
      readonly tag: string;
      readonly result: 'valid' | 'invalid';
    }[];
  }[];
}

describeShared('AES-256-GCM against Wycheproof', (shared) => {
  const file = readFileSync(`${shared}/vectors/wycheproof_aes256_gcm_iv96.json`, 'utf8');
  const tests = (JSON.parse(file) as WycheproofGcm).testGroups.flatMap((group) => group.tests);

  // The file is cut to these sizes of key, nonce and tag; the number of tests that it announces is that before the cut.
  it('has 66 vectors, valid and invalid', () => {
    expect(tests).toHaveLength(66);
    expect(new Set(tests.map(({ result }) => result))).toEqual(new Set(['valid', 'invalid']));
  });

  it.each(tests)('agrees with vector $tcId, behind both doors', ({ result, ...vector }) => {
    const [ownKey, iv, aad, msg] = [vector.key, vector.iv, vector.aad, vector.msg].map((hex) => fromHex(hex)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const sealed = fromHex(vector.ct + vector.tag);
    for (const door of [node, web]) {
      expect(door.aes256GcmOpen(ownKey, iv, aad, sealed)).toEqual(result === 'valid' ? msg : undefined);
      const isSame = toHex(door.aes256GcmSeal(ownKey, iv, aad, msg)) === toHex(sealed);
      expect(isSame).toBe(result === 'valid');
    }
  });
});
