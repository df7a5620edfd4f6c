import { describe, expect, test } from 'vitest';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { createLimits, DEFAULT_LIMITS } from '../../../src/container/format/limits.js';
import { MetaLedger, ZERO_UID, contentUid, parseMeta, recordZeroJson } from '../../../src/container/format/meta.js';
import { jsonEqual } from '../../../src/container/format/meta-rules.js';
import { toHex, utf8Encode } from '../../../src/utils/bytes.js';
import { canonicalJson } from '../../../src/utils/canonical-json.js';
import type { H4Error } from '../../../src/utils/error.js';
import type { JsonObject, JsonValue } from '../../../src/utils/json-value.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { refusal } from '../../utils/refusal.js';

const SALT = '5a'.repeat(32);
const COMMIT = 'c0'.repeat(32);

const zero = recordZeroJson({
  compression: storedEngine.info(),
  uid: ZERO_UID,
  seekTrack: 0,
  tracks: [{ id: 0, kind: 'video' }],
});

/** `json` with the value at a path such as `h4mk.tracks.0.id` replaced, or removed if `value` is undefined. */
const withValue = (json: JsonValue, path: string, value: JsonValue | undefined): JsonObject => {
  const [head = '', ...rest] = path.split('.');
  const copy = structuredClone(json) as Record<string, JsonValue>;
  if (rest.length > 0) {
    copy[head] = withValue(copy[head] ?? {}, rest.join('.'), value);
  } else if (value === undefined) {
    return Object.fromEntries(Object.entries(copy).filter(([key]) => key !== head));
  } else {
    copy[head] = value;
  }
  return copy;
};

const ledgerOf = (...metas: readonly JsonObject[]): MetaLedger => {
  const ledger = new MetaLedger();
  for (const meta of metas) ledger.apply(meta, []);
  return ledger;
};

const refused = (...metas: readonly JsonObject[]): H4Error => refusal(() => ledgerOf(...metas));

describe('recordZeroJson()', () => {
  test('holds the keys of section 5.1 and no others', () => {
    expect(canonicalJson(zero)).toBe(
      '{"compression":{"deterministic":true,"engine":"stored","engine_id":"stored-v1",' +
        '"fingerprint":"41e2d2e2603f9144ec94d4ced4fb4bd68b96f6d0c30852eec941ddacf9958ea4",' +
        '"identity_safe":true,"opaque":false,"seal_level":0,"sealed":false},' +
        `"h4mk":{"seek_track":0,"timebase":[1,1000000],"tracks":[{"id":0,"kind":"video"}],"uid":"${'0'.repeat(32)}","v":1}}`,
    );
  });

  test('leaves out what an engine says beyond the registered keys', () => {
    const compression = { ...storedEngine.info(), secret: 'path' };
    expect(recordZeroJson({ compression, uid: ZERO_UID, seekTrack: 0, tracks: [] })['compression']).toEqual(
      storedEngine.info(),
    );
  });

  test('takes timebase, shift and keys', () => {
    const json = recordZeroJson({
      compression: storedEngine.info(),
      uid: ZERO_UID,
      timebase: [1001, 30_000],
      seekTrack: 3,
      shift: 0,
      tracks: [],
      keys: [{ epoch: 0, salt: SALT, commit: COMMIT }],
    });
    expect(json).toMatchObject({
      h4mk: { timebase: [1001, 30_000], seek_track: 3, shift: 0 },
      keys: [{ epoch: 0, salt: SALT, commit: COMMIT }],
    });
  });
});

describe('contentUid()', () => {
  test('is the hash of label, input and parameters, cut to 32 hex digits', () => {
    const input = sha256(utf8Encode('input'));
    const expected = sha256(utf8Encode('h4mk/v1/uid'), input, utf8Encode('{"a":[1],"b":"x"}'));
    expect(contentUid(input, { b: 'x', a: [1] })).toBe(toHex(expected).slice(0, 32));
  });

  test('differs with the input and with each parameter', () => {
    const [one, other] = [sha256(Uint8Array.of(1)), sha256(Uint8Array.of(2))];
    expect(new Set([contentUid(one, { a: 1 }), contentUid(other, { a: 1 }), contentUid(one, { a: 2 })]).size).toBe(3);
  });
});

describe('parseMeta()', () => {
  const parse = (text: string) => parseMeta(utf8Encode(text), DEFAULT_LIMITS);

  test('says whether the bytes are in canonical form', () => {
    expect(parse('{"a":1,"b":{"c":[]}}')).toEqual({ json: { a: 1, b: { c: [] } }, canonical: true });
    for (const text of ['{"a": 1}', '{"b":1,"a":1}', '{"a":1e0}', '{"a":"\\u0041"}', '{}\n']) {
      expect(parse(text).canonical).toBe(false);
    }
  });

  test('numbers without a canonical form make it not canonical, and are no error', () => {
    expect(parse('{"a":0.5}')).toEqual({ json: { a: 0.5 }, canonical: false });
    expect(parse('{"a":9007199254740993}').canonical).toBe(false);
  });

  test.each(['[]', '1', '"{}"', 'null', 'true'])('refuses %s, which is no object', (text) => {
    expect(refusal(() => parse(text)).code).toBe('H4_META_JSON');
  });

  test.each(['', '{', '{"a":1,"a":1}', '{"a":NaN}', '{"a":"\\ud800"}', '\ufeff{}'])('refuses %j', (text) => {
    expect(refusal(() => parse(text)).code).toBe('H4_META_JSON');
  });

  test('refuses what is larger or deeper than the limits', () => {
    const limits = createLimits({ maxMetaBytes: 7, maxJsonDepth: 2 });
    expect(parseMeta(utf8Encode('{"a":1}'), limits).json).toEqual({ a: 1 });
    expect(parseMeta(utf8Encode('{"":[]}'), limits).canonical).toBe(true);
    expect(refusal(() => parseMeta(utf8Encode('{"a":12}'), limits)).code).toBe('H4_LIMIT_META');
    expect(refusal(() => parseMeta(utf8Encode('[[[1]]]'), limits)).code).toBe('H4_LIMIT_META');
  });
});

describe('record 0', () => {
  test('supplies what it says', () => {
    const json = withValue(withValue(zero, 'h4mk.shift', 77), 'x_unknown', { any: null });
    const ledger = ledgerOf(json);
    expect(ledger.info).toEqual({
      compression: storedEngine.info(),
      uid: ZERO_UID,
      timebase: [1, 1_000_000],
      seekTrack: 0,
      shift: 77,
    });
    expect(ledger.recordZero).toBe(json);
    expect(ledger.tracks).toEqual([{ id: 0, kind: 'video' }]);
    expect([ledger.hasTrack(0), ledger.hasTrack(1), ledger.hasEpoch(0)]).toEqual([true, false, false]);
    expect([ledger.epochs, ledger.source, ledger.totals, ledger.ended]).toEqual([[], undefined, undefined, false]);
  });

  test('before it nothing is known', () => {
    const ledger = new MetaLedger();
    expect([ledger.info, ledger.recordZero, ledger.tracks]).toEqual([undefined, undefined, []]);
  });

  test.each(['h4mk.tracks', 'h4mk.shift', 'keys'])('may lack %s', (path) => {
    const ledger = ledgerOf(withValue(zero, path, undefined));
    expect(ledger.info?.shift).toBe(0);
  });

  test.each([
    'compression',
    'compression.engine',
    'compression.engine_id',
    'compression.fingerprint',
    'compression.deterministic',
    'compression.identity_safe',
    'compression.opaque',
    'compression.sealed',
    'compression.seal_level',
    'h4mk',
    'h4mk.v',
    'h4mk.uid',
    'h4mk.timebase',
    'h4mk.seek_track',
  ])('must not lack %s', (path) => {
    const error = refused(withValue(zero, path, undefined));
    expect(error.code).toBe('H4_META_FIELD');
    expect(error.message).toContain(path === 'h4mk' ? 'h4mk.v' : path);
  });

  test('cannot be the end record', () => {
    expect(refused(withValue(zero, 'h4mk.end', true)).message).toBe('Record 0 cannot be the end record');
  });

  test('sealed is true exactly at seal level 3', () => {
    for (const level of [0, 1, 2, 3]) {
      for (const sealed of [true, false]) {
        const json = withValue(withValue(zero, 'compression.seal_level', level), 'compression.sealed', sealed);
        if (sealed === (level === 3)) {
          expect(ledgerOf(json).info?.compression.seal_level).toBe(level);
        } else {
          expect(refused(json).message).toContain('seal_level 3');
        }
      }
    }
  });
});

describe('values of registered keys', () => {
  const track = (key: string): string => `h4mk.tracks.0.${key}`;
  const texts: readonly JsonValue[] = ['', 'x', 'ø'];
  const notTexts: readonly JsonValue[] = [1, null, true, [], {}];
  const bools: readonly JsonValue[] = [0, 1, 'true', null, []];
  const counts: readonly JsonValue[] = [1, 2, Number.MAX_SAFE_INTEGER];
  const notCounts: readonly JsonValue[] = [0, -1, 1.5, 2 ** 53, '1', null, [1]];
  const ratios: readonly JsonValue[] = [
    [1, 1],
    [30_000, 1001],
  ];
  const notRatios: readonly JsonValue[] = [
    [],
    [1],
    [1, 2, 3],
    [0, 1],
    [1, 0],
    [1, 0.5],
    ['1', 1],
    { 0: 1, 1: 1 },
    1,
    '1/1',
  ];
  const hex = (digits: number): readonly JsonValue[] => ['0'.repeat(digits), 'f'.repeat(digits)];
  const notHex = (digits: number): readonly JsonValue[] => [
    '',
    'f'.repeat(digits - 1),
    'f'.repeat(digits + 1),
    'F'.repeat(digits),
    'g'.repeat(digits),
    `${'0'.repeat(digits)}\n`,
    7,
  ];

  test.each<[string, readonly JsonValue[], readonly JsonValue[]]>([
    ['compression.engine', texts, notTexts],
    [
      'compression.engine_id',
      ['a', 'Az09._:@/+-', 'x'.repeat(128)],
      ['', 'x'.repeat(129), 'a b', 'ø', 'a\n', 'a,b', 1],
    ],
    ['compression.fingerprint', hex(64), notHex(64)],
    ['compression.deterministic', [true, false], bools],
    ['compression.identity_safe', [true, false], bools],
    ['compression.opaque', [true, false], bools],
    ['compression.sealed', [false], bools],
    ['compression.seal_level', [0, 1, 2], [-1, 4, 0.5, '1', null, true]],
    ['h4mk.v', [1], [0, 2, '1', true, null]],
    ['h4mk.uid', hex(32), notHex(32)],
    ['h4mk.timebase', ratios, notRatios],
    ['h4mk.seek_track', [0, 65_534], [-1, 65_535, 0.5, '0', null]],
    ['h4mk.shift', [0, 1, Number.MAX_SAFE_INTEGER], [-1, 0.5, 2 ** 53, '0', null]],
    ['h4mk.tracks', [[]], [{}, null, 'x', 1, [1], [null], ['x']]],
    [track('id'), [0, 65_534], [-1, 65_535, 0.5, '0', null]],
    [track('kind'), ['video', 'audio', 'data', 'opaque'], ['', 'Video', 'text', 1, null]],
    [track('codec'), texts, notTexts],
    [track('language'), texts, notTexts],
    [track('name'), texts, notTexts],
    [track('timescale'), counts, notCounts],
    [track('width'), counts, notCounts],
    [track('height'), counts, notCounts],
    [track('sample_rate'), counts, notCounts],
    [track('channels'), counts, notCounts],
    [track('block_size'), counts, notCounts],
    [track('gop'), counts, notCounts],
    [track('fps_hint'), ratios, notRatios],
    [track('description'), ['', 'AA==', 'AAA=', '+/09'], ['A', 'AA', 'AA=', '=AAA', '-_AA', 'AA==AA==', ' ', 1, null]],
    ['h4mk.source', [{}, { x: 1 }], [[], 1, 'x', null]],
    ['h4mk.source.name', texts, notTexts],
    ['h4mk.source.bytes', [0, 1], [-1, 0.5, '1', null]],
    ['h4mk.source.sha256', hex(64), notHex(64)],
    ['h4mk.source.media_type', texts, notTexts],
    ['h4mk.clock', [{}, { x: 1 }], [[], 1, 'x', null]],
    ['h4mk.clock.utc_us', [0, 1], [-1, 0.5, '1', null]],
    ['h4mk.clock.at_pts', [0, 1], [-1, 0.5, '1', null]],
    ['h4mk.clock.source', texts, notTexts],
    ['h4mk.end', [], [false, 1, 'true', null]],
    ['keys', [[]], [{}, null, 'x', 1, [1], [null]]],
    ['keys.0.epoch', [0, 65_535], [-1, 65_536, 0.5, '0', null]],
    ['keys.0.salt', hex(64), notHex(64)],
    ['keys.0.commit', hex(64), notHex(64)],
  ])('%s accepts %j and refuses %j', (path, right, wrong) => {
    const json = {
      ...zero,
      ...(path.startsWith('keys.') ? { keys: [{ epoch: 0, salt: SALT, commit: COMMIT }] } : {}),
    };
    for (const value of right) expect(ledgerOf(withValue(json, path, value)).info).toBeDefined();
    for (const value of wrong) expect(refused(withValue(json, path, value)).code).toBe('H4_META_FIELD');
  });

  test.each(['h4mk.tracks.0.id', 'h4mk.tracks.0.kind', 'keys.0.epoch', 'keys.0.salt', 'keys.0.commit'])(
    '%s must not be absent',
    (path) => {
      const json = { ...zero, keys: [{ epoch: 0, salt: SALT, commit: COMMIT }] };
      expect(refused(withValue(json, path, undefined)).code).toBe('H4_META_FIELD');
    },
  );

  test('h4mk must be an object, also in a later META', () => {
    for (const value of [1, [], null, 'x']) {
      expect(refused(zero, { h4mk: value }).message).toBe('META h4mk must be an object');
    }
  });

  test('a message shows no more than 80 characters of a wrong value', () => {
    const { message } = refused(withValue(zero, 'h4mk.uid', 'q'.repeat(10_000)));
    expect(message).toContain('h4mk.uid: "qqq');
    expect(message.length).toBeLessThan(200);
  });

  test('unknown keys are allowed everywhere', () => {
    let json: JsonObject = { ...zero, keys: [{ epoch: 0, salt: SALT, commit: COMMIT }] };
    for (const path of ['x', 'h4mk.x', 'compression.x', 'h4mk.tracks.0.x', 'keys.0.x']) {
      json = withValue(json, path, { nested: [1.5] });
    }
    expect(ledgerOf(json).tracks[0]).toEqual({ id: 0, kind: 'video', x: { nested: [1.5] } });
  });
});

describe('later META', () => {
  test('may add tracks and key epochs, name a source and set the end', () => {
    const source = { name: 'a.mp4', bytes: 1, sha256: SALT, media_type: 'video/mp4' };
    const ledger = ledgerOf(
      zero,
      { h4mk: { tracks: [{ id: 1, kind: 'audio' }] }, keys: [{ epoch: 5, salt: SALT, commit: COMMIT }] },
      { h4mk: { source } },
      { h4mk: { end: true, clock: { utc_us: 5, at_pts: 0, source: 'a wrist' } } },
      { x: 1 },
    );
    expect(ledger.tracks.map(({ id }) => id)).toEqual([0, 1]);
    expect(ledger.epochs).toEqual([{ epoch: 5, salt: SALT, commit: COMMIT }]);
    expect([ledger.hasEpoch(5), ledger.hasEpoch(4)]).toEqual([true, false]);
    expect(ledger.source).toEqual(source);
    expect(ledger.clock).toEqual({ utc_us: 5, at_pts: 0, source: 'a wrist' });
    expect(ledger.ended).toBe(true);
    expect(ledger.recordZero).toBe(zero);
  });

  test('may repeat record 0 as it is', () => {
    expect(ledgerOf(zero, zero, structuredClone(zero)).tracks).toHaveLength(1);
  });

  test.each<[string, JsonValue]>([
    ['compression.engine', 'other'],
    ['h4mk.v', 2],
    ['h4mk.uid', 'f'.repeat(32)],
    ['h4mk.timebase', [1, 90_000]],
    ['h4mk.seek_track', 1],
    ['h4mk.shift', 0],
  ])('must not give %s another value', (path, value) => {
    expect(refused(zero, withValue(zero, path, value)).code).toBe('H4_META_FIELD');
  });

  test('compression as a whole is compared, unknown keys included', () => {
    expect(refused(zero, withValue(zero, 'compression.x', 1)).message).toBe(
      'A later META names another compression than record 0',
    );
    expect(refused(zero, { compression: {} }).code).toBe('H4_META_FIELD');
  });

  test('must not change a track that is listed', () => {
    const change = { h4mk: { tracks: [{ id: 0, kind: 'video', codec: 'av01' }] } };
    expect(refused(zero, change).message).toBe('META lists track 0 again with other values');
  });

  test('must not list a key epoch again, even with the same values', () => {
    const keys = [{ epoch: 1, salt: SALT, commit: COMMIT }];
    expect(refused({ ...zero, keys }, { keys })).toMatchObject({
      code: 'H4_KEYS_EPOCH',
      message: 'META lists key epoch 1 a second time',
    });
    expect(refused({ ...zero, keys: [...keys, ...keys] })).toMatchObject({
      code: 'H4_KEYS_EPOCH',
      message: 'META lists key epoch 1 twice',
    });
  });

  test('one META may list a track twice with the same values only', () => {
    const twice = (other: JsonObject): JsonObject => ({
      h4mk: { tracks: [{ id: 9, kind: 'data', name: 'n' }, other] },
    });
    expect(ledgerOf(zero, twice({ name: 'n', kind: 'data', id: 9 })).tracks).toHaveLength(2);
    expect(refused(zero, twice({ kind: 'data', id: 9 })).code).toBe('H4_META_FIELD');
  });

  test('of a META that is refused nothing counts', () => {
    const ledger = ledgerOf(zero);
    const bad = {
      h4mk: {
        tracks: [{ id: 1, kind: 'audio' }],
        source: { name: 'n' },
        end: true,
        totals: [{ track: 1, records: 1, raw: 1 }],
      },
      keys: [{ epoch: 5, salt: SALT, commit: COMMIT }],
    };
    expect(refusal(() => ledger.apply(bad, [])).code).toBe('H4_META_FIELD');
    expect([ledger.tracks.length, ledger.epochs.length]).toEqual([1, 0]);
    expect([ledger.source, ledger.totals, ledger.ended]).toEqual([undefined, undefined, false]);
  });
});

describe('h4mk.totals', () => {
  const totals = [
    { track: 0, records: 3, raw: 300 },
    { track: 2, records: 1, raw: 0 },
  ];
  const apply = (claimed: JsonValue, counted: typeof totals | undefined): MetaLedger => {
    const ledger = ledgerOf(zero);
    ledger.apply({ h4mk: { end: true, totals: claimed } }, counted);
    return ledger;
  };

  test('are taken when they are what the records add up to', () => {
    expect(apply(totals, totals).totals).toEqual(totals);
    expect(apply([], []).totals).toEqual([]);
  });

  test('are taken as a claim where the records were not counted', () => {
    expect(apply(totals, undefined).totals).toEqual(totals);
  });

  test.each<[string, JsonValue]>([
    ['a track too few', [{ track: 0, records: 3, raw: 300 }]],
    ['a track too many', [...totals, { track: 3, records: 0, raw: 0 }]],
    ['another order', [...totals].reverse()],
    ['another track', [{ track: 1, records: 3, raw: 300 }, totals[1] ?? {}]],
    ['other records', [{ track: 0, records: 4, raw: 300 }, totals[1] ?? {}]],
    ['other bytes', [{ track: 0, records: 3, raw: 301 }, totals[1] ?? {}]],
    ['a missing value', [{ track: 0, records: 3 }, totals[1] ?? {}]],
    ['a negative value', [{ track: 0, records: 3, raw: -1 }, totals[1] ?? {}]],
    ['no list', { track: 0 }],
    ['no objects', [1, 2]],
  ])('with %s are refused', (_, claimed) => {
    expect(refusal(() => apply(claimed, totals)).code).toBe('H4_META_FIELD');
  });

  test('are checked for their form even where the records were not counted', () => {
    expect(refusal(() => apply([{ track: 0 }], undefined)).code).toBe('H4_META_FIELD');
  });
});

describe('jsonEqual()', () => {
  test('compares values as written; the order of keys does not count, that of items does', () => {
    expect(jsonEqual({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 })).toBe(true);
    expect(jsonEqual([1, 2], [2, 1])).toBe(false);
    expect(jsonEqual([1], [1, 2])).toBe(false);
    expect(jsonEqual({ a: 1 }, { a: 1, b: 1 })).toBe(false);
    expect(jsonEqual({ a: 1, b: 1 }, { a: 1 })).toBe(false);
    expect(jsonEqual({ a: 1 }, { b: 1 })).toBe(false);
    expect(jsonEqual({ a: 1 }, { a: '1' })).toBe(false);
    expect(jsonEqual({}, [])).toBe(false);
    expect(jsonEqual([], {})).toBe(false);
    expect(jsonEqual(null, {})).toBe(false);
    expect(jsonEqual(undefined, 0)).toBe(false);
    expect(jsonEqual(undefined, undefined)).toBe(true);
  });

  test('a key that is only inherited is absent', () => {
    expect(jsonEqual(JSON.parse('{"toString":1}') as JsonValue, { x: 1 })).toBe(false);
  });
});
