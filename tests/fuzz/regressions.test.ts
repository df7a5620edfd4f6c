/** Files that once broke an invariant, and their neighbours. Each is made from a sound one, and every target is run on it. */
import { describe, expect, it } from 'vitest';
import { encodeChunk } from '../../src/container/format/chunk.js';
import { CHUNK_HEADER_BYTES } from '../../src/container/format/layout.js';
import { concatBytes, viewOf } from '../../src/utils/bytes.js';
import { block, endRecord, minimal, signed, slice, written } from '../../tools/golden-vectors.js';
import { FileKit, type Piece, piece } from '../../tools/vector-kit.js';
import { Corpus, type FuzzCase } from './case.js';
import { Random } from './random.js';
import { Runner, TARGETS } from './run.js';

/** Pieces of a stream, positions and times are drawn: each file is tried with several. */
const DRAWS = 6;

const breachesOf = async (bytes: Uint8Array): Promise<readonly string[]> => {
  const base = { name: 'regression', bytes };
  const runner = new Runner(new Corpus([base]), TARGETS);
  const breaches: string[] = [];
  for (let number = 0; number < DRAWS; number++) {
    const random = new Random(1, number);
    const fuzzed: FuzzCase = { seed: 1, number, base, steps: [], bytes, repaired: true, foreign: true, random };
    const found = await runner.runCase(fuzzed);
    breaches.push(...found.map(({ target, message }) => `${target} ${message}`));
  }
  return breaches;
};

const ORPHAN = piece('CORE', Uint8Array.of(1, 2, 3, 4));

/** The chunks before the one with this tag. */
const before = (kit: FileKit, tag: string): FileKit =>
  new FileKit(kit.pieces.slice(0, kit.pieces.indexOf(kit.chunk(tag))));

const with64 = (target: Piece, at: number, value: bigint): Piece => {
  const payload = target.payload.slice();
  viewOf(payload).setBigUint64(at, value);
  return { ...target, payload };
};

/** A live recording whose last payload ends in what would be a TAIL of the file, if it were a chunk. */
const tailInPayload = async (): Promise<Uint8Array> => {
  const closed = await minimal();
  const { payload: tail } = closed.chunk('TAIL');
  const content = concatBytes(new Uint8Array(10), encodeChunk('TAIL', tail));
  const kit = before(await written([block(1000, content), endRecord(2000)]), 'SEEK');
  kit.remove(kit.record(2).tokn, kit.record(2).payload);
  const { payload } = kit.record(1);
  const self = kit.offsetOf(payload) + CHUNK_HEADER_BYTES + 10;
  const placed = with64(piece('TAIL', tail), 0, BigInt(self));
  return kit.setPayload(1, concatBytes(new Uint8Array(10), encodeChunk('TAIL', placed.payload))).bytes();
};

/** Record 0 and a TAIL that says that it ends a slice; more may follow. */
const sliceTail = async (self: bigint | undefined, ...more: readonly Piece[]): Promise<Uint8Array> => {
  const kit = await slice();
  const { tokn, payload } = kit.record(0);
  const made = new FileKit([tokn, payload]);
  const tail = with64(kit.chunk('TAIL'), 0, self ?? BigInt(made.bytes().length));
  return new FileKit([tokn, payload, tail, ...more]).bytes();
};

const withoutTiles = async (...after: readonly Piece[]): Promise<Uint8Array> => {
  const kit = await minimal();
  const tail = kit.chunk('TAIL');
  kit.remove(kit.chunk('TILE'), tail).reseal();
  return new FileKit([...kit.pieces, ...after]).bytes();
};

const FILES: Readonly<Record<string, () => Promise<Uint8Array>>> = {
  'a slice without its end': async () => {
    const kit = await slice();
    return kit.remove(kit.chunk('TAIL')).bytes();
  },
  'a TAIL of a slice after record 0, in the wrong place': () => sliceTail(5678n),
  'a TAIL of a slice after record 0, with a chunk behind it': () => sliceTail(undefined, piece('xabc')),
  'a slice of record 0 alone': () => sliceTail(undefined),
  'a close without its tiles': () => withoutTiles(),
  'a close without its tiles, and a TAIL with a wrong CRC': async () =>
    withoutTiles({ ...(await minimal()).chunk('TAIL'), crc: 0 }),
  'SEEK without an end record': async () => {
    const kit = await minimal();
    const { tokn, payload } = kit.record(0);
    return new FileKit([tokn, payload, piece('SEEK', new Uint8Array(4))]).bytes();
  },
  'SEEK without an end record, and damage behind it': async () => {
    const kit = await minimal();
    const { tokn, payload } = kit.record(0);
    return new FileKit([tokn, payload, piece('SEEK', new Uint8Array(4)), ORPHAN]).bytes();
  },
  'a bad tag before a TAIL that points beyond 2^53': async () => {
    const kit = await minimal();
    kit.chunk('SEEK').tag = 'x\u0000\u0000\u0000';
    const tail = kit.chunk('TAIL', -1);
    tail.payload = with64(tail, 56, 2n ** 63n).payload;
    return kit.bytes();
  },
};

describe('a file that once broke an invariant breaks none:', () => {
  it.each(Object.keys(FILES))('%s', async (name) => {
    const bytes = await FILES[name]?.();
    expect(await breachesOf(bytes ?? new Uint8Array(0))).toEqual([]);
  });

  it('a TAIL at the end that is part of a payload (the reader takes it for an index, the check for media)', async () => {
    expect(await breachesOf(await tailInPayload())).toEqual([]);
  });

  it('a close that was cut behind its SIGN and lacks its tiles (it is recovered without them)', async () => {
    const kit = await signed();
    kit.remove(kit.chunk('TILE', -1));
    expect(await breachesOf(before(kit, 'VERI').bytes())).toEqual([]);
  });
});
