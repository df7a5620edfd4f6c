/** What is measured, against whom, and how good it is meant to be. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { contest, type ContestOptions, type Outcome } from './contest.js';
import type { MediaShape } from './media.js';
import { signSection } from './signing.js';
import type { TaskSpec } from './task.js';
import type { WriterName } from './writers.js';

export interface Section {
  readonly id: SectionId;
  readonly title: string;
  /** What the contenders share, and what the others do not do. */
  readonly note: string;
  readonly contenders: readonly Contender[];
  /** Payload bytes of one repetition, for MB/s. */
  readonly bytes?: number;
  /** Records or seeks of one repetition, for microseconds each. */
  readonly operations?: number;
  /** What speeds are divided by. */
  readonly references: readonly Reference[];
  readonly targets: readonly Target[];
  readonly schedule: ContestOptions;
  /** Makes the files that are needed. */
  prepare?(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  readonly task: TaskSpec;
  /** Ours are held to the limit of memory. What works in a process of its own is known by its time only. */
  readonly kind: 'ours' | 'peer' | 'external';
}

export interface Reference {
  readonly heading: string;
  readonly contender: string;
}

export type Target =
  | { readonly kind: 'ratio'; readonly contender: string; readonly to: string; readonly atLeast: number }
  | { readonly kind: 'count'; readonly contender: string; readonly count: string; readonly atMost: number };

export const SECTION_IDS = ['write', 'sign', 'verify', 'seek', 'small', 'memory'] as const;
export type SectionId = (typeof SECTION_IDS)[number];

export interface Extent {
  /** Where files may be written; removed afterwards by whoever made it. */
  readonly folder: string;
  readonly quick: boolean;
  /** See `ContestOptions`. */
  readonly isPatient: boolean;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

const ONE = 'H4MK, one thread';
const TWO = 'H4MK, two threads';
const H4MK = 'H4MK';
const MCAP = 'mcap';
const BARE = 'bare loop';
const OPENSSL = 'openssl dgst';

export function createSections(extent: Extent): Section[] {
  return [
    ...[64 * KIB, 512 * KIB, MIB].map((blockBytes) => writeSection(extent, blockBytes)),
    ...[64 * KIB, 512 * KIB].map((blockBytes) => signSection(extent, blockBytes, scheduleOf(extent))),
    ...[64 * KIB, MIB].map((blockBytes) => verifySection(extent, blockBytes)),
    ...(['cold', 'near', 'far'] as const).map((way) => seekSection(extent, way)),
    smallWriteSection(extent),
    smallVerifySection(extent),
    memorySection(extent),
  ];
}

function writeSection(extent: Extent, blockBytes: number): Section {
  const bytes = (extent.quick ? 128 : 512) * MIB;
  const media: MediaShape = { blockBytes, blocks: bytes / blockBytes };
  return {
    id: 'write',
    title: `Write ${bytes / MIB} MiB in blocks of ${sizeOf(blockBytes)}, with fsync`,
    note:
      'The bare loop does the same hashing (SHA-256 per block and over all, CRC-32 per block), write and fsync on one ' +
      'thread. mcap computes two CRCs and no hash.',
    contenders: writeContenders(extent, media),
    bytes,
    references: [
      { heading: 'limit', contender: BARE },
      { heading: 'mcap', contender: MCAP },
    ],
    targets: [
      { kind: 'ratio', contender: ONE, to: 'limit', atLeast: 0.9 },
      { kind: 'ratio', contender: TWO, to: 'mcap', atLeast: 1.7 },
    ],
    schedule: scheduleOf(extent),
  };
}

function writeContenders(extent: Extent, media: MediaShape): Contender[] {
  const write = (writer: WriterName): TaskSpec => ({
    ...{ kind: 'write', writer, media },
    path: join(extent.folder, `${writer}.out`),
  });
  return [
    { name: ONE, task: write('h4mk'), kind: 'ours' },
    { name: TWO, task: write('h4mk-threaded'), kind: 'ours' },
    { name: MCAP, task: write('mcap'), kind: 'peer' },
    { name: BARE, task: write('bare'), kind: 'peer' },
  ];
}

function verifySection(extent: Extent, blockBytes: number): Section {
  const bytes = (extent.quick ? 128 : 512) * MIB;
  const media: MediaShape = { blockBytes, blocks: bytes / blockBytes };
  const files = new Files(extent, media);
  return {
    id: 'verify',
    title: `Verify a file of ${bytes / MIB} MiB in blocks of ${sizeOf(blockBytes)}, cached by the system`,
    note:
      'openssl computes one SHA-256 over the file. We compute two (each block, and the whole) and a CRC-32, and check ' +
      'every index. mcap checks CRCs only.',
    contenders: [
      ...verifyContenders(files, media),
      { name: OPENSSL, task: { kind: 'verify', verifier: 'openssl', path: files.h4mk, media }, kind: 'external' },
    ],
    bytes,
    references: [
      { heading: 'openssl', contender: OPENSSL },
      { heading: 'mcap', contender: MCAP },
    ],
    targets: [
      { kind: 'ratio', contender: ONE, to: 'openssl', atLeast: 0.45 },
      { kind: 'ratio', contender: TWO, to: 'openssl', atLeast: 0.75 },
    ],
    schedule: scheduleOf(extent),
    prepare: () => files.write(),
  };
}

function verifyContenders(files: Files, media: MediaShape): Contender[] {
  return [
    { name: ONE, task: { kind: 'verify', verifier: 'h4mk', path: files.h4mk, media }, kind: 'ours' },
    { name: TWO, task: { kind: 'verify', verifier: 'h4mk-threaded', path: files.h4mk, media }, kind: 'ours' },
    { name: MCAP, task: { kind: 'verify', verifier: 'mcap', path: files.mcap, media }, kind: 'peer' },
  ];
}

function seekSection(extent: Extent, way: 'cold' | 'near' | 'far'): Section {
  const media: MediaShape = { blockBytes: KIB, blocks: 100_000 };
  const count = (extent.quick ? 0.25 : 1) * (way === 'cold' ? 200 : 2000);
  const files = new Files(extent, media);
  const seek = (seeker: 'h4mk' | 'mcap'): TaskSpec => ({
    kind: 'seek',
    seeker,
    path: files[seeker],
    media,
    way,
    count,
  });
  const titles = {
    cold: 'Open a file, seek to any key block and read it',
    near: 'Seek to the next key block and read it, file open',
    far: 'Seek to any key block and read it, file open',
  };
  return {
    id: 'seek',
    title: `${titles[way]}; ${media.blocks} records of ${sizeOf(media.blockBytes)}`,
    note: 'We compare the block with what its record committed to; mcap checks the CRC of the chunk of 1 MiB around it.',
    contenders: [
      { name: H4MK, task: seek('h4mk'), kind: 'ours' },
      { name: MCAP, task: seek('mcap'), kind: 'peer' },
    ],
    operations: count,
    references: [{ heading: 'mcap', contender: MCAP }],
    targets:
      way === 'cold'
        ? [
            { kind: 'count', contender: H4MK, count: 'readsMedian', atMost: 5 },
            { kind: 'count', contender: H4MK, count: 'readsMax', atMost: 7 },
          ]
        : [{ kind: 'count', contender: H4MK, count: 'readsMedian', atMost: way === 'near' ? 2 : 3 }],
    schedule: scheduleOf(extent),
    prepare: () => files.write(),
  };
}

function smallMedia({ quick }: Extent): MediaShape {
  return { blockBytes: 512, blocks: quick ? 50_000 : 200_000 };
}

function smallWriteSection(extent: Extent): Section {
  const media = smallMedia(extent);
  return {
    id: 'small',
    title: `Write ${media.blocks} records of 512 bytes, with fsync`,
    note: 'What a record costs besides its bytes. mcap computes no hash.',
    contenders: writeContenders(extent, media).filter(({ name }) => name !== BARE),
    operations: media.blocks,
    references: [{ heading: 'mcap', contender: MCAP }],
    targets: [],
    schedule: scheduleOf(extent),
  };
}

function smallVerifySection(extent: Extent): Section {
  const media = smallMedia(extent);
  const files = new Files(extent, media);
  return {
    id: 'small',
    title: `Verify ${media.blocks} records of 512 bytes`,
    note: 'What a record costs besides its bytes. mcap checks CRCs only.',
    contenders: verifyContenders(files, media),
    operations: media.blocks,
    references: [{ heading: 'mcap', contender: MCAP }],
    targets: [],
    schedule: scheduleOf(extent),
    prepare: () => files.write(),
  };
}

function memorySection({ isPatient }: Extent): Section {
  const bytes = 4 * GIB;
  const media = { blockBytes: MIB, blocks: bytes / MIB } as const;
  return {
    id: 'memory',
    title: `Memory over ${bytes / GIB} GiB`,
    note: 'Written to a sink that keeps nothing; then written and verified, all blocks being the same one, kept once.',
    contenders: [
      { name: 'H4MK, write', task: { kind: 'discard', media }, kind: 'ours' },
      { name: 'H4MK, write and verify', task: { kind: 'fold', media: { ...media, uniform: true } }, kind: 'ours' },
    ],
    bytes,
    references: [],
    targets: [],
    schedule: { rounds: 1, warmUps: 0, isPatient },
  };
}

/** The same media as files of either format, for those who read. Sections with the same media share them. */
class Files {
  readonly h4mk: string;
  readonly mcap: string;
  readonly #media: MediaShape;

  constructor(extent: Extent, media: MediaShape) {
    this.#media = media;
    const path = (extension: string): string => join(extent.folder, `${media.blocks}x${media.blockBytes}.${extension}`);
    this.h4mk = path('h4mk');
    this.mcap = path('mcap');
  }

  async write(): Promise<void> {
    if (existsSync(this.mcap)) {
      return;
    }
    const media = this.#media;
    const tasks = new Map<string, TaskSpec>([
      [this.h4mk, { kind: 'write', writer: 'h4mk', path: this.h4mk, media }],
      [this.mcap, { kind: 'write', writer: 'mcap', path: this.mcap, media }],
    ]);
    await contest(tasks, { rounds: 1, warmUps: 0, isPatient: false });
  }
}

function scheduleOf({ quick, isPatient }: Extent): ContestOptions {
  return { rounds: quick ? 5 : 7, warmUps: 1, isPatient };
}

function sizeOf(bytes: number): string {
  return bytes < MIB ? `${bytes / KIB} KiB` : `${bytes / MIB} MiB`;
}

/** Runs one section. */
export async function runSection(section: Section): Promise<ReadonlyMap<string, Outcome>> {
  await section.prepare?.();
  const tasks = new Map(section.contenders.map(({ name, task }) => [name, task]));
  return contest(tasks, section.schedule);
}
