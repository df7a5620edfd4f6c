/** Opens a container for the commands that seek and decode: records with an index, and engines to decode them. */
import { builtinEngines } from '../compression/index.js';
import type { ByteSource } from '../container/io/io.js';
import { H4MKReader } from '../container/reader.js';
import { H4Error, isH4Error } from '../utils/error.js';
import { FileWalker } from './walk.js';

/** Opens the recording in `source` with the engines that are built in. */
export async function openRecording(source: ByteSource, signal: AbortSignal): Promise<H4MKReader> {
  try {
    return await H4MKReader.open(source, { engines: builtinEngines(), signal });
  } catch (error) {
    if (!isH4Error(error, 'H4_ENGINE_UNKNOWN') || (await new FileWalker(source).firstTag()) === 'TOKN') throw error;
    // No engine helps with a file that has no records: the advice is another one.
    throw new H4Error(error.code, error.message, { detail: { form: 'legacy' }, cause: error });
  }
}

/** Refuses a track that the recording does not have, and names those that it has. */
export async function assertTrack(reader: H4MKReader, track: number, signal: AbortSignal): Promise<void> {
  const ids = (await reader.tracks(signal)).map(({ id }) => id);
  if (!ids.includes(track)) {
    throw new H4Error('H4_PARAM', `There is no track ${track}: the recording has ${ids.join(', ') || 'none'}`);
  }
}
