/** Attacks that make a strong file look like a weaker one, or name another engine (spec/h4mk.md sections 1.2, 4, 5, 12 and 13). */
import { describe, expect, it } from 'vitest';
import { builtinEngines } from '../../src/compression/index.js';
import { H4MKReader } from '../../src/container/read/reader.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { interleaved, rejection } from '../support/container.js';
import { cli } from '../cli/support/harness.js';
import { temporaryFolder } from '../cli/support/files.js';
import { hidden } from '../../tools/golden-vectors.js';
import {
  FileKit,
  TOKN_AT,
  kitOf,
  mended,
  piece,
  recorded,
  resigned,
  signer,
  signingWith,
  withMeta,
  withoutSigns,
} from './surgery.js';
import { expectVerdict } from './verdict.js';

const folder = temporaryFolder();

/** Records: 1 masked, 3 encrypted, 4 with a blind; signed at the close. */
const secret = async (): Promise<FileKit> => {
  const kit = await hidden();
  kit.insertBefore(kit.chunk('VERI'), piece('SIGN'));
  return resigned(kit, signingWith(signer));
};

const setByte = (kit: FileKit, n: number, at: number, value: number): FileKit =>
  kit.editTokn(n, (view) => view.setUint8(at, value));

describe('what is attacked', () => {
  it('is proven with its hidden blocks', async () => {
    await expectVerdict(folder, (await secret()).bytes(), { state: 'OK', exit: 0, signed: 6 });
  });
});

describe('the suite', () => {
  it.each([0, 2])('of one record becomes %i', async (suite) => {
    const kit = setByte(await kitOf(), 5, TOKN_AT.suite, suite);
    await expectVerdict(folder, kit.reseal().bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_TOKN_SUITE'] });
  });

  it('of all records becomes an older one', async () => {
    const kit = await kitOf();
    for (let n = 0; n < 10; n++) setByte(kit, n, TOKN_AT.suite, 0);
    await expectVerdict(folder, kit.reseal().bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_TOKN_SUITE'] });
  });

  it('hides behind another version of the file', async () => {
    const kit = await kitOf();
    kit.header[5] = 0;
    await expectVerdict(folder, kit.bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_BAD_VERSION'] });
  });
});

describe('hidden blocks', () => {
  it('are said to be plain', async () => {
    const kit = await secret();
    setByte(kit, 3, TOKN_AT.mode, 0);
    kit.record(3).payload.tag = 'CORE';
    await expectVerdict(folder, mended(kit).bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_ENGINE_OUTPUT', 'H4_SIGN_ROOT'],
    });
  });

  it('that are encrypted are said to be masked only', async () => {
    const kit = await secret();
    setByte(kit, 3, TOKN_AT.mode, 1);
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_SIGN_ROOT'] });
  });

  it('stand in a chunk of another type', async () => {
    const kit = await secret();
    kit.record(3).payload.tag = 'CORE';
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_PAYLOAD_TAG'] });
  });

  it('are said to be of another key epoch', async () => {
    const kit = await secret();
    setByte(kit, 3, TOKN_AT.epoch + 1, 1);
    await expectVerdict(folder, mended(kit).bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_KEYS_EPOCH', 'H4_SIGN_ROOT'],
    });
  });
});

describe('the blind of a record', () => {
  it('is taken away, so that its content could be guessed from the commitment', async () => {
    const kit = await secret();
    const { tokn } = kit.record(4);
    setByte(kit, 4, TOKN_AT.flags, 1);
    tokn.payload = tokn.payload.slice(0, -16);
    await expectVerdict(folder, mended(kit).bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_COMMIT_MISMATCH', 'H4_SIGN_ROOT'],
    });
  });

  it('is set to zero although the content is there', async () => {
    const kit = await secret();
    const { tokn } = kit.record(4);
    tokn.payload.fill(0, tokn.payload.length - 16);
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_COMMIT_MISMATCH'] });
  });

  it('stays in a record whose content was removed', async () => {
    const kit = await secret();
    const { payload } = kit.record(4);
    payload.tag = 'VOID';
    payload.payload = new Uint8Array(payload.payload.length);
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_OK', exit: 1, codes: ['H4_VOID_BLIND'] });
  });
});

describe('a signed recording is passed off as a legacy file', () => {
  it('by stripping the TOKNs', async () => {
    const kit = await kitOf();
    kit.remove(...kit.pieces.filter(({ tag }) => tag === 'TOKN'));
    const path = await folder.write('stripped.h4mk', kit.reseal().bytes());
    const ended = await cli(['verify', '--key', signer.verificationKey, '--json', path]);
    const { state, errors } = JSON.parse(ended.stdout) as { state: string; errors: { code: string }[] };
    expect([ended.code, state]).toEqual([1, 'NOT_OK']);
    expect(errors.map(({ code }) => code)).toContain('H4_LEGACY_MIXED');
  });

  it('by stripping everything that a legacy file does not have: the key demands a signature all the same', async () => {
    // Pairs of a value and a run, as the engine of legacy files has them: content that can be read either way.
    const pairs = interleaved(8, 2).map((record) => ({ ...record, payload: Uint8Array.of(0x41, 3) }));
    const kit = await kitOf(recorded(pairs));
    const core = kit.pieces.filter(({ tag }) => tag === 'CORE');
    const legacy = new FileKit([...core, piece('VERI', new Uint8Array(32))]).reseal();
    await expectVerdict(folder, legacy.bytes(), {
      state: 'NOT_SIGNED',
      exit: 1,
      codes: ['H4_SIGN_MISSING'],
    });
  });
});

describe('a signed recording is passed off as an unsigned export', () => {
  it('by setting its uid to zero', async () => {
    const kit = withMeta(await kitOf(), ({ h4mk }) => (h4mk['uid'] = '0'.repeat(32)));
    await expectVerdict(folder, mended(kit).bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_UID_ZERO_SIGNED', 'H4_SIGN_ORIGIN', 'H4_SIGN_ROOT'],
    });
  });

  it('by setting its uid to zero and stripping the signatures', async () => {
    const kit = withMeta(withoutSigns(await kitOf()), ({ h4mk }) => (h4mk['uid'] = '0'.repeat(32)));
    await expectVerdict(folder, mended(kit).bytes(), { state: 'NOT_SIGNED', exit: 1, codes: ['H4_SIGN_MISSING'] });
  });
});

describe('META is changed', () => {
  it.each([
    ['the engine', 'engine_id', 'mallory-v1'],
    ['the fingerprint of the engine', 'fingerprint', '00'.repeat(32)],
    ['whether the engine was sealed', 'engine', 'sealed core'],
  ])('in %s', async (_what, key, value) => {
    const kit = withMeta(await kitOf(), ({ compression }) => (compression[key] = value));
    await expectVerdict(folder, mended(kit).bytes(), {
      state: 'NOT_OK',
      exit: 1,
      codes: ['H4_SIGN_ORIGIN', 'H4_SIGN_ROOT'],
    });
  });
});

describe('an engine that nobody allowed', () => {
  /** Signed by somebody who records with an engine of his own. */
  const foreign = async (): Promise<Uint8Array> => {
    const kit = withMeta(await kitOf(), ({ compression }) => {
      compression['engine_id'] = 'mallory-v1';
      compression['fingerprint'] = 'ab'.repeat(32);
    });
    return resigned(kit, signingWith(signer)).bytes();
  };
  const engines = [
    { engine_id: 'stored-v1', fingerprint: '41e2d2e2603f9144ec94d4ced4fb4bd68b96f6d0c30852eec941ddacf9958ea4' },
  ];
  const policy = { keys: [{ vkey: signer.verificationKey }], engines };

  it('is refused by a policy that lists others', async () => {
    await expectVerdict(folder, (await kitOf()).bytes(), { state: 'OK', exit: 0 }, { policy });
    await expectVerdict(folder, await foreign(), { state: 'OK', exit: 1, codes: ['H4_ENGINE_UNTRUSTED'] }, { policy });
  });

  it('is never run by a check without such a list', async () => {
    await expectVerdict(folder, await foreign(), { state: 'OK', exit: 0 });
  });

  it('decodes nothing: the file names it, and only the operator could load it', async () => {
    const reader = await H4MKReader.open(createMemorySource(await foreign()), { engines: builtinEngines() });
    expect(await rejection(reader.block(1))).toMatchObject({ code: 'H4_ENGINE_UNKNOWN' });
    const path = await folder.write('foreign.h4mk', await foreign());
    const ended = await cli(['extract', path, '-o', folder.path('foreign.bin')]);
    expect(ended.code).not.toBe(0);
    expect(ended.stderr).toContain('H4_ENGINE_UNKNOWN');
  });
});
