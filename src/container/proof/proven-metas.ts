/**
 * The key epochs of a recording, out of META records that are proven (spec/h4mk.md sections 5.1 and 12). They are chained by
 * `back`, which is signed, from the latest one to record 0. Which is the latest is a hint: one that lies hides an epoch, whose
 * blocks cannot be read then, and changes nothing else.
 */
import { H4Error } from '../../utils/error.js';
import { MODE, NO_TRACK } from '../format/layout.js';
import { type KeyEpoch, MetaLedger, parseMeta } from '../format/meta.js';
import type { ProvenRecords } from './proven-records.js';
import { endingOf } from './proven-seek.js';
import { type LocatedTokn, type StoredRecord, readHeadAt } from '../read/record-reader.js';

const MAX_METAS = 16_384;

/** All epochs that the META of the checkpoint lists. @param latest where the TOKN of the latest META seems to stand */
export const epochsOf = async (
  records: ProvenRecords,
  zero: StoredRecord,
  latest: number,
  signal?: AbortSignal,
): Promise<readonly KeyEpoch[]> => {
  const payloads: Uint8Array[] = [];
  let bytes = 0;
  for (let located = await latestOf(records, latest, signal); located.tokn.seq > 0;) {
    const { seq, back, mode, size } = located.tokn;
    bytes += size;
    if (bytes > records.limits.maxChunkBytes || payloads.length >= MAX_METAS) {
      const limit = `${MAX_METAS} records or ${records.limits.maxChunkBytes} bytes`;
      throw new H4Error('H4_LIMIT_META', `The META of this file has more than ${limit} together`);
    }
    const { payload } = mode === MODE.meta ? await records.record(seq, { signal }) : { payload: undefined };
    if (payload !== undefined) payloads.push(payload);
    if (back < 1 || back > seq) throw new H4Error('H4_TOKN_BACK', `Record ${seq} does not lead back to record 0`);
    located = await records.tokn(seq - back, { signal });
  }
  if (zero.payload !== undefined) payloads.push(zero.payload);
  const metas = new MetaLedger();
  for (const payload of payloads.reverse()) metas.apply(parseMeta(payload, records.limits).json, undefined);
  return metas.epochs;
};

const latestOf = async (
  records: ProvenRecords,
  latest: number,
  signal: AbortSignal | undefined,
): Promise<LocatedTokn> => {
  const { source, limits, count } = records;
  const { seq, back } = await readHeadAt(source, latest, undefined, limits, signal);
  // A META may have come after the checkpoint.
  const within = seq < count ? seq : seq - back;
  if (within >= 0 && within < count) return records.tokn(within, { signal });
  const [last] = await endingOf(records, NO_TRACK, { signal });
  return last ?? records.tokn(0, { signal });
};
