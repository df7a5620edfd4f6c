/** Attacks on what helps to find things: SEEK, TILE, TAIL, VERI and every offset are hints (spec/h4mk.md sections 1, 7, 9 and 14). */
import { describe, expect, it } from 'vitest';
import { H4MKReader } from '../../src/container/read/reader.js';
import { TAIL_STATE, TILE_HEAD_BYTES } from '../../src/container/format/layout.js';
import { encodeTail, parseTail } from '../../src/container/format/tail.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { concatBytes } from '../../src/utils/bytes.js';
import { isH4Error } from '../../src/utils/error.js';
import { assembled, interleaved, mediaRecord } from '../support/container.js';
import { cli } from '../cli/support/harness.js';
import { temporaryFolder } from '../cli/support/files.js';
import { type FileKit, RECORDS, cutBehind, flipped, kitOf, original, piece, recorded, signer } from './surgery.js';
import { expectVerdict } from './verdict.js';

const folder = temporaryFolder();

/** VERI and TAIL as they should be, everything else as it stands. */
const resealed = (kit: FileKit): Uint8Array => kit.reseal().bytes();

describe('SEEK lies', () => {
  it('about the place of a keyframe', async () => {
    const kit = await kitOf();
    const seek = kit.chunk('SEEK');
    seek.payload = flipped(seek.payload, 4 + 15);
    await expectVerdict(folder, resealed(kit), { state: 'NOT_OK', exit: 1, codes: ['H4_SEEK_ENTRY'] });
  });

  it('by leaving a keyframe out', async () => {
    const kit = await kitOf();
    const seek = kit.chunk('SEEK');
    seek.payload = concatBytes(Uint8Array.of(0, 0, 0, 1), seek.payload.subarray(4, 20));
    await expectVerdict(folder, resealed(kit), { state: 'NOT_OK', exit: 1, codes: ['H4_SEEK_ENTRY'] });
  });
});

describe('TILE lies', () => {
  const lied = async (at: number): Promise<Uint8Array> => {
    const kit = await kitOf();
    const tile = kit.chunk('TILE', -1);
    tile.payload = flipped(tile.payload, at);
    return resealed(kit);
  };

  it('about a hash', async () => {
    const file = await lied(TILE_HEAD_BYTES + 16 * RECORDS + 32 * 5);
    await expectVerdict(folder, file, { state: 'NOT_OK', exit: 1, codes: ['H4_TILE_HASH'] });
  });

  it('about a time', async () => {
    const file = await lied(TILE_HEAD_BYTES + 16 * 5 + 7);
    await expectVerdict(folder, file, { state: 'NOT_OK', exit: 1, codes: ['H4_TILE_INDEX'] });
  });

  it('about a place', async () => {
    const file = await lied(TILE_HEAD_BYTES + 16 * 5 + 15);
    await expectVerdict(folder, file, { state: 'NOT_OK', exit: 1, codes: ['H4_TILE_INDEX'] });
  });

  it('about which records are keyframes', async () => {
    const kit = await kitOf();
    const tile = kit.chunk('TILE', -1);
    // Record 1 is the first keyframe of the seek track.
    tile.payload[16] = (tile.payload[16] ?? 0) ^ 0x40;
    await expectVerdict(folder, resealed(kit), { state: 'NOT_OK', exit: 1, codes: ['H4_TILE_INDEX'] });
  });
});

describe('TAIL lies', () => {
  it.each(['meta', 'seek', 'veri', 'sign', 'prev'] as const)('about where %s is', async (field) => {
    const kit = await kitOf();
    const tail = kit.chunk('TAIL', -1);
    const told = parseTail(tail.payload);
    tail.payload = encodeTail({ ...told, [field]: kit.offsetOf(kit.record(3).tokn) });
    await expectVerdict(folder, kit.bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_TAIL_FIELD'] });
  });

  it('about where the tiles are', async () => {
    const kit = await kitOf();
    const tail = kit.chunk('TAIL', -1);
    const told = parseTail(tail.payload);
    const old = kit.offsetOf(kit.chunk('TILE', 0));
    tail.payload = encodeTail({ ...told, tiles: told.tiles.map((place, level) => (level === 0 ? old : place)) });
    await expectVerdict(folder, kit.bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_TAIL_FIELD'] });
  });

  it('about the number of records', async () => {
    const kit = await kitOf();
    const tail = kit.chunk('TAIL', -1);
    tail.payload = encodeTail({ ...parseTail(tail.payload), records: 8 });
    await expectVerdict(folder, kit.bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_TAIL_FIELD'] });
  });

  it('about the root', async () => {
    const kit = await kitOf();
    const tail = kit.chunk('TAIL', -1);
    tail.payload = encodeTail({ ...parseTail(tail.payload), root: new Uint8Array(32) });
    await expectVerdict(folder, kit.bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_TAIL_ROOT'] });
  });

  it('that a live recording is finished', async () => {
    const kit = await kitOf();
    const tail = cutBehind(kit, kit.chunk('TAIL', 1)).chunk('TAIL', 1);
    tail.payload = encodeTail({ ...parseTail(tail.payload), state: TAIL_STATE.final });
    await expectVerdict(folder, kit.bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_TAIL_STATE'] });
  });

  it('that a recording is a slice, whose rules are looser', async () => {
    const kit = await kitOf();
    const tail = kit.chunk('TAIL', -1);
    tail.payload = encodeTail({ ...parseTail(tail.payload), state: TAIL_STATE.slice });
    const path = await folder.write('as-slice.h4mk', kit.bytes());
    const ended = await cli(['verify', '--key', signer.verificationKey, '--json', path]);
    expect([ended.code, (JSON.parse(ended.stdout) as { state: string }).state]).toEqual([1, 'NOT_OK']);
  });
});

describe('VERI lies', () => {
  it('about the hash of the whole', async () => {
    const kit = await kitOf();
    const veri = kit.chunk('VERI');
    veri.payload = flipped(veri.payload, 0);
    await expectVerdict(folder, kit.reseal({ keepVeri: true }).bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_VERI_MISMATCH'],
    });
  });
});

describe('content imitates a trailer', () => {
  /**
   * The camera records what the attacker shows it. Here the block is, byte by byte, the TAIL of the recording that he would like
   * to show; the signer signs it, as he signs everything.
   */
  const withImitation = async (): Promise<{ readonly file: Uint8Array; readonly end: number }> => {
    const draft = await kitOf();
    const tail = parseTail(draft.chunk('TAIL', 1).payload);
    const records = interleaved(RECORDS - 2, 2);
    const build = (self: number): Promise<Uint8Array> => {
      const imitation = assembled([{ tag: 'TAIL', payload: encodeTail({ ...tail, self, records: 8 }) }]).subarray(8);
      const payload = concatBytes(new Uint8Array(20), imitation, new Uint8Array(20));
      const shown = mediaRecord({ track: 0, pts: 1000, key: true, payload });
      return recorded([...records, shown], { pointEvery: 4 });
    };
    const kit = await kitOf(build(0));
    const self = kit.offsetOf(kit.record(9).payload) + 12 + 20;
    return { file: await build(self), end: self + 172 };
  };

  it('in a sound file: nothing is looked for in payloads', async () => {
    const { file } = await withImitation();
    await expectVerdict(folder, file, { state: 'OK', exit: 0 });
  });

  it('and the file is cut so that it ends in it', async () => {
    const { file, end } = await withImitation();
    await expectVerdict(folder, file.subarray(0, end), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_INNER_DAMAGE'],
    });
  });
});

describe('offsets are redirected', () => {
  /** Whatever it answers, a reader gives the bytes of the record that it names, or refuses. */
  const expectNoForeignBytes = async (file: Uint8Array): Promise<void> => {
    const good = await H4MKReader.open(createMemorySource(await original()));
    let refused = 0;
    let reader: H4MKReader | undefined;
    try {
      reader = await H4MKReader.open(createMemorySource(file));
    } catch (error) {
      expect(isH4Error(error)).toBe(true);
      return;
    }
    for (let seq = 1; seq < RECORDS - 1; seq++) {
      const truth = await good.record(seq);
      try {
        const { tokn, payload } = await reader.record(seq);
        expect({ seq: tokn.seq, pts: tokn.pts, payload }).toEqual({ seq, pts: truth.tokn.pts, payload: truth.payload });
      } catch (error) {
        if (!isH4Error(error)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(0);
  };

  it('of one record to another of the same track', async () => {
    const kit = await kitOf();
    const tile = kit.chunk('TILE', -1);
    const locator = (n: number): number => TILE_HEAD_BYTES + 16 * n + 8;
    tile.payload.copyWithin(locator(5), locator(7), locator(7) + 8);
    await expectNoForeignBytes(resealed(kit));
    await expectVerdict(folder, resealed(kit), { state: 'NOT_OK', exit: 1, codes: ['H4_TILE_INDEX'] });
  });

  it('of one record into the payload of another, where the attacker wrote a record of his own', async () => {
    const kit = await kitOf();
    const tile = kit.chunk('TILE', -1);
    const view = new DataView(tile.payload.buffer, tile.payload.byteOffset);
    view.setBigUint64(TILE_HEAD_BYTES + 16 * 5 + 8, BigInt(kit.offsetOf(kit.record(7).payload)));
    await expectNoForeignBytes(resealed(kit));
  });

  it('of the trailer into an older index point', async () => {
    const kit = await kitOf();
    const old = kit.chunk('TAIL', 0);
    kit.pieces.push(piece('TAIL', old.payload.slice()));
    await expectVerdict(folder, kit.bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_TAIL_FIELD', 'H4_TAIL_ROOT'],
    });
  });
});
