/** Attacks on a slice, which has neither the tree nor the end of its recording: all it has is proofs (spec/h4mk.md section 11). */
import { describe, it } from 'vitest';
import { parseProf, encodeProf } from '../../src/container/tree/range-proof.js';
import { parseTail } from '../../src/container/format/tail.js';
import { temporaryFolder } from '../cli/support/files.js';
import {
  type FileKit,
  RECORDS,
  TOKN_AT,
  checkpointAt,
  flipped,
  kitOf,
  noteOf,
  original,
  piece,
  signed,
  signer,
  stranger,
  textOf,
} from './surgery.js';
import { expectVerdict } from './verdict.js';

const folder = temporaryFolder();

/** Records 0, 1 to 3 and 6 to 8 of the recording. */
const RUNS = [
  [1, 4],
  [6, 9],
] as const;

const sliced = async (file?: Uint8Array): Promise<FileKit> => (await kitOf(file)).slice(RUNS);

/** TAIL as it should be, if the root that the proofs prove is `root`. */
const resealed = (kit: FileKit, root = parseTail(kit.chunk('TAIL').payload).root): Uint8Array =>
  kit.reseal({ root }).bytes();

/** The n-th record of the slice, counted in the slice. */
const THIRD = 3;

describe('what is attacked', () => {
  it('is proven, and says nothing about other records', async () => {
    await expectVerdict(folder, (await sliced()).bytes(), { state: 'OK_SLICE', exit: 3, signed: RECORDS });
  });
});

describe('a slice is not what was recorded', () => {
  it('because a payload was swapped', async () => {
    const kit = await sliced();
    const { payload } = kit.record(THIRD);
    payload.payload = flipped(payload.payload, 0);
    await expectVerdict(folder, resealed(kit), { state: 'NOT_OK', exit: 1, codes: ['H4_COMMIT_MISMATCH'] });
  });

  it('because a payload was swapped with its commitment: the proof leads to another root', async () => {
    const kit = await sliced();
    const { payload } = kit.record(THIRD);
    payload.payload = flipped(payload.payload, 0);
    await expectVerdict(folder, resealed(kit.recommit(THIRD)), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_PROF_ROOT'],
    });
  });

  it('because the whole recording was changed first: its root is not the signed one', async () => {
    const forged = await kitOf();
    const { payload } = forged.record(2);
    payload.payload = flipped(payload.payload, 0);
    const sign = forged.chunk('SIGN', -1).payload;
    const kit = forged.recommit(2).mend().slice(RUNS);
    kit.chunk('SIGN').payload = sign;
    await expectVerdict(folder, kit.bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_ROOT'] });
  });

  it('because a record is of another recording of the same key', async () => {
    const other = await kitOf(original({ uid: 'fedcba9876543210'.repeat(2) }));
    const kit = await sliced();
    const [here, there] = [kit.record(THIRD), other.record(THIRD)];
    there.payload.payload = flipped(there.payload.payload, 0);
    other.recommit(THIRD);
    [here.tokn.payload, here.payload.payload] = [there.tokn.payload, there.payload.payload];
    await expectVerdict(folder, resealed(kit), { state: 'NOT_OK', exit: 1, codes: ['H4_PROF_ROOT'] });
  });

  it('because its signature is of another recording of the same key', async () => {
    const other = await kitOf(original({ uid: 'fedcba9876543210'.repeat(2) }));
    const kit = await sliced();
    kit.chunk('SIGN').payload = other.chunk('SIGN', -1).payload;
    await expectVerdict(folder, resealed(kit), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_SIGN_ORIGIN', 'H4_SIGN_ROOT'],
    });
  });

  it('because two records of a run changed places', async () => {
    const kit = await sliced();
    const [a, b] = [kit.record(1), kit.record(3)];
    [a.tokn.payload, b.tokn.payload] = [b.tokn.payload, a.tokn.payload];
    [a.payload.payload, b.payload.payload] = [b.payload.payload, a.payload.payload];
    await expectVerdict(folder, resealed(kit), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_PROF_ROOT', 'H4_TOKN_SEQ_GAP', 'H4_TOKN_POS'],
    });
  });

  it('because a record of a run was left out', async () => {
    const kit = await sliced();
    const { tokn, payload } = kit.record(2);
    await expectVerdict(folder, resealed(kit.remove(tokn, payload)), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_TOKN_SEQ_GAP', 'H4_PROF_ROOT'],
    });
  });

  it('because it shows a record that no proof covers', async () => {
    const whole = await kitOf();
    const kit = await sliced();
    const { tokn, payload } = whole.record(4);
    kit.insertBefore(kit.record(4).tokn, piece('TOKN', tokn.payload), piece('CORE', payload.payload));
    await expectVerdict(folder, resealed(kit), { state: 'NOT_OK', exit: 1, codes: ['H4_PROF_COVER'] });
  });
});

describe('a proof lies', () => {
  it('about a hash', async () => {
    const kit = await sliced();
    const prof = kit.chunk('PROF');
    prof.payload = flipped(prof.payload, 24);
    await expectVerdict(folder, resealed(kit), { state: 'NOT_OK', exit: 1, codes: ['H4_PROF_ROOT'] });
  });

  it('about which records it proves', async () => {
    const kit = await sliced();
    const prof = kit.chunk('PROF');
    // As many hashes prove records 2 to 3 as records 1 to 3, so that only the numbers are a lie.
    const { hashes, ...range } = parseProf(prof.payload);
    prof.payload = encodeProf({ ...range, hashes: [...hashes].reverse() });
    await expectVerdict(folder, resealed(kit), { state: 'NOT_OK', exit: 1, codes: ['H4_PROF_ROOT'] });
  });

  it('about the size of the tree, so that a later history seems to be covered', async () => {
    const kit = await sliced();
    for (const prof of kit.pieces.filter(({ tag }) => tag === 'PROF')) {
      new DataView(prof.payload.buffer, prof.payload.byteOffset).setBigUint64(0, BigInt(RECORDS + 1));
    }
    await expectVerdict(folder, resealed(kit), { state: 'NOT_OK', exit: 1, codes: ['H4_PROF_LAYOUT'] });
  });

  it('and is missing altogether', async () => {
    const kit = await sliced();
    kit.remove(...kit.pieces.filter(({ tag }) => tag === 'PROF'));
    await expectVerdict(folder, resealed(kit), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_TAIL_STATE'],
      streamed: ['H4_SIGN_SIZE', 'H4_TOKN_SEQ_GAP', 'H4_TOKN_BACK', 'H4_TOKN_POS', 'H4_TAIL_ROOT', 'H4_TAIL_STATE'],
    });
  });
});

describe('the signature of a slice', () => {
  it('is taken away', async () => {
    const kit = await sliced();
    await expectVerdict(folder, resealed(kit.remove(kit.chunk('SIGN'))), {
      state: 'NOT_SIGNED',
      exit: 1,
      codes: ['H4_SIGN_MISSING'],
    });
  });

  it('is that of a stranger over what he made up', async () => {
    const forged = await kitOf();
    const { payload } = forged.record(2);
    payload.payload = flipped(payload.payload, 0);
    forged.recommit(2).mend();
    const text = textOf(checkpointAt(forged), stranger.name);
    const kit = forged.slice(RUNS);
    kit.chunk('SIGN').payload = noteOf(text, signed(stranger, text));
    await expectVerdict(folder, resealed(kit), {
      state: 'SIGNED_UNTRUSTED_KEY',
      exit: 1,
      codes: ['H4_SIGN_UNTRUSTED'],
    });
  });

  it('is one over fewer records than the proofs are of', async () => {
    const whole = await kitOf();
    const kit = await sliced();
    kit.chunk('SIGN').payload = whole.chunk('SIGN', 1).payload;
    await expectVerdict(folder, resealed(kit), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_SIZE'] });
  });
});

describe('a slice is passed off as all of the recording', () => {
  it('by a TAIL that says final', async () => {
    const kit = await sliced();
    const tail = kit.chunk('TAIL');
    tail.payload = Uint8Array.from(tail.payload, (byte, at) => (at === 8 ? 1 : byte));
    await expectVerdict(folder, kit.bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_TAIL_STATE'] });
  });

  it('by giving its records new numbers and leaving the proofs out', async () => {
    const kit = await sliced();
    kit.remove(...kit.pieces.filter(({ tag }) => tag === 'PROF' || tag === 'TAIL'));
    const sign = kit.chunk('SIGN');
    kit.remove(sign).insertAfter(kit.record(6).payload, sign);
    for (let n = 0; n < 7; n++) kit.editTokn(n, (view) => view.setBigUint64(TOKN_AT.seq, BigInt(n)));
    await expectVerdict(folder, kit.bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_TOKN_POS', 'H4_TOKN_BACK', 'H4_SIGN_SIZE'],
    });
  });

  it('with a policy that accepts slices: it is still said that it is one', async () => {
    const policy = { keys: [{ vkey: signer.verificationKey }], accept: ['prefix', 'redacted'] };
    await expectVerdict(folder, (await sliced()).bytes(), { state: 'OK_SLICE', exit: 3 }, { policy });
  });
});
