/**
 * The files that cases are made from: the vectors of the specification, the samples beside the project where they are, and
 * recordings made here for what neither of them has.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { storedEngine } from '../../src/compression/api/stored.js';
import type { CompressionEngine } from '../../src/compression/api/engine.js';
import { GeometricReferenceCompressor } from '../../src/compression/reference.js';
import { H4MKBuilder, type TokenInput } from '../../src/container/write/builder.js';
import { createMemorySink } from '../../src/storage/memory.js';
import { legacy } from '../../tools/golden-vectors.js';
import type { FileKit } from '../../tools/vector-kit.js';
import { closedRecording, interleaved } from '../support/container.js';
import { signNothing } from '../support/notes.js';
import { recordsOf, slice } from '../support/slices.js';
import { Random } from './random.js';

export interface CorpusFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const VECTORS = fileURLToPath(new URL('../../spec/vectors', import.meta.url));
const SHARED = fileURLToPath(new URL('../../../shared', import.meta.url));

/** Folders of samples that are there or not. */
export const SHARED_FOLDERS: readonly string[] = ['samples', 'samples/broken', 'fixtures/h4mk'].map((folder) =>
  join(SHARED, folder),
);

export const filesOf = (folder: string): CorpusFile[] => {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith('.h4mk'));
  return names.sort().map((name) => ({
    name: `${basename(folder)}/${name}`,
    bytes: new Uint8Array(readFileSync(join(folder, name))),
  }));
};

/** The corpus that every checkout has: what a seed makes of it is the same everywhere. */
export const ownCorpus = async (): Promise<CorpusFile[]> => [
  ...filesOf(join(VECTORS, 'v1')),
  ...filesOf(join(VECTORS, 'broken')),
  ...(await generatedFiles()),
];

const generatedFiles = async (): Promise<CorpusFile[]> => {
  const made: Readonly<Record<string, Uint8Array>> = {
    'three-tracks': await threeTracks(storedEngine),
    'three-tracks-geo': await threeTracks(new GeometricReferenceCompressor()),
    'index-points': await indexPoints(true),
    'index-points-open': await indexPoints(false),
    'one-large-block': await oneLargeBlock(),
    'two-tiles': await closedRecording(interleaved(530), { sign: signNothing, pointEvery: 100, totals: true }),
    'one-tile': await closedRecording(interleaved(254), { totals: true }),
    'live-tiles': await liveTiles(),
    'slice-runs': slice(recordsOf(await closedRecording(interleaved(40), { sign: signNothing })), [
      [2, 5],
      [9, 10],
      [30, 41],
    ]),
    'slice-of-tiles': slice(recordsOf(await closedRecording(interleaved(300), { sign: signNothing })), [
      [0, 3],
      [250, 270],
    ]),
    'legacy-blocks': legacyBlocks().bytes(),
    'legacy-blocks-masked': legacyBlocks({ masked: true }).bytes(),
    'legacy-order': reordered(legacy()).bytes(),
  };
  return Object.entries(made).map(([name, bytes]) => ({ name: `own/${name}`, bytes }));
};

const FRAME = 40_000;

/** Frames in decode order I P B B ..., with B shown before P; the blocks of an open group begin before their own time. */
const pictures = (start: number, sizes: readonly number[]): TokenInput[] =>
  sizes.map((size, i) => {
    const shown = i === 0 ? 0 : i % 3 === 1 ? i + 2 : i - 1;
    const early = i === 1 ? -2 : shown;
    return { pts: start + FRAME * early, duration: i % 2 === 0 ? FRAME : 0, key: i === 0, size };
  });

const recorded = async (
  engine: CompressionEngine,
  tracks: number,
  write: (builder: H4MKBuilder) => Promise<void>,
  options: { readonly uid?: string } = {},
): Promise<Uint8Array> => {
  const sink = createMemorySink();
  const builder = await H4MKBuilder.create(sink, {
    engine,
    tracks: Array.from({ length: tracks }, (_, id) => ({ id, kind: 'data' })),
    ...options,
  });
  await write(builder);
  // A closed recording has committed its sink.
  await sink.commit().catch(() => undefined);
  return sink.bytes();
};

const threeTracks = (engine: CompressionEngine): Promise<Uint8Array> =>
  recorded(engine, 3, async (builder) => {
    const random = new Random(3);
    for (let i = 0; i < 14; i++) {
      const track = [0, 1, 0, 2][i % 4] ?? 0;
      const sizes = track === 0 ? [i, 0, 7, 1, 255] : track === 1 ? [i % 3] : [300];
      const size = sizes.reduce((sum, value) => sum + value, 0);
      const tokens = track === 0 ? pictures((10 + i) * 5 * FRAME, sizes) : [{ pts: i * 999, key: i % 5 !== 0, size }];
      const bytes = track === 2 ? new Uint8Array(size).fill(i) : random.bytes(size);
      await builder.addBlock({ track, tokens, bytes });
    }
    await builder.close();
  });

const UID = '0123456789abcdef'.repeat(2);

const indexPoints = (closed: boolean): Promise<Uint8Array> =>
  recorded(
    storedEngine,
    1,
    async (builder) => {
      for (let i = 0; i < 9; i++) {
        const tokens = [{ pts: i * 1000, duration: 1000, key: i % 2 === 0, size: 4 }];
        await builder.addBlock({ track: 0, tokens, bytes: Uint8Array.of(i, 1, 2, 3) });
        if (i % 3 === 2) await builder.indexPoint({ sign: signNothing });
      }
      if (closed) await builder.close({ sign: signNothing });
    },
    { uid: UID },
  );

const oneLargeBlock = (): Promise<Uint8Array> =>
  recorded(storedEngine, 1, async (builder) => {
    const bytes = new Random(4).bytes(70_000);
    await builder.addBlock({ track: 0, tokens: [{ pts: 0, key: true, size: bytes.length }], bytes });
    await builder.addBlock({ track: 0, tokens: [{ pts: 5, key: true, size: 0 }], bytes: new Uint8Array(0) });
    await builder.close();
  });

/** 300 records with two index points, and no close. */
const liveTiles = (): Promise<Uint8Array> =>
  recorded(
    storedEngine,
    2,
    async (builder) => {
      for (let i = 0; i < 298; i++) {
        const tokens = [{ pts: i * 100, key: i % 7 < 2, size: i % 4 }];
        await builder.addBlock({ track: i % 2, tokens, bytes: new Uint8Array(i % 4).fill(i) });
        if (i === 200 || i === 297) await builder.indexPoint();
      }
    },
    { uid: UID },
  );

/** More blocks than the vectors have, some of them empty. */
const legacyBlocks = (extra: Readonly<Record<string, unknown>> = {}): FileKit => {
  const kit = legacy({ compression: { engine: 'geometric-reference' }, fps_hint: 25.0, gop: 2, ...extra });
  const core = kit.chunk('CORE');
  const added = Array.from({ length: 6 }, (_, i) => ({ tag: 'CORE', payload: Uint8Array.of(i, 255, i + 1, 1 + i) }));
  kit.insertAfter(core, ...added, { tag: 'CORE', payload: new Uint8Array(0) });
  const seek = kit.chunk('SEEK');
  seek.payload = new Uint8Array(4 + 16 * 2);
  const view = new DataView(seek.payload.buffer);
  view.setUint32(0, 2);
  view.setBigUint64(20, 40_000n);
  view.setBigUint64(28, 204n);
  return kit.reseal();
};

/** META before the blocks, as no writer did, but any order is allowed. */
const reordered = (kit: FileKit): FileKit => {
  const meta = kit.chunk('META');
  return kit.remove(meta).insertBefore(kit.chunk('CORE'), meta).reseal();
};
