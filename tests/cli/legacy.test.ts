/** inspect, verify, seek and extract on legacy files. */

import { readFileSync, readdirSync } from 'node:fs';
import { access, chmod, readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { toHex } from '../../src/utils/bytes.js';
import { sha256 } from '../../src/utils/sha256.js';
import { type Piece, assembled, chunkOf, patched } from '../support/container.js';
import {
  BOMB,
  LEGACY_KEY,
  META,
  REFUSED,
  block,
  blocks,
  chunk,
  closed,
  core,
  entries,
  maskedLegacyFile,
  meta,
  open,
  safe,
  seek,
  whole,
} from '../support/legacy.js';
import { describeShared } from '../support/shared.js';
import { cli, jsonLines, jsonOf } from './support/harness.js';
import { noise, recording, TEN_BLOCKS, temporaryFolder } from './support/files.js';

const folder = temporaryFolder();
let [old, masked, key] = ['', '', ''];

beforeAll(async () => {
  old = await folder.write('old.h4mk', whole);
  masked = await folder.write('masked.h4mk', maskedLegacyFile);
  key = await folder.write('masked.key', LEGACY_KEY);
  await chmod(key, 0o600);
});

const content = new Uint8Array(318).fill(65);
const seekJson = async (file: string, ...argv: string[]) =>
  jsonOf((await cli(['seek', '--json', file, ...argv])).stdout);
const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

describe('seek in a legacy file', () => {
  test('prints the fields that it prints for records', async () => {
    expect(await seekJson(old, '70ms')).toEqual({
      file: old,
      track: 0,
      asked: { time_us: 70_000, pts: 70_000 },
      found: true,
      record: 2,
      pts: 66_666,
      time_us: 66_666,
      offset: 316,
      file_offset: chunkOf(whole, 'CORE', 2).offset,
    });
    expect((await cli(['seek', masked, '66665'])).stdout.split('\n')).toEqual([
      '  time         0:00:00.000',
      '  pts          0',
      '  track        0',
      '  record       0',
      '  offset       0',
      '  file_offset  8',
      '',
    ]);
  });

  test('says where a time lies behind the end, if META says how long a block lasts', async () => {
    expect(await seekJson(old, '100031')).not.toHaveProperty('after_end');
    expect(await seekJson(old, '100032')).toMatchObject({ record: 2, after_end: true, end_us: 100_032 });
    expect((await cli(['seek', old, '9s'])).stdout).toContain('(its last moment is 0:00:00.100032)');
    const timeless = await folder.write(
      'timeless.h4mk',
      closed(...blocks, seek(entries), meta({ ...META, fps_hint: 0 })),
    );
    expect(await seekJson(timeless, '9s')).not.toHaveProperty('after_end');
  });

  test('finds nothing before the first keyframe, and has one track', async () => {
    expect(await seekJson(old, '--', '-1')).toMatchObject({ found: false });
    const { code, stdout } = await cli(['seek', await folder.write('none.h4mk', closed(...blocks, meta())), '5s']);
    expect([code, stdout]).toEqual([0, 'none\n']);
    expect(await seekJson(old, '0', '--track', '0')).toMatchObject({ found: true });
    const refused = await cli(['seek', old, '0', '--track', '1']);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('a legacy file has one, 0') as unknown]);
  });
});

describe('extract from a legacy file', () => {
  const out = (): string => folder.path('out.bin');
  const extract = async (file: string, ...argv: string[]) => cli(['extract', file, '-o', out(), '--force', ...argv]);

  test('gives its content back', async () => {
    const { code, stdout, stderr } = await extract(old);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('every block has its CRC, which finds accidents only');
    expect(stdout).toContain('0, all of it');
    expect(new Uint8Array(await readFile(out()))).toEqual(content);
    expect(jsonOf((await extract(old, '--json')).stdout)).toEqual({
      file: out(),
      track: 0,
      bytes: 318,
      blocks: 3,
      sha256: toHex(sha256(content)),
      whole: true,
      matches_source: null,
      signed_by: null,
      start_us: 0,
      end_us: 66_666 + 33_366,
      unmasked: false,
    });
    expect(new Uint8Array((await cli(['extract', old, '-o', '-'])).bytes)).toEqual(content);
  });

  test('begins at a keyframe and ends before a block that starts too late', async () => {
    const sizeOf = async (...argv: string[]): Promise<unknown> =>
      jsonOf((await extract(old, ...argv, '--json')).stdout)['bytes'];
    expect(await sizeOf('--to', '33366')).toBe(300);
    expect(await sizeOf('--to', '33367')).toBe(316);
    expect(await sizeOf('--to', '66667')).toBe(318);
    expect(await sizeOf('--from', '66665')).toBe(318);
    expect(await sizeOf('--from', '66666')).toBe(2);
    expect(await sizeOf('--from', '40ms', '--to', '50ms')).toBe(316);
    expect(await sizeOf('--from', '100031')).toBe(2);
    for (const nothing of [
      ['--to', '0'],
      ['--from', '100032'],
      ['--from', '9s', '--to', '10s'],
    ]) {
      const { code, stderr } = await extract(old, ...nothing);
      expect([code, stderr]).toEqual([
        2,
        expect.stringContaining(
          'H4_RANGE_NOT_FOUND: Track 0 has nothing at that time: it goes from 0:00:00.000 to 0:00:00.100032',
        ),
      ]);
    }
    const moved = await extract(old, '--from', '50ms');
    expect(moved.stdout).toContain('--from 0:00:00.050 was moved to the keyframe at 0:00:00.000');
    expect(moved.stdout).toContain('0, a part of it');
    const refused = await extract(old, '--from', '2', '--to', '2');
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--to must be later') as unknown]);
    expect((await extract(old, '--track', '7')).code).toBe(2);
  });

  test('unmasks with the key of --key-file, and not without', async () => {
    const { code, stdout } = await extract(masked, '--key-file', key);
    expect([code, stdout.includes('with the key that was given'), stdout.includes('nothing tells')]).toEqual([
      0,
      true,
      true,
    ]);
    expect(new Uint8Array(await readFile(out()))).toEqual(content);
    expect(jsonOf((await extract(masked, '--key-file', key, '--json')).stdout)).toMatchObject({
      unmasked: true,
      sha256: toHex(sha256(content)),
    });
    const target = folder.path('not-written.bin');
    const refused = await cli(['extract', masked, '-o', target]);
    expect([refused.code, await exists(target)]).toEqual([2, false]);
    expect(refused.stderr).toContain('H4_KEY_MISSING: The blocks of this legacy file are masked');
    expect(refused.stderr).toContain('can be read only with its key');
  });

  test('has one key, and takes one that would be too short for a recording', async () => {
    const short = await folder.write('short.key', noise(16));
    const several = await extract(masked, '--key-file', key, '--key-file', short);
    expect([several.code, several.stderr]).toEqual([2, expect.stringContaining('which has one') as unknown]);
    expect((await extract(masked, '--key-file', short)).code).toBe(0);
    const file = await folder.write('ten.h4mk', await recording(TEN_BLOCKS, {}, {}));
    const { code, stderr } = await extract(file, '--key-file', short);
    expect([code, stderr]).toEqual([2, expect.stringContaining('has 16 bytes: at least 32') as unknown]);
    expect((await extract(file, '--key-file', key)).code).toBe(0);
  });

  test('says where a file has no META or no VERI, and exits 3', async () => {
    for (const [file, codes] of [
      [assembled(open), ['H4_VERI_MISSING']],
      [closed(...blocks), ['H4_META_MISSING']],
      [assembled([chunk('abcd'), ...blocks]), ['H4_META_MISSING', 'H4_VERI_MISSING']],
    ] as const) {
      const { code, stderr } = await extract(await folder.write('lacking.h4mk', file), '--json');
      expect([code, jsonLines(stderr).map((each) => each['code'])]).toEqual([3, codes]);
      expect(new Uint8Array(await readFile(out()))).toEqual(content);
    }
  });

  test('refuses what nobody can decode, and says what that means', async () => {
    const target = folder.path('never.bin');
    const refusal = async (json: object): Promise<string> => {
      const { code, stderr } = await cli([
        'extract',
        await folder.write('other.h4mk', closed(...blocks, meta(json))),
        '-o',
        target,
      ]);
      expect([code, await exists(target)]).toEqual([1, false]);
      return stderr;
    };
    expect(await refusal({ ...META, encryption: 1 })).toMatch(
      /H4_LEGACY_ENCRYPTED.*\n {2}Nobody can decrypt such a file/,
    );
    expect(await refusal({ compression: { engine: 'x\u001b' } })).toMatch(
      /H4_ENGINE_UNKNOWN.*\n {2}Read it with the software/,
    );
  });
});

describe('each negative case of section 13', () => {
  const CLEAN: ReadonlySet<string> = new Set(['veri_stale']);

  test.each(REFUSED)('%s', async (name, bytes, codes) => {
    const file = await folder.write('case.h4mk', bytes);
    const target = folder.path(`${name.replaceAll(/\W/g, '-')}.bin`);
    const verified = await cli(['verify', file, '--json']);
    expect([
      verified.code,
      new Set((jsonOf(verified.stdout)['errors'] as { code: string }[]).map(({ code }) => code)),
    ]).toEqual([1, new Set(codes)]);
    const extracted = await cli(['extract', file, '-o', target, '--json']);
    const upgraded = await cli(['upgrade', file, '-o', target, '--json', '--force']);
    expect([upgraded.code, jsonOf(upgraded.stderr)['code']]).toEqual([1, codes[0]]);
    if (CLEAN.has(name)) {
      // The reader does not compare VERI.
      expect(extracted.code).toBe(0);
      return;
    }
    expect([extracted.code, jsonOf(extracted.stderr)['code'], await exists(target)]).toEqual([1, codes[0], false]);
    for (const argv of [
      ['seek', file, '1000s'],
      ['inspect', file],
      ['inspect', file, '--records'],
    ]) {
      expect([0, 1]).toContain((await cli(argv)).code);
    }
  });

  test('core_bomb_8k_to_1MiB and unknown_tag are taken with warnings', async () => {
    for (const bytes of [assembled([BOMB]), assembled([chunk('abcd'), block(3)])]) {
      const file = await folder.write('warned.h4mk', bytes);
      for (const argv of [
        ['verify', file],
        ['extract', file, '-o', folder.path('warned.bin'), '--force'],
      ]) {
        expect([argv[0], (await cli(argv)).code]).toEqual([argv[0], 3]);
      }
    }
  });
});

describe('inspect of a legacy file', () => {
  test('sums up what it holds', async () => {
    const { code, stdout } = await cli(['inspect', masked]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ {2}blocks {7}3, \d+ bytes as stored, 318 bytes of content\n/);
    expect(stdout).toContain('  index        SEEK with 2 keyframes, VERI\n');
    expect(stdout).toContain('  engine       geometric-reference, run-length pairs, built in\n');
    expect(stdout).toContain('  content      masked: extract needs --key-file\n');
    expect(stdout).toContain('  fps_hint     29.97\n');
    expect(stdout).toContain('  SAFE         {"scope":"container+transport-only"}\n');
    expect(jsonOf((await cli(['inspect', old, '--json'])).stdout)['legacy']).toEqual({
      blocks: 3,
      block_bytes: 8,
      content_bytes: 318,
      engine: 'geometric-reference',
      masked: false,
      encrypted: false,
      meta: META,
      safe: '{"scope":"container+transport-only"}',
      veri: true,
    });
  });

  test('says what cannot be decoded, and shows SAFE whatever it holds', async () => {
    const summary = async (...pieces: readonly Piece[]): Promise<string> =>
      (await cli(['inspect', await folder.write('various.h4mk', closed(...blocks, ...pieces))])).stdout;
    expect(await summary(meta({ ...META, encryption: {} }))).toContain('encrypted with a state that was never stored');
    expect(await summary(meta({ compression: { engine: 'other' } }))).toContain(
      'engine       other, which is not at hand',
    );
    expect(await summary(meta({}))).toContain('META names none');
    expect(await summary()).toContain('content      not masked');
    expect(await summary(chunk('SAFE', Uint8Array.of(0x1b, 0x41)))).toContain('SAFE         \\x1bA');
  });

  test('tells no length of content that is large or cannot be measured, and nothing of a META that cannot be read', async () => {
    const large = core(new Uint8Array(1024 * 1024 + 2).fill(1));
    const json = async (bytes: Uint8Array): Promise<unknown> =>
      jsonOf((await cli(['inspect', await folder.write('large.h4mk', bytes), '--json'])).stdout)['legacy'];
    expect(await json(closed(large, meta()))).toMatchObject({ content_bytes: null, blocks: 1 });
    expect(await json(closed(core(Uint8Array.of(1)), meta()))).toMatchObject({ content_bytes: null });
    expect(await json(closed(...blocks, chunk('META', Uint8Array.of(0x5b))))).toMatchObject({
      engine: null,
      masked: null,
      meta: null,
    });
  });

  test('--records lists its blocks', async () => {
    const { code, stdout } = await cli(['inspect', old, '--records']);
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.trim().split(/ +/))).toEqual([
      ['block', 'key', 'time', 'pos', 'raw', 'size', 'offset'],
      ['0', 'key', '0:00:00.000000', '0', '300', '4', '8'],
      ['1', '0:00:00.033366', '300', '16', '2', '24'],
      ['2', 'key', '0:00:00.066666', '316', '2', '2', '38'],
      [''],
    ]);
    expect(jsonLines((await cli(['inspect', old, '--records', '--json'])).stdout)[1]).toEqual({
      block: 1,
      key: false,
      pts: 33_366,
      time_us: 33_366,
      pos: 300,
      raw: 16,
      size: 2,
      offset: 24,
    });
    const limited = await cli(['inspect', old, '--records', '--at', '24', '--limit', '1']);
    expect([limited.stdout.split('\n').length, limited.stderr.includes('--at 38')]).toEqual([3, true]);
  });

  test('--records lists blocks that nobody can decode by their place only', async () => {
    const file = await folder.write(
      'encrypted.h4mk',
      closed(core(Uint8Array.of(1)), seek(entries), meta({ ...META, encryption: 1 }), safe),
    );
    const [only] = jsonLines((await cli(['inspect', file, '--records', '--json'])).stdout);
    expect(only).toEqual({ block: 0, key: null, pts: null, time_us: null, pos: null, raw: null, size: 1, offset: 8 });
    expect((await cli(['inspect', file, '--records'])).stdout.split('\n')[1]?.trim().split(/ +/)).toEqual([
      '0',
      '-',
      '-',
      '-',
      '1',
      '8',
    ]);
  });

  test('--records ends with what breaks the file', async () => {
    const file = await folder.write('broken.h4mk', patched(whole, 24 + 8, 0, 4));
    const { code, stdout, stderr } = await cli(['inspect', file, '--records']);
    expect([code, stdout.split('\n').length, stderr.includes('H4_CRC_MISMATCH')]).toEqual([1, 3, true]);
    expect((await cli(['inspect', await folder.write('cut.h4mk', whole.subarray(0, 60)), '--records'])).code).toBe(1);
  });
});

describeShared('files of the original software on the command line', (shared) => {
  interface Facts {
    readonly whole_content_sha256: string;
    readonly mask_key_hex?: string;
    readonly seek_entries: readonly { readonly pts_us: number; readonly offset: number }[];
  }
  const fixtures = `${shared}/fixtures/h4mk`;
  const names = readdirSync(fixtures).filter((name) => name.endsWith('.h4mk'));

  test.each(names)('%s gives its content and its keyframes', async (name) => {
    const file = `${fixtures}/${name}`;
    const facts = JSON.parse(readFileSync(file.replace('.h4mk', '.json'), 'utf8')) as Facts;
    const keyFile = await folder.write('fixture.key', `${facts.mask_key_hex ?? ''}\n`);
    await chmod(keyFile, 0o600);
    const withKey = facts.mask_key_hex === undefined ? [] : ['--key-file', keyFile];
    const out = folder.path('fixture.bin');
    const { code, stdout } = await cli(['extract', file, '-o', out, '--force', '--json', ...withKey]);
    expect([code, jsonOf(stdout)['sha256']]).toEqual([0, facts.whole_content_sha256]);
    expect(toHex(sha256(await readFile(out)))).toBe(facts.whole_content_sha256);
    for (const { pts_us, offset } of facts.seek_entries) {
      expect(await seekJson(file, String(pts_us))).toMatchObject({ found: true, pts: pts_us, offset });
    }
  });

  test('the samples give their content', async () => {
    const { files, legacy_master_hex } = JSON.parse(readFileSync(`${shared}/samples/samples.json`, 'utf8')) as {
      readonly legacy_master_hex: string;
      readonly files: Readonly<Record<string, { readonly content_sha256: string }>>;
    };
    const keyFile = await folder.write('sample.key', legacy_master_hex);
    await chmod(keyFile, 0o600);
    for (const [name, withKey] of [
      ['legacy.h4mk', []],
      ['legacy-masked.h4mk', ['--key-file', keyFile]],
    ] as const) {
      const { code, stdout } = await cli([
        'extract',
        `${shared}/samples/${name}`,
        '-o',
        folder.path('s.bin'),
        '--force',
        '--json',
        ...withKey,
      ]);
      expect([code, jsonOf(stdout)['sha256']]).toEqual([0, files[name]?.content_sha256]);
    }
  });
});
