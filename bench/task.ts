/** What one child process is asked to do, and how that is done once. */

import { rm } from 'node:fs/promises';
import { verifyContainer } from 'harmony4/container';
import { createDiscardSink } from 'harmony4/storage';
import { FoldedFile } from './folded-file.js';
import { createRandom, Media, type MediaShape } from './media.js';
import { assertHolds } from './read-back.js';
import { openSeeker, type SeekerName } from './seekers.js';
import { median } from './statistics.js';
import { assertOpensslHashes, assertSound, type VerifierName, verifiers } from './verifiers.js';
import { writeH4mk, type WriterName, writers } from './writers.js';

export type TaskSpec =
  | { readonly kind: 'write'; readonly writer: WriterName; readonly path: string; readonly media: MediaShape }
  | { readonly kind: 'verify'; readonly verifier: VerifierName; readonly path: string; readonly media: MediaShape }
  | {
      readonly kind: 'seek';
      readonly seeker: SeekerName;
      readonly path: string;
      readonly media: MediaShape;
      /** `cold` opens the file for every block; the others open it once and go to the next key block, or to any. */
      readonly way: 'cold' | 'near' | 'far';
      readonly count: number;
    }
  /** Write to a sink that keeps nothing. */
  | { readonly kind: 'discard'; readonly media: MediaShape }
  /** Write uniform media to a `FoldedFile`, then verify that. */
  | { readonly kind: 'fold'; readonly media: MediaShape & { readonly uniform: true } };

/** Numbers of one repetition besides its time. */
export type Counts = Readonly<Record<string, number>>;

export interface Task {
  /** What has to be done before each repetition and is not measured. */
  prepare?(): Promise<void>;
  /** One repetition. */
  run(): Promise<Counts | undefined>;
  /** Throws unless the repetitions did what they were to do. */
  check?(): Promise<void>;
}

export function createTask(spec: TaskSpec): Task {
  const media = new Media(spec.media);
  switch (spec.kind) {
    case 'write':
      return createWriteTask(spec.writer, spec.path, media);
    case 'verify':
      return createVerifyTask(spec.verifier, spec.path, media);
    case 'seek':
      return createSeekTask(spec, media);
    case 'discard':
      return { run: () => writeH4mk(createDiscardSink(), media).then(() => undefined) };
    case 'fold':
      return createFoldTask(media);
  }
}

function createWriteTask(writer: WriterName, path: string, media: Media): Task {
  return {
    prepare: () => rm(path, { force: true }),
    async run() {
      await writers[writer](path, media);
      return undefined;
    },
    check: () => assertHolds(path, writer, media),
  };
}

function createVerifyTask(verifier: VerifierName, path: string, media: Media): Task {
  return {
    async run() {
      await verifiers[verifier](path, media);
      return undefined;
    },
    ...(verifier === 'openssl' ? { check: () => assertOpensslHashes(path) } : {}),
  };
}

/** Every contender goes to the same places in the same order. */
const PLACES_SEED = 2_463_534_242;

function createSeekTask(spec: TaskSpec & { readonly kind: 'seek' }, media: Media): Task {
  const random = createRandom(PLACES_SEED);
  const open = (): ReturnType<(typeof openSeeker)[SeekerName]> => openSeeker[spec.seeker](spec.path);
  const next = (key: number): number => (spec.way === 'near' ? key + 1 : random()) % media.keys;
  let kept = spec.way === 'cold' ? undefined : open();
  let key = 0;

  const seekOnce = async (verify: boolean): Promise<{ readonly reads: number; readonly bytes: number }> => {
    const seeker = await (kept ?? open());
    const before = kept === undefined ? { reads: 0, bytes: 0 } : { reads: seeker.readCount, bytes: seeker.readBytes };
    key = next(key);
    const wanted = media.keyBlock(key);
    const bytes = await seeker.blockAt(wanted.ptsMicros);
    if (verify && Buffer.compare(bytes, wanted.bytes) !== 0) {
      throw new Error(`${spec.seeker} found another block at ${wanted.ptsMicros} µs`);
    }
    if (kept === undefined) {
      await seeker.close();
    }
    return { reads: seeker.readCount - before.reads, bytes: seeker.readBytes - before.bytes };
  };

  return {
    async run() {
      const reads: number[] = [];
      const bytes: number[] = [];
      for (let i = 0; i < spec.count; i++) {
        const cost = await seekOnce(false);
        reads.push(cost.reads);
        bytes.push(cost.bytes);
      }
      return { readsMedian: median(reads), readsMax: Math.max(...reads), bytesRead: median(bytes) };
    },
    async check() {
      for (let i = 0; i < spec.count; i++) {
        await seekOnce(true);
      }
      await (await kept)?.close();
      kept = undefined;
    },
  };
}

function createFoldTask(media: Media): Task {
  return {
    async run() {
      const file = new FoldedFile(media.block(0).bytes);
      await writeH4mk(file, media);
      assertSound(await verifyContainer(file), media);
      return undefined;
    },
  };
}
