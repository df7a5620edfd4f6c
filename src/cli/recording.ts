/** Opens a container for the commands that seek and decode: records with an index, and engines to decode them. */
import { builtinEngines } from '../compression/index.js';
import type { ByteSource } from '../container/io/io.js';
import { TAIL_STATE } from '../container/layout.js';
import { H4MKReader } from '../container/reader.js';
import { H4Error } from '../utils/error.js';
import { FileWalker } from './walk.js';

/** Opens the recording in `source`. Legacy files and slices are refused: they have no records, or not all of them. */
export async function openRecording(source: ByteSource, signal: AbortSignal): Promise<H4MKReader> {
  const walker = new FileWalker(source, { signal });
  await walker.assertHeader();
  const first = await walker.firstTag();
  if (first !== undefined && first !== 'TOKN') {
    throw new H4Error(
      'H4_ENGINE_UNKNOWN',
      'This is a legacy file, without records: it can be inspected and verified only',
    );
  }
  if ((await walker.tail())?.state === TAIL_STATE.slice) {
    throw new H4Error(
      'H4_RANGE_NOT_FOUND',
      'This is a slice: it proves some records of a recording and has no index; inspect --records lists them',
    );
  }
  return H4MKReader.open(source, { engines: builtinEngines(), signal });
}

/** Refuses a track that the recording does not have, and names those that it has. */
export async function assertTrack(reader: H4MKReader, track: number, signal: AbortSignal): Promise<void> {
  const ids = (await reader.tracks(signal)).map(({ id }) => id);
  if (!ids.includes(track)) {
    throw new H4Error('H4_PARAM', `There is no track ${track}: the recording has ${ids.join(', ') || 'none'}`);
  }
}
