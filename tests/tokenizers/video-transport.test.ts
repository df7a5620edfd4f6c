import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VideoBlockToken } from '../../src/tokenizers/video-block.js';
import {
  VideoTransportTokenizer,
  type VideoBlock,
  type VideoTransportOptions,
} from '../../src/tokenizers/video-transport.js';
import { concatBytes, toHex } from '../../src/utils/bytes.js';
import { sha256 } from '../../src/utils/sha256.js';
import { lcgBytes } from '../compression/lcg.js';
import { describeShared } from '../support/shared.js';
import { refusal } from '../utils/refusal.js';
import { collect, inPieces } from './pieces.js';

interface TokenVector {
  readonly input: string;
  readonly input_sha256: string;
  readonly input_size: number;
  readonly block_size: number;
  readonly fps_hint: number;
  readonly gop: number;
  readonly token_hex: readonly string[];
}

const keep = ({ token, bytes, durationMicros }: VideoBlock) => ({
  token,
  bytes: Uint8Array.from(bytes),
  durationMicros,
});

async function tokensOf(options: VideoTransportOptions, blocks: number): Promise<VideoBlockToken[]> {
  const tokenizer = new VideoTransportTokenizer({ ...options, blockSize: 1 });
  return collect(tokenizer.encode([new Uint8Array(blocks)]), ({ token }) => token);
}

describeShared('the published tokens of older releases', (shared) => {
  const { cases } = JSON.parse(readFileSync(`${shared}/fixtures/video/tokens.json`, 'utf8')) as {
    cases: TokenVector[];
  };

  function inputOf({ input, input_size }: TokenVector): Uint8Array {
    const seed = /^lcg(\d+)_/.exec(input)?.[1];
    return seed === undefined ? new Uint8Array(input_size) : lcgBytes(Number(seed), input_size);
  }

  test.each(cases)('come again with legacy timing: $input at $fps_hint fps, gop $gop', async (vector) => {
    const input = inputOf(vector);
    expect(toHex(sha256(input))).toBe(vector.input_sha256);
    const tokenizer = new VideoTransportTokenizer({
      blockSize: vector.block_size,
      fpsHint: vector.fps_hint,
      gop: vector.gop,
      legacyTiming: true,
    });
    const tokens = await collect(tokenizer.encode(inPieces(input, [10_000, 1, 70_000])), ({ token }) => token);
    expect(tokens.map((token) => toHex(token.serialize()))).toEqual(vector.token_hex);
    expect((await tokenizer.decode(tokens)).blocks).toBe(vector.token_hex.length);
  });

  test('there are at least six of them', () => {
    expect(cases.length).toBeGreaterThanOrEqual(6);
  });

  test('the event stream of the HTTP service carries the same tokens', async () => {
    const sse = readFileSync(`${shared}/fixtures/http/video_stream_lcg7_bs65536_gop2_fps25.sse`, 'utf8');
    const expected = Array.from(sse.matchAll(/"token_hex":"([0-9a-f]+)"/gu), ([, hex]) => hex);
    const tokenizer = new VideoTransportTokenizer({ blockSize: 65536, gop: 2, fpsHint: 25 });
    const tokens = await collect(tokenizer.encode([lcgBytes(7, 204_800)]), ({ token }) => toHex(token.serialize()));
    expect(expected).toHaveLength(4);
    expect(tokens).toEqual(expected);
  });
});

describe('VideoTransportTokenizer.encode()', () => {
  test('gives each block its bytes, time, duration and key', async () => {
    const bytes = lcgBytes(1, 7);
    const tokenizer = new VideoTransportTokenizer({ blockSize: 3, fpsHint: 30, gop: 2 });
    expect(await collect(tokenizer.encode([bytes]), keep)).toEqual([
      {
        token: new VideoBlockToken({ ptsMicros: 0, blockIndex: 0, isKey: true }),
        bytes: bytes.subarray(0, 3),
        durationMicros: 33333,
      },
      {
        token: new VideoBlockToken({ ptsMicros: 33333, blockIndex: 1, isKey: false }),
        bytes: bytes.subarray(3, 6),
        durationMicros: 33333,
      },
      {
        token: new VideoBlockToken({ ptsMicros: 66666, blockIndex: 2, isKey: true }),
        bytes: bytes.subarray(6),
        durationMicros: 33334,
      },
    ]);
  });

  test('gives the same blocks for any cut of the stream, down to single bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 120 }),
        fc.integer({ min: 1, max: 130 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 }),
        async (bytes, blockSize, lengths) => {
          const tokenizer = new VideoTransportTokenizer({ blockSize, gop: 3, fpsHint: '30000/1001' });
          const whole = await collect(tokenizer.encode([bytes]), keep);
          expect(await collect(tokenizer.encode(inPieces(bytes, [1])), keep)).toEqual(whole);
          expect(await collect(tokenizer.encode(inPieces(bytes, lengths)), keep)).toEqual(whole);
          expect(concatBytes(...whole.map((block) => block.bytes))).toEqual(bytes);
        },
      ),
    );
  });

  test('gives nothing for an empty stream', async () => {
    expect(await collect(new VideoTransportTokenizer().encode([]), keep)).toEqual([]);
  });

  test('starts again with every input', async () => {
    const tokenizer = new VideoTransportTokenizer({ blockSize: 2 });
    const first = await collect(tokenizer.encode([lcgBytes(1, 5)]), keep);
    expect(await collect(tokenizer.encode([lcgBytes(1, 5)]), keep)).toEqual(first);
  });

  test('yields while the stream still runs, and closes it when the consumer leaves', async () => {
    let closed = false;
    function* endless(): Generator<Uint8Array> {
      try {
        for (;;) {
          yield new Uint8Array(3);
        }
      } finally {
        closed = true;
      }
    }
    for await (const { token } of new VideoTransportTokenizer({ blockSize: 8, gop: 1 }).encode(endless())) {
      if (token.blockIndex === 5) {
        break;
      }
    }
    expect(closed).toBe(true);
  });
});

describe('VideoTransportTokenizer.decode()', () => {
  test('sums up a sequence of tokens', async () => {
    const options = { gop: 3, fpsHint: 30 };
    const summary = await new VideoTransportTokenizer(options).decode(await tokensOf(options, 8));
    expect(summary.blocks).toBe(8);
    expect(summary.durationMicros).toBe(266_666);
    expect(summary.keyframes.count).toBe(3);
    expect([...summary.keyframes]).toEqual([
      { blockIndex: 0, ptsMicros: 0 },
      { blockIndex: 3, ptsMicros: 100_000 },
      { blockIndex: 6, ptsMicros: 200_000 },
    ]);
  });

  test('knows every keyframe that encode() marked, and none else', async () => {
    for (const [blocks, gop] of [
      [1, 1],
      [5, 1],
      [6, 3],
      [7, 3],
      [5, 600],
    ] as const) {
      const tokens = await tokensOf({ gop }, blocks);
      const { keyframes } = await new VideoTransportTokenizer({ gop }).decode(tokens);
      const marked = tokens.filter((token) => token.isKey);
      expect(keyframes.count).toBe(marked.length);
      expect([...keyframes]).toEqual(marked.map(({ blockIndex, ptsMicros }) => ({ blockIndex, ptsMicros })));
      expect(keyframes.at(marked.length - 1)).toEqual([...keyframes].at(-1));
      for (const outside of [marked.length, -1, 0.5, Number.NaN]) {
        expect(keyframes.at(outside)).toBeUndefined();
      }
    }
  });

  test('takes tokens as they come in', async () => {
    const tokenizer = new VideoTransportTokenizer({ blockSize: 4 });
    async function* arriving(): AsyncGenerator<VideoBlockToken> {
      for await (const { token } of tokenizer.encode([lcgBytes(1, 10)])) {
        yield VideoBlockToken.parse(token.serialize());
      }
    }
    expect((await tokenizer.decode(arriving())).blocks).toBe(3);
  });

  test('gives an empty summary for no tokens', async () => {
    const summary = await new VideoTransportTokenizer().decode([]);
    expect(summary).toMatchObject({ blocks: 0, durationMicros: 0, keyframes: { count: 0 } });
    expect([...summary.keyframes]).toEqual([]);
  });

  test.each([
    ['blockIndex', 'a token is missing', 2, { ptsMicros: 80_000, blockIndex: 3, isKey: true }],
    ['ptsMicros', 'a time is wrong', 2, { ptsMicros: 80_001, blockIndex: 2, isKey: true }],
    ['isKey', 'a key is missing', 2, { ptsMicros: 80_000, blockIndex: 2, isKey: false }],
  ] as const)('refuses a sequence by its %s where %s', async (field, _, at, fields) => {
    const options = { gop: 2, fpsHint: 25 };
    const tokens = (await tokensOf(options, 4)).with(at, new VideoBlockToken(fields));
    await expect(new VideoTransportTokenizer(options).decode(tokens)).rejects.toMatchObject({
      code: 'H4_PARAM',
      detail: { field, index: at, found: fields[field] },
    });
  });

  test('refuses tokens that were made with other parameters', async () => {
    const tokens = await tokensOf({ fpsHint: 30, legacyTiming: true }, 4);
    await expect(new VideoTransportTokenizer({ fpsHint: 30 }).decode(tokens)).rejects.toThrow(
      'Cannot decode video token 3: its ptsMicros is 99999, with these parameters it would be 100000',
    );
  });
});

describe('VideoTransportTokenizer', () => {
  test('states its parameters as a track of META does', () => {
    expect(new VideoTransportTokenizer().metadata()).toEqual({ block_size: 524_288, fps_hint: [30, 1], gop: 30 });
    const legacy = new VideoTransportTokenizer({ blockSize: 65_536, fpsHint: 29.97, gop: 1, legacyTiming: true });
    expect(legacy.metadata()).toEqual({ block_size: 65_536, fps_hint: [2997, 100], gop: 1, legacy_timing: true });
  });

  test('serializes tokens one after the other, however many', async () => {
    const tokenizer = new VideoTransportTokenizer();
    const tokens = await tokensOf({}, 3);
    expect(tokenizer.serialize(tokens)).toEqual(concatBytes(...tokens.map((token) => token.serialize())));
    expect(tokenizer.serialize([])).toHaveLength(0);

    const [first] = tokens;
    expect(tokenizer.serialize(Array<typeof first>(200_000).fill(first) as VideoBlockToken[])).toHaveLength(2_600_000);
  });

  test.each([
    ['blockSize', { blockSize: 0 }],
    ['blockSize', { blockSize: 64 * 1024 * 1024 + 1 }],
    ['fpsHint', { fpsHint: 0 }],
    ['fpsHint', { fpsHint: 241 }],
    ['fpsHint', { fpsHint: 'thirty' }],
    ['gop', { gop: 0 }],
    ['gop', { gop: 1.5 }],
    ['gop', { gop: 2 ** 32 }],
  ])('refuses %s out of range when it is made: %j', (field, options) => {
    const error = refusal(() => new VideoTransportTokenizer(options));
    expect(error.code).toBe('H4_PARAM');
    expect(error.detail).toEqual({ field });
    expect(error.message).toMatch(new RegExp(`^${field} is `, 'u'));
  });

  test('accepts the largest gop: one key for the whole stream', async () => {
    const { keyframes } = await new VideoTransportTokenizer({ gop: 2 ** 32 - 1 }).decode(
      await tokensOf({ gop: 2 ** 32 - 1 }, 4),
    );
    expect([...keyframes]).toEqual([{ blockIndex: 0, ptsMicros: 0 }]);
  });
});
