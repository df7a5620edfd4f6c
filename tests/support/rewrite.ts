/**
 * Takes a recording apart into what a writer is given (META, tokens, payloads, blinds, signatures, and which chunks stood
 * at an index point) and writes it again. A writer that follows the specification gives the same bytes (section 20).
 */
import { type Chunk } from '../../src/container/format/chunk.js';
import { ChunkStream } from '../../src/container/source/chunk-stream.js';
import { createSourceFeed } from '../../src/container/source/feed.js';
import { HEADER_BYTES, TILE_WIDTH, isMediaMode } from '../../src/container/format/layout.js';
import { DEFAULT_LIMITS } from '../../src/container/format/limits.js';
import { type RecordInput, RecordWriter, type SignCheckpoint } from '../../src/container/write/record-writer.js';
import { Tile } from '../../src/container/format/tile.js';
import { type Tokn, parseTokn, tokensOf } from '../../src/container/format/tokn.js';
import { createMemorySink, createMemorySource } from '../../src/storage/memory.js';

/** What a writer is told, one step after the other. */
export type WriterStep =
  | { readonly kind: 'record'; readonly input: RecordInput }
  | { readonly kind: 'index'; readonly tiles: boolean; readonly sign: Uint8Array | undefined; readonly tail: boolean }
  | { readonly kind: 'close'; readonly sign: Uint8Array | undefined };

export interface TakenApart {
  readonly seekTrack: number;
  readonly steps: readonly WriterStep[];
}

const chunksOf = async (bytes: Uint8Array): Promise<Chunk[]> => {
  const stream = new ChunkStream(createSourceFeed(createMemorySource(bytes)), DEFAULT_LIMITS);
  await stream.take(HEADER_BYTES);
  const chunks: Chunk[] = [];
  for (let chunk = await stream.next(); !('kind' in chunk); chunk = await stream.next()) chunks.push(chunk);
  return chunks;
};

const inputOf = (tokn: Tokn, payload: Uint8Array): RecordInput => ({
  mode: tokn.mode,
  pts: tokn.pts,
  payload,
  blind: tokn.blind,
  epoch: tokn.epoch,
  ...(isMediaMode(tokn.mode) ? { track: tokn.track, key: tokn.key, tokens: [...tokensOf(tokn)] } : {}),
});

/** Full tiles follow from the records; only unfinished ones are somebody's decision. */
const isDecided = (chunk: Chunk): boolean => chunk.tag !== 'TILE' || Tile.parse(chunk.payload).width < TILE_WIDTH;

export const takeApart = async (bytes: Uint8Array): Promise<TakenApart> => {
  const steps: WriterStep[] = [];
  const chunks = (await chunksOf(bytes)).filter(isDecided);
  let seekTrack: number | undefined;
  for (let i = 0; i < chunks.length;) {
    const chunk = chunks[i];
    if (chunk === undefined) break;
    if (chunk.tag === 'TOKN') {
      const payload = chunks[i + 1]?.payload ?? new Uint8Array(0);
      seekTrack ??= seekTrackOf(payload);
      steps.push({ kind: 'record', input: inputOf(parseTokn(chunk.payload), payload) });
      i += 2;
      continue;
    }
    // Everything up to the next record, or to the end of the file, is one index point or the close.
    const next = chunks.findIndex((other, k) => k > i && other.tag === 'TOKN');
    const group = chunks.slice(i, next < 0 ? chunks.length : next);
    const has = (tag: string): boolean => group.some((other) => other.tag === tag);
    const sign = group.find((other) => other.tag === 'SIGN')?.payload;
    steps.push(has('SEEK') ? { kind: 'close', sign } : { kind: 'index', tiles: has('TILE'), sign, tail: has('TAIL') });
    i += group.length;
  }
  return { seekTrack: seekTrack ?? 0, steps };
};

const seekTrackOf = (meta: Uint8Array): number => {
  const json = JSON.parse(new TextDecoder().decode(meta)) as { readonly h4mk: { readonly seek_track: number } };
  return json.h4mk.seek_track;
};

/** With `sign`, every SIGN is signed anew; without it, what was signed is copied. */
export const writeAgain = async ({ seekTrack, steps }: TakenApart, sign?: SignCheckpoint): Promise<Uint8Array> => {
  const signAs = (payload: Uint8Array | undefined): SignCheckpoint =>
    payload === undefined || sign === undefined ? () => payload : sign;
  const sink = createMemorySink();
  const writer = new RecordWriter(sink, { seekTrack });
  for (const step of steps) {
    switch (step.kind) {
      case 'record':
        await writer.record(step.input);
        break;
      case 'index':
        await writer.indexPoint({ tiles: step.tiles, sign: signAs(step.sign), tail: step.tail });
        break;
      case 'close':
        await writer.close(signAs(step.sign));
        break;
    }
  }
  await sink.commit();
  return sink.bytes();
};
