/**
 * What it costs to sign a recording while it is written: the same writer with and without a key, in turns. The key has its history in a
 * file, as on the command line: what is signed is kept there before.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createCheckpointSigner, type RecordingOptions, type SigningHistory } from 'harmony4/container';
import { createSigningKey } from 'harmony4/utils';
import type { MediaShape } from './media.js';
import type { Contender, Extent, Section } from './sections.js';
import type { WriterName } from './writers.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Any one but zero: a recording that is signed needs it. */
const UID = '00112233445566778899aabbccddeeff';

/** Signs as `export --signer` does, while `write` writes. */
export async function whileSigning(
  folder: string,
  every: number,
  write: (options: Pick<RecordingOptions, 'uid' | 'signing'>) => Promise<void>,
): Promise<void> {
  // A history of its own each time: with one that has seen all this before, less would have to be kept.
  const keyFolder = await mkdtemp(join(folder, 'key-'));
  try {
    const history = await openHistory(join(keyFolder, 'bench.key'));
    const key = createSigningKey('bench.example/key', new Uint8Array(32).fill(1));
    const signer = createCheckpointSigner({ signer: key, history });
    await write({ uid: UID, signing: { signer, every } });
  } finally {
    await rm(keyFolder, { recursive: true });
  }
}

/** The history is a part of the command line and of no door of the library. */
async function openHistory(keyFile: string): Promise<SigningHistory> {
  const module = (await import(new URL('../cli/signing-history.js', import.meta.url).href)) as {
    readonly openSigningHistory: (file: string) => Promise<SigningHistory>;
  };
  return module.openSigningHistory(keyFile);
}

const UNSIGNED = 'H4MK, unsigned';
const EVERY_256 = 'H4MK, signed every 256';
const EVERY_RECORD = 'H4MK, signed every record';

export function signSection(extent: Extent, blockBytes: number, schedule: Section['schedule']): Section {
  const bytes = (extent.quick ? 128 : 512) * MIB;
  const media: MediaShape = { blockBytes, blocks: bytes / blockBytes };
  const contender = (name: string, writer: WriterName): Contender => ({
    name,
    task: { kind: 'write', writer, media, path: join(extent.folder, `${writer}.out`) },
    kind: 'ours',
  });
  return {
    id: 'sign',
    title: `Sign while writing ${bytes / MIB} MiB in blocks of ${blockBytes / KIB} KiB, with fsync`,
    note: 'One thread, Ed25519; each signature is kept in the history of the key before it is made, durably at the end.',
    contenders: [
      contender(UNSIGNED, 'h4mk'),
      contender(EVERY_256, 'h4mk-signed'),
      contender(EVERY_RECORD, 'h4mk-signed-each'),
    ],
    bytes,
    operations: media.blocks,
    references: [{ heading: 'unsigned', contender: UNSIGNED }],
    targets: [{ kind: 'ratio', contender: EVERY_256, to: 'unsigned', atLeast: 0.98 }],
    schedule,
  };
}
