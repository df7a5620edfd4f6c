/** Attacks on the records of a signed file: their order, their number, their content (spec/h4mk.md sections 4, 6 and 10). */
import { describe, it } from 'vitest';
import { temporaryFolder } from '../cli/support/files.js';
import { TOKN_AT, flipped, kitOf, mended, original, piece, relinked, renumbered } from './surgery.js';
import { expectVerdict } from './verdict.js';

const folder = temporaryFolder();

describe('records change places', () => {
  const swapped = async () => {
    const kit = await kitOf();
    const [a, b] = [kit.record(5), kit.record(7)];
    [a.tokn.payload, b.tokn.payload] = [b.tokn.payload, a.tokn.payload];
    [a.payload.payload, b.payload.payload] = [b.payload.payload, a.payload.payload];
    return kit;
  };

  it('as they are', async () => {
    await expectVerdict(folder, mended(await swapped()).bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_TOKN_SEQ_GAP', 'H4_TOKN_BACK', 'H4_TOKN_POS', 'H4_SIGN_ROOT'],
    });
  });

  it('and take the numbers, times and links of their new places: the root is another one', async () => {
    const kit = await kitOf();
    const [a, b] = [kit.record(5), kit.record(7)];
    [a.payload.payload, b.payload.payload] = [b.payload.payload, a.payload.payload];
    kit.recommit(5).recommit(7);
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_ROOT'] });
  });
});

describe('a record is left out', () => {
  it('and leaves a gap', async () => {
    const kit = await kitOf();
    const { tokn, payload } = kit.record(6);
    kit.remove(tokn, payload);
    await expectVerdict(folder, mended(kit).bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_TOKN_SEQ_GAP', 'H4_SIGN_SIZE', 'H4_TOKN_BACK', 'H4_TOKN_POS'],
    });
  });

  it('and the ones behind it move up: the checkpoints are of more records', async () => {
    const kit = await kitOf();
    const { tokn, payload } = kit.record(6);
    relinked(renumbered(kit.remove(tokn, payload)));
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_SIZE'] });
  });

  it('and an old one is shown twice instead, so that the number is right', async () => {
    const kit = await kitOf();
    const [gone, again] = [kit.record(7), kit.record(5)];
    gone.payload.payload = again.payload.payload.slice();
    kit.recommit(7);
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_ROOT'] });
  });

  it('at the end, behind the last media record, with the end record moved up', async () => {
    const kit = await kitOf();
    const { tokn, payload } = kit.record(8);
    relinked(renumbered(kit.remove(tokn, payload)));
    await expectVerdict(folder, mended(kit).bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_SIGN_SIZE'],
    });
  });
});

describe('a record is put in', () => {
  it('from another recording of the same key, at the same place', async () => {
    const other = await kitOf(
      original({ uid: 'fedcba9876543210'.repeat(2) }).then(async (file) => {
        const kit = await kitOf(file);
        const { payload } = kit.record(5);
        payload.payload = flipped(payload.payload, 1);
        return mended(kit.recommit(5)).bytes();
      }),
    );
    const kit = await kitOf();
    const [here, there] = [kit.record(5), other.record(5)];
    here.tokn.payload = there.tokn.payload;
    here.payload.payload = there.payload.payload;
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_ROOT'] });
  });

  it('behind the end record', async () => {
    const kit = await kitOf();
    const end = kit.record(9);
    const tokn = piece('TOKN', end.tokn.payload.slice());
    kit.insertAfter(end.payload, tokn, piece('META', end.payload.payload.slice()));
    kit.editTokn(10, (view) => {
      view.setBigUint64(TOKN_AT.seq, 10n);
      view.setUint32(TOKN_AT.back, 1);
    });
    await expectVerdict(folder, mended(kit).bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_AFTER_END', 'H4_SIGN_SIZE'],
    });
  });

  it('twice, one after the other', async () => {
    const kit = await kitOf();
    const { tokn, payload } = kit.record(5);
    kit.insertAfter(payload, piece('TOKN', tokn.payload.slice()), piece('CORE', payload.payload.slice()));
    await expectVerdict(folder, mended(kit).bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_TOKN_SEQ_GAP', 'H4_TOKN_BACK', 'H4_TOKN_PTS_ORDER', 'H4_TOKN_POS', 'H4_SIGN_SIZE', 'H4_SEEK_ORDER'],
    });
  });
});

describe('a payload is swapped', () => {
  it('and every sum without a key is made right: it is not the one that was committed to', async () => {
    const kit = await kitOf();
    const { payload } = kit.record(5);
    payload.payload = flipped(payload.payload, 0);
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_COMMIT_MISMATCH'] });
  });

  it('and the commitment and the tree, too: the root is not the signed one', async () => {
    const kit = await kitOf();
    const { payload } = kit.record(5);
    payload.payload = flipped(payload.payload, 0);
    await expectVerdict(folder, mended(kit.recommit(5)).bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_SIGN_ROOT'],
    });
  });

  it('for a longer one', async () => {
    const kit = await kitOf();
    kit.record(5).payload.payload = new Uint8Array(300);
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_PAYLOAD_SIZE'] });
  });

  it('between two records of the same length', async () => {
    const kit = await kitOf();
    const [a, b] = [kit.record(5), kit.record(7)];
    [a.payload.payload, b.payload.payload] = [b.payload.payload, a.payload.payload];
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_COMMIT_MISMATCH'] });
  });
});

describe('what a header says is changed, and every sum without a key made right', () => {
  it.each([
    ['when it was', TOKN_AT.pts + 7, []],
    ['how long it lasted', TOKN_AT.tokens + 7, []],
    ['where its bytes lie in the track', TOKN_AT.pos + 7, ['H4_TOKN_POS']],
    ['which keyframe it needs', TOKN_AT.back + 3, ['H4_TOKN_BACK']],
    ['that it belongs to the other track', TOKN_AT.track + 1, ['H4_TOKN_BACK', 'H4_TOKN_POS']],
  ] as const)('%s', async (_what, at, more) => {
    const kit = await kitOf();
    const { tokn } = kit.record(5);
    tokn.payload = flipped(tokn.payload, at);
    const codes = [...more, 'H4_SIGN_ROOT'] as const;
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes });
  });
});

describe('content is removed', () => {
  const voided = async (n: number) => {
    const kit = await kitOf();
    const { payload } = kit.record(n);
    payload.tag = 'VOID';
    payload.payload = new Uint8Array(payload.payload.length);
    return mended(kit).bytes();
  };

  it('by somebody who may not: it is seen, and must be allowed', async () => {
    await expectVerdict(folder, await voided(5), { state: 'OK_WITH_REDACTIONS', exit: 3 });
  });

  it('and something else put there', async () => {
    const kit = await kitOf();
    const { payload } = kit.record(5);
    payload.tag = 'VOID';
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_VOID_PAYLOAD'] });
  });

  it('from record 0, which says how everything is to be read', async () => {
    await expectVerdict(folder, await voided(0), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_VOID_RECORD0', 'H4_TRACK_UNDECLARED', 'H4_META_FIELD', 'H4_TAIL_STATE'],
    });
  });

  it('from the end record: then nothing says that the recording is complete', async () => {
    await expectVerdict(folder, await voided(9), { state: 'NOT_OK', exit: 1, codes: ['H4_TAIL_STATE'] });
  });
});
