import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { nameOf, readBack } from '../../../src/cli/commands/upgrade.js';
import { H4MK_MEDIA_TYPE, hashOf, upgradeLegacy, upgradeParameters } from '../../../src/cli/upgrader.js';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { builtinEngines } from '../../../src/compression/index.js';
import { legacyEngine } from '../../../src/compression/legacy.js';
import { GeometricReferenceCompressor } from '../../../src/compression/reference.js';
import { compressRleDelta } from '../../../src/compression/rle.js';
import { H4MKBuilder } from '../../../src/container/write/builder.js';
import { contentUid } from '../../../src/container/format/meta.js';
import { LegacyReader } from '../../../src/container/legacy/legacy-reader.js';
import { H4MKReader } from '../../../src/container/read/reader.js';
import { tokensOf } from '../../../src/container/format/tokn.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes, toHex, utf8Encode } from '../../../src/utils/bytes.js';
import { parseStrictJson } from '../../../src/utils/strict-json.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { type Piece, assembled, chunkOf, rejection } from '../../support/container.js';
import {
  LEGACY_KEY,
  META,
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
} from '../../support/legacy.js';
import { describeShared } from '../../support/shared.js';
import { recording, TEN_BLOCKS, temporaryFolder } from '../support/files.js';
import { cli, jsonLines, jsonOf } from '../support/harness.js';

const folder = temporaryFolder();
let [old, masked, key] = ['', '', ''];
const content = new Uint8Array(318).fill(65);

beforeAll(async () => {
  old = await folder.write('old.h4mk', whole);
  masked = await folder.write('masked.h4mk', maskedLegacyFile);
  key = await folder.write('masked.key', LEGACY_KEY);
  await chmod(key, 0o600);
});

const upgrade = (file: string, ...argv: string[]) =>
  cli(['upgrade', file, '-o', folder.path('new.h4mk'), '--force', ...argv]);
const upgradedOf = async (file: Uint8Array, ...argv: string[]) => {
  const path = await folder.write('some.h4mk', file);
  const { code, stdout, stderr } = await upgrade(path, '--json', ...argv);
  return {
    code,
    stderr,
    result: stdout === '' ? {} : jsonOf(stdout),
    file: new Uint8Array(await readFile(folder.path('new.h4mk'))),
  };
};

const readerOf = (file: Uint8Array): Promise<H4MKReader> =>
  H4MKReader.open(createMemorySource(file), { engines: builtinEngines() });

/** Track, time, duration, key and content of every block of a recording. */
const blocksOf = async (file: Uint8Array) => {
  const reader = await readerOf(file);
  const found = [];
  for await (const { tokn, bytes } of reader.blocks({ track: 0 })) {
    found.push({ pts: tokn.pts, durations: [...tokensOf(tokn)].map(({ duration }) => duration), key: tokn.key, bytes });
  }
  return found;
};

/** The text of record 0. */
const recordZeroOf = (file: Uint8Array): Record<string, unknown> =>
  parseStrictJson(chunkOf(file, 'META').payload, { maxBytes: 2 ** 20, maxDepth: 32 }) as Record<string, unknown>;

const missing = (path: string): Promise<boolean> =>
  stat(path).then(
    () => false,
    () => true,
  );

describe('upgrade OLD -o NEW', () => {
  test('makes a sound recording of the same blocks', async () => {
    const { code, stdout, stderr } = await upgrade(old);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('content      318 bytes in 3 blocks\n');
    expect(stdout).toContain('time         0:00:00.000 to 0:00:00.100032\n');
    expect(stdout).toContain(`source       old.h4mk, sha256 ${toHex(sha256(whole))}\n`);
    expect(stdout).toContain('NEW was read back');
    const file = new Uint8Array(await readFile(folder.path('new.h4mk')));
    expect((await cli(['verify', folder.path('new.h4mk')])).code).toBe(0);
    expect(await blocksOf(file)).toEqual([
      { pts: 0, durations: [33_366], key: true, bytes: content.subarray(0, 300) },
      { pts: 33_366, durations: [33_300], key: false, bytes: content.subarray(0, 16) },
      { pts: 66_666, durations: [33_366], key: true, bytes: content.subarray(0, 2) },
    ]);
    const out = folder.path('new.bin');
    expect((await cli(['extract', folder.path('new.h4mk'), '-o', out])).code).toBe(0);
    expect(new Uint8Array(await readFile(out))).toEqual(content);
    expect(jsonOf((await cli(['seek', folder.path('new.h4mk'), '70ms', '--json'])).stdout)).toMatchObject({
      pts: 66_666,
      offset: 316,
    });
  });

  test('tells as JSON what it wrote', async () => {
    const { result, file } = await upgradedOf(whole);
    const reader = await readerOf(file);
    const source = {
      name: 'some.h4mk',
      bytes: whole.length,
      sha256: toHex(sha256(whole)),
      media_type: H4MK_MEDIA_TYPE,
    };
    expect(result).toEqual({
      file: folder.path('new.h4mk'),
      bytes: file.length,
      records: 6,
      blocks: 3,
      content_bytes: 318,
      content_sha256: toHex(sha256(content)),
      root: toHex(reader.tail?.root ?? new Uint8Array()),
      file_id: toHex(reader.fileId),
      uid: '0'.repeat(32),
      engine: 'reference',
      engine_id: 'h4ref-geo-v1',
      source,
      unmasked: false,
      left_out: 0,
      read_back: true,
      warnings: [],
    });
    expect((await reader.metas()).source).toEqual(source);
    expect((await reader.metas()).totals).toEqual([{ track: 0, records: 3, raw: 318 }]);
    expect(await reader.tracks()).toEqual([{ id: 0, kind: 'data', fps_hint: [2997, 100] }]);
  });

  test('keeps META, SAFE and VERI of the old file as they were', async () => {
    const odd = utf8Encode(
      '{ "compression": {"engine":"geometric-reference"}, "n": 18446744073709551616, "f": 0.1, "ø": "\\u0000" }',
    );
    const { file } = await upgradedOf(
      closed(...blocks, { tag: 'META', payload: odd }, chunk('SAFE', Uint8Array.of(0xff, 0))),
    );
    expect(recordZeroOf(file)['legacy']).toEqual({
      form: 'H4MK v1 legacy',
      meta: new TextDecoder().decode(odd),
      safe_b64: '/wA=',
      veri: toHex(
        chunkOf(closed(...blocks, { tag: 'META', payload: odd }, chunk('SAFE', Uint8Array.of(0xff, 0))), 'VERI')
          .payload,
      ),
    });
    const plain = recordZeroOf((await upgradedOf(whole)).file)['legacy'];
    expect(plain).toMatchObject({ meta: JSON.stringify(META), safe: '{"scope":"container+transport-only"}' });
    expect(plain).not.toHaveProperty('unmasked');
  });

  test('takes from META what a track can say, and nothing that it cannot', async () => {
    const trackOf = async (json: object) =>
      (await (await readerOf((await upgradedOf(closed(meta({ ...META, ...json })))).file)).tracks())[0];
    const video = { domain: 'video-transport', block_size: 65_536, fps_hint: 25, gop: 2 };
    expect(await trackOf(video)).toEqual({ id: 0, kind: 'video', block_size: 65_536, fps_hint: [25, 1], gop: 2 });
    for (const json of [{ fps_hint: 30_000 / 1001 }, { fps_hint: '30' }, { fps_hint: 1000, gop: 0, block_size: 0.5 }]) {
      expect(await trackOf(json)).toEqual({ id: 0, kind: 'data' });
    }
  });

  test('gives the same bytes for the same file, name and options, and others for others', async () => {
    const rootOf = async (...argv: string[]): Promise<unknown> =>
      jsonOf((await upgrade(old, '--json', ...argv)).stdout)['root'];
    const first = await rootOf();
    const bytes = await readFile(folder.path('new.h4mk'));
    expect(await rootOf()).toBe(first);
    expect(await readFile(folder.path('new.h4mk'))).toEqual(bytes);
    const others = [
      await rootOf('--engine', 'stored'),
      await rootOf('--signable'),
      await rootOf('--uid', 'ab'.repeat(16)),
    ];
    expect(new Set([first, ...others]).size).toBe(4);
    expect(jsonOf((await upgrade(old, '--json', '--engine', 'stored')).stdout)['engine_id']).toBe('stored-v1');
  });

  test('makes the uid of a signable file from the old one, and of what only a key tells', async () => {
    const engine = new GeometricReferenceCompressor();
    const plain = jsonOf((await upgrade(old, '--json', '--signable')).stdout)['uid'];
    expect(plain).toBe(contentUid(sha256(whole), upgradeParameters(engine, 'old.h4mk', undefined)));
    const withKey = async (file: string): Promise<unknown> =>
      jsonOf((await upgrade(masked, '--json', '--signable', '--unmask', '--key-file', file)).stdout)['uid'];
    const right = await withKey(key);
    expect(right).toBe(contentUid(sha256(maskedLegacyFile), upgradeParameters(engine, 'masked.h4mk', sha256(content))));
    const other = await folder.write('other.key', LEGACY_KEY.slice(1));
    await chmod(other, 0o600);
    expect(await withKey(other)).not.toBe(right);
    const refused = await upgrade(old, '--signable', '--uid', '0'.repeat(32));
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('can never be signed') as unknown]);
  });

  test('writes to standard output, and then says what it wrote as JSON on stderr only', async () => {
    await upgrade(old);
    const bytes = await readFile(folder.path('new.h4mk'));
    const piped = await cli(['upgrade', old, '-o', '-']);
    expect([piped.code, piped.stderr, piped.bytes.equals(bytes)]).toEqual([0, '', true]);
    const json = await cli(['upgrade', old, '-o', '-', '--json']);
    expect([json.bytes.equals(bytes), jsonOf(json.stderr)['read_back']]).toEqual([true, false]);
  });

  test('reads standard input, which has no name', async () => {
    const { code, stdout } = await cli(['upgrade', '-', '-o', folder.path('new.h4mk'), '--force', '--json'], {
      stdin: whole,
    });
    expect([code, jsonOf(stdout)['source']]).toEqual([
      0,
      { bytes: whole.length, sha256: toHex(sha256(whole)), media_type: H4MK_MEDIA_TYPE },
    ]);
    const text = await cli(['upgrade', '-', '-o', folder.path('new.h4mk'), '--force'], { stdin: whole });
    expect(text.stdout).toContain('source       standard input, sha256');
  });

  test('shows its progress on a terminal', async () => {
    const { stderr } = await cli(['upgrade', old, '-o', folder.path('new.h4mk'), '--force'], {
      tty: ['stderr'],
      tick: 200,
    });
    expect(stderr).toContain('upgrading');
    const none = await cli(['upgrade', old, '-o', folder.path('new.h4mk'), '--force', '--no-progress'], {
      tty: ['stderr'],
      tick: 200,
    });
    expect(none.stderr).toBe('');
  });
});

describe('a masked file', () => {
  test('is refused without --unmask and without a key, and nothing is written', async () => {
    const target = folder.path('not-written.h4mk');
    const refusal = async (...argv: string[]): Promise<unknown[]> => {
      const { code, stderr } = await cli(['upgrade', masked, '-o', target, '--json', ...argv]);
      return [code, jsonOf(stderr)['code'], await missing(target)];
    };
    expect(await refusal()).toEqual([2, 'H4_PARAM', true]);
    expect(await refusal('--key-file', key)).toEqual([2, 'H4_PARAM', true]);
    expect(await refusal('--unmask')).toEqual([2, 'H4_KEY_MISSING', true]);
    expect((await cli(['upgrade', masked, '-o', target])).stderr).toContain('upgrade writes no masked recordings');
  });

  test('becomes readable with both, and says so in text, JSON and META', async () => {
    const { code, stdout } = await upgrade(masked, '--unmask', '--key-file', key);
    expect([code, stdout.includes('the content is readable for everybody')]).toEqual([0, true]);
    const file = new Uint8Array(await readFile(folder.path('new.h4mk')));
    expect(concatBytes(...(await blocksOf(file)).map(({ bytes }) => bytes))).toEqual(content);
    expect(recordZeroOf(file)['legacy']).toMatchObject({ unmasked: true });
    expect(Buffer.from(file).includes(Buffer.from(LEGACY_KEY))).toBe(false);
    expect(jsonOf((await upgrade(masked, '--unmask', '--key-file', key, '--json')).stdout)).toMatchObject({
      unmasked: true,
      warnings: [],
    });
  });

  test('is what --unmask and --key-file are for: others are refused', async () => {
    for (const argv of [['--unmask'], ['--key-file', key], ['--unmask', '--key-file', key]]) {
      const { code, stderr } = await upgrade(old, ...argv);
      expect([code, stderr]).toEqual([2, expect.stringContaining('is not masked: leave out') as unknown]);
    }
  });
});

describe('what is not upgraded', () => {
  test('a recording with records, whatever the options', async () => {
    const file = await folder.write('ten.h4mk', await recording(TEN_BLOCKS, {}, {}));
    const { code, stderr } = await upgrade(file);
    expect([code, stderr]).toEqual([2, expect.stringContaining('it is a recording with records already') as unknown]);
    expect((await upgrade(file, '--key-file', key, '--unmask')).code).toBe(2);
  });

  test('a file with an error, before anything is written', async () => {
    const target = folder.path('refused.h4mk');
    const stale = assembled([...open, block(1), chunkOf(whole, 'VERI')]);
    for (const [file, code] of [
      [stale, 'H4_VERI_MISMATCH'],
      [closed(...blocks, seek([[7, 5]]), meta()), 'H4_SEEK_ENTRY'],
      [closed(...blocks, meta({ ...META, encryption: 1 })), 'H4_LEGACY_ENCRYPTED'],
      [closed(...blocks, meta({ compression: { engine: 'x' } })), 'H4_ENGINE_UNKNOWN'],
      [closed(...blocks, meta(), chunk('SAFE', new Uint8Array(1024 * 1024 + 1))), 'H4_LIMIT_META'],
    ] as const) {
      const path = await folder.write('broken.h4mk', file);
      const outcome = await cli(['upgrade', path, '-o', target, '--json']);
      expect([outcome.code, jsonOf(outcome.stderr)['code'], outcome.stdout]).toEqual([1, code, '']);
      expect([await missing(target), await missing(`${target}.part`)]).toEqual([true, true]);
    }
    const told = await cli(['upgrade', await folder.write('stale.h4mk', stale), '-o', target]);
    expect(told.stderr).toMatch(
      /H4_VERI_MISMATCH: Cannot upgrade .*stale.h4mk: VERI is not the hash .* \(at offset \d+\)/,
    );
  });

  test('a file that changes while it is read', async () => {
    const source = createMemorySource(whole);
    const reader = await LegacyReader.open(source, { decode: legacyEngine });
    const plan = {
      engine: new GeometricReferenceCompressor(),
      uid: '0'.repeat(32),
      name: undefined,
      onProgress: () => undefined,
    };
    const run = { ...plan, sha256: sha256(content), signal: new AbortController().signal };
    const error = await rejection(upgradeLegacy(reader, source, createMemorySink(), run));
    expect([error.code, error.message]).toEqual([
      'H4_IO',
      expect.stringContaining('changed while it was read') as unknown,
    ]);
    expect(await hashOf(source, run.signal)).toEqual(sha256(whole));
  });

  test('into a file that exists, unless it is to be overwritten, nor into itself', async () => {
    const existing = await folder.write('existing.h4mk', 'keep');
    const { code, stderr } = await cli(['upgrade', old, '-o', existing]);
    expect([code, stderr.includes('H4_EXISTS'), await readFile(existing, 'utf8')]).toEqual([2, true, 'keep']);
    expect((await cli(['upgrade', old, '-o', old, '--force'])).code).toBe(2);
    expect(new Uint8Array(await readFile(old))).toEqual(whole);
  });
});

describe('what is upgraded with a warning, and exit code 3', () => {
  test('a file without VERI or META', async () => {
    for (const [file, codes] of [
      [assembled(open), ['H4_VERI_MISSING']],
      [closed(...blocks), ['H4_META_MISSING']],
    ] as const) {
      const { code, stderr, result } = await upgradedOf(file);
      expect([code, jsonLines(stderr).map((each) => each['code']), result['warnings']]).toEqual([3, codes, codes]);
      expect(result).toMatchObject({ content_sha256: toHex(sha256(content)), read_back: true });
    }
  });

  test('a file with chunks that nobody knows, which the new one does not keep', async () => {
    const file = await folder.write('unknown.h4mk', closed(chunk('abcd'), ...open, chunk('zzzz')));
    const { code, stdout, stderr } = await upgrade(file);
    expect([code, stderr]).toEqual([3, '']);
    expect(stdout).toContain('left out     2 chunks of unknown types\n');
    expect(jsonOf((await upgrade(file, '--json')).stdout)['left_out']).toBe(2);
  });
});

describe('times and keys', () => {
  const timesOf = async (...pieces: readonly Piece[]) =>
    (await blocksOf((await upgradedOf(closed(...pieces))).file)).map(
      ({ pts, durations, key: isKey }) => `${pts}+${durations[0]}${isKey ? 'k' : ''}`,
    );

  test('without a frame rate are those of the last keyframe', async () => {
    expect(await timesOf(...blocks, seek(entries), meta({ ...META, fps_hint: null }))).toEqual([
      '0+0k',
      '0+66666',
      '66666+0k',
    ]);
    expect(await timesOf(...blocks)).toEqual(['0+0k', '0+0', '0+0']);
  });

  test('without SEEK count blocks and groups', async () => {
    expect(await timesOf(...blocks, meta({ ...META, fps_hint: 10, gop: 2 }))).toEqual([
      '0+100000k',
      '100000+100000',
      '200000+100000k',
    ]);
  });

  test('before the first keyframe belong to none', async () => {
    expect(await timesOf(...blocks, seek([[150_000, 300]]), meta({ ...META, fps_hint: 10 }))).toEqual([
      '0+150000',
      '150000+100000k',
      '250000+100000',
    ]);
  });

  test('that are too far apart for a token leave the duration open', async () => {
    const far = 2 ** 32 + 5;
    expect(
      await timesOf(
        ...blocks,
        seek([
          [0, 0],
          [far, 300],
        ]),
        meta({ ...META, fps_hint: 1 }),
      ),
    ).toEqual(['0+0k', `${far}+1000000k`, `${far + 1_000_000}+1000000`]);
    const most = Number.MAX_SAFE_INTEGER;
    expect(await timesOf(...blocks, seek([[most, 0]]), meta())).toEqual([`${most}+0k`, `${most}+0`, `${most}+0`]);
  });
});

test('any blocks come back from the recording that they were upgraded to', async () => {
  const anyBlocks = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(anyBlocks, fc.boolean(), async (pieces, hasSeek) => {
      const starts = pieces.map((_, i) => pieces.slice(0, i).reduce((sum, { length }) => sum + length, 0));
      const keys = [...new Set(starts)].map((offset, k) => [1000 * k, offset] as const);
      const file = closed(
        ...pieces.map((bytes) => core(compressRleDelta(bytes))),
        ...(hasSeek ? [seek(keys)] : []),
        meta(),
        safe,
      );
      const source = createMemorySource(file);
      const reader = await LegacyReader.open(source, { decode: legacyEngine });
      const sink = createMemorySink();
      await upgradeLegacy(reader, source, sink, {
        engine: new GeometricReferenceCompressor(),
        uid: '0'.repeat(32),
        name: 'any',
        sha256: sha256(file),
        signal: new AbortController().signal,
        onProgress: () => undefined,
      });
      const found = await blocksOf(sink.bytes());
      expect(found.map(({ bytes }) => bytes)).toEqual(pieces);
      if (hasSeek)
        expect(found.filter(({ key: isKey }) => isKey).map(({ pts }) => pts)).toEqual(keys.map(([pts]) => pts));
    }),
    { numRuns: 60 },
  );
});

test('the name of the old file is the last part of its path or address, without what may be secret in that', () => {
  expect(['old.h4mk', 'a/b/old.h4mk', '-'].map(nameOf)).toEqual(['old.h4mk', 'old.h4mk', undefined]);
  expect(nameOf('https://user:password@host.example/archive/old.h4mk?token=secret#x')).toBe('old.h4mk');
  expect(nameOf('http://host.example/')).toBeUndefined();
});

describe('reading back', () => {
  const signal = new AbortController().signal;

  test('starts no thread, with which memory would grow, however long the recording is', async () => {
    const sink = createMemorySink();
    const builder = await H4MKBuilder.create(sink, { engine: storedEngine, tracks: [{ id: 0, kind: 'data' }] });
    const bytes = new Uint8Array(1024 * 1024);
    const count = 17;
    for (let i = 0; i < count; i++) {
      await builder.addBlock({ track: 0, tokens: [{ pts: i, key: true, size: bytes.length }], bytes });
    }
    await builder.close();
    const path = await folder.write('long.h4mk', sink.bytes());
    let threads = 0;
    const onWorker = (): number => threads++;
    process.on('worker', onWorker);
    await readBack(path, sha256(new Uint8Array(count * bytes.length)), signal);
    process.off('worker', onWorker);
    expect(threads).toBe(0);
  });

  test('lets a sound recording with the right content stay', async () => {
    await upgrade(old);
    await readBack(folder.path('new.h4mk'), sha256(content), signal);
    expect(await missing(folder.path('new.h4mk'))).toBe(false);
  });

  test('removes one with other content, a broken one and one without an end', async () => {
    await upgrade(old);
    const good = await readFile(folder.path('new.h4mk'));
    const cases: readonly (readonly [Uint8Array, Uint8Array, string])[] = [
      [good, sha256(whole), 'its content is not that of the old file'],
      [Buffer.from(good).fill(0, good.length - 40), sha256(content), 'TAIL'],
      [await recording(TEN_BLOCKS), sha256(content), 'it is not complete'],
    ];
    for (const [bytes, hash, why] of cases) {
      const path = folder.path('suspect.h4mk');
      await writeFile(path, bytes);
      const error = await rejection(readBack(path, hash, signal));
      expect([error.code, error.message]).toEqual(['H4_WRITE', expect.stringContaining(why) as unknown]);
      expect(await missing(path)).toBe(true);
    }
  });
});

describeShared('files of the original software', (shared) => {
  test.each(['empty', 'many_blocks_gop2', 'one_block'])(
    '%s becomes a recording with its content and keyframes',
    async (name) => {
      const path = `${shared}/fixtures/h4mk/${name}.h4mk`;
      const facts = JSON.parse(await readFile(path.replace('.h4mk', '.json'), 'utf8')) as {
        readonly whole_content_sha256: string;
        readonly file_sha256: string;
        readonly meta_raw_utf8: string;
        readonly seek_entries: readonly { readonly pts_us: number }[];
      };
      const { code, stdout } = await upgrade(path, '--json');
      expect([code, jsonOf(stdout)]).toMatchObject([
        0,
        { content_sha256: facts.whole_content_sha256, source: { name: `${name}.h4mk`, sha256: facts.file_sha256 } },
      ]);
      const file = new Uint8Array(await readFile(folder.path('new.h4mk')));
      expect(recordZeroOf(file)['legacy']).toMatchObject({ meta: facts.meta_raw_utf8 });
      const keys = (await blocksOf(file)).filter(({ key: isKey }) => isKey);
      expect(keys.map(({ pts }) => pts)).toEqual(facts.seek_entries.map(({ pts_us }) => pts_us));
    },
  );
});
