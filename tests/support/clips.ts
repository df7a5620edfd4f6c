/** Recordings to cut clips from, and the obvious definition of what a clip must hold. */
import {
  type ClipRequest,
  type ClipSummary,
  type ClipInput,
  type ClipPlan,
  planClip,
  writeClip,
} from '../../src/container/slice/clip.js';
import { H4MKReader } from '../../src/container/read/reader.js';
import type { RecordInput } from '../../src/container/write/record-writer.js';
import { type Tokn, parseTokn } from '../../src/container/format/tokn.js';
import { createMemorySink, createMemorySource } from '../../src/storage/memory.js';
import { lcgBytes } from '../compression/lcg.js';
import { AUDIO, type ClosedOptions, VIDEO, chunksOf, closedRecording, mediaRecord } from './container.js';
import { keyOf, signedBy, trusting } from './signed.js';

export const SIGNER = keyOf(7);
export const TRUST = trusting(SIGNER);

export interface MediaOptions {
  readonly gop?: number;
  readonly bytes?: number;
}

/** Pictures of 40 units each and a piece of sound of 40 beside each; every `gop`-th picture is KEY, all sound is. */
export const pictures = (count: number, { gop = 5, bytes = 20 }: MediaOptions = {}): RecordInput[] =>
  Array.from({ length: 2 * count }, (_, i) => {
    const [track, k] = [i % 2, Math.floor(i / 2)];
    const key = track === 1 || k % gop === 0;
    const payload = lcgBytes(i, bytes);
    const tokens = [{ delta: 0, duration: 40, key, size: payload.length }];
    return mediaRecord({ track, pts: 40 * k, key, payload, tokens });
  });

export const signedRecording = (records: Iterable<RecordInput>, options: ClosedOptions = {}): Promise<Uint8Array> =>
  closedRecording(records, { tracks: [VIDEO, AUDIO], sign: signedBy(SIGNER), totals: true, ...options });

export interface Cut {
  readonly plan: ClipPlan;
  readonly summary: ClipSummary;
  readonly bytes: Uint8Array;
}

export const opened = (file: Uint8Array): Promise<H4MKReader> => H4MKReader.open(createMemorySource(file));

export const cutFrom = async (input: ClipInput, request: ClipRequest): Promise<Cut> => {
  const plan = await planClip(input, request);
  const sink = createMemorySink();
  const summary = await writeClip(input, sink, plan);
  return { plan, summary, bytes: sink.bytes().slice() };
};

export const cut = async (file: Uint8Array, request: ClipRequest): Promise<Cut> => cutFrom(await opened(file), request);

export const toknsOf = (file: Uint8Array): Tokn[] =>
  chunksOf(file).flatMap(({ tag, payload }) => (tag === 'TOKN' ? [parseTokn(payload)] : []));

export const seqsOf = (file: Uint8Array): number[] => toknsOf(file).map(({ seq }) => seq);

/** The records of one track that a clip of `[from, to)` must hold at least, found by looking at all of them. */
export const wanted = (tokns: readonly Tokn[], track: number, from: number, to: number): number[] => {
  const all = tokns.filter((tokn) => tokn.track === track);
  const first = all.findLastIndex(({ key, pts }) => key && pts <= from);
  const end = all.findIndex(({ key, pts }) => key && pts >= to);
  return all.slice(Math.max(0, first), end < 0 ? undefined : end).map(({ seq }) => seq);
};
