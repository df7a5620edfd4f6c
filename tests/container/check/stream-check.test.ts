import { describe, expect, test } from 'vitest';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import { concatBytes, utf8Encode } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import {
  AUDIO,
  type Piece,
  VIDEO,
  assembled,
  chunkOf,
  chunksOf,
  closedRecording,
  interleaved,
  patched,
  resealed,
  tagsOf,
} from '../../support/container.js';
import { signNothing } from '../../support/notes.js';
import { reportOf } from '../../support/reports.js';

const TRACKS = { tracks: [VIDEO, AUDIO] };
const closed = await closedRecording(interleaved(6), { ...TRACKS, sign: signNothing });
const chunks = chunksOf(closed);

const codesOf = async (file: Uint8Array) => {
  const { errors, warnings } = await reportOf(file);
  return { errors: errors.map(({ code }) => code), warnings: warnings.map(({ code }) => code) };
};
const errorsOf = async (file: Uint8Array): Promise<string[]> => (await codesOf(file)).errors;

const indexOf = (tag: string, n = 0): number =>
  chunks.findIndex(({ offset }) => offset === chunkOf(closed, tag, n).offset);

/** The file with `pieces` before the chunk number `at`; everything derived is made anew. */
const inserted = (at: number, ...pieces: readonly Piece[]): Uint8Array =>
  resealed([...chunks.slice(0, at), ...pieces, ...chunks.slice(at)]);

const unknown: Piece = { tag: 'xABC', payload: Uint8Array.of(1, 2, 3) };
const time: Piece = {
  tag: 'TIME',
  payload: concatBytes(
    Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0),
    sha256(chunkOf(closed, 'SIGN').payload),
    Uint8Array.of(0x30),
  ),
};
const envelope: Piece = {
  tag: 'ATTS',
  payload: utf8Encode('{"payload":"","payloadType":"x","signatures":[{"keyid":"","sig":""}]}'),
};
const tokn = chunkOf(closed, 'TOKN', 2);
const core = chunkOf(closed, 'CORE', 1);

test('the file is sound and has the chunks of section 1.2', async () => {
  expect(tagsOf(closed)).toEqual([
    ...['TOKN', 'META'],
    ...Array.from({ length: 6 }, () => ['TOKN', 'CORE']).flat(),
    ...['TOKN', 'META', 'SEEK', 'TILE', 'SIGN', 'VERI', 'TAIL'],
  ]);
  expect(await codesOf(closed)).toEqual({ errors: [], warnings: [] });
});

describe('records:', () => {
  test.each(['CORE', 'SAFE', 'META', 'VOID'])('a %s without its TOKN is an orphan', async (tag) => {
    expect(await errorsOf(inserted(4, { tag, payload: core.payload }))).toEqual(['H4_ORPHAN_PAYLOAD']);
  });

  test.each(['CORE', 'SAFE', 'META', 'VOID'])('a %s after VERI is refused', async (tag) => {
    const errors = await errorsOf(resealed([...chunks, { tag, payload: new Uint8Array(0) }]));
    expect(errors).toHaveLength(1);
    expect(['H4_ORPHAN_PAYLOAD', 'H4_CHUNK_AFTER_VERI']).toContain(errors[0]);
  });

  test.each(['SAFE', 'META', 'TOKN', 'TILE', 'SEEK', 'VERI', 'TAIL', 'SIGN', 'TIME', 'xABC'])(
    'a %s in place of the payload ends the walk',
    async (tag) => {
      const file = assembled(chunks.map((chunk, i) => (i === 3 ? { tag, payload: chunk.payload } : chunk)));
      const report = await reportOf(file);
      expect(report.errors.map(({ code }) => code)).toEqual(['H4_PAYLOAD_TAG']);
      expect(report.errors[0]?.message).toBe(`Record 1 of mode 0 must be followed by CORE, not ${tag}`);
      expect(report.records).toBe(1);
    },
  );

  test('a TOKN that cannot be read ends the walk', async () => {
    const broken = (payload: Uint8Array): Uint8Array =>
      assembled(chunks.map((chunk, i) => (i === 4 ? { tag: 'TOKN', payload } : chunk)));
    for (const [payload, code] of [
      [tokn.payload.subarray(0, 79), 'H4_TOKN_SIZE'],
      [patched(tokn.payload, 0, 2), 'H4_TOKN_SUITE'],
      [patched(tokn.payload, 1, 9), 'H4_TOKN_MODE'],
      [patched(tokn.payload, 2, 9), 'H4_TOKN_FLAGS'],
      [patched(tokn.payload, 8, 2n ** 63n, 8), 'H4_U64_RANGE'],
      [patched(tokn.payload, 8, 2n ** 53n, 8), 'H4_LIMIT_U64'],
      [patched(tokn.payload, 6, 1, 2), 'H4_TOKN_FIELD'],
      [patched(tokn.payload, 40, 9, 4), 'H4_TOKN_SUM'],
      [patched(tokn.payload, 80, 9, 4), 'H4_TOKN_DELTA'],
    ] as const) {
      const report = await reportOf(broken(payload));
      expect(report.errors.map((finding) => finding.code)).toEqual([code]);
      expect(report.errors[0]?.offset).toBe(chunks[4]?.offset);
      expect(report.records).toBe(2);
      expect(report.warnings).toEqual([]);
    }
  });

  test('a record between SEEK and VERI, or after VERI, is out of place', async () => {
    const record = [chunkOf(closed, 'TOKN', -1), chunkOf(closed, 'META', -1)];
    expect((await errorsOf(inserted(indexOf('TILE'), ...record)))[0]).toBe('H4_CHUNK_ORDER');
    expect((await errorsOf(resealed([...chunks, ...record])))[0]).toBe('H4_CHUNK_AFTER_VERI');
  });
});

describe('the place of a chunk:', () => {
  const [seekAt, tileAt, signAt, veriAt, tailAt] = ['SEEK', 'TILE', 'SIGN', 'VERI', 'TAIL'].map((tag) =>
    indexOf(tag),
  ) as [number, number, number, number, number];
  const end = chunks.length;
  const again = (tag: string): Piece => chunkOf(closed, tag);

  test.each<[string, Piece, number, string[]]>([
    ['an unknown chunk among the records', unknown, 4, []],
    ['an unknown chunk before SEEK', unknown, seekAt, []],
    ['an unknown chunk after SEEK', unknown, tileAt, ['H4_CHUNK_ORDER']],
    ['an unknown chunk before VERI', unknown, veriAt, ['H4_CHUNK_ORDER']],
    ['an unknown chunk after VERI', unknown, tailAt, ['H4_CHUNK_AFTER_VERI']],
    ['TIME before SEEK', time, seekAt, ['H4_TIME_IMPRINT']],
    ['TIME in the close', time, veriAt, ['H4_CHUNK_ORDER']],
    ['TIME after VERI', time, tailAt, []],
    ['ATTS among the records', envelope, 4, []],
    ['ATTS in the close', envelope, tileAt, ['H4_CHUNK_ORDER']],
    ['ATTS after VERI', envelope, tailAt, []],
    ['SIGN after VERI', again('SIGN'), tailAt, []],
    ['a second SIGN in the close', again('SIGN'), veriAt, ['H4_CHUNK_ORDER']],
    [
      'SIGN before the tiles of the close',
      again('SIGN'),
      tileAt,
      ['H4_CHUNK_ORDER', 'H4_CHUNK_ORDER', 'H4_TILE_PLACE'],
    ],
    ['TILE after the SIGN of the close', again('TILE'), veriAt, ['H4_CHUNK_ORDER']],
    ['TILE after VERI', again('TILE'), tailAt, ['H4_CHUNK_AFTER_VERI']],
    ['TAIL in the close', again('TAIL'), signAt, ['H4_CHUNK_ORDER']],
    ['a second SEEK in the close', again('SEEK'), tileAt, ['H4_CHUNK_DUPLICATE']],
    ['a second SEEK after VERI', again('SEEK'), tailAt, ['H4_CHUNK_DUPLICATE']],
    ['a second VERI', again('VERI'), tailAt, ['H4_CHUNK_DUPLICATE']],
    ['a PROF among the records', { tag: 'PROF', payload: new Uint8Array(24) }, 4, ['H4_CHUNK_ORDER']],
    ['a second final TAIL', again('TAIL'), end, []],
  ])('%s', async (_, piece, at, errors) => {
    const found = await codesOf(inserted(at, piece));
    // The TAIL that was made anew names the chunk that is out of place; what it should name is not the question here.
    expect({ ...found, errors: found.errors.filter((code) => code !== 'H4_TAIL_FIELD') }).toEqual({
      errors,
      warnings: [],
    });
  });

  test('VERI without SEEK is out of order; the state cannot be final then', async () => {
    const file = resealed(chunks.filter(({ tag }) => tag !== 'SEEK'));
    expect(await errorsOf(file)).toEqual(['H4_CHUNK_ORDER', 'H4_TAIL_STATE', 'H4_TILE_PLACE']);
  });

  test('SEEK after VERI is out of place even if it is the only one', async () => {
    const seek = chunkOf(closed, 'SEEK');
    const rest = chunks.filter(({ tag }) => tag !== 'SEEK');
    const errors = await errorsOf(resealed([...rest.slice(0, -1), seek, ...rest.slice(-1)]));
    expect(errors.slice(0, 2)).toEqual(['H4_CHUNK_ORDER', 'H4_CHUNK_AFTER_VERI']);
  });

  test('SEEK without VERI leaves a file open', async () => {
    const file = resealed(chunks.filter(({ tag }) => tag !== 'VERI' && tag !== 'TAIL'));
    expect(await reportOf(file)).toMatchObject({ errors: [], warnings: [], format: 'H4MK v1 live', exit_code: 3 });
  });
});

describe('VERI:', () => {
  const withVeri = (payload: Uint8Array): Uint8Array =>
    assembled(
      resealedWith(
        chunks.map((chunk) => (chunk.tag === 'VERI' ? { tag: 'VERI', payload } : chunk)),
        payload,
      ),
    );
  /** TAIL and all else as they would stand behind a VERI of this size. */
  const resealedWith = (pieces: readonly Piece[], veri: Uint8Array): Piece[] =>
    chunksOf(resealed(pieces)).map((chunk) => (chunk.tag === 'VERI' ? { tag: 'VERI', payload: veri } : chunk));
  const right = chunkOf(closed, 'VERI').payload;

  test('must be the hash of the bytes before it', async () => {
    expect(await errorsOf(withVeri(right))).toEqual([]);
    for (const at of [0, 31]) {
      expect(await errorsOf(withVeri(patched(right, at, (right[at] ?? 0) ^ 1)))).toEqual(['H4_VERI_MISMATCH']);
    }
  });

  test('must have 32 bytes', async () => {
    for (const size of [0, 16, 31, 33])
      expect((await errorsOf(withVeri(new Uint8Array(size))))[0]).toBe('H4_VERI_SIZE');
  });

  test('covers everything but the file header, also what nothing else covers', async () => {
    const file = inserted(4, unknown);
    const at = chunkOf(file, 'xABC').offset + 12;
    const changed = assembled(chunksOf(patched(file, at, 9)).map((chunk) => chunk));
    expect(await errorsOf(changed)).toEqual(['H4_VERI_MISMATCH']);
  });
});

describe('CRC:', () => {
  test('a wrong one is noted at its chunk, and the walk goes on', async () => {
    for (const [i, chunk] of chunks.entries()) {
      const { errors } = await reportOf(patched(closed, chunk.offset + 11, (closed[chunk.offset + 11] ?? 0) ^ 1));
      expect(errors[0]).toMatchObject({ code: 'H4_CRC_MISMATCH', offset: chunk.offset });
      // VERI covers all chunks before it; a TAIL with a wrong CRC is a TAIL nevertheless.
      expect(errors.slice(1).map(({ code }) => code)).toEqual(i < indexOf('VERI') ? ['H4_VERI_MISMATCH'] : []);
    }
  });

  test('the message has both values', async () => {
    const chunk = chunkOf(closed, 'SEEK');
    const { errors } = await reportOf(patched(closed, chunk.offset + 8, 0, 4));
    expect(errors[0]?.message).toBe(
      `The payload of SEEK has CRC ${chunk.crc.toString(16).padStart(8, '0')}, but its header says 00000000`,
    );
  });
});

describe('the end of a file:', () => {
  const open = resealed(chunks.slice(0, indexOf('SEEK')));

  test('at a chunk boundary it is sound as far as it goes', async () => {
    for (const n of [2, 4, 6]) {
      const report = await reportOf(assembled(chunks.slice(0, n)));
      expect(report).toMatchObject({ errors: [], warnings: [], records: n / 2, exit_code: 3, format: 'H4MK v1 live' });
    }
  });

  test('within a chunk it was cut off', async () => {
    const offset = chunks[6]?.offset ?? 0;
    for (const length of [offset + 1, offset + 11, offset + 12, offset + 50]) {
      expect(await codesOf(open.subarray(0, length))).toEqual({ errors: [], warnings: ['H4_TRUNCATED'] });
    }
    const { warnings } = await reportOf(open.subarray(0, offset + 50));
    expect(warnings[0]).toEqual({
      code: 'H4_TRUNCATED',
      offset,
      message: `The file ends within a chunk; at least ${12 + 92 - 50} bytes are missing`,
    });
  });

  test('after a TOKN or within its payload, the payload is missing', async () => {
    const payloadAt = chunks[7]?.offset ?? 0;
    expect(await codesOf(open.subarray(0, payloadAt))).toEqual({ errors: [], warnings: ['H4_TOKN_NO_PAYLOAD'] });
    const cut = await reportOf(open.subarray(0, payloadAt + 13));
    expect(cut.warnings.map(({ code }) => code)).toEqual(['H4_TRUNCATED', 'H4_TOKN_NO_PAYLOAD']);
    expect(cut).toMatchObject({ errors: [], records: 3, exit_code: 3 });
  });

  test('before record 0 is whole there are no records', async () => {
    for (const length of [8, 12, 20, 100, 112, 120]) {
      const report = await reportOf(open.subarray(0, length));
      expect(report.errors.map(({ code }) => code)).toEqual(['H4_NO_RECORDS']);
      expect(report).toMatchObject({ records: 0, root: null, file_id: null, exit_code: 1 });
    }
  });

  test('of a closed file is its final TAIL', async () => {
    const cut = closed.subarray(0, chunkOf(closed, 'TAIL').offset);
    expect(await codesOf(cut)).toEqual({ errors: [], warnings: ['H4_TAIL_MISSING'] });
    expect((await reportOf(cut)).exit_code).toBe(3);
    expect(await codesOf(closed.subarray(0, -1))).toEqual({
      errors: [],
      warnings: ['H4_TRUNCATED', 'H4_TAIL_MISSING'],
    });
    expect(await codesOf(concatBytes(closed, encodeChunk('TIME', time.payload)))).toEqual({
      errors: [],
      warnings: ['H4_TAIL_MISSING'],
    });
    const live = resealed(
      chunks.map((chunk) => (chunk.tag === 'TAIL' ? { tag: 'TAIL', payload: patched(chunk.payload, 8, 0) } : chunk)),
    );
    expect(await codesOf(live)).toEqual({ errors: [], warnings: ['H4_TAIL_MISSING'] });
  });

  test('a size that runs over a TAIL at the end is damage inside, not a crash', async () => {
    const { offset, size } = chunkOf(closed, 'CORE', 2);
    const report = await reportOf(patched(closed, offset + 4, 2 ** 24 + size, 4));
    expect(report.errors.map(({ code }) => code)).toEqual(['H4_INNER_DAMAGE']);
    expect(report.errors[0]).toMatchObject({
      offset,
      message: expect.stringContaining('the damage is inside') as string,
    });
    expect(report).toMatchObject({ warnings: [], records: 3, exit_code: 1 });
    // Without the TAIL the same damage looks like a crash.
    const cut = patched(closed, offset + 4, 2 ** 24 + size, 4).subarray(0, -1);
    expect(await codesOf(cut)).toEqual({ errors: [], warnings: ['H4_TRUNCATED', 'H4_TOKN_NO_PAYLOAD'] });
  });
});
