/**
 * private.h4mk made again: its masked and encrypted blocks from their texts with our masking and encryption, its blinds from
 * the seed. Of the sample itself come META, tokens, salts, the blocks that are in the clear, and the signatures.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { blindOf, createEpochSecret } from '../../src/container/secrecy/block-secrets.js';
import { MODE, isHiddenMode } from '../../src/container/format/layout.js';
import { H4MKReader } from '../../src/container/read/reader.js';
import type { HideBlock, RecordInput } from '../../src/container/write/record-writer.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { fromHex, toHex, utf8Decode, utf8Encode } from '../../src/utils/bytes.js';
import { rejection } from '../support/container.js';
import { takeApart, writeAgain } from '../support/rewrite.js';
import { describeShared } from '../support/shared.js';

describeShared('private.h4mk', (shared) => {
  const bytes = new Uint8Array(readFileSync(join(shared, 'samples', 'private.h4mk')));
  const { ikm_hex, blind_seed_hex, plain } = JSON.parse(
    readFileSync(join(shared, 'samples', 'samples.json'), 'utf8'),
  ) as {
    readonly ikm_hex: string;
    readonly blind_seed_hex: string;
    readonly plain: Readonly<Record<string, string>>;
  };
  const key = fromHex(ikm_hex);
  const opened = (keys: readonly Uint8Array[] = []) =>
    H4MKReader.open(createMemorySource(bytes), { contentKeys: keys });

  /** The record as a writer with key and seed is given it: nothing of what hides it is copied. */
  const inTheClear = async (keys: Uint8Array, seed: Uint8Array) => {
    const reader = await opened();
    const { epochs } = await reader.metas();
    const secrets = epochs.map(({ epoch, salt }) => [epoch, createEpochSecret(keys, fromHex(salt))] as const);
    const secretOf = new Map(secrets);
    return (input: RecordInput, seq: number): RecordInput => {
      const blinded = input.blind?.length === 16 ? { blind: blindOf(seed, reader.fileId, seq) } : {};
      if (!isHiddenMode(input.mode)) return { ...input, ...blinded };
      const text = utf8Encode(plain[seq] ?? '');
      const secret = secretOf.get(input.epoch ?? 0);
      if (secret === undefined) throw new Error(`record ${seq} is of an epoch that is not listed`);
      const hide: HideBlock = (at) =>
        input.mode === MODE.masked
          ? secret.mask(at.fileId, at.seq, text)
          : secret.seal(at.fileId, at.seq, at.header, text);
      return { ...input, ...blinded, payload: text, hide };
    };
  };

  const madeAgain = async (ikm: Uint8Array, seed: Uint8Array) => {
    const { seekTrack, steps } = await takeApart(bytes);
    const clear = await inTheClear(ikm, seed);
    let seq = 0;
    const again = steps.map((step) => (step.kind === 'record' ? { ...step, input: clear(step.input, seq++) } : step));
    const hidden = again.filter((step) => step.kind === 'record' && step.input.hide !== undefined).length;
    return { hidden, bytes: await writeAgain({ seekTrack, steps: again }) };
  };

  it('has the same bytes when it is masked, encrypted and blinded again', async () => {
    const again = await madeAgain(key, fromHex(blind_seed_hex));
    expect(again.hidden).toBe(3);
    expect(Buffer.compare(again.bytes, bytes)).toBe(0);
  });

  it('has other bytes with another key, or another seed', async () => {
    const other = key.map((byte) => byte ^ 1);
    expect(Buffer.compare((await madeAgain(other, fromHex(blind_seed_hex))).bytes, bytes)).not.toBe(0);
    expect(Buffer.compare((await madeAgain(key, other)).bytes, bytes)).not.toBe(0);
  });

  it('opens to the texts beside it, and lists the commitments that the key has', async () => {
    const reader = await opened([key.map((byte) => byte ^ 1), key]);
    const texts: Record<string, string> = {};
    for (const seq of Object.keys(plain)) texts[seq] = utf8Decode((await reader.block(Number(seq))).bytes);
    expect(texts).toEqual(plain);
    for (const { salt, commit } of (await reader.metas()).epochs) {
      expect(toHex(createEpochSecret(key, fromHex(salt)).commit)).toBe(commit);
    }
    await reader.assertOpens();
  });

  it('tells a missing key from a wrong one, and reads what is in the clear without any', async () => {
    const without = await opened();
    expect((await rejection(without.block(5))).code).toBe('H4_KEY_MISSING');
    expect(utf8Decode((await without.block(6)).bytes)).toBe('yes');
    expect((await rejection(without.assertOpens({ track: 0 }))).code).toBe('H4_KEY_MISSING');
    await without.assertOpens({ from: 6, to: 8 });
    const wrong = await opened([key.map((byte) => byte ^ 1)]);
    expect((await rejection(wrong.block(5))).code).toBe('H4_KEY_WRONG');
    expect((await rejection(wrong.assertOpens())).code).toBe('H4_KEY_WRONG');
  });
});
