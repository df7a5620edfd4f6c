/** Attacks on how much of a recording there is, and which: cut, continued, replayed, told twice (sections 8.2, 11, 16, 21). */
import { describe, it } from 'vitest';
import { toHex } from '../../src/utils/bytes.js';
import type { SeenCheckpoint } from '../../src/container/trust/seen.js';
import { AUDIO, VIDEO, endRecord, interleaved, mediaRecord, written, recordZero } from '../support/container.js';
import { temporaryFolder } from '../cli/support/files.js';
import {
  FIRST_POINT,
  NAME,
  RECORDS,
  SECOND_POINT,
  checkpointAt,
  continued,
  cutBehind,
  kitOf,
  mended,
  lineOf,
  noteOf,
  original,
  recordStep,
  recorded,
  signer,
  signingWith,
  stranger,
  textOf,
} from './surgery.js';
import type { FileKit, Piece } from './surgery.js';
import { expectVerdict } from './verdict.js';

const folder = temporaryFolder();

/** What somebody remembers who has seen `kit` up to `end`. */
const seenAt = (kit: FileKit, end?: Piece): SeenCheckpoint => {
  const { fileId, size, root } = checkpointAt(kit, end);
  return { origin: `${NAME}/${toHex(fileId)}`, size, root };
};

describe('a recording is truncated', () => {
  it('to an older checkpoint: authentic as far as it goes', async () => {
    const kit = await kitOf();
    const file = cutBehind(kit, kit.chunk('TAIL', 0)).bytes();
    await expectVerdict(folder, file, { state: 'OK_PREFIX', exit: 3, signed: FIRST_POINT });
  });

  it('to an older checkpoint, before somebody who remembers a newer one', async () => {
    const whole = await kitOf();
    const kit = await kitOf();
    const file = cutBehind(kit, kit.chunk('TAIL', 0)).bytes();
    await expectVerdict(
      folder,
      file,
      { state: 'OK_PREFIX', exit: 1, codes: ['H4_ROLLBACK'], signed: FIRST_POINT },
      { seen: [seenAt(whole, whole.chunk('SIGN', 1))] },
    );
  });

  it('behind a SIGN, so that no TAIL tells of it', async () => {
    const kit = await kitOf();
    const file = cutBehind(kit, kit.chunk('SIGN', 1)).bytes();
    await expectVerdict(folder, file, { state: 'OK_PREFIX', exit: 3, signed: SECOND_POINT });
  });

  it('before its end record, and closed again: what is missing is the signed end', async () => {
    const file = await continued(await original(), 1, [{ kind: 'close', sign: undefined }]);
    await expectVerdict(folder, file, { state: 'NOT_OK', exit: 1, codes: ['H4_TAIL_STATE'] });
  });

  it('in the middle of a record behind a checkpoint, as a crash would', async () => {
    const kit = await kitOf();
    const at = kit.offsetOf(kit.record(FIRST_POINT).payload);
    await expectVerdict(folder, kit.bytes().subarray(0, at + 5), {
      state: 'OK_PREFIX',
      exit: 3,
      signed: FIRST_POINT,
    });
  });

  it('before its first checkpoint: nothing of it is signed', async () => {
    const kit = await kitOf();
    const file = cutBehind(kit, kit.record(2).payload).bytes();
    await expectVerdict(folder, file, { state: 'NOT_SIGNED', exit: 1, codes: ['H4_SIGN_MISSING'] });
  });
});

describe('a recording is truncated and continued by somebody else', () => {
  const own = [
    recordStep(mediaRecord({ track: 0, pts: 1000, key: true, payload: Uint8Array.of(0x66) })),
    recordStep(mediaRecord({ track: 1, pts: 1000, key: true, payload: Uint8Array.of(0x67) })),
  ];
  const close = recordStep(endRecord(1000));

  it('with records that nobody has signed: pending, and never more', async () => {
    const file = await continued(await original(), 0, own);
    await expectVerdict(folder, file, { state: 'OK_PENDING', exit: 3, signed: FIRST_POINT });
  });

  it('with records and an end record, and is closed: pending, the end with it', async () => {
    const file = await continued(await original(), 0, [...own, close, { kind: 'close', sign: undefined }]);
    await expectVerdict(folder, file, { state: 'OK_PENDING', exit: 3, signed: FIRST_POINT });
  });

  it('with nothing but an end record: that it is complete is not what was signed', async () => {
    const file = await continued(await original(), 1, [close, { kind: 'close', sign: undefined }]);
    await expectVerdict(folder, file, { state: 'OK_PENDING', exit: 3, signed: SECOND_POINT });
  });

  it('and closed with the signature of the attacker: a stranger covers nothing', async () => {
    const unsigned = await kitOf(
      continued(await original(), 0, [...own, close, { kind: 'close', sign: new Uint8Array(1) }]),
    );
    const sign = unsigned.chunk('SIGN', -1);
    sign.payload = signingWith(stranger)(checkpointAt(unsigned, sign));
    await expectVerdict(folder, mended(unsigned).bytes(), { state: 'OK_PENDING', exit: 3, signed: FIRST_POINT });
  });

  it('and closed with a signature that claims to be of the signer', async () => {
    const kit = await kitOf(
      continued(await original(), 0, [...own, close, { kind: 'close', sign: new Uint8Array(1) }]),
    );
    const sign = kit.chunk('SIGN', -1);
    sign.payload = noteOf(textOf(checkpointAt(kit, sign)), lineOf(NAME, signer.keyId, new Uint8Array(64).fill(7)));
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_BAD'] });
  });

  it('and closed with the true signature over the true end, which is of other records', async () => {
    const { payload } = (await kitOf()).chunk('SIGN', -1);
    const more = Array.from({ length: RECORDS - FIRST_POINT - 1 }, (_, i) =>
      recordStep(mediaRecord({ track: i % 2, pts: 1000 + i, key: true })),
    );
    const file = await continued(await original(), 0, [...more, close, { kind: 'close', sign: payload }]);
    await expectVerdict(folder, file, { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_ROOT'] });
  });

  it('before somebody who remembers the true continuation', async () => {
    const whole = await kitOf();
    const file = await continued(await original(), 0, [...own, close, { kind: 'close', sign: undefined }]);
    await expectVerdict(
      folder,
      file,
      { state: 'OK_PENDING', exit: 1, codes: ['H4_ROLLBACK'], signed: FIRST_POINT },
      { seen: [seenAt(whole)] },
    );
  });
});

describe('an old version is replayed', () => {
  it('of a live recording, before somebody who saw it grow', async () => {
    const whole = await kitOf();
    const kit = await kitOf();
    const file = cutBehind(kit, kit.chunk('TAIL', 1)).bytes();
    await expectVerdict(
      folder,
      file,
      { state: 'OK_PREFIX', exit: 1, codes: ['H4_ROLLBACK'], signed: SECOND_POINT },
      { seen: [seenAt(whole)] },
    );
  });

  it('before somebody who remembers the same or less: that is no rollback', async () => {
    const whole = await kitOf();
    for (const seen of [seenAt(whole), seenAt(whole, whole.chunk('SIGN', 0))]) {
      await expectVerdict(folder, whole.bytes(), { state: 'OK', exit: 0 }, { seen: [seen] });
    }
  });

  it('and the memory is of another recording: it says nothing about this one', async () => {
    const other = await kitOf(original({ uid: 'fedcba9876543210'.repeat(2) }));
    await expectVerdict(folder, await original(), { state: 'OK', exit: 0 }, { seen: [seenAt(other)] });
  });
});

describe('a signer tells two histories', () => {
  const sign = signingWith(signer);

  it('of the same size: both are well signed, and they contradict each other', async () => {
    const first = await kitOf();
    const second = await recorded(
      interleaved(RECORDS - 2, 2).map((record) => ({ ...record, payload: Uint8Array.of(9, 9, 9) })),
    );
    await expectVerdict(folder, second, { state: 'OK', exit: 0 });
    await expectVerdict(
      folder,
      second,
      { state: 'OK', exit: 1, codes: ['H4_EQUIVOCATION'] },
      { seen: [seenAt(first)] },
    );
  });

  it('of which the second is longer, and begins otherwise', async () => {
    const first = await kitOf();
    const second = await recorded(
      interleaved(RECORDS + 4, 2).map((record) => ({ ...record, payload: Uint8Array.of(9, 9, 9) })),
    );
    await expectVerdict(
      folder,
      second,
      { state: 'OK', exit: 1, codes: ['H4_EQUIVOCATION'] },
      { seen: [seenAt(first)] },
    );
  });

  it('of which the second is shorter, and begins otherwise', async () => {
    const first = await kitOf();
    const second = await written(async (writer) => {
      await writer.record(recordZero({ tracks: [VIDEO, AUDIO] }));
      await writer.record(mediaRecord({ pts: 5, key: true, payload: Uint8Array.of(9) }));
      await writer.indexPoint({ sign });
    });
    await expectVerdict(
      folder,
      second,
      { state: 'OK_PREFIX', exit: 1, codes: ['H4_ROLLBACK'] },
      { seen: [seenAt(first)] },
    );
  });

  it('in one file: the tree can agree with only one of them', async () => {
    const kit = await kitOf();
    const other = await kitOf(
      recorded(interleaved(RECORDS - 2, 2).map((record) => ({ ...record, payload: Uint8Array.of(9, 9, 9) }))),
    );
    kit.insertAfter(kit.chunk('VERI'), other.chunk('SIGN', -1));
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_ROOT'] });
  });
});
