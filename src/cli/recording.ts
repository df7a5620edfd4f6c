/** Opens a container for the commands that seek and decode: records with an index, and engines to decode them. */
import { builtinEngines } from '../compression/index.js';
import type { ByteSource } from '../container/io/io.js';
import { H4MKReader } from '../container/reader.js';
import { H4Error } from '../utils/error.js';

/** Opens the recording in `source` with the engines that are built in. */
export function openRecording(source: ByteSource, signal: AbortSignal): Promise<H4MKReader> {
  return H4MKReader.open(source, { engines: builtinEngines(), signal });
}

/** Refuses a track that the recording does not have, and names those that it has. */
export async function assertTrack(reader: H4MKReader, track: number, signal: AbortSignal): Promise<void> {
  const ids = (await reader.tracks(signal)).map(({ id }) => id);
  if (!ids.includes(track)) {
    throw new H4Error('H4_PARAM', `There is no track ${track}: the recording has ${ids.join(', ') || 'none'}`);
  }
}
