import { describe, expect, test } from 'vitest';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { H4MKBuilder, type RecordingSummary } from '../../../src/container/write/builder.js';
import {
  type CheckpointSignerOptions,
  addCosignature,
  createCheckpointSigner,
} from '../../../src/container/sign/checkpoint-signer.js';
import { type SigningHistory, createMemoryHistory } from '../../../src/container/sign/history-guard.js';
import type { ByteSink } from '../../../src/container/io/io.js';
import { encodeNote, parseNote } from '../../../src/container/format/note.js';
import type { Checkpoint } from '../../../src/container/write/record-writer.js';
import { scanRecording } from '../../../src/container/recover/recovery-scan.js';
import { readResumption } from '../../../src/container/recover/recover.js';
import type { SigningOptions } from '../../../src/container/sign/signing-cadence.js';
import { judgeNote } from '../../../src/container/trust/trust.js';
import { verifyContainer } from '../../../src/container/check/verify.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { toHex, utf8Decode, utf8Encode } from '../../../src/utils/bytes.js';
import type { H4Error } from '../../../src/utils/error.js';
import type { NoteSigner } from '../../../src/utils/note-signer.js';
import { type SigningKey, createSigningKey, statementKey } from '../../../src/utils/signing-key.js';
import { parseVerificationKey } from '../../../src/utils/verification-key.js';
import { SIGNABLE_UID, chunksOf, rejection, tagsOf } from '../../support/container.js';

const key = createSigningKey('example.com/camera', new Uint8Array(32).fill(7));
const witness = createSigningKey('witness.example/w1', new Uint8Array(32).fill(8), 'witness');

const policyOf = (signingKey: SigningKey) => {
  const parsed = parseVerificationKey(signingKey.verificationKey);
  return parsed.type === 'witness' ? { keys: [], witnesses: [parsed] } : { keys: [{ key: parsed }] };
};

const checkpointOf = (size: number, root: number, fileId = 1): Checkpoint => ({
  size,
  root: new Uint8Array(32).fill(root),
  fileId: new Uint8Array(32).fill(fileId),
});

const signerOf = (options: Partial<CheckpointSignerOptions> = {}) =>
  createCheckpointSigner({ signer: key, ...options });

const notesOf = (file: Uint8Array) =>
  chunksOf(file)
    .filter(({ tag }) => tag === 'SIGN')
    .map(({ payload }) => parseNote(payload));

/** What a builder writes of `blocks` blocks of one byte; `contents` tells recordings with the same record 0 apart. */
const recorded = async (
  blocks: number,
  signing: SigningOptions,
  { contents = 0, sink = createMemorySink(), uid = SIGNABLE_UID } = {},
): Promise<RecordingSummary & { readonly file: () => Uint8Array }> => {
  const tracks = [{ id: 0, kind: 'opaque' }] as const;
  const builder = await H4MKBuilder.create(sink, { engine: storedEngine, tracks, uid, signing });
  for (let i = 0; i < blocks; i++) {
    const bytes = Uint8Array.of(i, i >= 5 ? contents : 0);
    await builder.addBlock({ track: 0, tokens: [{ pts: i, key: true, size: 2 }], bytes });
  }
  return { ...(await builder.close()), file: () => sink.bytes() };
};

describe('a checkpoint', () => {
  test('is signed as a note of three lines, with the key name and the file in the first', async () => {
    const signer = signerOf();
    const payload = await signer.sign(checkpointOf(3, 2));
    const text = utf8Decode(payload ?? new Uint8Array(0));
    expect(text).toBe(
      `example.com/camera/${'01'.repeat(32)}\n3\n${Buffer.alloc(32, 2).toString('base64')}\n\n` +
        `\u2014 example.com/camera ${text.split(' ').at(-1) ?? ''}`,
    );
    const note = parseNote(utf8Encode(text));
    expect(judgeNote(note, policyOf(key), undefined)).toMatchObject({ verified: [key.name], lacks: undefined });
    expect([signer.count, signer.name, signer.keyId]).toEqual([1, key.name, key.keyId]);
  });

  test.each(['ed25519', 'p256'] as const)('is signed with %s, the same each time', async (type) => {
    const own = createSigningKey('example.com/k', new Uint8Array(32).fill(9), type);
    const sign = () => signerOf({ signer: own }).sign(checkpointOf(1, 1));
    const payload = await sign();
    expect(await sign()).toEqual(payload);
    const { verified } = judgeNote(parseNote(payload ?? new Uint8Array(0)), policyOf(own), undefined);
    expect(verified).toEqual([own.name]);
  });

  test('is signed by whoever signs later, too', async () => {
    const slow: NoteSigner = { name: key.name, keyId: key.keyId, sign: (text) => Promise.resolve(key.sign(text)) };
    expect(await signerOf({ signer: slow }).sign(checkpointOf(1, 1))).toEqual(
      await signerOf().sign(checkpointOf(1, 1)),
    );
  });

  test('is not signed with keys that sign something else, or whose name no note can hold', () => {
    const bad: [NoteSigner, string][] = [
      [statementKey(key), 'statements'],
      [{ name: 'a/statements', keyId: '00000000', sign: () => new Uint8Array(64) }, 'statements'],
      [witness, 'witness'],
      [{ name: 'two words', keyId: '00000000', sign: () => new Uint8Array(64) }, 'name or its key ID'],
      [{ name: 'a', keyId: '0000000G', sign: () => new Uint8Array(64) }, 'name or its key ID'],
    ];
    for (const [signer, why] of bad) {
      expect(() => signerOf({ signer })).toThrow(expect.objectContaining({ code: 'H4_SIGNING_KEY' }) as Error);
      expect(() => signerOf({ signer })).toThrow(why);
    }
  });

  test('that no reader would take is refused', () => {
    const code = expect.objectContaining({ code: 'H4_SIGN_NOTE' }) as Error;
    expect(() => encodeNote(utf8Encode('a\n1\n'), [])).toThrow(code);
  });

  test('of another recording needs another signer', async () => {
    const signer = signerOf();
    await signer.sign(checkpointOf(1, 1));
    const error = await rejection(Promise.resolve(signer.sign(checkpointOf(1, 1, 2))));
    expect(error.code).toBe('H4_STATE');
  });
});

describe('a cosignature', () => {
  const payload = () => signerOf().sign(checkpointOf(4, 4)) as Promise<Uint8Array>;

  test('stands below the signatures, over the same text', async () => {
    const note = parseNote(addCosignature(await payload(), witness, 1_700_000_000));
    expect(note.text).toEqual(parseNote(await payload()).text);
    expect(note.signatures.map(({ name }) => name)).toEqual([key.name, witness.name]);
    const { witnesses } = policyOf(witness);
    expect(judgeNote(note, { ...policyOf(key), witnesses: witnesses ?? [], quorum: 1 }, undefined)).toEqual({
      verified: [key.name],
      cosigners: [{ name: witness.name, time: 1_700_000_000 }],
      ignored: [],
      lacks: undefined,
    });
  });

  test('takes the place of an earlier one of the same witness, and of no other', async () => {
    const other = createSigningKey(witness.name, new Uint8Array(32).fill(10), 'witness');
    const twice = addCosignature(addCosignature(await payload(), witness, 1), other, 2);
    const { signatures } = parseNote(addCosignature(twice, witness, 3));
    expect(signatures.map(({ keyId }) => keyId)).toEqual([key.keyId, other.keyId, witness.keyId]);
  });

  test('needs the key of a witness, and room in the note', async () => {
    const note = await payload();
    expect(() => addCosignature(note, key, 1)).toThrow('no key of a witness');
    let full = note;
    for (let i = 0; i < 99; i++) {
      full = addCosignature(full, createSigningKey(`w${i}`, witnessSeed(i), 'witness'), 1);
    }
    expect(parseNote(full).signatures).toHaveLength(100);
    const code = expect.objectContaining({ code: 'H4_LIMIT_NOTES' }) as Error;
    expect(() => addCosignature(full, witness, 1)).toThrow(code);
  });

  const witnessSeed = (i: number): Uint8Array => new Uint8Array(32).fill(i + 1);
});

describe('two histories of one recording', () => {
  const refused = async (work: Promise<unknown>): Promise<H4Error> => {
    const error = await rejection(work);
    expect(error.code).toBe('H4_EQUIVOCATION');
    expect(error.message).toContain('another uid');
    return error;
  };

  test('are not signed at the same size', async () => {
    const history = createMemoryHistory();
    await signerOf({ history }).sign(checkpointOf(3, 1));
    await signerOf({ history }).sign(checkpointOf(3, 1));
    const error = await refused(Promise.resolve(signerOf({ history }).sign(checkpointOf(3, 2))));
    expect(error.message).toContain('the first 3 records');
    expect(error.detail).toEqual({ key: key.name, signed_size: 3 });
    // Another recording, and another key, are other origins.
    await signerOf({ history }).sign(checkpointOf(3, 2, 2));
    const other = createSigningKey('example.com/other', new Uint8Array(32).fill(7));
    await signerOf({ history, signer: other }).sign(checkpointOf(3, 2));
  });

  test('are not signed at a larger size, unless the recording has been seen to be the same at the former', async () => {
    const history = createMemoryHistory();
    await signerOf({ history }).sign(checkpointOf(3, 1));
    expect((await refused(Promise.resolve(signerOf({ history }).sign(checkpointOf(4, 2))))).message).toContain(
      'nobody has seen here',
    );
    const seen = signerOf({ history });
    await seen.begin(checkpointOf(3, 1).fileId);
    expect(seen.latest?.size).toBe(3);
    let asked = 0;
    for (const size of [2, 3, 4]) {
      seen.passed(size, () => {
        asked++;
        return checkpointOf(size, 1).root;
      });
    }
    expect(asked).toBe(1);
    await seen.sign(checkpointOf(4, 2));
    // What it signed itself it has seen.
    await seen.sign(checkpointOf(9, 3));
    expect(await history.latest(`${key.name}/${toHex(checkpointOf(1, 1).fileId)}`)).toEqual({
      size: 9,
      root: checkpointOf(9, 3).root,
    });
  });

  test('are told apart as soon as the recording passes the size that was signed', async () => {
    const history = createMemoryHistory();
    await signerOf({ history }).sign(checkpointOf(3, 1));
    const signer = signerOf({ history });
    await signer.begin(checkpointOf(3, 1).fileId);
    const code = expect.objectContaining({ code: 'H4_EQUIVOCATION' }) as Error;
    expect(() => signer.passed(3, () => checkpointOf(3, 2).root)).toThrow(code);
  });

  test('are one at a smaller size only where that was signed before', async () => {
    const history = createMemoryHistory();
    const before = signerOf({ history });
    for (const size of [2, 5]) await before.sign(checkpointOf(size, size));
    const again = signerOf({ history });
    expect((await refused(Promise.resolve(again.sign(checkpointOf(3, 3))))).message).toContain('has 3');
    await refused(Promise.resolve(again.sign(checkpointOf(2, 9))));
    const note = await before.sign(checkpointOf(2, 2));
    expect(await again.sign(checkpointOf(2, 2))).toEqual(note);
    await again.sign(checkpointOf(5, 5));
    await refused(Promise.resolve(again.sign(checkpointOf(5, 6))));
  });

  test('are not signed by two writers at once: the slower one is judged by what the faster has signed', async () => {
    const shared = createMemoryHistory();
    // Between asking and keeping, somebody else signs.
    let others: Checkpoint[] = [checkpointOf(2, 9)];
    const history: SigningHistory = {
      ...shared,
      remember: async (origin, next, before, options) => {
        for (const other of others.splice(0)) await signerOf({ history: shared }).sign(other);
        return shared.remember(origin, next, before, options);
      },
    };
    await refused(Promise.resolve(signerOf({ history }).sign(checkpointOf(2, 1))));
    others = [checkpointOf(2, 9)];
    expect(await signerOf({ history }).sign(checkpointOf(2, 9))).toBeDefined();
  });

  test('are not signed, although a signature was never finished: what is about to be signed is kept before', async () => {
    const history = createMemoryHistory();
    const failing: NoteSigner = {
      name: key.name,
      keyId: key.keyId,
      sign: () => Promise.reject(new Error('unplugged')),
    };
    await expect(signerOf({ history, signer: failing }).sign(checkpointOf(2, 1))).rejects.toThrow('unplugged');
    await refused(Promise.resolve(signerOf({ history }).sign(checkpointOf(2, 2))));
  });

  test('are remembered before each signature, and only once', async () => {
    const kept: (readonly [number, boolean])[] = [];
    const memory = createMemoryHistory();
    const history: SigningHistory = {
      ...memory,
      remember: (origin, next, before, options) => {
        kept.push([next.size, options.isDurable]);
        return memory.remember(origin, next, before, options);
      },
    };
    await recorded(8, { signer: signerOf({ history }), every: 4 });
    // Only what is meant to be seen must survive a loss of power.
    const once = [
      [4, false],
      [8, false],
      [11, true],
    ];
    expect(kept).toEqual(once);
    kept.length = 0;
    await recorded(8, { signer: signerOf({ history }), every: 4 });
    expect(kept).toEqual([[11, true]]);
    kept.length = 0;
    const live = { signer: signerOf({ history }), every: 4, sync: () => Promise.resolve() };
    await recorded(8, live, { uid: 'ab'.repeat(16) });
    expect(kept).toEqual(once.map(([size]) => [size, true]));
  });
});

describe('a recording that is signed while it is written', () => {
  test.each([
    { every: 1, sizes: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] },
    { every: 4, sizes: [4, 8, 11] },
    { every: 10, sizes: [10, 11] },
    { every: 0, sizes: [11] },
    { every: undefined, sizes: [11] },
  ])('has a signature after every $every records, and at its close', async ({ every, sizes }) => {
    const signer = signerOf();
    const { file } = await recorded(8, { signer, ...(every === undefined ? {} : { every }) });
    expect(notesOf(file()).map(({ size }) => size)).toEqual(sizes);
    expect(signer.count).toBe(sizes.length);
    for (const note of notesOf(file())) {
      expect(judgeNote(note, policyOf(key), undefined).verified).toEqual([key.name]);
    }
    const { errors, warnings, signature_count } = await verifyContainer(createMemorySource(file()));
    expect([errors, warnings, signature_count]).toEqual([[], [], sizes.length]);
    // Nobody opens it before it is whole: it has no TAIL but the last.
    expect(tagsOf(file()).filter((tag) => tag === 'TAIL')).toHaveLength(1);
  });

  test('has 256 records from one signature to the next, unless it is told otherwise', async () => {
    const { file } = await recorded(600, { signer: signerOf() });
    expect(notesOf(file()).map(({ size }) => size)).toEqual([256, 512, 603]);
  });

  test('is signed at index points, which set the count back', async () => {
    const sink = createMemorySink();
    const tracks = [{ id: 0, kind: 'opaque' }] as const;
    const signing = { signer: signerOf(), every: 4 };
    const builder = await H4MKBuilder.create(sink, { engine: storedEngine, tracks, uid: SIGNABLE_UID, signing });
    for (let i = 0; i < 5; i++) {
      await builder.addBlock({ track: 0, tokens: [{ pts: i, key: true, size: 1 }], bytes: Uint8Array.of(i) });
      if (i === 0) await builder.indexPoint();
    }
    await builder.indexPoint({ sign: () => undefined });
    await builder.close();
    expect(notesOf(sink.bytes()).map(({ size }) => size)).toEqual([3, 7, 8]);
  });

  test('is made durable before each signature, where it is told how', async () => {
    const events: string[] = [];
    const signer = signerOf({
      signer: {
        name: key.name,
        keyId: key.keyId,
        sign: (text) => {
          events.push(`sign ${utf8Decode(text).split('\n')[1] ?? ''}`);
          return key.sign(text);
        },
      },
    });
    const sync = (): Promise<void> => Promise.resolve(void events.push('sync'));
    await recorded(3, { signer, every: 4, sync });
    expect(events).toEqual(['sync', 'sign 4', 'sync', 'sign 6']);
  });

  test('needs a uid, and a cadence that is one', async () => {
    const zero = await rejection(recorded(1, { signer: signerOf() }, { uid: '0'.repeat(32) }));
    expect(zero.code).toBe('H4_UID_ZERO_SIGNED');
    for (const every of [-1, 0.5, NaN]) {
      expect((await rejection(recorded(1, { signer: signerOf(), every }))).code).toBe('H4_PARAM');
    }
  });

  test('gives the same bytes again, and no others under the same uid', async () => {
    const history = createMemoryHistory();
    const write = (contents: number, blocks = 8, every = 4) =>
      recorded(blocks, { signer: signerOf({ history }), every }, { contents });
    const first = await write(1);
    expect((await write(1)).file()).toEqual(first.file());
    expect((await rejection(write(2))).code).toBe('H4_EQUIVOCATION');
    // Shorter, longer, or signed at other places: other contents all the same, of which some had been signed.
    for (const [blocks, every] of [
      [7, 4],
      [9, 4],
      [9, 100],
      [5, 4],
    ]) {
      expect((await rejection(write(1, blocks, every))).code).toBe('H4_EQUIVOCATION');
    }
    // At other places nothing had been signed, and whether they lie on the same way is not known before its end.
    expect((await rejection(write(1, 8, 3))).code).toBe('H4_EQUIVOCATION');
  });

  test('is not published, and nothing of it is, when it turns out to be another history', async () => {
    const history = createMemoryHistory();
    await recorded(8, { signer: signerOf({ history }) }, { contents: 1 });
    let commits = 0;
    const memory = createMemorySink();
    const sink: ByteSink = {
      get length() {
        return memory.length;
      },
      write: (bytes) => memory.write(bytes),
      commit: () => {
        commits++;
        return Promise.resolve();
      },
      abort: () => memory.abort(),
    };
    const signer = signerOf({ history });
    const work = recorded(8, { signer, every: 2 }, { contents: 2, sink: sink as typeof memory });
    expect((await rejection(work)).code).toBe('H4_EQUIVOCATION');
    expect(commits).toBe(0);
  });

  test('goes on after it was cut off, knowing what was signed of it', async () => {
    const history = createMemoryHistory();
    const whole = (await recorded(8, { signer: signerOf({ history }), every: 4 }, { contents: 3 })).file();
    const cut = whole.slice(0, chunksOf(whole).findLast(({ tag }) => tag === 'SEEK')?.offset);
    const goOn = async (bytes: Uint8Array): Promise<Uint8Array> => {
      const source = createMemorySource(bytes);
      const scan = await scanRecording(source);
      const signer = signerOf({ history });
      const seen: number[] = [];
      const onRecord = (size: number, root: () => Uint8Array): void => {
        seen.push(size);
        signer.passed(size, root);
      };
      let fileId = new Uint8Array(0);
      await scanRecording(source, { onRecord: (size, root) => (fileId = size === 1 ? root().slice() : fileId) });
      await signer.begin(fileId);
      const resumption = await readResumption(source, scan, { onRecord });
      expect(seen).toEqual(Array.from({ length: scan.records }, (_, i) => i + 1));
      const sink = createMemorySink();
      await sink.write(bytes.subarray(0, scan.end));
      const builder = H4MKBuilder.resume(sink, resumption, storedEngine, { signing: { signer, every: 2 } });
      for (let i = 8; i < 13; i++) {
        await builder.addBlock({ track: 0, tokens: [{ pts: i, key: true, size: 1 }], bytes: Uint8Array.of(i) });
      }
      await builder.close();
      return sink.bytes();
    };
    // Without its end record it has 10 of 11 records, and the close was signed: there is no way on.
    const lost = cut.slice(0, chunksOf(cut).findLast(({ tag }) => tag === 'TOKN')?.offset);
    expect((await rejection(goOn(lost))).code).toBe('H4_EQUIVOCATION');
    const open = createMemoryHistory();
    Object.assign(history, open);
    const file = await goOn(lost);
    expect(notesOf(file).map(({ size }) => size)).toEqual([4, 8, 12, 14, 16]);
    expect((await verifyContainer(createMemorySource(file))).errors).toEqual([]);
  });

  test('with uid zero does not go on signed', async () => {
    const sink = createMemorySink();
    const tracks = [{ id: 0, kind: 'opaque' }] as const;
    await H4MKBuilder.create(sink, { engine: storedEngine, tracks });
    await sink.commit();
    const source = createMemorySource(sink.bytes());
    const resumption = await readResumption(source, await scanRecording(source));
    const again = createMemorySink();
    await again.write(sink.bytes());
    const signing = { signer: signerOf() };
    expect(() => H4MKBuilder.resume(again, resumption, storedEngine, { signing })).toThrow('uid zero');
  });
});
