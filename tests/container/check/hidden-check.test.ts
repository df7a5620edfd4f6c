import { describe, expect, test } from 'vitest';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { type MaskSpec, createEpochSecret } from '../../../src/container/secrecy/block-secrets.js';
import { H4MKBuilder } from '../../../src/container/write/builder.js';
import type { Chunk } from '../../../src/container/format/chunk.js';
import { createIterableFeed } from '../../../src/container/source/feed.js';
import { H4MKStreamReader } from '../../../src/container/read/stream-reader.js';
import { type Tokn, commitmentOf, headerOf, parseTokn } from '../../../src/container/format/tokn.js';
import { type VerificationReport, verifyContainer, verifyStream } from '../../../src/container/check/verify.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes } from '../../../src/utils/bytes.js';
import { lcgBytes } from '../../compression/lcg.js';
import { SIGNABLE_UID, VIDEO, chunkOf, chunksOf, patched, rejection, resealed } from '../../support/container.js';
import { prof, record, recordsOf, run, sign, withTail } from '../../support/slices.js';

const [KEY, OTHER, THIRD] = [lcgBytes(1, 32), lcgBytes(2, 40), lcgBytes(3, 32)];
const secrecyOf = (mode: MaskSpec['mode'], key: Uint8Array, salt: number): MaskSpec => ({
  mode,
  key,
  salt: lcgBytes(50 + salt, 32),
});

/** Two blocks under each of these, one after the other; record 0 and the end record around them. */
const hiddenUnder = async (first: MaskSpec, ...next: readonly MaskSpec[]): Promise<Uint8Array> => {
  const sink = createMemorySink();
  const builder = await H4MKBuilder.create(sink, {
    engine: storedEngine,
    tracks: [VIDEO],
    uid: SIGNABLE_UID,
    secrecy: first,
  });
  let pts = 0;
  const add = async (): Promise<void> => {
    for (const bytes of [lcgBytes(70 + pts, 20), lcgBytes(71 + pts, 30)]) {
      await builder.addBlock({ track: 0, tokens: [{ pts: pts++, key: true, size: bytes.length }], bytes });
    }
  };
  await add();
  for (const spec of next) {
    await builder.changeKey(spec);
    await add();
  }
  await builder.close();
  return sink.bytes();
};

const check = (file: Uint8Array, ...contentKeys: readonly Uint8Array[]): Promise<VerificationReport> =>
  verifyContainer(createMemorySource(file), { contentKeys });

const codesOf = ({ errors, warnings }: VerificationReport) => ({
  errors: errors.map(({ code }) => code),
  warnings: warnings.map(({ code }) => code),
});

const sound = { errors: [], warnings: [] };

/** The payload chunk of the `n`-th block; the first SAFE holds the scopes of record 1. */
const blockOf = (file: Uint8Array, n: number): Chunk => chunkOf(file, 'SAFE', n + 1);

/** File position of the TOKN of the `n`-th block. */
const toknOf = (file: Uint8Array, n: number): number => {
  const chunks = chunksOf(file);
  const { offset } = blockOf(file, n);
  return chunks[chunks.findIndex((chunk) => chunk.offset === offset) - 1]?.offset ?? 0;
};

/** The file with another payload in its `n`-th block, to which its TOKN is committed. */
const forged = (file: Uint8Array, n: number, change: (payload: Uint8Array, tokn: Tokn) => Uint8Array): Uint8Array => {
  const chunks = chunksOf(file);
  const { offset, payload: original } = blockOf(file, n);
  const at = chunks.findIndex((chunk) => chunk.offset === offset);
  const tokn = parseTokn(chunks[at - 1]?.payload ?? new Uint8Array(0));
  const payload = change(original, tokn);
  return resealed(
    chunks.map((chunk, i) => {
      if (i === at) return { tag: 'SAFE', payload };
      if (i !== at - 1) return chunk;
      const size = patched(chunk.payload, 44, payload.length, 4);
      return {
        tag: 'TOKN',
        payload: concatBytes(size.subarray(0, 48), commitmentOf(tokn.blind, payload), size.subarray(80)),
      };
    }),
  );
};

describe.each(['mask', 'encrypt'] as const)('blocks under %s', (mode) => {
  const specs = [secrecyOf(mode, KEY, 0), secrecyOf(mode, OTHER, 1)] as const;

  test('are not looked at without a key, which is said once', async () => {
    const file = await hiddenUnder(...specs);
    const report = await check(file);
    expect(codesOf(report)).toEqual({ errors: [], warnings: ['H4_KEY_MISSING'] });
    expect(report.warnings[0]?.offset).toBe(toknOf(file, 0));
    expect(report.exit_code).toBe(0);
  });

  test('are looked at with their keys, in any order', async () => {
    const file = await hiddenUnder(...specs);
    expect(codesOf(await check(file, KEY, OTHER))).toEqual(sound);
    expect(codesOf(await check(file, THIRD, OTHER, KEY))).toEqual(sound);
  });

  test('of which only some have a key given are looked at as far as it goes', async () => {
    const file = await hiddenUnder(...specs);
    for (const [key, epoch, block] of [
      [KEY, 1, 2],
      [OTHER, 0, 0],
    ] as const) {
      const report = await check(file, key);
      expect(codesOf(report)).toEqual({ errors: [], warnings: ['H4_KEY_MISSING'] });
      expect(report.warnings[0]).toMatchObject({
        offset: toknOf(file, block),
        message: `No key given is that of key epoch ${epoch}: its blocks were not looked at`,
      });
    }
  });

  test('of which none has a key given: the keys are wrong, which is said once', async () => {
    const file = await hiddenUnder(...specs);
    const report = await check(file, THIRD);
    expect(codesOf(report)).toEqual({ errors: ['H4_KEY_WRONG'], warnings: [] });
    expect(report).toMatchObject({ state: 'NOT_OK', exit_code: 1 });
    expect(report.errors[0]?.offset).toBe(toknOf(file, 0));
  });

  test('that were redacted need no key', async () => {
    const hidden = await hiddenUnder(specs[0]);
    const chunks = chunksOf(hidden);
    const { size: scopes } = chunkOf(hidden, 'SAFE', 0);
    const file = resealed(
      chunks.map((chunk) =>
        chunk.tag === 'SAFE' && chunk.size !== scopes ? { tag: 'VOID', payload: new Uint8Array(chunk.size) } : chunk,
      ),
    );
    expect(codesOf(await check(file, THIRD))).toEqual(sound);
    expect(codesOf(await check(file))).toEqual({ errors: [], warnings: ['H4_KEY_MISSING'] });
  });

  test('that are not those committed to are not opened', async () => {
    const file = await hiddenUnder(specs[0]);
    const { offset } = blockOf(file, 1);
    const broken = patched(file, offset + 12, (file[offset + 12] ?? 0) ^ 1);
    expect(codesOf(await check(broken, KEY)).errors).toEqual([
      'H4_CRC_MISMATCH',
      'H4_COMMIT_MISMATCH',
      'H4_VERI_MISMATCH',
    ]);
  });

  test('must be as long as their engine says, once they are open', async () => {
    const file = await hiddenUnder(specs[0]);
    const { fileId } = recordsOf(file);
    const secret = createEpochSecret(KEY, specs[0].salt);
    const short = forged(file, 1, (payload, { seq, entry }) => {
      if (mode === 'mask') return payload.subarray(0, -1);
      const header = headerOf(patched(entry, 44, payload.length - 1, 4));
      return secret.seal(fileId, seq, header, lcgBytes(71, 29));
    });
    const report = await check(short, KEY);
    expect(codesOf(report).errors).toEqual(['H4_ENGINE_OUTPUT']);
    expect(report.errors[0]?.offset).toBe(blockOf(short, 1).offset);
    expect(codesOf(await check(short))).toEqual({ errors: [], warnings: ['H4_KEY_MISSING'] });
  });

  test('stand in a slice as in a stream', async () => {
    const all = recordsOf(await hiddenUnder(specs[0]));
    const slice = withTail([...record(all, 0), prof(all, 1, 4), sign(all), ...run(all, 1, 4)], all.root);
    expect(codesOf(await check(slice, KEY))).toEqual(sound);
    expect(codesOf(await check(slice, THIRD)).errors).toEqual(['H4_KEY_WRONG']);
    expect(codesOf(await check(slice)).warnings).toEqual(['H4_KEY_MISSING']);
  });

  test('are decoded by a reader of a stream with their key', async () => {
    const file = await hiddenUnder(...specs);
    const reader = (...contentKeys: readonly Uint8Array[]) =>
      new H4MKStreamReader(createIterableFeed([file]), { contentKeys });
    const blocks: Uint8Array[] = [];
    const whole = reader(KEY, OTHER);
    for await (const { bytes } of whole.blocks()) blocks.push(bytes);
    expect(blocks).toEqual([lcgBytes(70, 20), lcgBytes(71, 30), lcgBytes(72, 20), lcgBytes(73, 30)]);
    expect(codesOf(whole.report())).toEqual(sound);
    for (const [keys, code] of [
      [[], 'H4_KEY_MISSING'],
      [[OTHER], 'H4_KEY_WRONG'],
    ] as const) {
      expect(
        (
          await rejection(
            reader(...keys)
              .blocks()
              .next(),
          )
        ).code,
      ).toBe(code);
    }
  });

  test('give a stream in pieces of one byte the report of the file', async () => {
    const file = await hiddenUnder(...specs);
    for (const contentKeys of [[], [KEY], [KEY, OTHER], [THIRD]]) {
      const feed = createIterableFeed(Array.from(file, (byte) => Uint8Array.of(byte)));
      expect(await verifyStream(feed, { contentKeys })).toEqual(await check(file, ...contentKeys));
    }
  });
});

describe('an encrypted block', () => {
  test('with another tag is an error at its payload, each of them', async () => {
    const change = (payload: Uint8Array): Uint8Array => patched(payload, payload.length - 1, (payload.at(-1) ?? 0) ^ 1);
    const file = forged(forged(await hiddenUnder(secrecyOf('encrypt', KEY, 0)), 0, change), 1, change);
    const report = await check(file, KEY);
    expect(report.errors.map(({ code, offset }) => [code, offset])).toEqual([
      ['H4_AEAD_TAG', blockOf(file, 0).offset],
      ['H4_AEAD_TAG', blockOf(file, 1).offset],
    ]);
    expect(codesOf(await check(file)).errors).toEqual([]);
  });

  test('of another record does not open in this place', async () => {
    const file = await hiddenUnder(secrecyOf('encrypt', KEY, 0));
    const first = blockOf(file, 0).payload;
    const grown = forged(file, 1, (payload) => concatBytes(first, payload.subarray(first.length)));
    expect(codesOf(await check(grown, KEY)).errors).toEqual(['H4_AEAD_TAG']);
  });
});
