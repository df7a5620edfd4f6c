import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseChunkHeader } from '../../../src/container/format/chunk.js';
import { MODE, type Mode, NO_TRACK, isMediaMode } from '../../../src/container/format/layout.js';
import { createLimits } from '../../../src/container/format/limits.js';
import {
  type BlockToken,
  type ToknInput,
  encodeRecordStart,
  parseTokn,
  parseToknHead,
  tokensOf,
} from '../../../src/container/format/tokn.js';
import { concatBytes, toHex } from '../../../src/utils/bytes.js';
import { crc32 } from '../../../src/utils/crc32.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { patched } from '../../support/container.js';
import { refusal } from '../../utils/refusal.js';

const token = (size: number, delta = 0, key = true, duration = 0): BlockToken => ({ delta, duration, key, size });

/** A sound input: track 3, record 7, three tokens of 100 bytes together. */
const base: ToknInput = {
  mode: MODE.core,
  key: true,
  track: 3,
  epoch: 0,
  seq: 7,
  pts: 5000,
  pos: 4096,
  back: 2,
  count: 3,
  raw: 100,
  size: 60,
  commit: sha256(),
  tokens: [token(40), token(50, -20, false, 33), token(10, 20, true, 0xffffffff)],
  blind: new Uint8Array(0),
};
const BLIND = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
const META = { mode: MODE.meta, track: NO_TRACK, count: 0, tokens: [], raw: 60, pos: 0, back: 0 } as const;

const startOf = (input: Partial<ToknInput> = {}) =>
  encodeRecordStart({ ...base, ...input }, { tag: 'CORE', size: 60, crc: 0x01020304 });

/** The payload of the TOKN chunk. */
const toknOf = (input: Partial<ToknInput> = {}): Uint8Array => {
  const { bytes } = startOf(input);
  return bytes.subarray(12, 12 + parseChunkHeader(bytes, 0, 0).size);
};

const codeOf = (payload: Uint8Array): string => refusal(() => parseTokn(payload)).code;

describe('encodeRecordStart()', () => {
  const { bytes, entry } = startOf({ blind: BLIND });
  const table = [
    '00000000' + '00000000' + '80000028',
    'ffffffec' + '00000021' + '00000032',
    '00000014' + 'ffffffff' + '8000000a',
  ];
  const payload = [
    '01000300', // suite, mode, flags KEY and BLIND, zero
    '00030000', // track, epoch
    '0000000000000007', // seq
    '0000000000001388', // pts
    '0000000000001000', // pos
    '00000002', // back
    '00000003', // count
    '00000064', // raw
    '0000003c', // size
    toHex(sha256()),
    ...table,
    toHex(BLIND),
  ].join('');

  test('writes the TOKN chunk and the header of the payload chunk, field by field', () => {
    const tokn = bytes.subarray(12, 12 + 132);
    expect(toHex(tokn)).toBe(payload);
    expect(toHex(bytes.subarray(0, 12))).toBe('544f4b4e' + '00000084' + crc32(tokn).toString(16).padStart(8, '0'));
    expect(toHex(bytes.subarray(12 + 132))).toBe('434f5245' + '0000003c' + '01020304');
  });

  test('gives the entry without the blind, as a view of what it wrote', () => {
    expect(toHex(entry)).toBe(payload.slice(0, 2 * 116));
    expect(entry.buffer).toBe(bytes.buffer);
  });

  test.each<[string, Partial<ToknInput>]>([
    ['a delta above 2^31-1', { tokens: [token(100, 2 ** 31)] }],
    ['a delta below -2^31', { tokens: [token(100, -(2 ** 31) - 1)] }],
    ['a delta that is no integer', { tokens: [token(100, 0.5)] }],
    ['a duration of 2^32', { tokens: [token(100, 0, true, 2 ** 32)] }],
    ['a negative duration', { tokens: [token(100, 0, true, -1)] }],
    ['a token of 2^31 bytes', { tokens: [token(2 ** 31)] }],
    ['a token of -1 bytes', { tokens: [token(-1)] }],
    ['a track above 65535', { track: 65_536 }],
    ['a negative track', { track: -1 }],
    ['an epoch above 65535', { mode: MODE.masked, epoch: 65_536 }],
    ['a back above 2^32-1', { back: 2 ** 32 }],
    ['a negative back', { back: -1 }],
    ['a raw above 2^32-1', { raw: 2 ** 32 }],
    ['a blind that is too short', { blind: new Uint8Array(15) }],
    ['a blind that is too long', { blind: new Uint8Array(17) }],
    ['a negative PTS', { pts: -1 }],
    ['a PTS that is no number', { pts: Number.NaN }],
    ['a seq that is no integer', { seq: 0.5 }],
  ])('refuses %s', (_, input) => {
    expect(refusal(() => startOf(input)).code).toBe('H4_PARAM');
  });

  test.each<[string, Partial<ToknInput>]>([
    ['a media record without a track of its own', { track: NO_TRACK }],
    ['a key epoch for a block in the clear', { epoch: 1 }],
    ['an encrypted block without room for nonce and tag', { mode: MODE.encrypted, size: 27 }],
    ['META that is not KEY', { ...META, key: false }],
  ])('does not write %s, which no reader would take', (_, input) => {
    expect(refusal(() => startOf(input)).code).toBe('H4_TOKN_FIELD');
  });

  test.each([2 ** 53, 2 ** 60])('refuses a PTS, a seq and a pos of %d as beyond what can be read back', (value) => {
    for (const field of ['pts', 'seq', 'pos']) {
      expect(refusal(() => startOf({ [field]: value })).code).toBe('H4_LIMIT_U64');
    }
  });

  test('does not write a pos whose block would end beyond 2^53-1', () => {
    expect(refusal(() => startOf({ pos: Number.MAX_SAFE_INTEGER - 99 })).code).toBe('H4_LIMIT_U64');
    expect(parseTokn(toknOf({ pos: Number.MAX_SAFE_INTEGER - 100 })).pos).toBe(Number.MAX_SAFE_INTEGER - 100);
  });
});

describe('parseTokn()', () => {
  const limits = createLimits({ maxBlockBytes: 2 ** 31 });

  test('reads every field', () => {
    const payload = toknOf({ blind: BLIND });
    const tokn = parseTokn(payload);
    expect(tokn).toEqual({
      mode: MODE.core,
      key: true,
      track: 3,
      epoch: 0,
      seq: 7,
      pts: 5000,
      pos: 4096,
      back: 2,
      count: 3,
      raw: 100,
      size: 60,
      commit: base.commit,
      entry: payload.subarray(0, 116),
      blind: BLIND,
    });
    expect([...tokensOf(tokn)]).toEqual(base.tokens);
  });

  test('gives views, not copies', () => {
    const payload = Uint8Array.from(concatBytes(Uint8Array.of(1, 2, 3), toknOf({ blind: BLIND }))).subarray(3);
    const tokn = parseTokn(payload);
    for (const view of [tokn.entry, tokn.blind, tokn.commit]) expect(view.buffer).toBe(payload.buffer);
    payload[48] = 0x77;
    payload[84] = 0x01;
    payload[payload.length - 1] = 0x66;
    expect([tokn.commit[0], tokn.blind[15]]).toEqual([0x77, 0x66]);
    expect([...tokensOf(tokn)][0]?.duration).toBe(0x01000000);
  });

  test('is the inverse of encodeRecordStart()', () => {
    const u32 = fc.integer({ min: 0, max: 0xffffffff });
    const tokens = fc
      .array(
        fc.record({
          delta: fc.integer(),
          duration: u32,
          key: fc.boolean(),
          size: fc.integer({ min: 0, max: 100_000_000 }),
        }),
        { minLength: 1, maxLength: 20 },
      )
      .map((list) => list.map((item, i) => (i === 0 ? { ...item, delta: 0 } : item)));
    const any = fc.record({
      mode: fc.constantFrom<Mode>(0, 1, 2, 3, 4),
      track: fc.integer({ min: 0, max: 65_534 }),
      epoch: fc.integer({ min: 0, max: 65_535 }),
      seq: fc.maxSafeNat(),
      pts: fc.integer({ min: 2 ** 31, max: Number.MAX_SAFE_INTEGER - 2 ** 31 }),
      pos: fc.integer({ min: 0, max: 2 ** 52 }),
      back: u32,
      size: fc.integer({ min: 28, max: 0xffffffff }),
      commit: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      blind: fc.constantFrom(BLIND, new Uint8Array(0)),
      tokens,
    });
    fc.assert(
      fc.property(any, (fields) => {
        const media = isMediaMode(fields.mode);
        const list = media ? fields.tokens : [];
        const input: ToknInput = {
          ...fields,
          tokens: list,
          count: list.length,
          track: media ? fields.track : NO_TRACK,
          epoch: fields.mode === MODE.masked || fields.mode === MODE.encrypted ? fields.epoch : 0,
          key: media ? (list[0]?.key ?? false) : true,
          raw: media ? list.reduce((sum, { size }) => sum + size, 0) : fields.size,
        };
        const { tokens: table, blind, ...head } = input;
        const { entry } = startOf(input);
        const tokn = parseTokn(toknOf(input), createLimits({ maxBlockBytes: 2 ** 32 }));
        expect(tokn).toEqual({ ...head, blind, entry });
        expect([...tokensOf(tokn)]).toEqual(table);
        expect(parseToknHead(entry.subarray(0, 80))).toEqual(head);
      }),
    );
  });

  describe('keeps to the order of checks that the format prescribes:', () => {
    type Change = (payload: Uint8Array) => Uint8Array;
    const checks: readonly (readonly [code: string, change: Change])[] = [
      ['H4_TOKN_SIZE', (payload) => payload.subarray(0, 79)],
      ['H4_TOKN_SUITE', (payload) => patched(payload, 0, 2)],
      ['H4_TOKN_MODE', (payload) => patched(payload, 1, 5)],
      ['H4_TOKN_FLAGS', (payload) => patched(payload, 2, 5)],
      ['H4_U64_RANGE', (payload) => patched(payload, 8, 2n ** 63n, 8)],
      ['H4_TOKN_FIELD', (payload) => patched(payload, 4, 65_535, 2)],
      ['H4_TOKN_SIZE', (payload) => concatBytes(payload, Uint8Array.of(0))],
      ['H4_TOKN_SUM', (payload) => patched(payload, 40, 101, 4)],
      ['H4_TOKN_DELTA', (payload) => patched(payload, 80, 1, 4)],
      ['H4_LIMIT_TOKENS', (payload) => payload],
    ];
    const strict = createLimits({ maxTokens: 2, maxBlockBytes: 99 });

    test.each(checks.map(([code, change], i) => ({ i, code, change })))(
      '$i $code comes before all that follow',
      (first) => {
        for (const [, change] of checks.slice(first.i)) {
          expect(refusal(() => parseTokn(first.change(change(toknOf())), strict)).code).toBe(first.code);
        }
      },
    );

    test('the limit of tokens comes before that of bytes', () => {
      expect(refusal(() => parseTokn(toknOf(), createLimits({ maxBlockBytes: 99 }))).code).toBe('H4_LIMIT_BLOCK');
      expect(parseTokn(toknOf(), createLimits({ maxTokens: 3, maxBlockBytes: 100 })).count).toBe(3);
    });
  });

  test('the length must follow from the count and the flag BLIND', () => {
    const plain = toknOf();
    const blind = toknOf({ blind: BLIND });
    for (const wrong of [
      plain.subarray(0, -1),
      concatBytes(plain, BLIND),
      blind.subarray(0, -16),
      blind.subarray(0, -1),
    ]) {
      expect(codeOf(wrong)).toBe('H4_TOKN_SIZE');
    }
    expect(codeOf(patched(plain, 36, 0xffffffff, 4))).toBe('H4_TOKN_SIZE');
    expect(refusal(() => parseTokn(plain.subarray(0, 90))).message).toBe(
      'TOKN has 90 bytes; with 3 tokens it must have 116',
    );
  });

  test.each([0, 2, 3, 255])('suite %i is refused', (suite) => {
    expect(codeOf(patched(toknOf(), 0, suite))).toBe('H4_TOKN_SUITE');
  });

  test('modes 5 to 255 are refused', () => {
    for (let mode = 5; mode < 256; mode++) expect(codeOf(patched(toknOf(), 1, mode))).toBe('H4_TOKN_MODE');
  });

  test('every reserved flag bit and the zero byte are refused', () => {
    for (let bit = 2; bit < 8; bit++) expect(codeOf(patched(toknOf(), 2, 1 + (1 << bit)))).toBe('H4_TOKN_FLAGS');
    for (let bit = 0; bit < 8; bit++) expect(codeOf(patched(toknOf(), 3, 1 << bit))).toBe('H4_TOKN_FLAGS');
  });

  test.each([
    ['seq', 8],
    ['pts', 16],
    ['pos', 24],
  ])('%s may be 2^53-1 less what is added to it, is a limit up to 2^63-1, and out of range beyond', (field, at) => {
    const added = { seq: 0, pts: Math.max(...base.tokens.map(({ delta }) => delta)), pos: base.raw }[field] ?? 0;
    const largest = Number.MAX_SAFE_INTEGER - added;
    expect(parseTokn(patched(toknOf(), at, largest, 8))).toMatchObject({ [field]: largest });
    for (const value of [BigInt(largest) + 1n, 2n ** 53n, 2n ** 63n - 1n]) {
      expect(codeOf(patched(toknOf(), at, value, 8))).toBe('H4_LIMIT_U64');
    }
    for (const value of [2n ** 63n, 2n ** 64n - 1n]) {
      expect(codeOf(patched(toknOf(), at, value, 8))).toBe('H4_U64_RANGE');
    }
  });

  describe('fields', () => {
    const media: readonly Mode[] = [MODE.core, MODE.masked, MODE.encrypted];
    const inTime: readonly Mode[] = [MODE.meta, MODE.scopes];

    test.each(media)('mode %i needs a track of its own and tokens', (mode) => {
      expect(parseTokn(toknOf({ mode, track: 65_534 })).track).toBe(65_534);
      expect(codeOf(patched(toknOf({ mode }), 4, 65_535, 2))).toBe('H4_TOKN_FIELD');
      expect(codeOf(patched(toknOf({ mode }).subarray(0, 80), 36, 0, 4))).toBe('H4_TOKN_FIELD');
    });

    test.each(inTime)('mode %i has track 65535, no tokens, is KEY, and raw is its size', (mode) => {
      const payload = toknOf({ ...META, mode });
      expect(parseTokn(payload)).toMatchObject({ mode, track: 65_535, key: true, count: 0, raw: 60, size: 60 });
      expect([...tokensOf(parseTokn(payload))]).toEqual([]);
      for (const wrong of [
        patched(payload, 4, 65_534, 2),
        patched(payload, 4, 0, 2),
        patched(payload, 2, 0),
        patched(payload, 36, 1, 4),
        patched(payload, 40, 61, 4),
        patched(payload, 44, 59, 4),
      ]) {
        expect(codeOf(wrong)).toBe('H4_TOKN_FIELD');
      }
    });

    test('only masked and encrypted blocks have an epoch', () => {
      for (const mode of [MODE.masked, MODE.encrypted])
        expect(parseTokn(toknOf({ mode, epoch: 65_535 })).epoch).toBe(65_535);
      for (const payload of [toknOf(), toknOf(META), toknOf({ ...META, mode: MODE.scopes })]) {
        expect(codeOf(patched(payload, 6, 1, 2))).toBe('H4_TOKN_FIELD');
      }
    });

    test('an encrypted payload has room for nonce and tag', () => {
      expect(parseTokn(toknOf({ mode: MODE.encrypted, size: 28 })).size).toBe(28);
      expect(codeOf(patched(toknOf({ mode: MODE.encrypted }), 44, 27, 4))).toBe('H4_TOKN_FIELD');
      expect(parseTokn(toknOf({ mode: MODE.masked, size: 0 })).size).toBe(0);
    });

    test('a message names the field, its value and the mode', () => {
      expect(refusal(() => parseTokn(patched(toknOf(), 6, 9, 2))).message).toBe(
        'TOKN of mode 0 has epoch 9, which that mode does not allow',
      );
    });
  });

  describe('tokens', () => {
    test('may have the least and the greatest delta, duration and size that there are', () => {
      const tokens = [token(2 ** 31 - 1), token(0, -(2 ** 31), false, 0xffffffff), token(0, 2 ** 31 - 1, true, 0)];
      const tokn = parseTokn(toknOf({ tokens, raw: 2 ** 31 - 1, pts: 2 ** 31 }), limits);
      expect([...tokensOf(tokn)]).toEqual(tokens);
    });

    test('bit 31 of a size is the key bit and not part of the sum', () => {
      const payload = toknOf();
      expect(payload[80 + 8]).toBe(0x80);
      expect([...tokensOf(parseTokn(payload))].map(({ key, size }) => [key, size])).toEqual([
        [true, 40],
        [false, 50],
        [true, 10],
      ]);
    });

    test('may be empty, the first one too', () => {
      for (const key of [true, false]) {
        const tokens = [token(0, 0, key), token(0, 5, true)];
        const tokn = parseTokn(toknOf({ tokens, key, count: 2, raw: 0, size: 0 }));
        expect([...tokensOf(tokn)]).toEqual(tokens);
      }
    });

    test.each([99, 101, 0])('that add up to 100 do not make a block of %i bytes', (raw) => {
      expect(codeOf(patched(toknOf(), 40, raw, 4))).toBe('H4_TOKN_SUM');
    });

    test('whose sum is 2^32 above raw are not taken for it', () => {
      const tokens = [token(2 ** 31 - 1), token(2 ** 31 - 1, 0, false), token(2, 0, false)];
      expect(codeOf(toknOf({ tokens, raw: 0 }))).toBe('H4_TOKN_SUM');
    });

    test('the first one has delta 0 and the key bit of its record', () => {
      expect(codeOf(patched(toknOf(), 80, 1, 4))).toBe('H4_TOKN_DELTA');
      expect(codeOf(patched(toknOf(), 80, -1, 4))).toBe('H4_TOKN_DELTA');
      expect(codeOf(patched(toknOf(), 88, 40, 4))).toBe('H4_TOKN_DELTA');
      expect(codeOf(patched(toknOf(), 2, 0))).toBe('H4_TOKN_DELTA');
      expect(parseTokn(patched(patched(toknOf(), 2, 0), 88, 40, 4)).key).toBe(false);
    });

    test('may lie at time 0, but not before it', () => {
      expect(parseTokn(toknOf({ pts: 20 })).pts).toBe(20);
      expect(refusal(() => parseTokn(toknOf({ pts: 19 })))).toMatchObject({
        code: 'H4_TOKN_DELTA',
        message: 'Record 7 has a token before time 0: PTS 19 and delta -20',
      });
    });
  });
});

describe('parseToknHead()', () => {
  test('needs 80 bytes and looks at no more', () => {
    const payload = toknOf();
    expect(parseToknHead(payload.subarray(0, 80))).toEqual(parseToknHead(payload));
    expect(refusal(() => parseToknHead(payload.subarray(0, 79))).code).toBe('H4_TOKN_SIZE');
    expect(refusal(() => parseToknHead(new Uint8Array(0))).message).toBe('TOKN has 0 bytes, fewer than its fixed 80');
  });
});
