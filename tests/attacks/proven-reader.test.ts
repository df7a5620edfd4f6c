/**
 * The same attacks before somebody who does not read the whole file, but asks for a time or for bytes (spec/h4mk.md sections 9.4
 * and 9.5). An attack may cost the answer. It never brings about another one.
 */
import { describe, expect, it } from 'vitest';
import { HEADER_BYTES, TILE_HEAD_BYTES } from '../../src/container/format/layout.js';
import { ProvenReader } from '../../src/container/proof/proven-reader.js';
import { encodeTail, parseTail } from '../../src/container/format/tail.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { concatBytes } from '../../src/utils/bytes.js';
import { isH4Error } from '../../src/utils/error.js';
import { parseVerificationKey } from '../../src/utils/verification-key.js';
import { endRecord, mediaRecord } from '../support/container.js';
import {
  FileKit,
  continued,
  cutBehind,
  flipped,
  kitOf,
  mended,
  original,
  piece,
  recordStep,
  relinked,
  renumbered,
  resigned,
  signer,
  signingWith,
  stranger,
  withMeta,
  withoutSigns,
} from './surgery.js';
import { NOW } from './verdict.js';

const key = parseVerificationKey(signer.verificationKey);
const trust = { keys: key.type === 'witness' ? [] : [{ key }] };

const open = (file: Uint8Array): Promise<ProvenReader> =>
  ProvenReader.open(createMemorySource(file), { trust, now: NOW });

const codeOf = async (work: () => Promise<unknown>): Promise<string | undefined> => {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (!isH4Error(error)) throw error;
    return error.code;
  }
};

const TIMES = [0, 5, 10, 39, 40, 59, 75, 100, 5000];
const TRACKS = [0, 1];

/** Every question that the tests ask, with its answer or the code of the refusal. */
const answersOf = async (reader: ProvenReader): Promise<Map<string, string>> => {
  const answers = new Map<string, string>();
  const ask = async (question: string, answer: () => Promise<string>): Promise<void> => {
    let told = '';
    const code = await codeOf(async () => (told = await answer()));
    answers.set(question, code ?? told);
  };
  for (const track of TRACKS) {
    for (const pts of TIMES) {
      await ask(`seek ${track} ${pts}`, async () => {
        const { seek, block } = await reader.blockAt(pts, { track });
        return `${seek.key?.tokn.seq ?? 'none'}:${block === undefined ? '' : Buffer.from(block.bytes).toString('hex')}`;
      });
    }
    await ask(`bytes ${track}`, async () => {
      const parts: Uint8Array[] = [];
      for await (const part of reader.readRange(track, 2, 9)) parts.push(part.slice());
      return Buffer.from(concatBytes(...parts)).toString('hex');
    });
    await ask(`length ${track}`, async () => String(await reader.trackLength(track)));
  }
  await ask('complete', async () => String(await reader.isComplete()));
  return answers;
};

/** What the recording truly answers under a checkpoint of `size` records. */
const truthAt = async (size: number): Promise<Map<string, string>> => {
  const kit = await kitOf();
  const sign = kit.pieces.find((each) => each.tag === 'SIGN' && kit.leaves(each).length === size);
  if (sign === undefined) throw new Error(`There is no checkpoint of ${size} records`);
  // An index point has its TAIL directly behind; the whole file speaks for the last one.
  const tail = kit.pieces[kit.pieces.indexOf(sign) + 1];
  if (tail?.tag === 'TAIL') cutBehind(kit, tail);
  return answersOf(await open(kit.bytes()));
};

/** The codes of all refusals; fails if anything is answered otherwise than the recording does. */
const refusalsOf = async (file: Uint8Array): Promise<string[]> => {
  let reader: ProvenReader | undefined;
  const refused = await codeOf(async () => (reader = await open(file)));
  if (reader === undefined) return [`open: ${refused}`];
  const truth = await truthAt(reader.checkpoint.size);
  const codes = new Set<string>();
  for (const [question, answer] of await answersOf(reader)) {
    if (answer.startsWith('H4_')) codes.add(answer);
    else expect([question, answer]).toEqual([question, truth.get(question)]);
  }
  return [...codes].sort();
};

const lastTile = (kit: FileKit): Uint8Array => kit.chunk('TILE', -1).payload;
const locator = (n: number): number => TILE_HEAD_BYTES + 16 * n;

describe('a proven reader', () => {
  it('answers from the recording as it left its signer', async () => {
    expect(await refusalsOf(await original())).toEqual([]);
    const reader = await open(await original());
    expect((await reader.seek(75)).key?.tokn.seq).toBe(5);
    expect(await reader.isComplete()).toBe(true);
  });
});

describe('a proven reader refuses to open', () => {
  it.each<[string, (kit: FileKit) => Uint8Array, string]>([
    ['a file without any signature', (kit) => mended(withoutSigns(kit)).bytes(), 'H4_SIGN_MISSING'],
    ['a file signed by a stranger', (kit) => resigned(kit, signingWith(stranger)).bytes(), 'H4_SIGN_UNTRUSTED'],
    [
      'a file of which record 0 names another engine',
      (kit) => mended(withMeta(kit, ({ compression }) => (compression['engine_id'] = 'mallory-v1'))).bytes(),
      'H4_SIGN_ORIGIN',
    ],
    [
      'a file of which record 0 was changed, and its commitment not',
      (kit) => {
        const { payload } = kit.record(0);
        payload.payload = flipped(payload.payload, 30);
        return mended(kit).bytes();
      },
      'H4_COMMIT_MISMATCH',
    ],
  ])('%s', async (_what, attack, code) => {
    expect(await refusalsOf(attack(await kitOf()))).toEqual([`open: ${code}`]);
  });
});

describe('a proven reader gives no other answer', () => {
  const codesAfter = async (attack: (kit: FileKit) => FileKit | Promise<FileKit>): Promise<string[]> =>
    refusalsOf((await attack(await kitOf())).bytes());

  it('when a payload is swapped', async () => {
    const codes = await codesAfter((kit) => {
      const { payload } = kit.record(5);
      payload.payload = flipped(payload.payload, 0);
      return mended(kit);
    });
    expect(codes).toEqual(['H4_COMMIT_MISMATCH']);
  });

  it('when a payload is swapped with its commitment, and the tree repaired', async () => {
    const codes = await codesAfter((kit) => {
      const { payload } = kit.record(5);
      payload.payload = flipped(payload.payload, 0);
      return mended(kit.recommit(5));
    });
    expect(codes.length).toBeGreaterThan(0);
  });

  it('when a record is left out and the others move up', async () => {
    const codes = await codesAfter((kit) => {
      const { tokn, payload } = kit.record(6);
      return mended(relinked(renumbered(kit.remove(tokn, payload))));
    });
    expect(codes.length).toBeGreaterThan(0);
  });

  it('when a tile hides a keyframe', async () => {
    const codes = await codesAfter((kit) => {
      const tile = lastTile(kit);
      tile[16] = (tile[16] ?? 0) & ~0x04;
      return kit.reseal();
    });
    expect(codes).toEqual(['H4_SEEK_NOT_ADJACENT']);
  });

  it('when a tile leads to an earlier record', async () => {
    const codes = await codesAfter((kit) => {
      lastTile(kit).copyWithin(locator(5) + 8, locator(1) + 8, locator(1) + 16);
      return kit.reseal();
    });
    expect(codes).toContain('H4_INDEX_MISMATCH');
  });

  it('when a tile lies about times', async () => {
    const codes = await codesAfter((kit) => {
      lastTile(kit).copyWithin(locator(5), locator(1), locator(1) + 8);
      return kit.reseal();
    });
    expect(codes).toEqual(['H4_SEEK_NOT_ADJACENT']);
  });

  it('when a tile lies about hashes', async () => {
    const codes = await codesAfter((kit) => {
      const tile = lastTile(kit);
      tile.fill(0, tile.length - 32);
      return kit.reseal();
    });
    expect(codes.length).toBeGreaterThan(0);
  });

  it('when SEEK lies', async () => {
    const codes = await codesAfter((kit) => {
      const seek = kit.chunk('SEEK');
      seek.payload = flipped(seek.payload, 4 + 15);
      return kit.reseal();
    });
    expect(codes).toEqual([]);
  });

  it.each(['meta', 'sign', 'prev', 'seek', 'veri'] as const)('when TAIL lies about %s', async (field) => {
    const kit = await kitOf();
    const tail = kit.chunk('TAIL', -1);
    tail.payload = encodeTail({ ...parseTail(tail.payload), [field]: kit.offsetOf(kit.record(3).tokn) });
    // Whatever it costs: no other answer.
    await refusalsOf(kit.bytes());
  });

  it('when the recording is cut at an older checkpoint: it says how many records it speaks of', async () => {
    const kit = await kitOf();
    const file = cutBehind(kit, kit.chunk('TAIL', 0)).bytes();
    expect(await refusalsOf(file)).toEqual([]);
    const reader = await open(file);
    expect([reader.checkpoint.size, await reader.isComplete()]).toEqual([4, false]);
  });

  it('when the recording was continued by somebody else: of his records it says nothing', async () => {
    const file = await continued(await original(), 0, [
      recordStep(mediaRecord({ track: 0, pts: 1000, key: true, payload: Uint8Array.of(0x66) })),
      recordStep(endRecord(1000)),
      { kind: 'close', sign: undefined },
    ]);
    expect(await refusalsOf(file)).toEqual([]);
    const reader = await open(file);
    expect([reader.checkpoint.size, await reader.isComplete()]).toEqual([4, false]);
  });

  it('when a stranger signed a longer history', async () => {
    const kit = await kitOf(
      continued(await original(), 0, [
        recordStep(mediaRecord({ track: 0, pts: 1000, key: true, payload: Uint8Array.of(0x66) })),
        recordStep(endRecord(1000)),
        { kind: 'close', sign: new Uint8Array(1) },
      ]),
    );
    const sign = kit.chunk('SIGN', -1);
    sign.payload = signingWith(stranger)({ fileId: kit.fileId(), size: kit.leaves().length, root: kit.root() });
    expect(await refusalsOf(mended(kit).bytes())).toEqual([]);
  });

  it('when a record with another content lies in a chunk that nobody knows, and a locator leads there', async () => {
    const kit = await kitOf();
    const { tokn, payload } = kit.record(5);
    const pieces = [piece('TOKN', tokn.payload.slice()), piece('CORE', flipped(payload.payload, 0))];
    const hidden = piece('xbad', new FileKit(pieces).bytes().subarray(HEADER_BYTES));
    kit.insertBefore(kit.chunk('SEEK'), hidden);
    const tile = lastTile(kit);
    const view = new DataView(tile.buffer, tile.byteOffset);
    view.setBigUint64(locator(5) + 8, BigInt(kit.offsetOf(hidden) + 12));
    expect(await refusalsOf(kit.reseal().bytes())).toEqual(['H4_COMMIT_MISMATCH']);
  });
});
