/** Opens a container for the commands that seek and decode: with records and an index, or a legacy file without them. */
import type { EngineSet } from '../compression/api/engine-set.js';
import { builtinEngines } from '../compression/index.js';
import { legacyEngine } from '../compression/legacy.js';
import type { ByteSource } from '../container/io/io.js';
import { LegacyReader } from '../container/legacy-reader.js';
import { H4MKReader } from '../container/reader.js';
import { H4Error, isH4Error } from '../utils/error.js';

export type OpenedContainer =
  | { readonly form: 'records'; readonly reader: H4MKReader }
  | { readonly form: 'legacy'; readonly reader: LegacyReader };

/** Opens a recording; with the engines that are built in, unless others are given. */
export function openRecording(
  source: ByteSource,
  signal: AbortSignal,
  engines: EngineSet = builtinEngines(),
): Promise<H4MKReader> {
  return H4MKReader.open(source, { engines, signal });
}

/** Opens whatever is in `source`. `key` unmasks a legacy file, `engines` decode a recording. */
export async function openContainer(
  source: ByteSource,
  signal: AbortSignal,
  key?: Uint8Array,
  engines?: EngineSet,
): Promise<OpenedContainer> {
  const reader = await openRecording(source, signal, engines).catch((error: unknown) => {
    // Asked for as a recording, which costs no read more for those that are.
    if (isH4Error(error) && error.detail['form'] === 'legacy') return undefined;
    throw error;
  });
  if (reader === undefined) {
    const masterKey = key === undefined ? {} : { masterKey: key };
    return { form: 'legacy', reader: await LegacyReader.open(source, { decode: legacyEngine, signal, ...masterKey }) };
  }
  if (key !== undefined) {
    throw new H4Error(
      'H4_PARAM',
      'Cannot use a key: this version unmasks legacy files only, and this is a recording with records',
    );
  }
  return { form: 'records', reader };
}

/** The one track of a legacy file. */
export const LEGACY_TRACK = 0;

/** Refuses a track that the recording does not have, and names those that it has. */
export async function assertTrack(reader: H4MKReader, track: number, signal: AbortSignal): Promise<void> {
  const ids = (await reader.tracks(signal)).map(({ id }) => id);
  if (!ids.includes(track)) {
    throw new H4Error('H4_PARAM', `There is no track ${track}: the recording has ${ids.join(', ') || 'none'}`);
  }
}

/** Refuses any track but the one of a legacy file. */
export function assertLegacyTrack(track: number): void {
  if (track !== LEGACY_TRACK) {
    throw new H4Error('H4_PARAM', `There is no track ${track}: a legacy file has one, ${LEGACY_TRACK}`);
  }
}
