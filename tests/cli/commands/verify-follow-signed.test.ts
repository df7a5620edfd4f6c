/** `verify --follow` with keys: what is signed is told and remembered while the recording grows. */
import { appendFile, readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { TEN_BLOCKS, noise, offsetsOf, temporaryFolder } from '../support/files.js';
import { type HarnessOptions, type Outcome, cli } from '../support/harness.js';
import { HandFed, Lines } from '../support/live.js';
import { CAMERA, SECOND, signedRecording } from '../support/signed.js';

const folder = temporaryFolder();
const KEY = ['--key', CAMERA.verificationKey];
const POINTS = [2, 5, 8];
const TAIL_CHUNK_BYTES = 172;

/** A signed recording in the pieces up to each of its index points, and the rest. */
let pieces: readonly Uint8Array[] = [];
let whole: Uint8Array = new Uint8Array(0);

beforeAll(async () => {
  whole = await signedRecording({ keys: [CAMERA], pointAfter: POINTS });
  pieces = piecesOf(whole);
});

function piecesOf(file: Uint8Array): Uint8Array[] {
  const ends = offsetsOf(file, 'TAIL').map((offset) => offset + TAIL_CHUNK_BYTES);
  return ends.map((end, i) => file.subarray(ends[i - 1] ?? 0, end));
}

interface Following {
  readonly out: Lines;
  readonly outcome: Promise<Outcome>;
}

function following(argv: readonly string[], options: HarnessOptions = {}): Following {
  const out = new Lines();
  return { out, outcome: cli(['verify', '--follow', ...argv], { stdout: out, ...options }) };
}

const sizesIn = (text: string): number[] => Array.from(text.matchAll(/"size":(\d+)/g), ([, size]) => Number(size));

describe('verify --follow with a key', () => {
  test('tells what is signed as it grows, and remembers it at once', async () => {
    const seen = folder.path('growing.json');
    const file = await folder.write('growing.h4mk', pieces[0] ?? whole);
    const reader = following([...KEY, '--seen', seen, '--json', file]);
    const sizes: number[] = [];
    for (let i = 0; i < pieces.length; i++) {
      await reader.out.has(2 * (i + 1));
      const [sound, news] = reader.out.json.slice(2 * i);
      expect(sound).toMatchObject({ event: 'sound', file });
      expect(news).toEqual({
        event: 'signed',
        file,
        origin: expect.stringMatching(/^example\.com\/gate\/[0-9a-f]{64}$/) as string,
        size: sound?.['records'],
        root: sound?.['root'],
      });
      sizes.push(Number(news?.['size']));
      expect(sizesIn(await readFile(seen, 'utf8'))).toEqual(sizes.slice(-1));
      await appendFile(file, pieces[i + 1] ?? new Uint8Array(0));
    }
    expect(sizes).toEqual([4, 7, 10, 13]);
    const { code, stderr } = await reader.outcome;
    expect([code, stderr]).toEqual([0, '']);
    expect(reader.out.json.at(-1)).toMatchObject({ file, state: 'OK', proven: true, signed_size: 13, exit_code: 0 });
  });

  test('says it in words, and ends with who signed', async () => {
    const file = await folder.write('words.h4mk', whole);
    const { code, stdout } = await cli(['verify', '--follow', ...KEY, file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^13 records, .*: sound so far\nsigned by example\.com\/gate: the first 13 records, root [0-9a-f]{64}\nOK: complete and signed by example\.com\/gate \(13 of 13/,
    );
  });

  test('takes a stream that it is given', async () => {
    const stdin = new HandFed();
    const reader = following([...KEY, '--seen', folder.path('piped.json'), '-'], { stdin });
    for (const piece of pieces) stdin.feed(piece);
    stdin.end();
    expect((await reader.outcome).code).toBe(0);
    expect(sizesIn(await readFile(folder.path('piped.json'), 'utf8'))).toEqual([13]);
  });

  test('fails at its end where nobody signs whom it believes, and remembers nothing', async () => {
    const file = await folder.write('stranger.h4mk', await signedRecording({ keys: [SECOND], pointAfter: POINTS }));
    const seen = folder.path('stranger.json');
    const { code, stdout } = await cli(['verify', '--follow', ...KEY, '--seen', seen, file]);
    expect(code).toBe(1);
    expect(stdout).not.toContain('\nsigned by');
    expect(stdout).toContain('SIGNED BY NO TRUSTED KEY, NOTHING PROVEN');
    await expect(readFile(seen)).rejects.toThrow('ENOENT');
  });
});

describe('verify --follow --seen', () => {
  /** A memory of all that is signed in `file`. */
  const memoryOf = async (name: string, file: Uint8Array): Promise<string> => {
    const seen = folder.path(name);
    const path = await folder.write(`${name}.h4mk`, file);
    expect((await cli(['verify', ...KEY, '--seen', seen, '--allow', 'prefix,pending', path])).code).toBe(0);
    return seen;
  };

  test('fails for an old copy that does not grow beyond what was seen', async () => {
    const seen = await memoryOf('old.json', whole);
    const kept = await readFile(seen, 'utf8');
    const file = await folder.write('old.h4mk', Buffer.concat(pieces.slice(0, 2)));
    const { code, stdout } = await cli(['verify', '--follow', '--idle', '1', ...KEY, '--seen', seen, file], {
      tick: 1001,
    });
    expect(code).toBe(1);
    expect(stdout).toContain('OLDER THAN WHAT WAS SEEN BEFORE: it is signed by example.com/gate');
    expect(await readFile(seen, 'utf8')).toBe(kept);
  });

  test('goes on with a copy that is behind what was seen until it has caught up', async () => {
    const seen = await memoryOf('behind.json', Buffer.concat(pieces.slice(0, 2)));
    const file = await folder.write('behind.h4mk', pieces[0] ?? whole);
    const reader = following([...KEY, '--seen', seen, '--json', file]);
    await reader.out.has(1);
    await appendFile(file, whole.subarray(pieces[0]?.length));
    expect((await reader.outcome).code).toBe(0);
    expect(reader.out.json.map(({ event, size }) => [event, size])).toEqual([
      ['sound', undefined],
      ['sound', undefined],
      ['signed', 13],
      [undefined, undefined],
    ]);
    expect(sizesIn(await readFile(seen, 'utf8'))).toEqual([13]);
  });

  test('ends at once where another history is signed, while the recording goes on', async () => {
    const seen = await memoryOf('forked.json', Buffer.concat(pieces.slice(0, 1)));
    const blocks = TEN_BLOCKS.map((block, i) => (i === 0 ? { ...block, bytes: noise(100, 55) } : block));
    const other = await signedRecording({ keys: [CAMERA], pointAfter: POINTS, blocks });
    const file = await folder.write('forked.h4mk', Buffer.concat(piecesOf(other).slice(0, 2)));
    const { code, stdout } = await cli(['verify', '--follow', ...KEY, '--seen', seen, file]);
    expect(code).toBe(1);
    expect(stdout).toContain('CONTRADICTS WHAT WAS SEEN BEFORE');
    expect(sizesIn(await readFile(seen, 'utf8'))).toEqual([4]);
  });
});

test.each([['--records'], ['--recursive'], ['--jobs=2'], ['--manifest=m.json'], ['--report=r.html']])(
  '--follow does not go with %s, with or without a key',
  async (option) => {
    const { code, stderr } = await cli(['verify', '--follow', ...KEY, option, folder.path('x.h4mk')]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--follow checks one FILE')]);
  },
);
