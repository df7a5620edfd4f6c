/**
 * The page for experts, run as it stands: its program is cut out of the page, its commands are typed into a shell, and on
 * files that somebody tampered with one of them has to fail.
 */
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileKit, TOKN_AT } from '../../tools/vector-kit.js';
import { concatBytes } from '../../src/utils/bytes.js';
import { describeShared } from '../support/shared.js';
import { type PageRun, blocksOf, commandsOf, pageText, projectRoot, runCommands } from './page.js';

const page = await pageText('docs/guide/check-it-yourself.md');
const commands = commandsOf(page);
const [program = ''] = blocksOf(page, 'python');

interface Book {
  readonly keys: { readonly vkey: string };
  readonly files: Readonly<Record<string, { readonly root: string | null; readonly file_id: string | null }>>;
}

const vectors = join(projectRoot, 'spec/vectors');
const book = JSON.parse(await readFile(join(vectors, 'vectors.json'), 'utf8')) as Book;
const vector = async (name: string): Promise<Uint8Array> =>
  new Uint8Array(await readFile(join(vectors, `v1/${name}.h4mk`)));

const VERIFIED = 'Signature Verified Successfully';
const PROGRAM = 'python3 check.py';
const SIGNATURE = 'openssl pkeyutl';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'harmony4-check-it-yourself-'));
  await writeFile(join(folder, 'check.py'), program);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const runOn = async (file: Uint8Array, key?: string): Promise<PageRun> => {
  await writeFile(join(folder, 'recording.h4mk'), file);
  return runCommands(commands, folder, key === undefined ? {} : { KEY: key });
};

const expectProven = ({ failed, stdout, stderr }: PageRun, lines: readonly string[]): void => {
  expect({ failed, stderr }).toEqual({ failed: undefined, stderr: '' });
  expect(stdout.split('\n')).toEqual(expect.arrayContaining([VERIFIED, ...lines]));
};

/** Nothing that a person could take for a success stands on the screen. */
const expectRefused = ({ failed, stdout }: PageRun, by: string): void => {
  expect(failed).toContain(by);
  expect(stdout).not.toContain(VERIFIED);
};

const flippedAt = (bytes: Uint8Array, at: number, bit = 0): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
};

const replaced = (bytes: Uint8Array, from: string, to: string): Uint8Array =>
  Uint8Array.from(Buffer.from(Buffer.from(bytes).toString('latin1').replace(from, to), 'latin1'));

describe('the page that verifies without this software', () => {
  it('is a program of the standard library, short enough to be read', () => {
    expect(program.split('\n').filter((line) => line.trim() !== '').length).toBeLessThan(80);
    expect(program.match(/^import .*$/gm)).toEqual(['import base64, hashlib, json, mmap, struct, sys, zlib']);
    expect(commands.length).toBeGreaterThan(8);
  });

  it.each(['signed', 'evidence'])('proves the golden file %s with the key that it names itself', async (name) => {
    const { root, file_id } = book.files[`v1/${name}.h4mk`] ?? {};
    expectProven(await runOn(await vector(name)), [
      `file_id:    ${file_id}`,
      `root:       ${root}`,
      'checkpoint: 9 of 9 records',
      'complete:   yes',
      'redacted:   none',
    ]);
    expect(page).toContain(book.keys.vkey);
  });

  it('gives the media of a stored recording back', async () => {
    await runOn(await vector('signed'));
    const kit = FileKit.of(await vector('signed'));
    const media = [2, 3, 4, 5, 6, 7].map((n) => kit.record(n));
    for (const track of [0, 1]) {
      const own = media.filter(({ tokn }) => tokn.payload[TOKN_AT.track + 1] === track);
      expect(own.length).toBeGreaterThan(0);
      const joined = concatBytes(...own.map(({ payload }) => payload.payload));
      expect(new Uint8Array(await readFile(join(folder, `evidence/track-${track}.bin`)))).toEqual(joined);
    }
  });

  it('says what is not covered when the recording goes on behind its last checkpoint', async () => {
    const kit = FileKit.of(await vector('signed'));
    kit.remove(kit.chunk('SIGN', -1));
    expectProven(await runOn(kit.mend().bytes()), ['checkpoint: 6 of 9 records', 'complete:   no']);
  });

  it('names a record whose content was removed', async () => {
    const kit = FileKit.of(await vector('signed'));
    const { payload } = kit.record(3);
    payload.tag = 'VOID';
    payload.payload = new Uint8Array(payload.payload.length);
    expectProven(await runOn(kit.mend().bytes()), ['redacted:   [3]', 'complete:   yes']);
  });
});

describe('the commands of the page fail', () => {
  it('when one bit of any chunk that is believed is changed', async () => {
    const file = await vector('signed');
    const kit = FileKit.of(file);
    for (const changed of kit.pieces) {
      const at = kit.offsetOf(changed) + 12 + Math.floor(changed.payload.length / 2);
      expectRefused(await runOn(flippedAt(file, at, at % 8)), PROGRAM);
    }
  }, 120_000);

  it.each(['suite', 'mode', 'flags', 'track', 'seq', 'pts', 'pos', 'back', 'count', 'raw', 'size', 'commit'] as const)(
    'when %s of a record header is changed and every sum is made right again',
    async (field) => {
      const kit = FileKit.of(await vector('signed'));
      const { tokn } = kit.record(5);
      tokn.payload = flippedAt(tokn.payload, TOKN_AT[field] + (TOKN_AT[field] >= TOKN_AT.track ? 1 : 0), 2);
      expectRefused(await runOn(kit.reseal().bytes()), PROGRAM);
    },
  );

  it('when a payload is swapped, with and without its commitment', async () => {
    const swap = async (isCommitted: boolean): Promise<Uint8Array> => {
      const kit = FileKit.of(await vector('signed'));
      const { payload } = kit.record(4);
      payload.payload = flippedAt(payload.payload, 0);
      if (isCommitted) kit.recommit(4);
      return kit.mend().bytes();
    };
    expectRefused(await runOn(await swap(false)), PROGRAM);
    expectRefused(await runOn(await swap(true)), PROGRAM);
  });

  it('when a record is left out, put in another place, or added behind the end', async () => {
    const kit = FileKit.of(await vector('signed'));
    const { tokn, payload } = kit.record(4);
    const next = kit.record(5).payload;
    kit.remove(tokn, payload);
    expectRefused(await runOn(kit.mend().bytes()), PROGRAM);
    kit.insertAfter(next, tokn, payload);
    expectRefused(await runOn(kit.mend().bytes()), PROGRAM);
    const more = FileKit.of(await vector('signed'));
    const end = more.record(8);
    const copy = { tag: 'TOKN', payload: Uint8Array.from(end.tokn.payload) };
    copy.payload[TOKN_AT.seq + 7] = 9;
    more.insertAfter(end.payload, copy, { tag: 'META', payload: end.payload.payload });
    expectRefused(await runOn(more.mend().bytes()), PROGRAM);
  });

  it('when the text of the note is another one, although the tree agrees with it', async () => {
    // Somebody changes a record and writes the new root into the note: nothing contradicts anything but the signature.
    const kit = FileKit.of(await vector('signed'));
    const { payload } = kit.record(4);
    payload.payload = flippedAt(payload.payload, 0);
    const roots = [0, 1].map((n) => kit.root(kit.chunk('SIGN', n)));
    kit.recommit(4).mend();
    for (const [n, old] of roots.entries()) {
      const sign = kit.chunk('SIGN', n);
      const base64 = (root: Uint8Array): string => Buffer.from(root).toString('base64');
      sign.payload = replaced(sign.payload, base64(old), base64(kit.root(sign)));
    }
    expectRefused(await runOn(kit.mend().bytes()), SIGNATURE);
  });

  it('when the signature is another one', async () => {
    const kit = FileKit.of(await vector('signed'));
    const sign = kit.chunk('SIGN', -1);
    const line = Buffer.from(sign.payload).toString('latin1').trimEnd().split(' ').at(-1) ?? '';
    const signature = flippedAt(Buffer.from(line, 'base64'), 30);
    sign.payload = replaced(sign.payload, line, Buffer.from(signature).toString('base64'));
    expectRefused(await runOn(kit.mend().bytes()), SIGNATURE);
  });

  it('with another key, with a key that is not the one of its ID, and without any signature', async () => {
    const other = 'example.com/cam7+271101dd+ASFS+NGbeR0kRTJC4V8uq2y3z/p7al7TAJeWDgaYgdsS';
    expectRefused(await runOn(await vector('signed'), other), PROGRAM);
    expectRefused(await runOn(await vector('signed'), book.keys.vkey.replace('bfb9efd8', 'bfb9efd9')), PROGRAM);
    expectRefused(await runOn(await vector('two-tracks')), PROGRAM);
  });

  it('on the signature of another file of the same key', async () => {
    const kit = FileKit.of(await vector('two-tracks'));
    kit.insertBefore(kit.chunk('VERI'), FileKit.of(await vector('signed')).chunk('SIGN', -1));
    expectRefused(await runOn(kit.mend().bytes()), PROGRAM);
  });

  it.each(['slice', 'legacy', 'crashed'])('on %s, which the page says that it does not check', async (name) => {
    expectRefused(await runOn(await vector(name)), PROGRAM);
  });
});

describeShared('the page on the samples', (shared) => {
  interface Samples {
    readonly vkey: string;
    readonly files: Readonly<Record<string, { readonly root: string; readonly file_id: string }>>;
  }

  const wanted: readonly (readonly [string, readonly string[]])[] = [
    ['signed', ['checkpoint: 23 of 23 records', 'complete:   yes', 'redacted:   none']],
    ['late', ['checkpoint: 23 of 23 records', 'complete:   yes', 'redacted:   none']],
    ['tiles', ['checkpoint: 601 of 601 records', 'complete:   yes', 'redacted:   none']],
    ['live', ['checkpoint: 11 of 11 records', 'complete:   no', 'redacted:   none']],
    ['private', ['checkpoint: 11 of 11 records', 'complete:   yes', 'redacted:   none']],
    ['redacted', ['checkpoint: 11 of 11 records', 'complete:   yes', 'redacted:   [2, 6]']],
    ['redacted-compact', ['checkpoint: 11 of 11 records', 'complete:   yes', 'redacted:   [2, 6]']],
  ];

  it.each(wanted)('proves %s', async (name, lines) => {
    const samples = JSON.parse(await readFile(join(shared, 'samples/samples.json'), 'utf8')) as Samples;
    const { root, file_id } = samples.files[`${name}.h4mk`] ?? {};
    await copyFile(join(shared, `samples/${name}.h4mk`), join(folder, 'sample.h4mk'));
    const run = await runCommands(commands, folder, { FILE: 'sample.h4mk', KEY: samples.vkey });
    expectProven(run, [`file_id:    ${file_id}`, `root:       ${root}`, ...lines]);
  });

  it.each(['SIGN_BAD', 'SIGN_ORIGIN', 'SIGN_ROOT', 'SIGN_SIZE', 'COMMIT_MISMATCH', 'AFTER_END', 'TOKN_SEQ_GAP'])(
    'refuses the broken sample of H4_%s',
    async (name) => {
      const { vkey } = JSON.parse(await readFile(join(shared, 'samples/samples.json'), 'utf8')) as Samples;
      const file = await readFile(join(shared, `samples/broken/H4_${name}.h4mk`));
      expectRefused(await runOn(file, vkey), name === 'SIGN_BAD' ? SIGNATURE : PROGRAM);
    },
  );
});
