/** What every trial has at hand. */
import { closeSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import type { EngineInfo } from '../../../api/engine.js';
import type { Core } from '../../../core.js';
import type { CallNote } from '../call-note.js';
import { type CorpusBlock, corpusBlocks, largeBlock, shortBlocks } from '../corpus.js';
import type { NotedCore } from '../noted-core.js';
import type { Evidence, Figure } from '../requirement.js';
import type { TrialRequest } from '../trial.js';

export interface Bench {
  readonly core: NotedCore;
  readonly bare: Core;
  readonly info: EngineInfo;
  readonly note: CallNote;
  readonly request: TrialRequest;
}

export interface Found {
  readonly evidence: Evidence;
  readonly figures?: readonly Figure[];
}

/** Passes by returning and fails by throwing `Failed`. */
export type Trial = (bench: Bench) => Found | Promise<Found>;

/** Of a file of the user no more than this is tried: a core is called with blocks. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** Short blocks, those of the corpus, the large one, and the beginning of each file of the user. */
export function* allBlocks(request: TrialRequest): Generator<CorpusBlock, void> {
  yield* shortBlocks(request.extent.shortBytes);
  yield* longBlocks(request);
}

export function* longBlocks({ extent, files }: TrialRequest): Generator<CorpusBlock, void> {
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
