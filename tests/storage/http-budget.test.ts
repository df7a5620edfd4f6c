/**
 * What opening and seeking cost over HTTP, counted at the server: requests that arrived, not reads that were asked for. The
 * same bounds hold with the cache in between, which may save requests but never add one.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { ByteSource } from '../../src/container/io/io.js';
import { H4MKReader } from '../../src/container/read/reader.js';
import { createCachedSource } from '../../src/storage/cached.js';
import { type HttpSource, openHttpSource } from '../../src/storage/http-range.js';
import { type TestServer, startServer } from '../support/http-server.js';
import { BLOCK_DURATION, type SyntheticOptions, SyntheticSource, constantSizes } from '../support/synthetic.js';

const BLOCK_BYTES = 4096;
const TILE_WIDTH = 256;

const servers: TestServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const make = (records: number, options: Omit<SyntheticOptions, 'records' | 'sizes'> = {}): SyntheticSource =>
  new SyntheticSource({ records, sizes: constantSizes(BLOCK_BYTES), ...options });

const serve = async (source: ByteSource): Promise<TestServer> => {
  const server = await startServer(source);
  servers.push(server);
  return server;
};

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

/** Blocks of track 0 spread evenly over a recording, and beside the edges of its tiles. */
const spreadBlocks = (source: SyntheticSource): number[] =>
  Array.from({ length: 15 }, (_, i) => Math.floor((source.blocksOf(0) * (i + 0.37)) / 15));

const edgeBlocks = (source: SyntheticSource): number[] => {
  const edges = [TILE_WIDTH, 2 * TILE_WIDTH, TILE_WIDTH ** 2, Math.floor(source.records / TILE_WIDTH) * TILE_WIDTH];
  const blocks = edges.flatMap((edge) => [-2, -1, 0, 1].map((d) => Math.floor((edge - 2) / source.tracks) + d));
  return [...new Set(blocks)].filter((k) => k >= 0 && k < source.blocksOf(0));
};

interface Opened {
  readonly http: HttpSource;
  readonly source: ByteSource;
}

const WAYS: readonly (readonly [string, (url: string) => Promise<Opened>])[] = [
  [
    'without a cache',
    async (url) => {
      const http = await openHttpSource(url);
      return { http, source: http };
    },
  ],
  [
    'with a cache',
    async (url) => {
      const http = await openHttpSource(url);
      return { http, source: createCachedSource(http) };
    },
  ],
];

interface Cost {
  readonly requests: number;
  readonly roundTrips: number;
}

const SHAPES: readonly (readonly [string, Omit<SyntheticOptions, 'records' | 'sizes'>])[] = [
  ['one track of key blocks', {}],
  ['two tracks with groups of 8', { tracks: 2, gop: 8, skew: BLOCK_DURATION / 2 }],
];

describe.each(WAYS)('%s,', (_, open) => {
  const coldSeek = async (server: TestServer, source: SyntheticSource, k: number, gop: number): Promise<Cost> => {
    server.seen.length = 0;
    const opened = await open(server.url);
    const reader = await H4MKReader.open(opened.source);
    const block = await reader.blockAt(source.ptsOf(0, k) + BLOCK_DURATION - 1);
    const key = k - (k % gop);
    expect(block?.tokn.seq).toBe(source.seqOf(0, key));
    expect(Buffer.compare(block?.bytes ?? new Uint8Array(0), source.block(0, key))).toBe(0);
    await opened.source.close();
    expect(opened.http.requests).toBe(server.seen.length);
    return { requests: server.seen.length, roundTrips: opened.http.roundTrips };
  };

  it.each([100, 10_000, 60_000, 1_000_000])(
    'opening a recording of %i records takes 2 requests, in one round trip',
    async (records) => {
      const server = await serve(make(records));
      const { http, source } = await open(server.url);
      const reader = await H4MKReader.open(source);
      expect(reader.recordCount).toBe(records);
      expect(server.seen.map(({ range, sent }) => [range, sent]).sort()).toEqual([
        ['bytes=-65536', 65_536],
        ['bytes=0-65535', 65_536],
      ]);
      expect(http).toMatchObject({ requests: 2, roundTrips: 1, bytes: 2 * 65_536 });
      await source.close();
    },
  );

  describe.each(SHAPES)('of %s:', (_name, shape) => {
    it.each([
      { records: 100, most: 6 },
      { records: 10_000, most: 6 },
      { records: 60_000, most: 6 },
      { records: 65_536, most: 6 },
      { records: 1_000_000, most: 7 },
    ])(
      'opening, seeking and the first verified block, cold, take at most 5 requests in the median and $most ever with $records records',
      async ({ records, most }) => {
        const source = make(records, shape);
        const server = await serve(source);
        const [spread, edges]: [Cost[], Cost[]] = [[], []];
        for (const k of spreadBlocks(source)) spread.push(await coldSeek(server, source, k, shape.gop ?? 1));
        for (const k of edgeBlocks(source)) edges.push(await coldSeek(server, source, k, shape.gop ?? 1));
        expect(median(spread.map(({ requests }) => requests))).toBeLessThanOrEqual(5);
        expect(Math.max(...[...spread, ...edges].map(({ requests }) => requests))).toBeLessThanOrEqual(most);
        expect(median(spread.map(({ roundTrips }) => roundTrips))).toBeLessThanOrEqual(4);
      },
    );
  });

  it.each([100, 10_000, 60_000, 1_000_000])(
    'seeking again takes at most 2 requests near the last answer and 3 far from it, in the median, with %i records',
    async (records) => {
      const source = make(records, { tracks: 2, gop: 8, skew: BLOCK_DURATION / 2 });
      const server = await serve(source);
      const opened = await open(server.url);
      const reader = await H4MKReader.open(opened.source);
      const cost = async (pts: number): Promise<number> => {
        server.seen.length = 0;
        const head = await reader.seek(pts);
        expect(head?.seq).toBe(source.seqOf(0, Math.floor(pts / BLOCK_DURATION / 8) * 8));
        return server.seen.length;
      };
      const [near, far]: [number[], number[]] = [[], []];
      let state = 3;
      for (let i = 0; i < 40; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const pts = Math.floor((state / 2 ** 32) * (source.blocksOf(0) - 20)) * BLOCK_DURATION;
        far.push(await cost(pts));
        near.push(await cost(pts + 12 * BLOCK_DURATION));
      }
      expect(median(near)).toBeLessThanOrEqual(2);
      expect(median(far)).toBeLessThanOrEqual(3);
      await opened.source.close();
    },
  );
});

it('the cache adds no request to any of these, and saves some', async () => {
  const source = make(60_000, { tracks: 2, gop: 8, skew: BLOCK_DURATION / 2 });
  const server = await serve(source);
  const requests: number[] = [];
  for (const [, open] of WAYS) {
    const opened = await open(server.url);
    const reader = await H4MKReader.open(opened.source);
    let before = server.seen.length;
    for (let i = 0; i < 60; i++) {
      await reader.blockAt(source.ptsOf(0, (i * 7919) % source.blocksOf(0)));
      for (let seq = 1000; seq < 1003; seq++) await reader.record(seq);
      requests.push(server.seen.length - before);
      before = server.seen.length;
    }
    await opened.source.close();
  }
  const [without, cached] = [requests.slice(0, 60), requests.slice(60)];
  for (const [i, count] of cached.entries()) expect(count).toBeLessThanOrEqual(without[i] ?? 0);
  const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
  expect(total(cached)).toBeLessThan(total(without) / 2);
});
