/** Recordings that are signed, with fixed keys: the same bytes each time, so that what is said of them can be written down. */

import { storedEngine } from '../../../src/compression/api/stored.js';
import { H4MKBuilder } from '../../../src/container/write/builder.js';
import { checkpointText, encodeNote } from '../../../src/container/format/note.js';
import type { SignCheckpoint } from '../../../src/container/write/record-writer.js';
import { createMemorySink } from '../../../src/storage/memory.js';
import { toHex } from '../../../src/utils/bytes.js';
import { type SigningKey, cosign, createSigningKey, statementKey } from '../../../src/utils/signing-key.js';
import { TEN_BLOCKS, type SmallBlock } from './files.js';

const seed = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

export const CAMERA = createSigningKey('example.com/gate', seed(1));
export const SECOND = createSigningKey('example.com/archive', seed(2));
export const CURVE = createSigningKey('example.com/curve', seed(3), 'p256');
export const WITNESS = createSigningKey('witness.example/a', seed(4), 'witness');
export const OTHER_WITNESS = createSigningKey('witness.example/b', seed(5), 'witness');
export const STATEMENTS = statementKey(CAMERA);

export const WITNESS_TIME = 1_700_000_000;

export interface Signers {
  /** The first names the origin. */
  readonly keys: readonly SigningKey[];
  /** Each with the time that it says. */
  readonly witnesses?: readonly (readonly [SigningKey, number])[];
}

/** Signs every checkpoint that it is asked for. */
export const signedBy = ({ keys, witnesses = [] }: Signers): SignCheckpoint => {
  return ({ size, root, fileId }) => {
    const text = checkpointText(`${keys[0]?.name ?? ''}/${toHex(fileId)}`, size, root);
    return encodeNote(text, [
      ...keys.map((key) => ({ name: key.name, keyId: key.keyId, signature: key.sign(text) })),
      ...witnesses.map(([{ name, keyId }, time], i) => ({
        name,
        keyId,
        signature: cosign(witnesses[i]?.[0] ?? CAMERA, time, text),
      })),
    ]);
  };
};

export interface SignedOptions extends Signers {
  readonly blocks?: readonly SmallBlock[];
  readonly uid?: string;
  /** After these numbers of blocks there is a signed index point. */
  readonly pointAfter?: number | readonly number[];
  /** Left open behind the last block, as by a writer that is still at work. */
  readonly isOpen?: boolean;
}

export const UID = '00112233445566778899aabbccddeeff';

export async function signedRecording(options: SignedOptions): Promise<Uint8Array> {
  const { blocks = TEN_BLOCKS, uid = UID, pointAfter, isOpen = false } = options;
  const sink = createMemorySink();
  const builder = await H4MKBuilder.create(sink, {
    engine: storedEngine,
    tracks: [{ id: 0, kind: 'opaque' }],
    uid,
  });
  const sign = signedBy(options);
  for (const [i, { track = 0, pts, key = true, duration = 0, bytes }] of blocks.entries()) {
    await builder.addBlock({ track, tokens: [{ pts, key, duration, size: bytes.length }], bytes });
    if ([pointAfter].flat().includes(i + 1)) await builder.indexPoint({ sign });
  }
  if (isOpen) await sink.commit();
  else await builder.close({ sign });
  return sink.bytes().slice();
}
