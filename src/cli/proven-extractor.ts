/**
 * Extracts what somebody believable has signed: which bytes belong to a time, and each of them, is proven under a checkpoint
 * (spec/h4mk.md sections 9.4 and 9.5), whatever index and server say. What came after the checkpoint is left out.
 */
import type { Block } from '../container/read/block.js';
import type { ByteSink } from '../container/io/io.js';
import type { ProvenReader } from '../container/proof/proven-reader.js';
import { MODE } from '../container/format/layout.js';
import { MetaLedger, parseMeta } from '../container/format/meta.js';
import {
  type ExtractRun,
  type Extracted,
  type Extraction,
  type ExtractionRequest,
  compareWhole,
  copyBlocks,
  endOf,
  isWhole,
  partOf,
} from './extractor.js';
import { provenTrack } from './track-times.js';

export interface ProvenExtraction extends Extraction {
  /** Whether nothing that was asked for can stand behind the records that are signed. */
  readonly isAll: boolean;
}

/** Finds the bytes that belong to the request. H4_RANGE_NOT_FOUND where nothing that is signed shows something at that time. */
export async function planProvenExtraction(
  reader: ProvenReader,
  request: ExtractionRequest,
  signal: AbortSignal,
): Promise<ProvenExtraction> {
  const { track } = request;
  const { first, last, isBounded } = await partOf(provenTrack(reader, track, signal), request, reader.info);
  const isComplete = await reader.isComplete(signal);
  const startByte = first?.pos ?? 0;
  const endByte = last === undefined ? await reader.trackLength(track, signal) : endOf(last);
  return {
    track,
    first: first?.seq ?? 0,
    end: last === undefined ? reader.checkpoint.size : last.seq + 1,
    isWhole: isWhole(request) && isComplete,
    isAll: isBounded || isComplete,
    startByte,
    bytes: Math.max(0, endByte - startByte),
  };
}

/** Writes what was planned and commits it. Aborting a sink after a failure is up to its owner. */
export async function extractProven(
  reader: ProvenReader,
  plan: ProvenExtraction,
  sink: ByteSink,
  run: ExtractRun,
): Promise<Extracted> {
  const extracted = await copyBlocks(blocksOf(reader, plan, run.signal), plan, sink, run);
  const metas = plan.isWhole ? await endingMetas(reader, run.signal) : undefined;
  const matchesSource = metas === undefined ? null : compareWhole(metas, plan.track, extracted);
  await sink.commit();
  return { ...extracted, matchesSource };
}

async function* blocksOf(
  reader: ProvenReader,
  { track, startByte, bytes }: ProvenExtraction,
  signal: AbortSignal,
): AsyncGenerator<Block, void> {
  if (bytes === 0) return;
  for await (const record of reader.recordsOfRange(track, startByte, startByte + bytes, signal)) {
    yield await reader.block(record, signal);
  }
}

/** What the end record says; undefined where other META stands between it and record 0, which might say more of tracks. */
async function endingMetas(reader: ProvenReader, signal: AbortSignal): Promise<MetaLedger | undefined> {
  const end = await reader.endRecord(signal);
  if (end === undefined) return undefined;
  const { seq, back } = end.tokn;
  const before = seq - back;
  if (before > 1 || (before === 1 && (await reader.tokn(1, signal)).mode !== MODE.scopes)) return undefined;
  const metas = new MetaLedger();
  for (const { payload } of [reader.recordZero, end]) {
    if (payload !== undefined) metas.apply(parseMeta(payload, reader.limits).json, undefined);
  }
  return metas;
}
