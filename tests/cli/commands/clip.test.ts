import { readFile, readdir } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { verifyContainer } from '../../../src/container/check/verify.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { toHex } from '../../../src/utils/bytes.js';
import { SIGNER, TRUST, pictures, seqsOf, signedRecording } from '../../support/clips.js';
import { AUDIO, VIDEO, recordZero, written } from '../../support/container.js';
import { startServer } from '../../support/http-server.js';
import { describeShared } from '../../support/shared.js';
import { keyOf, signedBy } from '../../support/signed.js';
import { TEN_BLOCKS, recording, temporaryFolder } from '../support/files.js';
import { cli, jsonLines, jsonOf } from '../support/harness.js';

const folder = temporaryFolder();
const path = (name: string): string => folder.path(name);
const STRANGER = keyOf(8, 'example.com/somebody');

/** Pictures of 40 ms. */
const inMillis = (count: number) =>
  pictures(count).map((record) => ({
    ...record,
    pts: 1000 * record.pts,
    tokens: (record.tokens ?? []).map((token) => ({ ...token, duration: 40_000 })),
  }));

beforeAll(async () => {
  await folder.write('signed.h4mk', await signedRecording(inMillis(100)));
  await folder.write('unsigned.h4mk', await recording(TEN_BLOCKS, {}, {}));
  await folder.write('shifted.h4mk', await recording(TEN_BLOCKS, { shift: 20_000 }, {}));
  await folder.write(
    'live.h4mk',
    await written(async (writer) => {
      await writer.record(recordZero({ tracks: [VIDEO, AUDIO] }));
      for (const record of inMillis(20)) await writer.record(record);
      await writer.indexPoint({ sign: signedBy(SIGNER) });
      for (const record of inMillis(30).slice(40)) await writer.record(record);
    }),
  );
  await folder.write('KEY.pub', `${SIGNER.verificationKey}\n`);
  await folder.write('legacy.h4mk', await readFile(new URL('../../../spec/vectors/v1/legacy.h4mk', import.meta.url)));
});

const clip = (file: string, ...argv: readonly string[]) => cli(['clip', path(file), ...argv]);
const report = async (name: string) =>
  verifyContainer(createMemorySource(Uint8Array.from(await readFile(path(name)))), { trust: TRUST });

describe('clip', () => {
  test('writes what lies between two times, and tells what that is', async () => {
    const { code, stdout, stderr } = await clip(
      'signed.h4mk',
      '--from',
      '0.41s',
      '--to',
      '620ms',
      '-o',
      path('a.h4mk'),
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.replaceAll(path(''), '')).toMatchInlineSnapshot(`
      "/a.h4mk
        size         4.30 KiB (4404 bytes)
        records      22 of 202, in 2 runs
        time         0:00:00.400 to 0:00:00.800
        proofs       552 bytes for 2 runs, under the tree of 202 records
        signed       as example.com/cam7 says; not checked: no key given
      "
    `);
    expect(seqsOf(Uint8Array.from(await readFile(path('a.h4mk'))))).toEqual([
      0,
      ...Array.from({ length: 20 }, (_, i) => 21 + i),
      201,
    ]);
    expect(await report('a.h4mk')).toMatchObject({ state: 'OK_SLICE', proven: true, errors: [] });
  });

  test('tells the same as JSON, with times as they were typed and as the file has them', async () => {
    const argv = ['--range', '0-1ms', '--range', '2s-2.1s', '--key', path('KEY.pub'), '-o', path('b.h4mk'), '--json'];
    const { code, stdout } = await clip('signed.h4mk', ...argv);
    expect(code).toBe(0);
    const json = jsonOf(stdout);
    expect(json).toMatchObject({
      file: path('signed.h4mk'),
      output: path('b.h4mk'),
      records: 22,
      of_records: 202,
      runs: [
        { first: 0, last: 10 },
        { first: 101, last: 110 },
        { first: 201, last: 201 },
      ],
      covered: [
        { start_pts: 0, end_pts: 200_000, start_us: 0, end_us: 200_000 },
        { start_pts: 2_000_000, end_pts: 2_200_000, start_us: 2_000_000, end_us: 2_200_000 },
      ],
      missing: [],
      signed: true,
      verified: [SIGNER.name],
      cosigned: [],
      hidden: 0,
      redacted: 0,
    });
    expect(json['checkpoint']).toMatchObject({
      size: 202,
      origin: expect.stringContaining(`${SIGNER.name}/`) as string,
    });
    expect(json['bytes']).toBe((await readFile(path('b.h4mk'))).length);
  });

  test('takes original times, which are PTS without the shift', async () => {
    const argv = ['--from', '-20ms', '--to', '20ms', '-o', path('shift.h4mk'), '--json'];
    const { code, stdout } = await clip('shifted.h4mk', ...argv);
    expect(code).toBe(0);
    expect(jsonOf(stdout)['covered']).toEqual([{ start_pts: 0, end_pts: 160_000, start_us: -20_000, end_us: 140_000 }]);
    const range = await clip('shifted.h4mk', '--range', '-20ms-20ms', '-o', path('shift2.h4mk'));
    expect(range.code).toBe(0);
    expect(await readFile(path('shift2.h4mk'))).toEqual(await readFile(path('shift.h4mk')));
  });

  test('ends with 3 where the recording has not all of the time, and says which part is missing', async () => {
    const { code, stdout, stderr } = await clip('signed.h4mk', '--from', '3.9s', '--to', '10s', '-o', path('c.h4mk'));
    expect([code, stdout]).toEqual([3, expect.stringContaining('0:00:03.800 to 0:00:04.000')]);
    expect(stderr).toBe(
      'harmony4: warning: H4_RANGE_NOT_FOUND: Not in the clip: 0:00:04.000 to 0:00:10.000: the recording ends earlier\n',
    );
    const open = await clip('signed.h4mk', '--from', '3.9s', '-o', path('c.h4mk'), '--force');
    expect([open.code, open.stderr]).toEqual([0, '']);
  });

  test('takes nothing of a live recording beyond its newest checkpoint', async () => {
    const argv = ['--from', '0.7s', '-o', path('live-clip.h4mk'), '--key', SIGNER.verificationKey, '--json'];
    const { code, stdout, stderr } = await clip('live.h4mk', ...argv);
    expect(code).toBe(3);
    expect(jsonOf(stdout)).toMatchObject({ of_records: 61, checkpoint: { size: 41 }, missing: [{ why: 'unsigned' }] });
    expect(jsonLines(stderr)).toEqual([
      { code: 'H4_RANGE_NOT_FOUND', warning: expect.stringContaining('0:00:00.800 on: no signature') as string },
    ]);
    expect((await report('live-clip.h4mk')).state).toBe('OK_SLICE');
  });

  test('warns that an unsigned recording gives an unsigned clip', async () => {
    const { code, stdout, stderr } = await clip('unsigned.h4mk', '--to', '100ms', '-o', path('u.h4mk'));
    expect([code, stdout, stderr]).toEqual([
      0,
      expect.stringContaining('by nobody'),
      expect.stringContaining('warning: H4_SIGN_MISSING'),
    ]);
  });

  test('writes to standard output, and then says nothing there', async () => {
    const piped = await clip('signed.h4mk', '--to', '100ms', '-o', '-');
    expect([piped.code, piped.stderr]).toEqual([0, '']);
    await clip('signed.h4mk', '--to', '100ms', '-o', path('d.h4mk'));
    expect(Buffer.compare(piped.bytes, await readFile(path('d.h4mk')))).toBe(0);
  });

  test('reads standard input', async () => {
    const stdin = await readFile(path('signed.h4mk'));
    const { code } = await cli(['clip', '-', '--to', '100ms', '-o', path('stdin.h4mk')], { stdin });
    expect(code).toBe(0);
    expect((await report('stdin.h4mk')).state).toBe('OK_SLICE');
  });

  test('cuts a clip of a clip', async () => {
    await clip('signed.h4mk', '--from', '1s', '--to', '3s', '-o', path('outer.h4mk'));
    const { code, stdout } = await clip('outer.h4mk', '--from', '2s', '--to', '2.1s', '-o', path('inner.h4mk'));
    expect([code, stdout]).toEqual([0, expect.stringContaining('12 of 202, in 2 runs')]);
    expect((await report('inner.h4mk')).state).toBe('OK_SLICE');
  });

  test('takes single tracks, and says what that costs', async () => {
    const { stdout } = await clip('signed.h4mk', '--from', '1s', '--to', '1.1s', '--track', '1', '-o', path('e.h4mk'));
    expect(stdout).toContain('5 of 202, in 4 runs');
    expect(stdout).toMatch(/proofs {7}\S+ KiB for 4 runs/);
  });

  test('reads a remote recording in a few ranges', async () => {
    const server = await startServer(await readFile(path('signed.h4mk')));
    try {
      const argv = ['--from', '1s', '--to', '1.1s', '-o', path('remote.h4mk'), '--json'];
      const { code, stdout } = await cli(['clip', `${server.url}?token=secret`, ...argv]);
      expect([code, jsonOf(stdout)['file']]).toEqual([0, server.url]);
      expect(server.seen.length).toBeLessThan(6);
      await clip('signed.h4mk', ...argv.slice(0, 4), '-o', path('local.h4mk'));
      expect(await readFile(path('remote.h4mk'))).toEqual(await readFile(path('local.h4mk')));
    } finally {
      await server.close();
    }
  });
});

describe('clip refuses', () => {
  test.each<[string, readonly string[], number, string]>([
    ['no time at all', [], 2, 'Say which time'],
    ['an end before the beginning', ['--from', '2s', '--to', '1s'], 2, 'must end after it begins'],
    ['no time between', ['--from', '2s', '--to', '2s'], 2, 'must end after it begins'],
    ['pieces beside a time of its own', ['--range', '0-0.3s', '--from', '0'], 2, 'Cannot use --range together with'],
    ['pieces beside an end', ['--range', '0-0.3s', '--to', '1s'], 2, 'Cannot use --range together with'],
    ['a range that is none', ['--range', '10s'], 2, 'two times'],
    ['a range of what is no time', ['--range', 'x-y'], 2, 'not a time'],
    ['a track that there is not', ['--from', '0', '--track', '9'], 2, 'no track 9'],
    ['a time at which there is nothing', ['--from', '10s'], 2, 'goes from 0:00:00.000 to 0:00:04.000'],
    ['a key that is none', ['--from', '0', '--key', 'nonsense'], 4, 'nonsense'],
  ])('%s', async (_, argv, code, words) => {
    const result = await clip('signed.h4mk', ...argv, '-o', path('refused.h4mk'));
    expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(words)]);
    expect(await readdir(path(''))).not.toContain('refused.h4mk');
  });

  test('a recording that is not signed by whom one trusts, before anything is written', async () => {
    const argv = ['--from', '0', '-o', path('refused.h4mk')];
    const other = await clip('signed.h4mk', ...argv, '--key', STRANGER.verificationKey);
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('H4_SIGN_UNTRUSTED')]);
    const none = await clip('unsigned.h4mk', ...argv, '--key', STRANGER.verificationKey);
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('H4_SIGN_MISSING')]);
    expect(await readdir(path(''))).not.toContain('refused.h4mk');
  });

  test('a legacy file', async () => {
    const { code, stderr } = await clip('legacy.h4mk', '--from', '0', '-o', path('refused.h4mk'));
    expect([code, stderr]).toEqual([2, expect.stringContaining('upgrade it first')]);
  });

  test('to overwrite, or to write over its input', async () => {
    await clip('signed.h4mk', '--to', '1ms', '-o', path('there.h4mk'));
    const again = await clip('signed.h4mk', '--to', '1ms', '-o', path('there.h4mk'));
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('H4_EXISTS')]);
    const self = await clip('signed.h4mk', '--to', '1ms', '-o', path('signed.h4mk'), '--force');
    expect(self.code).toBe(2);
  });
});

describe('what a clip is good for', () => {
  test('extract gives the bytes it carries, says which they are, and that they are not all', async () => {
    await clip('signed.h4mk', '--range', '0-1ms', '--range', '2s-2.1s', '-o', path('two.h4mk'), '--force');
    const { code, stdout, stderr } = await cli(['extract', path('two.h4mk'), '-o', path('two.bin'), '--json']);
    const bytes = await readFile(path('two.bin'));
    expect(code).toBe(3);
    expect(jsonOf(stdout)).toMatchObject({
      bytes: 200,
      blocks: 10,
      whole: false,
      sha256: toHex(sha256(bytes)),
      parts: [
        { start_byte: 0, end_byte: 100, start_us: 0, end_us: 200_000 },
        { start_byte: 1000, end_byte: 1100, start_us: 2_000_000, end_us: 2_200_000 },
      ],
    });
    expect(stderr).toContain('it holds the bytes 0 to 99, 1000 to 1099');
    await cli(['extract', path('signed.h4mk'), '-o', path('whole.bin')]);
    const whole = await readFile(path('whole.bin'));
    expect(Buffer.compare(bytes, Buffer.concat([whole.subarray(0, 100), whole.subarray(1000, 1100)]))).toBe(0);
  });

  test('extract takes times, and refuses those that the clip does not have', async () => {
    await clip('signed.h4mk', '--from', '1s', '--to', '2s', '-o', path('second.h4mk'));
    const extract = (...argv: readonly string[]) =>
      cli(['extract', path('second.h4mk'), '-o', path('part.bin'), '--force', ...argv]);
    const part = await extract('--from', '1.25s', '--to', '1.3s');
    expect([part.code, part.stdout]).toEqual([3, expect.stringContaining('0:00:01.200 to 0:00:01.320')]);
    const outside = await extract('--from', '3s');
    expect([outside.code, outside.stderr]).toEqual([2, expect.stringContaining('it has 0:00:01.000 to 0:00:02.000')]);
    expect((await extract('--from', '2s', '--to', '1s')).code).toBe(2);
    expect((await extract('--track', '9')).code).toBe(2);
  });

  test('extract of a track that the clip has none of, and of one that it has all of', async () => {
    await clip('signed.h4mk', '--from', '0', '--track', '1', '-o', path('sound.h4mk'));
    const none = await cli(['extract', path('sound.h4mk'), '-o', path('none.bin')]);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('nothing of track 0')]);
    const all = await cli(['extract', path('sound.h4mk'), '--track', '1', '-o', path('all.bin')]);
    expect([all.code, all.stderr, all.stdout]).toEqual([0, '', expect.stringContaining('all of it')]);
  });

  test('many gaps are not all listed', async () => {
    const ranges = Array.from({ length: 12 }, (_, i) => ['--range', `${400 * i}ms-${400 * i + 1}ms`]).flat();
    await clip('signed.h4mk', ...ranges.slice(0, 20), '-o', path('gaps.h4mk'));
    const { stderr } = await cli(['extract', path('gaps.h4mk'), '-o', path('gaps.bin')]);
    expect(stderr).toContain(', ...,');
  });

  test('seek answers for what it carries, and says of the rest that it is not in this clip', async () => {
    await clip('signed.h4mk', '--from', '1s', '--to', '2s', '-o', path('seek.h4mk'), '--force');
    const found = await cli(['seek', path('seek.h4mk'), '1.5s', '--json']);
    expect([found.code, jsonOf(found.stdout)]).toEqual([0, expect.objectContaining({ found: true, record: 71 })]);
    const outside = await cli(['seek', path('seek.h4mk'), '3s']);
    expect([outside.code, outside.stderr]).toEqual([2, expect.stringContaining('This clip does not hold PTS')]);
  });

  test('inspect shows what it is', async () => {
    await clip('signed.h4mk', '--from', '1s', '--to', '2s', '-o', path('show.h4mk'), '--force');
    const { code, stdout } = await cli(['inspect', path('show.h4mk')]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('some records of a recording, with proofs')]);
  });

  test('a broken one is not extracted', async () => {
    await clip('signed.h4mk', '--from', '1s', '--to', '2s', '-o', path('broken.h4mk'), '--force');
    const bytes = await readFile(path('broken.h4mk'));
    bytes[bytes.length - 500] = (bytes[bytes.length - 500] ?? 0) ^ 1;
    await folder.write('broken.h4mk', bytes);
    const { code } = await cli(['extract', path('broken.h4mk'), '-o', path('broken.bin')]);
    expect(code).toBe(1);
    expect(await readdir(path(''))).not.toContain('broken.bin');
  });

  test('a remote one that is large is not read whole without leave', async () => {
    const bytes = await readFile(path('outer.h4mk'));
    const server = await startServer({
      size: 100 * 1024 * 1024,
      read: (start, end) => {
        const piece = new Uint8Array(end - start);
        piece.set(bytes.subarray(start, Math.min(end, bytes.length)).subarray(0, piece.length));
        return Promise.resolve(piece);
      },
      close: () => Promise.resolve(),
    });
    try {
      const { code, stderr } = await cli(['clip', server.url, '--from', '1s', '-o', path('big.h4mk')]);
      expect([code, stderr]).toEqual([2, expect.stringContaining('--allow-full-read')]);
    } finally {
      await server.close();
    }
  });
});

describeShared('clip of the samples', (shared) => {
  test('needs no key for what is hidden, which is extracted from the clip with it', async () => {
    const samples = JSON.parse(await readFile(`${shared}/samples/samples.json`, 'utf8')) as Record<string, string>;
    await folder.write('ikm.key', samples['ikm_hex'] ?? '');
    const argv = ['--from', '0', '--key', samples['vkey'] ?? '', '-o', path('private.h4mk')];
    const cutOut = await cli(['clip', `${shared}/samples/private.h4mk`, ...argv]);
    expect([cutOut.code, cutOut.stdout]).toEqual([0, expect.stringContaining('still masked or encrypted')]);
    const extract = (...more: readonly string[]) =>
      cli(['extract', path('private.h4mk'), '-o', path('private.bin'), '--force', ...more]);
    const closed = await extract();
    expect([closed.code, closed.stderr]).toEqual([2, expect.stringContaining('H4_KEY_MISSING')]);
    const { code } = await extract('--key-file', path('ikm.key'));
    expect(code).toBe(0);
    expect(await readFile(path('private.bin'), 'utf8')).toContain('I-frame 2 encrypted');
  });

  test('keeps redacted records redacted', async () => {
    const { code, stdout } = await cli([
      'clip',
      `${shared}/samples/redacted.h4mk`,
      '--from',
      '0',
      '-o',
      path('r.h4mk'),
    ]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('2 records, whose content was gone before')]);
  });
});
