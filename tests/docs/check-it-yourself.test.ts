/**
 * The page for experts, run as it stands: its program is cut out of the page, its commands are typed into a shell, and on
 * files that somebody tampered with one of them has to fail.
 */
import { copyFile, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileKit, TOKN_AT } from '../../tools/vector-kit.js';
import { concatBytes } from '../../src/utils/bytes.js';
import { describeShared } from '../support/shared.js';
import { type Command, type PageRun, blocksOf, commandsOf, pageText, projectRoot, runCommands } from './page.js';

const page = await pageText('docs/guide/check-it-yourself.md');
const commands = commandsOf(page);
const [program = '', clipProgram = ''] = blocksOf(page, 'python');
const [clipCommand = '', p256Commands = ''] = blocksOf(page, 'sh');

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
  await writeFile(join(folder, 'check_clip.py'), clipProgram);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const runOn = async (file: Uint8Array, key?: string): Promise<PageRun> => {
  await writeFile(join(folder, 'recording.h4mk'), file);
  return runCommands(commands, folder, key === undefined ? {} : { KEY: key });
};

const CLIP_PROGRAM = 'python3 check_clip.py';

/** All commands of the page, with the program for clips in the place of the other one. */
const clipCommands: readonly Command[] = commands.map((command) =>
  command.line.startsWith(PROGRAM) ? { line: clipCommand.trim(), exits: 0 } : command,
);

const runOnClip = async (clip: Uint8Array, key: string): Promise<PageRun> => {
  await writeFile(join(folder, 'recording.h4mk'), clip);
  return runCommands(clipCommands, folder, { KEY: key });
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

  it.each(['slice', 'legacy', 'crashed'])('on %s, which is not for this program', async (name) => {
    expectRefused(await runOn(await vector(name)), PROGRAM);
  });
});

describe('the program for clips', () => {
  const { vkey } = book.keys;

  it('is a program of the standard library, short enough to be read', () => {
    expect(clipProgram.split('\n').filter((line) => line.trim() !== '').length).toBeLessThan(70);
    expect(clipProgram).not.toMatch(/^\s*(import|from)\b/m);
    expect(clipCommand.trim().startsWith(CLIP_PROGRAM)).toBe(true);
  });

  it('proves the golden clip, and gives its media', async () => {
    const { root, file_id } = book.files['v1/slice.h4mk'] ?? {};
    expectProven(await runOnClip(await vector('slice'), vkey), [
      `file_id:    ${file_id}`,
      `root:       ${root}`,
      'shows:      records 1 to 3 of 9, pts 0 to 100000',
      'shows:      records 6 to 8 of 9, pts 360000 to 440000',
      'redacted:   none',
    ]);
    const kit = FileKit.of(await vector('slice'));
    const media = kit.pieces.filter(({ tag }) => tag === 'CORE').map(({ payload }) => payload);
    const names = await readdir(join(folder, 'evidence'));
    const tracks = names.filter((name) => name.startsWith('track-'));
    const sizes = await Promise.all(tracks.map(async (name) => (await stat(join(folder, 'evidence', name))).size));
    expect(tracks.length).toBeGreaterThan(0);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(concatBytes(...media).length);
  });

  it('names a record whose content was removed', async () => {
    const kit = FileKit.of(await vector('slice'));
    const payload = kit.chunk('CORE', -1);
    const { payload: tokn } = kit.pieces[kit.pieces.indexOf(payload) - 1] ?? { payload: new Uint8Array(16) };
    payload.tag = 'VOID';
    payload.payload = new Uint8Array(payload.payload.length);
    expectProven(await runOnClip(kit.bytes(), vkey), [`redacted:   [${tokn[TOKN_AT.seq + 7]}]`]);
  });

  it('refuses one changed bit in any chunk', async () => {
    const file = await vector('slice');
    const kit = FileKit.of(file);
    expect(kit.pieces.length).toBeGreaterThan(10);
    for (const changed of kit.pieces) {
      const at = kit.offsetOf(changed) + 12 + Math.floor(changed.payload.length / 2);
      expectRefused(await runOnClip(flippedAt(file, at, at % 8), vkey), CLIP_PROGRAM);
    }
  }, 120_000);

  it('refuses a header, a payload, a proof or a place that is changed, although every sum is right', async () => {
    const changes: readonly ((kit: FileKit) => void)[] = [
      // The time of a record.
      (kit) => {
        const tokn = kit.chunk('TOKN', -2);
        tokn.payload = flippedAt(tokn.payload, TOKN_AT.pts + 6);
      },
      (kit) => {
        const core = kit.chunk('CORE', 0);
        core.payload = flippedAt(core.payload, 0);
      },
      // Record 0, which no run need have: only the origin of the checkpoint is of it.
      (kit) => {
        const { payload } = kit.record(0);
        payload.payload = replaced(payload.payload, 'stored-v1', 'stored-v2');
        kit.recommit(0);
      },
      // Tree size, first record, number of records, and a hash of a proof.
      ...[7, 15, 23, 30].map((at) => (kit: FileKit) => {
        const prof = kit.chunk('PROF', -1);
        prof.payload = flippedAt(prof.payload, at);
      }),
      // One hash too many, and one too few.
      (kit) => {
        const prof = kit.chunk('PROF', -1);
        prof.payload = concatBytes(prof.payload, new Uint8Array(32));
      },
      (kit) => {
        const prof = kit.chunk('PROF', -1);
        prof.payload = prof.payload.subarray(0, -32);
      },
      // A record that is left out, one that no proof covers, and one that comes twice.
      (kit) => {
        const core = kit.chunk('CORE', 0);
        kit.remove(kit.pieces[kit.pieces.indexOf(core) - 1] ?? core, core);
      },
      (kit) => kit.remove(kit.chunk('PROF', -1)),
      (kit) => {
        const core = kit.chunk('CORE', 0);
        const tokn = kit.pieces[kit.pieces.indexOf(core) - 1] ?? core;
        kit.insertAfter(core, { ...tokn }, { ...core });
      },
      // No proof, no signature, and something that is no part of a clip.
      (kit) => kit.remove(kit.chunk('PROF', 0), kit.chunk('PROF', -1)),
      (kit) => kit.remove(kit.chunk('SIGN', 0)),
      (kit) => {
        kit.insertAfter(kit.chunk('SIGN', 0), { tag: 'XTRA', payload: new Uint8Array(4) });
      },
    ];
    for (const [n, change] of changes.entries()) {
      const kit = FileKit.of(await vector('slice'));
      change(kit);
      const { failed, stdout } = await runOnClip(kit.bytes(), vkey);
      expect([n, failed?.includes(CLIP_PROGRAM), stdout.includes(VERIFIED)]).toEqual([n, true, false]);
    }
  }, 120_000);

  it('refuses a bad signature, another key, and a whole recording', async () => {
    const kit = FileKit.of(await vector('slice'));
    const sign = kit.chunk('SIGN', 0);
    const line = Buffer.from(sign.payload).toString('latin1').trimEnd().split(' ').at(-1) ?? '';
    const signature = flippedAt(Buffer.from(line, 'base64'), 30);
    sign.payload = replaced(sign.payload, line, Buffer.from(signature).toString('base64'));
    expectRefused(await runOnClip(kit.bytes(), vkey), SIGNATURE);
    const other = 'example.com/cam7+271101dd+ASFS+NGbeR0kRTJC4V8uq2y3z/p7al7TAJeWDgaYgdsS';
    expectRefused(await runOnClip(await vector('slice'), other), CLIP_PROGRAM);
    expectRefused(await runOnClip(await vector('signed'), vkey), CLIP_PROGRAM);
    expectRefused(await runOnClip(await vector('slice-of-many'), vkey), CLIP_PROGRAM);
  });
});

describe('the commands for a P-256 key', () => {
  const made = [
    'seq 1 20000 > camera.bin',
    'harmony4 keygen -o p256.key --p256 --name example.com/p256 --force',
    'harmony4 export camera.bin -o p256.h4mk --block-size 64KiB --signer p256.key --force',
    'FILE=p256.h4mk; KEY=$(head -n 1 p256.key.pub)',
    'rm -rf evidence; mkdir evidence',
  ];
  const typed = (lines: readonly string[]): Command[] => lines.map((line) => ({ line, exits: 0 }));
  const shown = p256Commands.trim().split('\n');

  it('verify its signature, and no other', async () => {
    expect(shown.length).toBe(4);
    const run = await runCommands(typed([...made, ...shown]), folder);
    expect(run).toMatchObject({ failed: undefined });
    expect(run.stdout).toContain('Verified OK');
    const forged = [...shown.slice(0, -1), 'printf x >> evidence/note.txt', ...shown.slice(-1)];
    expect((await runCommands(typed([...made, ...forged]), folder)).failed).toContain('openssl dgst');
  }, 60_000);

  it('are needed: the program refuses the key', async () => {
    const plain = [...made, 'python3 check.py "$FILE" "$KEY" evidence'];
    expect((await runCommands(typed(plain), folder)).failed).toContain(PROGRAM);
  }, 60_000);
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

  it('proves a clip', async () => {
    const samples = JSON.parse(await readFile(join(shared, 'samples/samples.json'), 'utf8')) as Samples;
    const { root, file_id } = samples.files['slice.h4mk'] ?? {};
    expectProven(await runOnClip(await readFile(join(shared, 'samples/slice.h4mk')), samples.vkey), [
      `file_id:    ${file_id}`,
      `root:       ${root}`,
      'shows:      records 300 to 320 of 601, pts 3000000 to 3200000',
      'shows:      records 590 to 600 of 601, pts 5900000 to 6000000',
    ]);
  });

  it.each(['PROF_COVER', 'PROF_LAYOUT', 'PROF_ROOT'])('refuses the broken clip of H4_%s', async (name) => {
    const { vkey } = JSON.parse(await readFile(join(shared, 'samples/samples.json'), 'utf8')) as Samples;
    expectRefused(await runOnClip(await readFile(join(shared, `samples/broken/H4_${name}.h4mk`)), vkey), CLIP_PROGRAM);
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
