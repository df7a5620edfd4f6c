import { describe, expect, test } from 'vitest';
import { createIterableFeed } from '../../../src/container/source/feed.js';
import { SeenHistory, type SeenCheckpoint } from '../../../src/container/trust/seen.js';
import { type VerificationReport, verifyContainer, verifyStream } from '../../../src/container/check/verify.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { toHex } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import {
  AUDIO,
  type Piece,
  VIDEO,
  chunkOf,
  chunksOf,
  closedRecording,
  interleaved,
  patched,
  resealed,
} from '../../support/container.js';
import { KEY_NAME } from '../../support/notes.js';
import { keyOf, signedBy, signedNote, trusting } from '../../support/signed.js';
import { prof, record, recordsOf, run, withTail } from '../../support/slices.js';

const tracks = [VIDEO, AUDIO];
const camera = keyOf(1);
const trust = trusting(camera);
const other = sha256(Uint8Array.of(9));

/** 11 records, signed at 4, 8 and 11. */
const signed = await closedRecording(interleaved(9), { tracks, sign: signedBy(camera), pointEvery: 4 });
const { fileId, root, rootAt } = recordsOf(signed);
const origin = `${KEY_NAME}/${toHex(fileId)}`;
/** The copy of it that ended after 8 records. */
const { offset: end } = chunkOf(signed, 'TAIL', 1);
const old = signed.subarray(0, end + 172);

const saw = (size: number, atSize: Uint8Array = rootAt(size), of = origin): SeenCheckpoint => ({
  origin: of,
  size,
  root: atSize,
});

const check = (file: Uint8Array, ...seen: readonly SeenCheckpoint[]): Promise<VerificationReport> =>
  verifyContainer(createMemorySource(file), { trust, seen });

const codesOf = ({ errors }: VerificationReport): string[] => errors.map(({ code }) => code);

describe('a follower', () => {
  test.each([1, 4, 7, 8, 11])('that has seen the first %i records finds them again', async (size) => {
    expect(await check(signed, saw(size))).toMatchObject({ state: 'OK', exit_code: 0, errors: [] });
  });

  test.each([9, 11, 500])('that has seen %i records is not shown 8 of them', async (size) => {
    const report = await check(old, saw(size, size === 500 ? other : rootAt(size)));
    expect(report).toMatchObject({
      state: 'OK_PREFIX',
      proven: true,
      exit_code: 1,
      signed_size: 8,
      errors: [{ code: 'H4_ROLLBACK', offset: chunkOf(signed, 'SIGN', 1).offset }],
      error_count: 1,
    });
    expect(report.errors[0]?.message).toContain(`size 8, but one of size ${size}`);
  });

  test.each([4, 5, 8, 11])('that has seen other first %i records is shown another history', async (size) => {
    const report = await check(signed, saw(size, other));
    expect(report).toMatchObject({ state: 'OK', proven: true, exit_code: 1 });
    expect(codesOf(report)).toEqual(['H4_EQUIVOCATION']);
    expect(report.errors[0]?.message).toContain(`first ${size} records`);
  });

  test('is not troubled by records beyond the newest checkpoint: nobody has signed them yet', async () => {
    const { offset, size } = chunkOf(signed, 'CORE', 8);
    const pending = signed.subarray(0, offset + 12 + size);
    const report = await check(pending, saw(9, other));
    expect(report.records).toBe(10);
    expect(codesOf(report)).toEqual(['H4_ROLLBACK']);
  });

  test('that has seen another recording, or another name, learns nothing from it', async () => {
    const elsewhere = `${KEY_NAME}/${toHex(other)}`;
    expect(codesOf(await check(signed, saw(500, other, elsewhere)))).toEqual([]);
    expect(codesOf(await check(signed, saw(500, other, `x${toHex(fileId)}`)))).toEqual([]);
  });

  test('holds every origin against its own newest checkpoint', async () => {
    const next = keyOf(2, 'next');
    const both = trusting(camera, next);
    const late: Piece = { tag: 'SIGN', payload: signedNote({ fileId, size: 11, root, originName: 'next' }, next) };
    const file = resealed(
      [...chunksOf(old), ...chunksOf(signed).slice(chunksOf(old).length)].map((chunk) => {
        // The camera signs up to record 8, and the next key signs the rest.
        return chunk.offset === chunkOf(signed, 'SIGN', 2).offset ? late : chunk;
      }),
    );
    const ask = async (...seen: readonly SeenCheckpoint[]) =>
      codesOf(await verifyContainer(createMemorySource(file), { trust: both, seen }));
    expect(await ask(saw(8), saw(11, root, `next/${toHex(fileId)}`))).toEqual([]);
    expect(await ask(saw(11))).toEqual(['H4_ROLLBACK']);
    // Of an origin that is not there any more, the newest of all is asked.
    expect(await ask(saw(11, root, `gone/${toHex(fileId)}`))).toEqual([]);
    expect(await ask(saw(12, other, `gone/${toHex(fileId)}`))).toEqual(['H4_ROLLBACK']);
    expect(await ask(saw(10, other, `gone/${toHex(fileId)}`))).toEqual(['H4_EQUIVOCATION']);
  });

  test('is told of both: an old copy, and of another history', async () => {
    expect(codesOf(await check(old, saw(11), saw(5, other)))).toEqual(['H4_ROLLBACK', 'H4_EQUIVOCATION']);
  });

  test('is not told that a file without a trusted checkpoint is old: it is not believed anyway', async () => {
    const stripped = resealed(chunksOf(signed).filter(({ tag }) => tag !== 'SIGN'));
    expect(codesOf(await check(stripped, saw(500, other)))).toEqual(['H4_SIGN_MISSING']);
    const forged = await closedRecording(interleaved(9), { tracks, sign: signedBy(keyOf(3, 'x')) });
    expect(codesOf(await check(forged, saw(500, other)))).toEqual(['H4_SIGN_UNTRUSTED']);
  });

  test('of a damaged file learns of another history, but not that the copy is old: the rest was not read', async () => {
    const { offset } = chunkOf(signed, 'TOKN', 9);
    const damaged = patched(signed, offset, 0);
    expect(codesOf(await check(damaged, saw(11)))).toEqual(['H4_BAD_TAG']);
    expect(codesOf(await check(damaged, saw(5, other)))).toEqual(['H4_BAD_TAG', 'H4_EQUIVOCATION']);
  });

  test('hears the same of a stream, byte by byte', async () => {
    for (const seen of [[saw(11)], [saw(11, other)], [saw(500, other)], [saw(5, other), saw(8)]]) {
      for (const file of [signed, old]) {
        const feed = createIterableFeed(Array.from(file, (byte) => Uint8Array.of(byte)));
        expect(await verifyStream(feed, { trust, seen })).toEqual(await check(file, ...seen));
      }
    }
  });
});

describe('a follower that is shown a slice', () => {
  const all = recordsOf(signed);
  const file = withTail(
    [
      ...record(all, 0),
      prof(all, 2, 5),
      { tag: 'SIGN', payload: signedNote({ fileId, size: 11, root }, camera) },
      ...run(all, 2, 5),
    ],
    root,
  );

  test.each<[string, SeenCheckpoint, string[]]>([
    ['the tree that it has seen', saw(11), []],
    ['another tree of that size', saw(11, other), ['H4_EQUIVOCATION']],
    ['a smaller tree', saw(12, other), ['H4_ROLLBACK']],
    ['a larger tree, of which it cannot tell', saw(8, other), []],
  ])('of %s', async (_what, seen, codes) => {
    const report = await check(file, seen);
    expect(report.state).toBe('OK_SLICE');
    expect(codesOf(report)).toEqual(codes);
    expect(report.exit_code).toBe(codes.length > 0 ? 1 : 3);
  });
});

describe('SeenHistory', () => {
  test('asks for no root before it knows the file, and for those of the file then', () => {
    const history = new SeenHistory([saw(4), saw(9, other, `${KEY_NAME}/${toHex(other)}`)]);
    expect(history.wants(4)).toBe(false);
    history.begin(fileId);
    expect([4, 5, 9].map((size) => history.wants(size))).toEqual([true, false, false]);
  });

  test('has nothing to say without a trusted checkpoint', () => {
    const history = new SeenHistory([saw(4)]);
    history.begin(fileId);
    expect(history.faults(undefined, () => undefined)).toEqual([]);
  });
});
