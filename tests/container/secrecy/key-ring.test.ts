import { describe, expect, test } from 'vitest';
import { createEpochSecret } from '../../../src/container/secrecy/block-secrets.js';
import { KeyRing } from '../../../src/container/secrecy/key-ring.js';
import { MODE, type Mode } from '../../../src/container/format/layout.js';
import type { KeyEpoch } from '../../../src/container/format/meta.js';
import {
  type Tokn,
  commitmentOf,
  encodeHeaderOf,
  encodeRecordStart,
  headerOf,
  parseTokn,
} from '../../../src/container/format/tokn.js';
import { verifyPayload } from '../../../src/container/check/verified.js';
import { toHex, utf8Encode } from '../../../src/utils/bytes.js';
import { lcgBytes } from '../../compression/lcg.js';
import { refusal } from '../../utils/refusal.js';

const [KEY, OTHER, SALT, FILE_ID] = [lcgBytes(1, 32), lcgBytes(2, 32), lcgBytes(3, 32), lcgBytes(4, 32)];
const PLAIN = utf8Encode('what is hidden');

const listing = (epoch: number, key: Uint8Array, salt = lcgBytes(100 + epoch, 32)): KeyEpoch => ({
  epoch,
  salt: toHex(salt),
  commit: toHex(createEpochSecret(key, salt).commit),
});

/** A record of this mode under KEY and SALT, with a table of two tokens. */
const hidden = (mode: Mode, seq = 7, epoch = 0): { readonly tokn: Tokn; readonly payload: Uint8Array } => {
  const tokens = [
    { delta: 0, duration: 40, key: true, size: 10 },
    { delta: -3, duration: 40, key: false, size: PLAIN.length - 10 },
  ];
  const raw = PLAIN.length;
  const size = mode === MODE.encrypted ? raw + 28 : raw;
  const place = { mode, key: true, track: 2, epoch: mode === MODE.core ? 0 : epoch, seq, pts: 90, pos: 11, back: 3 };
  const start = { ...place, count: 2, raw, size, tokens, blind: new Uint8Array(0) };
  const secret = createEpochSecret(KEY, SALT);
  const payload =
    mode === MODE.core
      ? PLAIN
      : mode === MODE.masked
        ? secret.mask(FILE_ID, seq, PLAIN)
        : secret.seal(FILE_ID, seq, encodeHeaderOf(start), PLAIN);
  const commit = commitmentOf(start.blind, payload);
  const { entry } = encodeRecordStart({ ...start, commit }, { tag: 'SAFE', size, crc: 0 });
  return { tokn: parseTokn(entry), payload };
};

const ringOf = (...keys: Uint8Array[]): KeyRing => {
  const ring = new KeyRing(keys);
  ring.admit([listing(0, KEY, SALT)]);
  return ring;
};

const revealed = (ring: KeyRing, { tokn, payload }: ReturnType<typeof hidden>, fileId = FILE_ID): Uint8Array =>
  ring.reveal(fileId, tokn, verifyPayload(tokn, payload));

/** The record with other bytes in its entry or payload, and a commitment to them. */
const repaired = ({ tokn }: ReturnType<typeof hidden>, entry: Uint8Array, payload: Uint8Array) => {
  const bytes = entry.slice();
  const commit = commitmentOf(tokn.blind, payload);
  bytes.set(commit, 48);
  return { tokn: { ...tokn, commit, entry: bytes, size: payload.length }, payload };
};

describe('KeyRing', () => {
  test('gives back what was masked, encrypted or neither', () => {
    for (const mode of [MODE.core, MODE.masked, MODE.encrypted]) {
      expect(revealed(ringOf(OTHER, KEY), hidden(mode))).toEqual(PLAIN);
    }
    const { tokn, payload } = hidden(MODE.core);
    expect(new KeyRing([]).reveal(FILE_ID, tokn, verifyPayload(tokn, payload))).toBe(payload);
  });

  test('takes no key of fewer than 32 bytes, and copies those that it takes', () => {
    expect(refusal(() => new KeyRing([KEY, KEY.subarray(1)])).code).toBe('H4_PARAM');
    const key = KEY.slice();
    const ring = new KeyRing([key]);
    key.fill(0);
    ring.admit([listing(0, KEY, SALT)]);
    expect(revealed(ring, hidden(MODE.encrypted))).toEqual(PLAIN);
  });

  test('refuses an epoch that no META lists, one without any key, and one with other keys only', () => {
    const record = hidden(MODE.encrypted, 7, 5);
    expect(refusal(() => revealed(ringOf(KEY), record)).code).toBe('H4_KEYS_EPOCH');
    expect(refusal(() => revealed(ringOf(), hidden(MODE.masked))).code).toBe('H4_KEY_MISSING');
    const ring = ringOf(KEY);
    ring.admit([listing(5, OTHER)]);
    expect(refusal(() => revealed(ring, record)).code).toBe('H4_KEY_WRONG');
    expect([ring.opens(0), ring.opens(5), ring.opens(6)]).toEqual([true, false, false]);
    expect(refusal(() => ring.assertOpens(5, 7)).code).toBe('H4_KEY_WRONG');
    expect(() => ring.assertOpens(0, 7)).not.toThrow();
  });

  test('says at once when no key fits any epoch, and not when one fits one', () => {
    const ring = new KeyRing([OTHER, lcgBytes(8, 32)]);
    expect(() => ring.admit([])).not.toThrow();
    const error = refusal(() => ring.admit([listing(0, KEY), listing(1, KEY)]));
    expect(error.code).toBe('H4_KEY_WRONG');
    expect(error.message).toContain('epoch 0, 1 ');
    expect(() => ring.admit([listing(2, OTHER)])).not.toThrow();
    expect(refusal(() => new KeyRing([OTHER]).admit([listing(0, KEY)])).message).toContain('The key is not');
    expect(() => new KeyRing([]).admit([listing(0, KEY)])).not.toThrow();
  });

  test('takes an epoch again as it was, and not with other values', () => {
    const ring = ringOf(KEY);
    expect(() => ring.admit([listing(0, KEY, SALT), listing(1, KEY)])).not.toThrow();
    expect(refusal(() => ring.admit([listing(0, KEY, lcgBytes(9, 32))])).code).toBe('H4_KEYS_EPOCH');
    expect(refusal(() => ring.admit([{ ...listing(0, KEY, SALT), commit: '0'.repeat(64) }])).code).toBe(
      'H4_KEYS_EPOCH',
    );
  });

  test('a commitment of another key does not open an epoch, although the salt is right', () => {
    const ring = new KeyRing([KEY]);
    const forged = { ...listing(0, KEY, SALT), commit: listing(0, OTHER, SALT).commit };
    expect(refusal(() => ring.admit([forged])).code).toBe('H4_KEY_WRONG');
    expect(ring.opens(0)).toBe(false);
  });
});

describe('an encrypted record of which somebody changed something and repaired the commitment', () => {
  const record = hidden(MODE.encrypted);

  test('has every byte of its payload under the tag', () => {
    for (let at = 0; at < record.payload.length; at++) {
      const payload = record.payload.map((byte, i) => (i === at ? byte ^ 0x10 : byte));
      const changed = repaired(record, record.tokn.entry, payload);
      expect([at, refusal(() => revealed(ringOf(KEY), changed)).code]).toEqual([at, 'H4_AEAD_TAG']);
    }
  });

  test('has every byte of its header but the commitment under the tag', () => {
    const { entry } = record.tokn;
    expect(headerOf(entry)).toHaveLength(entry.length - 32);
    let bytes = 0;
    for (let at = 0; at < entry.length; at++) {
      if (at >= 48 && at < 80) continue;
      const changed = repaired(
        record,
        entry.map((byte, i) => (i === at ? byte ^ 0x10 : byte)),
        record.payload,
      );
      expect([at, refusal(() => revealed(ringOf(KEY), changed)).code]).toEqual([at, 'H4_AEAD_TAG']);
      bytes++;
    }
    expect(bytes).toBe(48 + 24);
    expect(revealed(ringOf(KEY), repaired(record, entry, record.payload))).toEqual(PLAIN);
  });

  test('does not open at another place or in another file', () => {
    const elsewhere = hidden(MODE.encrypted, 8);
    const swapped = repaired(elsewhere, elsewhere.tokn.entry, record.payload);
    expect(refusal(() => revealed(ringOf(KEY), swapped)).code).toBe('H4_AEAD_TAG');
    expect(refusal(() => revealed(ringOf(KEY), record, lcgBytes(5, 32))).code).toBe('H4_AEAD_TAG');
  });
});
