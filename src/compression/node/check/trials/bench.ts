/** What every trial has at hand. */
import { closeSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import type { EngineInfo } from '../../../api/engine.js';
import type { Core } from '../../../core.js';
import type { CallNote } from '../call-note.js';
import { type CorpusBlock, corpusBlocks, largeBlock, shortBlocks } from '../corpus.js';
import type { NotedCore } from '../noted-core.js';
import type { ProcessState } from '../process-state.js';
import type { Evidence, Figure } from '../requirement.js';
import type { TrialRequest } from '../trial.js';

export interface Bench {
  readonly core: NotedCore;
  readonly bare: Core;
  readonly info: EngineInfo;
  readonly note: CallNote;
  readonly request: TrialRequest;
  /** Before the core was loaded. */
  readonly before: ProcessState | undefined;
}

export interface Found {
  readonly evidence: Evidence;
  readonly figures?: readonly Figure[];
}

/** Passes by returning and fails by throwing `Failed`. */
export type Trial = (bench: Bench) => Found | Promise<Found>;

/** Of a file of the user no more than this is tried: a core is called with blocks. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

export type BlockChoice = Pick<TrialRequest, 'extent' | 'files'>;

/** How many blocks there are: all, and those of the corpus alone. */
export function countOfBlocks({ extent, files }: BlockChoice): { readonly all: number; readonly corpus: number } {
  let [all, corpus] = [0, 0];
  for (const block of corpusBlocks(1)) corpus += block.bytes.length;
  // The lengths of long blocks do not alter their number.
  for (const block of allBlocks({ extent: { ...extent, blockBytes: 1, largeBytes: 1 }, files })) {
    all += block.bytes.length > 0 ? 1 : 0;
  }
  return { all, corpus };
}

/** Short blocks, those of the corpus, the large one, and the beginning of each file of the user. */
export function* allBlocks(request: BlockChoice): Generator<CorpusBlock, void> {
  yield* shortBlocks(request.extent.shortBytes);
  yield* longBlocks(request);
}

export function* longBlocks({ extent, files }: BlockChoice): Generator<CorpusBlock, void> {
  yield* corpusBlocks(extent.blockBytes);
  yield largeBlock(extent.largeBytes);
  yield* fileBlocks(files);
}

function* fileBlocks(files: readonly string[]): Generator<CorpusBlock, void> {
  for (const path of files) {
    const bytes = beginningOf(path);
    if (bytes.length > 0) yield { name: basename(path), bytes };
  }
}

function beginningOf(path: string): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(MAX_FILE_BYTES);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, length);
    }
    return bytes.slice(0, length);
  } finally {
    closeSync(file);
  }
}
