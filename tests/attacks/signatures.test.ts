/** Attacks on the signature of a file: taken away, replaced, moved from elsewhere (spec/h4mk.md sections 8 and 16). */
import { describe, it } from 'vitest';
import { utf8Encode } from '../../src/utils/bytes.js';
import { temporaryFolder } from '../cli/support/files.js';
import {
  FIRST_POINT,
  RECORDS,
  SECOND_POINT,
  checkpointAt,
  flipped,
  kitOf,
  mended,
  lineOf,
  noteOf,
  original,
  piece,
  resigned,
  signed,
  signer,
  signingWith,
  stranger,
  textOf,
  withoutSigns,
} from './surgery.js';
import { expectVerdict } from './verdict.js';

const folder = temporaryFolder();

describe('what is attacked', () => {
  it('is proven as it left its signer', async () => {
    await expectVerdict(folder, await original(), { state: 'OK', exit: 0, signed: RECORDS });
  });
});

describe('a signature is taken away', () => {
  it('by removing every SIGN: the key demands one', async () => {
    const kit = mended(withoutSigns(await kitOf()));
    await expectVerdict(folder, kit.bytes(), { state: 'NOT_SIGNED', exit: 1, codes: ['H4_SIGN_MISSING'], signed: 0 });
  });

  it('by removing the one at the close: the records behind the one before are pending, the end record among them', async () => {
    const kit = await kitOf();
    kit.remove(kit.chunk('SIGN', -1));
    await expectVerdict(folder, mended(kit).bytes(), { state: 'OK_PENDING', exit: 3, signed: SECOND_POINT });
  });

  it('by removing the older ones: the newest covers their records', async () => {
    const kit = await kitOf();
    kit.remove(kit.chunk('SIGN', 0), kit.chunk('SIGN', 1));
    await expectVerdict(folder, mended(kit).bytes(), { state: 'OK', exit: 0, signed: RECORDS });
  });
});

describe('a file is sealed again', () => {
  it('with a key of the attacker under his own name', async () => {
    const kit = resigned(await kitOf(), signingWith(stranger));
    await expectVerdict(folder, kit.bytes(), {
      state: 'SIGNED_UNTRUSTED_KEY',
      exit: 1,
      codes: ['H4_SIGN_UNTRUSTED'],
      signed: 0,
    });
  });

  it('with a key of the attacker, after he has changed a record', async () => {
    const kit = await kitOf();
    const { payload } = kit.record(3);
    payload.payload = flipped(payload.payload, 0);
    resigned(kit.recommit(3), signingWith(stranger));
    await expectVerdict(folder, kit.bytes(), {
      state: 'SIGNED_UNTRUSTED_KEY',
      exit: 1,
      codes: ['H4_SIGN_UNTRUSTED'],
    });
  });

  it('with a key of the attacker beside the line of the signer, over his own text', async () => {
    const kit = await kitOf();
    const { payload } = kit.record(3);
    payload.payload = flipped(payload.payload, 0);
    const [line = ''] = new TextDecoder().decode(kit.chunk('SIGN', -1).payload).split('\n').slice(4);
    resigned(kit.recommit(3), (checkpoint) => {
      const text = textOf(checkpoint);
      return noteOf(text, signed(stranger, text), `${line}\n`);
    });
    await expectVerdict(folder, kit.bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_BAD'] });
  });

  it('with the line of a stranger added to a good note, which changes nothing', async () => {
    const kit = resigned(await kitOf(), (checkpoint) => {
      const text = textOf(checkpoint);
      return noteOf(text, signed(stranger, text), signed(signer, text));
    });
    await expectVerdict(folder, kit.bytes(), { state: 'OK', exit: 0, signed: RECORDS });
  });

  it('by the key itself, in the name of somebody else: a checkpoint counts for the name of its origin only', async () => {
    const kit = resigned(await kitOf(), (checkpoint) => {
      const text = textOf(checkpoint, stranger.name);
      return noteOf(text, signed(signer, text));
    });
    await expectVerdict(folder, kit.bytes(), {
      state: 'SIGNED_UNTRUSTED_KEY',
      exit: 1,
      codes: ['H4_SIGN_UNTRUSTED'],
    });
  });
});

describe('a signature is moved', () => {
  it('from another recording of the same key', async () => {
    const other = await kitOf(original({ uid: 'fedcba9876543210'.repeat(2) }));
    const kit = withoutSigns(await kitOf());
    kit.insertBefore(kit.chunk('VERI'), other.chunk('SIGN', -1));
    await expectVerdict(folder, mended(kit).bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_SIGN_ORIGIN', 'H4_SIGN_ROOT'],
    });
  });

  it('from an earlier place of the same file to the close', async () => {
    const kit = await kitOf();
    const [first, last] = [kit.chunk('SIGN', 0), kit.chunk('SIGN', -1)];
    last.payload = first.payload;
    // A late signature is nothing wrong: it covers what it says.
    await expectVerdict(folder, mended(kit).bytes(), { state: 'OK_PENDING', exit: 3, signed: SECOND_POINT });
  });

  it('from a later place to an earlier one, before the records that it speaks of', async () => {
    const kit = await kitOf();
    kit.chunk('SIGN', 0).payload = kit.chunk('SIGN', -1).payload;
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_SIZE'] });
  });
});

describe('the text of a note is another one than was signed', () => {
  it('in its size', async () => {
    const kit = await kitOf();
    const sign = kit.chunk('SIGN', -1);
    const good = checkpointAt(kit, sign);
    const signature = signer.sign(utf8Encode(textOf(good)));
    const text = textOf({ ...good, size: FIRST_POINT, root: checkpointAt(kit, kit.chunk('SIGN', 0)).root });
    sign.payload = noteOf(text, lineOf(signer.name, signer.keyId, signature));
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_BAD'] });
  });

  it('by a line that is put behind it', async () => {
    const kit = await kitOf();
    const sign = kit.chunk('SIGN', -1);
    const text = textOf(checkpointAt(kit, sign));
    sign.payload = noteOf(`${text}complete and genuine\n`, signed(signer, text));
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_BAD'] });
  });

  it('by a second text before the blank line: the last blank line splits a note', async () => {
    const kit = await kitOf();
    const sign = kit.chunk('SIGN', -1);
    const text = textOf(checkpointAt(kit, sign));
    const forged = textOf({ ...checkpointAt(kit, sign), root: new Uint8Array(32) });
    sign.payload = noteOf(`${forged}\n${text}`, signed(signer, text));
    await expectVerdict(folder, mended(kit).bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_SIGN_BAD', 'H4_SIGN_ROOT'],
    });
  });

  it('in one bit of the signature', async () => {
    const kit = await kitOf();
    const sign = kit.chunk('SIGN', -1);
    const text = textOf(checkpointAt(kit, sign));
    sign.payload = noteOf(text, lineOf(signer.name, signer.keyId, flipped(signer.sign(utf8Encode(text)), 40)));
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_BAD'] });
  });
});

describe('a bad signature beside good ones', () => {
  it('makes the file NOT_OK wherever it stands: availability is not protected', async () => {
    const kit = await kitOf();
    const text = textOf(checkpointAt(kit));
    const bad = noteOf(text, lineOf(signer.name, signer.keyId, new Uint8Array(64)));
    kit.insertAfter(kit.chunk('VERI'), piece('SIGN', bad));
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_BAD'] });
  });
});
