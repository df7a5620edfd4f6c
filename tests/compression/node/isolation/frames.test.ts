import { describe, expect, it } from 'vitest';
import {
  CHANNEL_FD,
  decodeHeader,
  encodeHeader,
  FRAME_KIND,
  HEADER_BYTES,
} from '../../../../src/compression/node/isolation/frames.js';
import { DEFAULT_ISOLATION_LIMITS, callTimeLimit } from '../../../../src/compression/node/isolation/limits.js';
import {
  decodeRefusal,
  decodeSealReport,
  decodeSetup,
  encodeMessage,
} from '../../../../src/compression/node/isolation/messages.js';
import { type Expected, ReplyReader } from '../../../../src/compression/node/isolation/reply-reader.js';
import { residentBytes } from '../../../../src/compression/node/isolation/resident-memory.js';
import { toHex, utf8Encode } from '../../../../src/utils/bytes.js';

const json = (value: unknown): Uint8Array => utf8Encode(JSON.stringify(value));

describe('a header', () => {
  it('is four big-endian numbers', () => {
    const header = { kind: FRAME_KIND.decompress, sequence: 0xfffffffe, rawLength: 0x04000000, length: 0x102 };
    const bytes = encodeHeader(header);
    expect(toHex(bytes)).toBe('48340003fffffffe0400000000000102');
    expect(bytes).toHaveLength(HEADER_BYTES);
    expect(decodeHeader(Uint8Array.from([...bytes, 1, 2, 3]))).toEqual(header);
    expect(decodeHeader(Uint8Array.from([9, 9, ...bytes]).subarray(2))).toEqual(header);
  });

  it('has another kind in each direction', () => {
    expect(new Set(Object.values(FRAME_KIND)).size).toBe(6);
    expect(CHANNEL_FD).toBe(3);
  });
});

describe('a setup', () => {
  it('comes back as it was, with any path', () => {
    const setup = { path: '/ø/a b\ud800', pins: { fingerprint: 'x' }, isChecked: true, parentPid: 7 };
    expect(decodeSetup(encodeMessage(setup))).toEqual(setup);
  });
});

describe('a report of a seal', () => {
  const fingerprint = 'ab'.repeat(32);
  const report = { fingerprint, bytes: 5, declared: { engineId: 'id', fingerprint } };

  it('comes back as it was', () => {
    expect(decodeSealReport(encodeMessage(report))).toEqual(report);
    expect(decodeSealReport(json({ ...report, declared: {} }))).toEqual({ ...report, declared: {} });
    expect(decodeSealReport(json({ ...report, more: 1 }))).toEqual(report);
  });

  it.each([
    [{ ...report, fingerprint: fingerprint.toUpperCase() }],
    [{ ...report, fingerprint: undefined }],
    [{ ...report, bytes: 0 }],
    [{ ...report, bytes: 1.5 }],
    [{ ...report, bytes: '5' }],
    [{ ...report, declared: undefined }],
    [{ ...report, declared: [] }],
    [{ ...report, declared: { engineId: '' } }],
    [{ ...report, declared: { engineId: 5 } }],
    [{ ...report, declared: { fingerprint: 'ab' } }],
    [{ ...report, declared: { fingerprint: 5 } }],
    [[]],
    [null],
  ])('is none: %j', (value) => {
    expect(decodeSealReport(json(value))).toBeUndefined();
  });

  it('is none if it is no JSON', () => {
    expect(decodeSealReport(Uint8Array.of(0xff))).toBeUndefined();
  });
});

describe('a refusal', () => {
  const codes = new Set(['H4_ENGINE_OUTPUT'] as const);

  it('has a code that was to be expected, and one printable line', () => {
    const refusal = { code: 'H4_ENGINE_OUTPUT', message: `a\n\u001b[31mb\u202e${'x'.repeat(2000)}` } as const;
    const decoded = decodeRefusal(encodeMessage(refusal), codes);
    expect(decoded?.code).toBe('H4_ENGINE_OUTPUT');
    expect(decoded?.message).toMatch(/^a \[31mb x{900,1000}$/u);
  });

  it.each([
    [{ code: 'H4_IO', message: 'x' }],
    [{ code: 'toString', message: 'x' }],
    [{ code: 5, message: 'x' }],
    [{ code: 'H4_ENGINE_OUTPUT' }],
    ['H4_ENGINE_OUTPUT'],
  ])('is none: %j', (value) => {
    expect(decodeRefusal(json(value), codes)).toBeUndefined();
  });
});

describe('a reply', () => {
  const payload = Uint8Array.from({ length: 300 }, (_, i) => i);
  const frame = Uint8Array.from([
    ...encodeHeader({ kind: FRAME_KIND.result, sequence: 7, rawLength: 0, length: payload.length }),
    ...payload,
  ]);
  const expected: Expected = { sequence: 7, allows: (kind, length) => kind === FRAME_KIND.result && length <= 300 };

  it('is put together from pieces of any length', () => {
    for (let size = 1; size <= frame.length; size++) {
      const reader = new ReplyReader();
      reader.expect(expected);
      const outcomes: unknown[] = [];
      for (let at = 0; at < frame.length; at += size) outcomes.push(reader.push(frame.slice(at, at + size)));
      expect(outcomes.slice(0, -1).every((outcome) => outcome === undefined)).toBe(true);
      expect(outcomes.at(-1)).toEqual({ kind: FRAME_KIND.result, payload });
    }
  });

  it('that is more than the reply is none, wherever it is cut', () => {
    const long = Uint8Array.from([...frame, 1, 2]);
    for (let cut = 1; cut < frame.length; cut++) {
      const reader = new ReplyReader();
      reader.expect(expected);
      expect(reader.push(long.slice(0, cut))).toBeUndefined();
      expect(reader.push(long.slice(cut))).toBe('it wrote 2 bytes more than its answer');
    }
  });

  it('that nobody has asked for is none', () => {
    const reader = new ReplyReader();
    expect(reader.push(frame)).toBe('it wrote 316 bytes that nobody had asked for');
    reader.expect(expected);
    reader.push(frame);
    expect(reader.push(frame)).toBe('it wrote 316 bytes that nobody had asked for');
  });

  it('gets no memory before its length was compared', () => {
    const header = { kind: FRAME_KIND.result, sequence: 7, rawLength: 0, length: 0xffffffff };
    const reader = new ReplyReader();
    reader.expect(expected);
    expect(reader.push(encodeHeader(header))).toBe('it answered with 4294967295 bytes of kind 48348002');
  });
});

describe('limits', () => {
  it('give a call time in proportion to its bytes', () => {
    const limits = { ...DEFAULT_ISOLATION_LIMITS, callMillis: 100, callMillisPerMebibyte: 10 };
    expect([0, 1, 1024 * 1024, 64 * 1024 * 1024].map((bytes) => callTimeLimit(limits, bytes))).toEqual([
      ...[100, 101, 110, 740],
    ]);
  });
});

describe('resident memory', () => {
  it.runIf(process.platform === 'linux')('is what the system says it is', () => {
    const own = residentBytes(process.pid) ?? 0;
    expect(own / process.memoryUsage.rss()).toBeGreaterThan(0.5);
    expect(own / process.memoryUsage.rss()).toBeLessThan(2);
  });

  it('of a process that is not there is not known', () => {
    expect(residentBytes(2 ** 30)).toBeUndefined();
  });
});
