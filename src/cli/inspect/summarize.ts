/**
 * Chooses how a file is summed up. A closed recording is read from its index. Any other file (live, cut off, broken, a
 * slice, an old one) is walked from chunk to chunk, and what was found up to a break stands beside the error.
 */
import type { ByteSource } from '../../container/io/io.js';
import { TAIL_STATE } from '../../container/format/layout.js';
import { H4MKReader } from '../../container/read/reader.js';
import { FileWalker, isFileFault } from '../walk.js';
import { indexedSummary } from './indexed-summary.js';
import type { Summary } from './summary.js';
import { withContentBytes } from './legacy-summary.js';
import { walkedSummary } from './walked-summary.js';

/** Sums up whatever is in `source`; refuses only a file whose header is not that of an H4MK file, or that cannot be read. */
export async function summarize(source: ByteSource, signal: AbortSignal): Promise<Summary> {
  const walker = new FileWalker(source, { signal });
  await walker.assertHeader();
  const tail = await walker.tail();
  if (tail?.state !== TAIL_STATE.final || (await walker.firstTag()) !== 'TOKN') {
    const walked = await walkedSummary(walker);
    if (walked.legacy === undefined || walked.error !== undefined) return walked;
    return { ...walked, legacy: await withContentBytes(walked.legacy, source, signal) };
  }
  try {
    return (await indexedSummary(await H4MKReader.open(source, { signal }), walker)) ?? (await walkedSummary(walker));
  } catch (error) {
    // The index led astray: tell what is there, and the error with it.
    if (!isFileFault(error)) throw error;
    const walked = await walkedSummary(walker);
    return { ...walked, error: walked.error ?? error };
  }
}
