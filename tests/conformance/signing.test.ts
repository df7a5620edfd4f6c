/** The signatures of the samples, made anew with the seeds that the samples name: the files have the same bytes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { addCosignature, createCheckpointSigner } from '../../src/container/sign/checkpoint-signer.js';
import { encodeChunk } from '../../src/container/format/chunk.js';
import { CHUNK_HEADER_BYTES } from '../../src/container/format/layout.js';
import { parseNote } from '../../src/container/format/note.js';
import type { SignCheckpoint } from '../../src/container/write/record-writer.js';
import { encodeTail, parseTail } from '../../src/container/format/tail.js';
import { judgeNote } from '../../src/container/trust/trust.js';
import { concatBytes, fromHex } from '../../src/utils/bytes.js';
import { createSigningKey } from '../../src/utils/signing-key.js';
import { parseVerificationKey } from '../../src/utils/verification-key.js';
import { chunksOf } from '../support/container.js';
import { takeApart, writeAgain } from '../support/rewrite.js';
import { describeShared } from '../support/shared.js';

interface Samples {
  readonly vkey: string;
  readonly witness_vkey: string;
  readonly seed_hex: string;
  readonly witness_seed_hex: string;
}

const COSIGNED_AT = 1_700_000_000;
const COSIGNED_LATER_AT = 1_700_000_600;

describeShared('signed anew', (shared) => {
  const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(shared, 'samples', name)));
  const samples = JSON.parse(Buffer.from(bytesOf('samples.json')).toString()) as Samples;
  const [key, witness] = [parseVerificationKey(samples.vkey), parseVerificationKey(samples.witness_vkey)];
  if (key.type !== 'ed25519' || witness.type !== 'witness') throw new Error('other keys than those of the samples');
  const signingKey = createSigningKey(key.name, fromHex(samples.seed_hex));
  const witnessKey = createSigningKey(witness.name, fromHex(samples.witness_seed_hex), 'witness');
  const policy = { keys: [{ key }], witnesses: [witness] };

  it('the keys are those of the samples', () => {
    expect([signingKey.verificationKey, witnessKey.verificationKey]).toEqual([samples.vkey, samples.witness_vkey]);
  });

  it.each([
    { name: 'signed.h4mk', signatures: 2, cosigned: 23 },
    { name: 'live.h4mk', signatures: 1, cosigned: 0 },
    { name: 'private.h4mk', signatures: 2, cosigned: 11 },
    { name: 'tiles.h4mk', signatures: 3, cosigned: 0 },
  ])('$name has the same bytes', async ({ name, signatures, cosigned }) => {
    const bytes = bytesOf(name);
    const signer = createCheckpointSigner({ signer: signingKey });
    const sign: SignCheckpoint = async (checkpoint) => {
      const note = await signer.sign(checkpoint);
      return note !== undefined && checkpoint.size === cosigned ? addCosignature(note, witnessKey, COSIGNED_AT) : note;
    };
    const again = await writeAgain(await takeApart(bytes), sign);
    expect(signer.count).toBe(signatures);
    expect(Buffer.compare(again, bytes)).toBe(0);
    // And the other way round: what stands in the sample is signed by its key.
    const signs = chunksOf(bytes).filter(({ tag }) => tag === 'SIGN');
    expect(signs.map(({ payload }) => judgeNote(parseNote(payload), policy, undefined).verified)).toEqual(
      signs.map(() => [key.name]),
    );
  });

  it('late.h4mk has the same bytes: signed.h4mk with a later cosignature, in the place of the earlier one', () => {
    const [signed, late] = [bytesOf('signed.h4mk'), bytesOf('late.h4mk')];
    const payload = chunksOf(signed).findLast(({ tag }) => tag === 'SIGN')?.payload ?? new Uint8Array(0);
    const cosigned = addCosignature(payload, witnessKey, COSIGNED_LATER_AT);
    expect(judgeNote(parseNote(cosigned), policy, undefined).cosigners).toEqual([
      { name: witness.name, time: COSIGNED_LATER_AT },
    ]);
    const others = chunksOf(late).filter(({ tag }) => tag === 'TIME' || tag === 'ATTS');
    const before = chunksOf(signed).at(-1);
    if (before === undefined || others.length !== 2) throw new Error('not the samples');
    const body = concatBytes(
      signed,
      encodeChunk('SIGN', cosigned),
      ...others.map((chunk) => encodeChunk(chunk.tag, chunk.payload)),
    );
    const tail = { ...parseTail(before.payload), self: body.length, sign: signed.length, prev: before.offset };
    expect(Buffer.compare(concatBytes(body, encodeChunk('TAIL', encodeTail(tail))), late)).toBe(0);
    expect(signed.length - before.offset).toBe(CHUNK_HEADER_BYTES + before.payload.length);
  });
});
