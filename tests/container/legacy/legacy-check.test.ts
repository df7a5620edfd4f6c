import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { utf8Encode } from '../../../src/utils/bytes.js';
import { type Piece, assembled, chunksOf, closedRecording, interleaved } from '../../support/container.js';
import {
  bitInTurn,
  errorCodes,
  reportOf,
  sound,
  verdictOf,
  warningCodes,
  withOneBitFlipped,
} from '../../support/reports.js';
import {
  BOMB as bomb,
  META,
  REFUSED,
  block,
  blocks,
  chunk,
  closed,
  core,
  entries,
  meta,
  open,
  safe,
  seek,
  whole,
} from '../../support/legacy.js';
import { describeShared } from '../../support/shared.js';

const errorsOf = async (file: Uint8Array): Promise<string[]> => errorCodes(await reportOf(file));

describe('a sound legacy file', () => {
  test('is not signed, and has no records', async () => {
    expect(await reportOf(whole)).toMatchObject({
      format: 'H4MK v1 legacy',
      state: 'NOT_SIGNED',
      proven: false,
      exit_code: 0,
      root: null,
      file_id: null,
      records: 0,
      tree_size: 0,
      signatures: [],
      signature_count: 0,
      errors: [],
      warnings: [],
    });
  });

  test('may have its chunks in any order before VERI', async () => {
    const others = [seek(entries), meta(), safe];
    for (let first = 0; first <= blocks.length; first++) {
      for (let second = first; second <= blocks.length; second++) {
        const [one = safe, ...rest] = others;
        const parts = [
          ...blocks.slice(0, first),
          one,
          ...blocks.slice(first, second),
          ...rest,
          ...blocks.slice(second),
        ];
        expect(await verdictOf(closed(...parts))).toEqual(sound);
        others.push(others.shift() ?? safe);
      }
    }
  });

  test('may have no block, an empty SEEK, or no SEEK and SAFE at all', async () => {
    expect(await verdictOf(closed(seek([]), meta(), safe))).toEqual(sound);
    expect(await verdictOf(closed(...blocks, meta()))).toEqual(sound);
  });

  test('may have SAFE that says anything, because nobody acts on it', async () => {
    expect(await verdictOf(closed(...blocks, meta(), chunk('SAFE', Uint8Array.of(0xff))))).toEqual(sound);
  });

  test('may divide its runs as it likes', async () => {
    expect(await verdictOf(closed(core(Uint8Array.of(65, 1, 65, 1, 65, 255)), meta()))).toEqual(sound);
  });

  test('may have numbers that are fractions or beyond 2^53', async () => {
    const payload = utf8Encode(
      '{"a":0.1,"b":1e300,"c":18446744073709551616,"compression":{"engine":"geometric-reference"}}',
    );
    expect(await verdictOf(closed(...blocks, chunk('META', payload)))).toEqual(sound);
  });
});

describe('the decisions of section 13', () => {
  test.each(REFUSED)('%s is refused', async (_name, file, errors) => {
    const report = await reportOf(file);
    expect(errorCodes(report)).toEqual(errors);
    expect(report).toMatchObject({ state: 'NOT_OK', exit_code: 1, root: null, file_id: null, records: 0 });
  });

  test('truncated_at_chunk_boundary_no_veri is accepted with a warning', async () => {
    expect(await verdictOf(assembled(open))).toEqual({ exit: 3, errors: [], warnings: ['H4_VERI_MISSING'] });
  });

  test('unknown_tag is accepted, the tag ignored', async () => {
    const warnings = ['H4_META_MISSING', 'H4_VERI_MISSING'];
    expect(await verdictOf(assembled([chunk('abcd'), block(3)]))).toEqual({ exit: 3, errors: [], warnings });
    expect(await verdictOf(closed(chunk('abcd'), ...open, chunk('zzzz')))).toEqual(sound);
  });

  test('core_bomb_8k_to_1MiB is accepted, and refused where max_block is lower', async () => {
    const warnings = ['H4_META_MISSING', 'H4_VERI_MISSING'];
    expect(await verdictOf(assembled([bomb]))).toEqual({ exit: 3, errors: [], warnings });
    expect(await verdictOf(assembled([bomb]), { maxBlockBytes: 1_048_560 })).toEqual({ exit: 3, errors: [], warnings });
    expect(errorCodes(await reportOf(assembled([bomb]), { maxBlockBytes: 1_048_559 }))).toEqual(['H4_LIMIT_BLOCK']);
  });

  test('a 64-bit field that this reader would round is beyond its limits', async () => {
    expect(
      await errorsOf(
        closed(
          ...blocks,
          seek([
            [0, 0],
            [1, 2n ** 53n],
          ]),
          meta(),
        ),
      ),
    ).toEqual(['H4_LIMIT_U64']);
    expect(await errorsOf(closed(...blocks, seek([[2n ** 63n - 1n, 0]]), meta()))).toEqual(['H4_LIMIT_U64']);
  });

  test('a missing META means the reference engine, and is a warning', async () => {
    expect(await verdictOf(closed(...blocks))).toEqual({ exit: 3, errors: [], warnings: ['H4_META_MISSING'] });
  });

  test.each(['TOKN', 'VOID', 'TILE', 'SIGN', 'TIME', 'ATTS', 'TAIL', 'PROF'])(
    '%s among legacy chunks is refused',
    async (tag) => {
      const report = await reportOf(closed(...blocks, chunk(tag), meta()));
      expect(errorCodes(report)).toEqual(['H4_LEGACY_MIXED']);
      expect(report.format).toBe('H4MK v1 legacy');
    },
  );

  test('a signed file without its first TOKN is no quiet legacy file', async () => {
    const recording = await closedRecording(interleaved(2));
    const report = await reportOf(assembled(chunksOf(recording).slice(1)));
    expect(report).toMatchObject({ format: 'H4MK v1 legacy', state: 'NOT_OK', exit_code: 1 });
    expect(errorCodes(report)[0]).toBe('H4_LEGACY_MIXED');
  });
});

describe('what only a decoder needs', () => {
  test('a key for masked blocks is missed with a warning that changes nothing', async () => {
    const masked = meta({ ...META, masked: true });
    expect(await verdictOf(closed(...blocks, masked))).toEqual({ ...sound, warnings: ['H4_KEY_MISSING'] });
    expect(await verdictOf(closed(masked))).toEqual(sound);
    expect(await errorsOf(closed(core(Uint8Array.of(1)), masked))).toEqual(['H4_RLE_ODD']);
  });

  test('blocks of another engine are not judged', async () => {
    for (const json of [{ compression: { engine: 'other' } }, { compression: { engine: 1 } }, { compression: 1 }, {}]) {
      const file = closed(core(Uint8Array.of(1, 0, 1)), seek([[0, 7]]), meta(json));
      expect(await verdictOf(file)).toEqual({ ...sound, warnings: ['H4_ENGINE_UNKNOWN'] });
    }
  });

  test('the name of another engine is shown, and cut where it is long', async () => {
    const report = await reportOf(closed(meta({ compression: { engine: 'x'.repeat(1000) } })));
    expect(report.warnings[0]?.message).toContain(`"${'x'.repeat(79)}:`);
  });

  test('encrypted blocks are not judged either: nobody can decode them', async () => {
    for (const encryption of [{ algorithm: 'x' }, null, false]) {
      const file = closed(core(Uint8Array.of(1, 0, 1)), seek([[0, 7]]), meta({ ...META, encryption }));
      expect(await verdictOf(file)).toEqual({ ...sound, warnings: ['H4_LEGACY_ENCRYPTED'] });
    }
  });

  test('nothing is said of blocks where META was refused', async () => {
    expect(await errorsOf(closed(core(Uint8Array.of(1)), chunk('META', utf8Encode('['))))).toEqual(['H4_META_JSON']);
  });
});

describe('blocks of a legacy file', () => {
  test('are reported once for each fault, with their number', async () => {
    const odd = core(Uint8Array.of(1));
    const report = await reportOf(closed(block(1), odd, odd, core(Uint8Array.of(1, 0)), odd, meta()));
    expect(report.errors.map(({ code }) => code)).toEqual(['H4_RLE_ODD', 'H4_RLE_ZERO_RUN']);
    expect(report.errors[0]?.message).toContain('the first of 3');
    expect(report.errors[0]?.offset).toBe(chunksOf(assembled([block(1), odd]))[1]?.offset);
    expect(report.errors[1]?.message).not.toContain('the first');
  });

  test('are as many as there may be records', async () => {
    expect(await verdictOf(whole, { maxRecords: 3 })).toEqual(sound);
    expect(errorCodes(await reportOf(whole, { maxRecords: 2 }))).toEqual(['H4_LIMIT_RECORDS']);
  });

  test('of more bytes than META may have end the walk', async () => {
    expect(errorCodes(await reportOf(whole, { maxMetaBytes: 10 }))).toEqual(['H4_LIMIT_META']);
  });
});

describe('SEEK of a legacy file', () => {
  const withSeek = (
    offsets: readonly number[],
    before: readonly Piece[],
    behind: readonly Piece[] = [],
  ): Promise<string[]> =>
    errorsOf(closed(...before, seek(offsets.map((offset, i) => [i, offset] as const)), ...behind, meta()));

  test('leads to starts of decompressed blocks, wherever it stands', async () => {
    for (let split = 0; split <= blocks.length; split++) {
      const [before, behind] = [blocks.slice(0, split), blocks.slice(split)];
      for (const offsets of [[0], [300], [316], [0, 300], [300, 316], [0, 300, 316], []]) {
        expect(await withSeek(offsets, before, behind), `${offsets.join()} at ${split}`).toEqual([]);
      }
      for (const offsets of [[1], [299], [301], [317], [318], [1000], [0, 8], [0, 300, 317], [0, 300, 316, 318]]) {
        expect(await withSeek(offsets, before, behind), `${offsets.join()} at ${split}`).toEqual(['H4_SEEK_ENTRY']);
      }
    }
  });

  test('may lead to a block of no bytes, and not to the end of the last one', async () => {
    const empty = block(0);
    expect(await withSeek([0, 5], [empty, block(5), empty])).toEqual([]);
    expect(await withSeek([0], [empty])).toEqual([]);
    expect(await withSeek([5], [empty, block(5)])).toEqual(['H4_SEEK_ENTRY']);
    expect(await withSeek([0], [])).toEqual(['H4_SEEK_ENTRY']);
  });

  test('is not compared with blocks of which one is broken', async () => {
    expect(await withSeek([0, 7], [core(Uint8Array.of(1)), block(5)])).toEqual(['H4_RLE_ODD']);
  });

  test('is compared with many blocks in time that grows with their number only', async () => {
    const pieces = Array.from({ length: 40_000 }, () => block(3));
    const offsets = Array.from({ length: 40_000 }, (_, i) => 3 * i);
    expect(await withSeek(offsets, pieces)).toEqual([]);
    expect(await withSeek(offsets.with(39_999, 3 * 39_999 + 1), pieces)).toEqual(['H4_SEEK_ENTRY']);
  });
});

describe('a legacy file that was changed', () => {
  test('is never sound with a bit flipped', async () => {
    for (const { at, bit, changed } of withOneBitFlipped(whole)) {
      const { exit, warnings } = await verdictOf(changed);
      // Only the tag of VERI can change unnoticed, and that is noticed as its absence.
      const inTag = at >= whole.length - 44 && at < whole.length - 40;
      expect([exit, warnings.join()], `bit ${bit} of byte ${at}`).toEqual(
        inTag && bit < 6 ? [3, 'H4_VERI_MISSING'] : [1, expect.any(String)],
      );
    }
  });

  test('is never sound when it was cut', async () => {
    const ends = chunksOf(whole).map(({ offset }) => offset);
    for (let length = 0; length < whole.length; length++) {
      const report = await reportOf(whole.subarray(0, length));
      expect(report.exit_code, `${length}`).toBe(length > 8 && ends.includes(length) ? 3 : 1);
      if (report.exit_code === 3) expect(warningCodes(report)).toContain('H4_VERI_MISSING');
    }
  });
});

describeShared('real legacy files', (shared) => {
  const folder = `${shared}/fixtures/h4mk`;
  const names = readdirSync(folder).filter((name) => name.endsWith('.h4mk'));

  test.each(names)('%s is sound', async (name) => {
    const warnings = name.startsWith('masked') ? ['H4_KEY_MISSING'] : [];
    expect(await verdictOf(Uint8Array.from(readFileSync(`${folder}/${name}`)))).toEqual({ ...sound, warnings });
  });

  test('there are four of them', () => {
    expect(names).toHaveLength(4);
  });

  test('the sample is never sound with a bit flipped or when it is cut', async () => {
    const file = Uint8Array.from(readFileSync(`${shared}/samples/legacy.h4mk`));
    expect(await verdictOf(file)).toEqual(sound);
    for (const { at, bit, changed } of withOneBitFlipped(file, bitInTurn)) {
      expect((await reportOf(changed)).exit_code, `bit ${bit} of byte ${at}`).not.toBe(0);
    }
    for (let length = 0; length < file.length; length++) {
      expect((await reportOf(file.subarray(0, length))).exit_code).not.toBe(0);
    }
  });
});
