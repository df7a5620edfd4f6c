/**
 * Recovery (spec/h4mk.md section 14): what is whole of a recording that was cut off as a recording of its own, and the state
 * in which a writer goes on behind it.
 */
import { H4Error } from '../../utils/error.js';
import type { RunningHash } from '../../utils/sha256.js';
import { type ByteFeed, createSourceFeed } from '../source/feed.js';
import type { ByteSink, ByteSource } from '../io/io.js';
import type { MetaLedger } from '../format/meta.js';
import { RecordWriter } from '../write/record-writer.js';
import { type Damage, type RecoveryScan, scanRecording } from './recovery-scan.js';
import { MediaSpan, type RecoverOptions, signalOf, walkWhole } from './recovery-walk.js';
import type { Tail } from '../format/tail.js';
import type { WriterState } from '../write/writer-state.js';

/** Where a writer can go on behind what is whole. */
export interface Resumption {
  readonly state: WriterState;
  readonly hash: RunningHash;
  readonly metas: MetaLedger;
  /** The latest moment that is covered, in timebase units. */
  readonly endPts: number;
  /** Whether it ends in a TAIL, and in that of a close. */
  readonly isIndexed: boolean;
  readonly isClosed: boolean;
}

/**
 * Reads what is whole of a file that has been scanned, again, for the state in which its writer was then. With `copyTo`
 * each piece goes there first.
 */
export const readResumption = async (
  source: ByteSource,
  { end }: Pick<RecoveryScan, 'end'>,
  options: RecoverOptions & { readonly copyTo?: ByteSink } = {},
): Promise<Resumption> => {
  const { copyTo } = options;
  const prefix: Pick<ByteSource, 'size' | 'read'> = {
    size: end,
    read: (from, to, signal) => source.read(from, to, signal),
  };
  const feed = createSourceFeed(prefix, signalOf(options));
  const span = new MediaSpan();
  const walk = await walkWhole(copyTo === undefined ? feed : teeOf(feed, copyTo), span, options);
  const { records: check } = walk.run;
  if (check === undefined || walk.end !== end || walk.run.findings.errorCount > 0) {
    throw new H4Error('H4_IO', 'The file changed while it was read; use a copy that nobody writes to');
  }
  const state = check.writerState(end);
  const { isIndexed } = check;
  const isClosed = check.result.format === 'final';
  return { state, hash: walk.hash(), metas: check.records.metas, endPts: span.end ?? 0, isIndexed, isClosed };
};

export interface Recovery extends RecoveryScan {
  /** Length of the recovered file, and whether it has its close. */
  readonly bytes: number;
  readonly isClosed: boolean;
}

/**
 * Copies what is whole to `sink`, adds the index that a reader opens it by (the close, if the end record is among what is
 * whole) and commits. Refuses with H4_INNER_DAMAGE a file that is damaged inside, unless `cut` asks for the part before the
 * damage; then nothing has been written. Aborting the sink after a failure is up to its owner.
 */
export const recoverRecording = async (
  source: ByteSource,
  sink: ByteSink,
  options: RecoverOptions & { readonly cut?: boolean } = {},
): Promise<Recovery> => {
  const scan = await scanRecording(source, options);
  if (scan.damage !== undefined && options.cut !== true) throw damageError(scan, scan.damage);
  const { state, hash, metas, isIndexed, isClosed } = await readResumption(source, scan, { ...options, copyTo: sink });
  if (metas.ended ? !isClosed : !isIndexed) {
    const writer = new RecordWriter(sink, { seekTrack: metas.info?.seekTrack ?? 0, resume: { state, hash } });
    await (metas.ended ? writer.close() : writer.indexPoint());
  }
  await sink.commit();
  return { ...scan, bytes: sink.length, isClosed: metas.ended };
};

/** Refuses a file in which a writer must not go on: see `scanRecording` and section 14. */
export const assertResumable = (scan: RecoveryScan, promised: Tail | undefined): void => {
  if (scan.damage !== undefined) throw damageError(scan, scan.damage);
  if (scan.metas.ended) {
    throw new H4Error('H4_AFTER_END', 'The recording has its end record: nothing may follow it; start a new one');
  }
  if (promised !== undefined && promised.records > scan.records) {
    throw new H4Error(
      'H4_ROLLBACK',
      `${promised.records} records were promised to be safe${promised.sign > 0 ? ' and signed' : ''}, but ${scan.records} ` +
        'are left: going on would tell another history; start a new recording with a new uid',
    );
  }
};

/** Passes a feed on after writing each piece to `sink`. */
const teeOf = (feed: ByteFeed, sink: ByteSink): ByteFeed => ({
  size: feed.size,
  async next() {
    const piece = await feed.next();
    if (piece !== undefined) await sink.write(piece);
    return piece;
  },
});

const damageError = (scan: RecoveryScan, { code, message, offset, later }: Damage): H4Error => {
  const behind =
    later === undefined ? '' : `; the recording goes on behind it, with ${later.tag} at offset ${later.offset}`;
  return new H4Error(
    'H4_INNER_DAMAGE',
    `The file is damaged inside, at offset ${offset}, after ${scan.records} whole records: ${message}${behind}`,
    { detail: { offset, code, records: scan.records, end: scan.end, ...(later === undefined ? {} : { later }) } },
  );
};
