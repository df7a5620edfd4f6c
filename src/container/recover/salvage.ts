/**
 * What is whole on both sides of a damage, as a slice (spec/h4mk.md sections 11 and 14). A recording that is damaged inside must
 * not be cut, and its records cannot stand in a recording without those that are lost; but the tiles keep the hash of every
 * record, and with the hashes of the lost ones each of the others can still be proven to have stood at its place.
 */
import { equalBytes } from '../../utils/bytes.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import type { ByteSink, ByteSource } from '../io/io.js';
import { HASH_BYTES, MODE, TILE_WIDTH, isMediaMode } from '../format/layout.js';
import { type Limits, createLimits } from '../format/limits.js';
import { leafHash } from '../tree/merkle.js';
import { MetaLedger, parseMeta } from '../format/meta.js';
import { H4MKReader } from '../read/reader.js';
import type { RawRecord } from '../read/record-reader.js';
import { readSign } from '../read/sign-reader.js';
import { SliceWriter } from '../slice/slice-writer.js';
import { LeafHashes, proveRange, rootOver } from '../tree/tree-hashes.js';

export interface SalvageOptions {
  readonly limits?: Partial<Limits>;
  readonly signal?: AbortSignal;
  /** Called now and then with the number of records looked at, and how many there are. */
  readonly onProgress?: (records: number, of: number) => void;
}

/** Records `[first, end)`. */
export interface Run {
  readonly first: number;
  readonly end: number;
}

export interface Salvage {
  /** Number of records of the recording, and of those that the slice holds. */
  readonly size: number;
  readonly records: number;
  readonly runs: readonly Run[];
  /** Whether the slice carries the signature of the recording. Nobody has checked it here. */
  readonly isSigned: boolean;
  readonly bytes: number;
}

/** Writes every whole record to `sink`, and commits. Refuses with H4_INNER_DAMAGE where their places can no longer be proven. */
export const salvageRecording = async (
  source: ByteSource,
  sink: ByteSink,
  options: SalvageOptions = {},
): Promise<Salvage> => {
  const { signal } = options;
  const reader = await openDamaged(source, options);
  const checkpoint = await checkpointOf(reader, source, options);
  const { leaves, runs } = await takeStock(reader, checkpoint.size, options);
  const tree = new LeafHashes(leaves);
  if (!equalBytes(await rootOver(tree, checkpoint.size), checkpoint.root)) {
    throw unprovable('the hashes of the lost records do not lead to the root of the recording');
  }
  const { size } = checkpoint;
  // Record 0 begins every slice anyway.
  const proven = runs.filter(({ end }) => end > 1);
  const proofs = await Promise.all(proven.map((run) => proveRange(tree, { ...run, size })));
  const writer = new SliceWriter(sink, { ...checkpoint, proofs });
  if (proven[0]?.first !== 0) await writer.add(await reader.rawRecord(0, signal));
  for (const { first, end } of proven) {
    for (let seq = first; seq < end; seq++) await writer.add(await reader.rawRecord(seq, signal));
  }
  const { records, bytes } = await writer.finish();
  await sink.commit();
  return { size, records, runs, isSigned: checkpoint.notes !== undefined, bytes };
};

const openDamaged = async (source: ByteSource, { limits, signal }: SalvageOptions): Promise<H4MKReader> => {
  const reader = await H4MKReader.open(source, {
    ...(limits === undefined ? {} : { limits }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (reader.tail === undefined || reader.tree === undefined) {
    throw unprovable('the file has no index at its end');
  }
  return reader;
};

interface SliceCheckpoint {
  readonly size: number;
  readonly root: Uint8Array;
  readonly notes?: readonly Uint8Array[];
}

/** What the records are proven under: the last checkpoint if it covers everything, else what TAIL says. */
const checkpointOf = async (
  reader: H4MKReader,
  source: ByteSource,
  { limits, signal }: SalvageOptions,
): Promise<SliceCheckpoint> => {
  const { tail } = reader;
  if (tail === undefined) throw unprovable('the file has no index at its end');
  if (tail.sign > 0) {
    const sign = await readSign(source, tail.sign, createLimits(limits), signal).catch((error: unknown) => {
      if (isH4Error(error, 'H4_CANCELLED') || isH4Error(error, 'H4_IO')) throw error;
      // The signature is part of what was damaged.
      return undefined;
    });
    if (sign !== undefined && sign.note.size === tail.records) {
      return { size: tail.records, root: sign.note.root, notes: [sign.payload] };
    }
  }
  return { size: tail.records, root: tail.root };
};

/** Looks at every record: the leaves of those that are whole, and of the others what the tiles say. */
const takeStock = async (
  reader: H4MKReader,
  size: number,
  { signal, limits, onProgress }: SalvageOptions,
): Promise<{ readonly leaves: Uint8Array; readonly runs: readonly Run[] }> => {
  const leaves = new Uint8Array(size * HASH_BYTES);
  const runs: Run[] = [];
  const declared = new Declarations(createLimits(limits));
  let first: number | undefined;
  for (let seq = 0; seq < size; seq++) {
    const record = await wholeRecord(reader, seq, signal);
    const leaf = record === undefined ? await lostLeaf(reader, seq, signal) : leafHash(record.tokn.entry);
    leaves.set(leaf, seq * HASH_BYTES);
    if (record !== undefined && declared.admit(record)) first ??= seq;
    else if (first !== undefined) {
      runs.push({ first, end: seq });
      first = undefined;
    }
    if (seq % TILE_WIDTH === 0) onProgress?.(seq, size);
  }
  return { leaves, runs: first === undefined ? runs : [...runs, { first, end: size }] };
};

/** Tracks and key epochs of the META that is left: a record whose own META is lost cannot be read, nor stand in a slice. */
class Declarations {
  readonly #limits: Limits;
  readonly #metas = new MetaLedger();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Takes a META into account; says of any record whether it can be used. */
  admit({ tokn: { mode, track, epoch }, tag, payload }: RawRecord): boolean {
    if (mode === MODE.meta && tag !== 'VOID') this.#metas.apply(parseMeta(payload, this.#limits).json, undefined);
    if (!isMediaMode(mode)) return true;
    return this.#metas.hasTrack(track) && (mode === MODE.core || this.#metas.hasEpoch(epoch));
  }
}

const wholeRecord = async (reader: H4MKReader, seq: number, signal?: AbortSignal): Promise<RawRecord | undefined> => {
  try {
    return await reader.rawRecord(seq, signal);
  } catch (error) {
    notWhole(error);
    return undefined;
  }
};

const lostLeaf = async (reader: H4MKReader, seq: number, signal?: AbortSignal): Promise<Uint8Array> => {
  const hash = await reader.tree?.node({ level: 0, index: seq }, signal).catch((error: unknown) => {
    notWhole(error);
    return undefined;
  });
  if (hash === undefined) throw unprovable(`the hash of record ${seq} is lost as well`);
  return hash;
};

/** Damage is what we are looking for; that reading fails is not. */
const notWhole = (error: unknown): void => {
  if (!isH4Error(error) || error.code === 'H4_CANCELLED' || error.code === 'H4_IO' || error.code === 'H4_HTTP_RANGE') {
    throw error;
  }
};

const unprovable = (why: string): H4Error =>
  new H4Error('H4_INNER_DAMAGE', `The whole records cannot be proven to have stood at their places: ${why}`);
