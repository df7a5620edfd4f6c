/** The time scale of a file, from record 0 alone. */
import { HEADER_BYTES } from '../../container/format/layout.js';
import { DEFAULT_LIMITS } from '../../container/format/limits.js';
import { MetaLedger, parseMeta } from '../../container/format/meta.js';
import { MICROSECONDS, type TimeScale } from '../durations.js';
import { type FileWalker, isFileFault } from '../walk.js';

/** Microseconds without a shift where record 0 does not say otherwise, or cannot be read. */
export async function readTimeScale(walker: FileWalker): Promise<TimeScale> {
  try {
    for await (const { record } of walker.records(HEADER_BYTES)) {
      if (record === undefined) continue;
      const metas = new MetaLedger();
      metas.apply(parseMeta(await walker.payload(record.payload, record.payload.size), DEFAULT_LIMITS).json, undefined);
      return metas.info ?? MICROSECONDS;
    }
  } catch (error) {
    if (!isFileFault(error)) throw error;
  }
  return MICROSECONDS;
}
