/**
 * A server that lies about a recording, while a clip is cut out of it. Whatever it lies about, what is written is proven, or
 * nothing is: with a key the clip is a piece of what was signed and lacks nothing of the time asked for, or is refused with
 * a code that speaks of the file, and no file appears. Without a key what is written is at least sound.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planClip, writeClip } from '../../src/container/slice/clip.js';
import { HASH_BYTES, LOCATOR_BYTES, TILE_HEAD_BYTES } from '../../src/container/format/layout.js';
import { leafHash } from '../../src/container/tree/merkle.js';
import { parseNote } from '../../src/container/format/note.js';
import { H4MKReader } from '../../src/container/read/reader.js';
import type { TrustPolicy } from '../../src/container/trust/trust.js';
import { verifyContainer } from '../../src/container/check/verify.js';
import { openHttpSource } from '../../src/storage/http-range.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { createFileSink } from '../../src/storage/node/file-sink.js';
import { concatBytes, toHex } from '../../src/utils/bytes.js';
import { H4Error } from '../../src/utils/error.js';
import { SIGNER, TRUST, pictures, signedRecording, toknsOf, wanted } from '../support/clips.js';
import { AUDIO, VIDEO, chunkOf, chunksOf, patched, toknOffsets } from '../support/container.js';
import { type TestServer, startServer } from '../support/http-server.js';
import { keyOf, signedBy, signedNote } from '../support/signed.js';

const OPTIONS = { tracks: [VIDEO, AUDIO] };
const file = await signedRecording(pictures(400), OPTIONS);
/** The same in every place and time, with other content. */
const other = await signedRecording(
  pictures(400).map((record) => ({ ...record, payload: record.payload.map((byte) => byte ^ 0x55) })),
  OPTIONS,
);
const truth = toknsOf(file);
const leaves = truth.map(({ entry }) => toHex(leafHash(entry)));
const SPAN = { from: 9000, to: 9300 };

let folder = '';
let server: TestServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clip-lies-'));
  server = await startServer(file);
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

interface Attempt {
  readonly code: string | undefined;
  readonly bytes: Uint8Array;
}

/** Cuts the clip over the network into a file, as a command does; `between` happens once it is planned. */
const attempt = async (
  served: Uint8Array,
  trust: TrustPolicy | undefined,
  between: () => void = () => undefined,
): Promise<Attempt> => {
  server.source = createMemorySource(served);
  const out = join(folder, 'out.h4mk');
  rmSync(out, { force: true });
  const source = await openHttpSource(server.url);
  try {
    const reader = await H4MKReader.open(source);
    const plan = await planClip(reader, { ranges: [SPAN], ...(trust === undefined ? {} : { trust }) });
    between();
    const sink = await createFileSink(out);
    try {
      await writeClip(reader, sink, plan);
    } catch (error) {
      await sink.abort();
      throw error;
    }
    return { code: undefined, bytes: Uint8Array.from(readFileSync(out)) };
  } catch (error) {
    if (!(error instanceof H4Error) || error.kind === 'usage' || error.kind === 'internal') throw error;
    expect(existsSync(out)).toBe(false);
    return { code: error.code, bytes: new Uint8Array(0) };
  } finally {
    await source.close();
  }
};

/** That a clip which was written under the key is what it says, and all that was asked for. */
const assertTrue = async (bytes: Uint8Array): Promise<void> => {
  const report = await verifyContainer(createMemorySource(bytes), { trust: TRUST });
  expect([report.state, report.errors]).toEqual(['OK_SLICE', []]);
  const tokns = toknsOf(bytes);
  for (const { seq, entry } of tokns) expect(toHex(leafHash(entry))).toBe(leaves[seq]);
  const seqs = tokns.map(({ seq }) => seq);
  for (const track of [0, 1]) expect(seqs).toEqual(expect.arrayContaining(wanted(truth, track, SPAN.from, SPAN.to)));
};

const assertSound = async (bytes: Uint8Array): Promise<void> => {
  expect((await verifyContainer(createMemorySource(bytes))).errors).toEqual([]);
};

const offsets = toknOffsets(file);
const at = (seq: number): number => offsets[seq] ?? 0;
const spliced = (bytes: Uint8Array, offset: number, piece: Uint8Array): Uint8Array =>
  concatBytes(bytes.subarray(0, offset), piece, bytes.subarray(offset + piece.length));
/** Record 461 is a picture in the middle of the clip, and 463 and 465 are as long. */
const IN = 461;
const record = (from: Uint8Array, seq: number): Uint8Array =>
  from.slice(at(seq), at(seq + 2) - (at(seq + 2) - at(seq + 1)));

describe('an honest server', () => {
  test('gives the clip, in few requests', async () => {
    server.seen.length = 0;
    const { code, bytes } = await attempt(file, TRUST);
    expect(code).toBeUndefined();
    await assertTrue(bytes);
    expect(server.seen.length).toBeLessThan(12);
  });
});

describe('a server that lies is refused', () => {
  const tiles = chunksOf(file).filter(({ tag }) => tag === 'TILE');
  const tileHash = (n: number, j: number): number => {
    const tile = tiles[n];
    const width = tile === undefined ? 0 : ((tile.payload[2] ?? 0) << 8) + (tile.payload[3] ?? 0);
    return (tile?.offset ?? 0) + 12 + TILE_HEAD_BYTES + LOCATOR_BYTES * width + HASH_BYTES * j;
  };
  const flip = (position: number): Uint8Array => patched(file, position, (file[position] ?? 0) ^ 1);

  test.each([
    ['a hash of another record in the same tile', flip(tileHash(1, 3)), 'H4_PROOF_INVALID'],
    ['the hash of a record of the clip', flip(tileHash(1, IN - 256)), 'H4_PROOF_INVALID'],
    ['a hash in the unfinished tile', flip(tileHash(tiles.length - 2, 0)), 'H4_PROOF_INVALID'],
    ['a hash above', flip(tileHash(tiles.length - 1, 0)), 'H4_PROOF_INVALID'],
    [
      'two records that change places',
      spliced(spliced(file, at(IN), record(file, IN + 2)), at(IN + 2), record(file, IN)),
      'H4_INDEX_MISMATCH',
    ],
    ['the record of another file', spliced(file, at(IN), record(other, IN)), 'H4_PROOF_INVALID'],
    ['the keyframe of another file', spliced(file, at(451), record(other, 451)), 'H4_PROOF_INVALID'],
    ['the keyframe after the clip from another file', spliced(file, at(471), record(other, 471)), 'H4_PROOF_INVALID'],
    ['a payload', flip(at(IN + 1) - 1), 'H4_COMMIT_MISMATCH'],
    [
      'the signature of another file with the same beginning',
      spliced(file, chunkOf(file, 'SIGN').offset, otherSign()),
      'H4_PROOF_INVALID',
    ],
  ])('%s', async (_, lying, code) => {
    expect((await attempt(lying, TRUST)).code).toBe(code);
    expect((await attempt(lying, undefined)).code).toBe(code);
  });

  function otherSign(): Uint8Array {
    const { offset, size } = chunkOf(other, 'SIGN');
    return other.slice(offset, offset + 12 + size);
  }

  test('about the file that was signed', async () => {
    const foreign = await signedRecording(pictures(400), { ...OPTIONS, uid: '77'.repeat(16) });
    const { offset, size } = chunkOf(foreign, 'SIGN');
    const lying = spliced(file, chunkOf(file, 'SIGN').offset, foreign.slice(offset, offset + 12 + size));
    expect((await attempt(lying, TRUST)).code).toBe('H4_SIGN_ORIGIN');
    expect((await attempt(lying, undefined)).code).toBe('H4_SIGN_ORIGIN');
  });

  test('about who signed, only if somebody is trusted', async () => {
    const stranger = keyOf(9, SIGNER.name);
    const forged = await signedRecording(pictures(400), { ...OPTIONS, sign: signedBy(stranger) });
    expect((await attempt(forged, TRUST)).code).toBe('H4_SIGN_UNTRUSTED');
    const { code, bytes } = await attempt(forged, undefined);
    expect(code).toBeUndefined();
    await assertSound(bytes);
    expect((await verifyContainer(createMemorySource(bytes), { trust: TRUST })).proven).toBe(false);
  });

  test('about the root, by a key that is trusted', async () => {
    const { origin } = parseNote(chunkOf(file, 'SIGN').payload);
    const fileId = Uint8Array.from(Buffer.from(origin.fileIdHex, 'hex'));
    const forged = await signedRecording(pictures(400), {
      ...OPTIONS,
      sign: ({ size }) => signedNote({ fileId, size, root: new Uint8Array(32).fill(1) }, SIGNER),
    });
    expect((await attempt(forged, TRUST)).code).toBe('H4_PROOF_INVALID');
    expect((await attempt(forged, undefined)).code).toBe('H4_PROOF_INVALID');
  });

  test('if it changes the recording once the clip is planned', async () => {
    const change = (): void => {
      server.source = createMemorySource(other);
    };
    expect((await attempt(file, TRUST, change)).code).toBe('H4_PROOF_INVALID');
  });
});

describe('an index that lies', () => {
  const tile = chunksOf(file).filter(({ tag }) => tag === 'TILE')[1];
  const locator = (j: number): number => (tile?.offset ?? 0) + 12 + TILE_HEAD_BYTES + LOCATOR_BYTES * j;
  const keymap = (j: number): number => (tile?.offset ?? 0) + 12 + 16 + (j >> 3);
  const without = (seqs: readonly number[]): Uint8Array =>
    seqs.reduce((bytes, seq) => {
      const [position, mask] = [keymap(seq - 256), 0x80 >> ((seq - 256) & 7)];
      return patched(bytes, position, (bytes[position] ?? 0) & ~mask);
    }, file);

  test.each([
    ['hides the keyframe at which the clip begins', without([451])],
    ['hides the keyframe at which the clip ends', without([471])],
    ['hides all keyframes around', without([441, 451, 461, 471, 481])],
    ['calls another record a keyframe', patched(file, keymap(453 - 256), 0xff)],
    ['dates a keyframe too early', patched(file, locator(461 - 256), 0, 8)],
    ['dates a keyframe too late', patched(file, locator(451 - 256), 9_999_999, 8)],
    ['dates the keyframe after the clip too early', patched(file, locator(471 - 256), 8999, 8)],
  ])('%s: the clip lacks nothing, or there is none', async (_, lying) => {
    for (const trust of [TRUST, undefined]) {
      const { code, bytes } = await attempt(lying, trust);
      if (code === undefined) await assertTrue(bytes);
      else expect(code).toMatch(/^H4_(INDEX_MISMATCH|TILE_|PROOF_INVALID|SEEK_NOT_ADJACENT)/);
    }
  });
});

describe('an index that lies about keyframes, asked for any time', () => {
  const tiles = chunksOf(file).filter(({ tag, payload }) => tag === 'TILE' && payload[0] === 0);
  const lastPts = truth.reduce((latest, { pts, mode }) => (mode === 0 ? Math.max(latest, pts) : latest), 0);

  /** Plans and writes without a network. What is refused as not there must not be there. */
  const assertNoLie = async (
    lying: Uint8Array,
    span: { readonly from: number; readonly to: number },
  ): Promise<void> => {
    const reader = await H4MKReader.open(createMemorySource(lying));
    const shows = (track: number): readonly number[] => wanted(truth, track, span.from, span.to);
    try {
      const { runs, missing } = await planClip(reader, { ranges: [span], trust: TRUST });
      const has = (seq: number): boolean => seq === 0 || runs.some(({ first, end }) => first <= seq && seq < end);
      for (const track of [0, 1]) expect(shows(track).filter((seq) => !has(seq))).toEqual([]);
      for (const { from, to } of missing) expect(from === 0 || to > lastPts || from > lastPts).toBe(true);
    } catch (error) {
      if (!(error instanceof H4Error)) throw error;
      expect(error.code).toMatch(/^H4_(INDEX_MISMATCH|TILE_|PROOF_INVALID|SEEK_NOT_ADJACENT|RANGE_NOT_FOUND)/);
      if (error.code === 'H4_RANGE_NOT_FOUND') expect(span.from).toBeGreaterThan(lastPts);
    }
  };

  test('and hides them all', async () => {
    const blind = file.slice();
    for (const { offset } of tiles) blind.fill(0, offset + 12 + 16, offset + 12 + 48);
    for (const from of [0, 1, 500, 9000, lastPts]) await assertNoLie(blind, { from, to: from + 100 });
    await assertNoLie(blind, { from: 0, to: lastPts + 1 });
  });

  test('and changes any of them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(tiles.length - 1), fc.nat(31), fc.integer({ min: 1, max: 255 })), {
          minLength: 1,
          maxLength: 6,
        }),
        fc.nat(lastPts + 200),
        fc.integer({ min: 1, max: 2000 }),
        async (changes, from, length) => {
          const lying = file.slice();
          for (const [n, byte, change] of changes) {
            const position = (tiles[n]?.offset ?? 0) + 12 + 16 + byte;
            lying[position] = (lying[position] ?? 0) ^ change;
          }
          await assertNoLie(lying, { from, to: from + length });
        },
      ),
      { numRuns: 300, seed: 5 },
    );
  });
});

test('whatever bytes a server changes, what is written is true', async () => {
  let written = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 }),
      async (changes) => {
        const lying = file.slice();
        for (const [position, change] of changes) lying[position] = (lying[position] ?? 0) ^ change;
        const { code, bytes } = await attempt(lying, TRUST);
        if (code !== undefined) return;
        written++;
        await assertTrue(bytes);
      },
    ),
    { numRuns: 60, seed: 11 },
  );
  expect(written).toBeGreaterThan(10);
}, 120_000);
