/**
 * The attacks before the commands that do something with a recording: what cannot be trusted is not answered from, cut, redacted or
 * cosigned, and leaves nothing behind.
 */
import { access } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { TILE_HEAD_BYTES } from '../../src/container/format/layout.js';
import { cli } from '../cli/support/harness.js';
import { temporaryFolder } from '../cli/support/files.js';
import {
  flipped,
  kitOf,
  mended,
  original,
  resigned,
  signer,
  signingWith,
  stranger,
  withMeta,
  withoutSigns,
} from './surgery.js';
import { NOW } from './verdict.js';

const folder = temporaryFolder();
const key = ['--key', signer.verificationKey];
const clock = { utcMicros: () => NOW * 1_000_000 };

beforeAll(async () => {
  const made = await cli(['keygen', '-o', folder.path('witness.key'), '--name', 'witness.example/w', '--witness']);
  if (made.code !== 0) throw new Error(made.stderr);
});

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Attacked files, and the codes with which each command may refuse them. */
const ATTACKS: readonly (readonly [string, () => Promise<Uint8Array>, string])[] = [
  ['whose signatures were stripped', async () => mended(withoutSigns(await kitOf())).bytes(), 'H4_SIGN_MISSING'],
  [
    'that a stranger signed again',
    async () => resigned(await kitOf(), signingWith(stranger)).bytes(),
    'H4_SIGN_UNTRUSTED',
  ],
  [
    'of which record 0 names another engine',
    async () => mended(withMeta(await kitOf(), ({ compression }) => (compression['engine_id'] = 'mallory-v1'))).bytes(),
    'H4_SIGN_ORIGIN',
  ],
  [
    'of which a payload was swapped with its commitment',
    async () => {
      const kit = await kitOf();
      const { payload } = kit.record(5);
      payload.payload = flipped(payload.payload, 0);
      return mended(kit.recommit(5)).bytes();
    },
    'H4_',
  ],
];

describe.each(ATTACKS)('a recording %s', (_what, attack, code) => {
  it('is not answered from: seek --prove', async () => {
    const path = await folder.write('seek.h4mk', await attack());
    const ended = await cli(['seek', path, '45', '--prove', ...key], clock);
    expect([ended.code, ended.stdout]).toEqual([1, '']);
    expect(ended.stderr).toContain(code);
  });

  it('is not cut: clip', async () => {
    const path = await folder.write('clip.h4mk', await attack());
    const ended = await cli(['clip', path, '--from', '0', '--to', '100', '-o', folder.path('cut.h4mk'), ...key], clock);
    expect([ended.code, await exists(folder.path('cut.h4mk'))]).toEqual([1, false]);
    expect(ended.stderr).toContain(code);
  });

  it('is not cosigned: sign with the key of a witness', async () => {
    const bytes = await attack();
    const path = await folder.write('cosign.h4mk', bytes);
    const argv = ['sign', path, '--signer', folder.path('witness.key'), '-o', folder.path('cosigned.h4mk'), ...key];
    const ended = await cli(argv, clock);
    expect([ended.code, await exists(folder.path('cosigned.h4mk'))]).toEqual([1, false]);
    expect(ended.stderr).toContain('H4_');
  });
});

describe('a recording whose content contradicts itself', () => {
  const swapped = async (): Promise<Uint8Array> => {
    const kit = await kitOf();
    const { payload } = kit.record(5);
    payload.payload = flipped(payload.payload, 0);
    return mended(kit).bytes();
  };

  it('is not redacted, because the copy would hide the contradiction', async () => {
    const path = await folder.write('redact.h4mk', await swapped());
    const ended = await cli(['redact', path, '--records', '5', '-o', folder.path('redacted.h4mk')]);
    expect([ended.code, await exists(folder.path('redacted.h4mk'))]).toEqual([1, false]);
    expect(ended.stderr).toContain('H4_COMMIT_MISMATCH');
  });

  it('is not extracted', async () => {
    const path = await folder.write('extract.h4mk', await swapped());
    const ended = await cli(['extract', path, '-o', folder.path('extracted.bin')]);
    expect([ended.code, await exists(folder.path('extracted.bin'))]).toEqual([1, false]);
    expect(ended.stderr).toContain('H4_COMMIT_MISMATCH');
  });
});

describe('an index that lies', () => {
  it('gets no other answer out of seek --prove', async () => {
    const kit = await kitOf();
    const tile = kit.chunk('TILE', -1).payload;
    // Record 5 is a keyframe, and its bit is taken away.
    tile[16] = (tile[16] ?? 0) & ~0x04;
    const path = await folder.write('keymap.h4mk', kit.reseal().bytes());
    const lied = await cli(['seek', path, '45', '--json']);
    expect(JSON.parse(lied.stdout)).toMatchObject({ record: 1 });
    const ended = await cli(['seek', path, '45', '--prove', ...key], clock);
    expect([ended.code, ended.stdout]).toEqual([1, '']);
    expect(ended.stderr).toContain('H4_SEEK_NOT_ADJACENT');
  });

  it('gets no other record out of seek --prove', async () => {
    const kit = await kitOf();
    const tile = kit.chunk('TILE', -1).payload;
    const offsetOf = (n: number): number => TILE_HEAD_BYTES + 16 * n + 8;
    tile.copyWithin(offsetOf(5), offsetOf(1), offsetOf(1) + 8);
    const path = await folder.write('locator.h4mk', kit.reseal().bytes());
    const ended = await cli(['seek', path, '45', '--prove', ...key], clock);
    expect([ended.code, ended.stdout]).toEqual([1, '']);
    expect(ended.stderr).toContain('H4_INDEX_MISMATCH');
  });
});

describe('a proof', () => {
  it('of an honest answer holds, and of no other question', async () => {
    const path = await folder.write('good.h4mk', await original());
    const proof = folder.path('proof.json');
    expect((await cli(['seek', path, '45', '--prove', '-o', proof, ...key], clock)).code).toBe(0);
    expect((await cli(['seek', '--check', proof, '45', ...key], clock)).code).toBe(0);
    // Nothing is a keyframe between the two times: the same proof answers both.
    expect((await cli(['seek', '--check', proof, '1000', ...key], clock)).code).toBe(0);
    const other = await cli(['seek', '--check', proof, '5', ...key], clock);
    expect([other.code, other.stdout]).toEqual([1, '']);
    const foreign = await cli(['seek', '--check', proof, '45', '--key', stranger.verificationKey], clock);
    expect([foreign.code, foreign.stdout]).toEqual([1, '']);
  });
});
