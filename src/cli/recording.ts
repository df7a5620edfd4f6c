/** Opens a container for the commands that seek and decode: with records and an index, or a legacy file without them. */
import type { EngineSet } from '../compression/api/engine-set.js';
import { builtinEngines } from '../compression/index.js';
import { legacyEngine } from '../compression/legacy.js';
import { MIN_CONTENT_KEY_BYTES, assertContentKey } from '../container/secrecy/block-secrets.js';
import type { ByteSource } from '../container/io/io.js';
import { LegacyReader } from '../container/legacy/legacy-reader.js';
import { H4MKReader } from '../container/read/reader.js';
import { type SliceOpenOptions, SliceReader } from '../container/slice/slice-reader.js';
import { H4Error, isH4Error } from '../utils/error.js';

export type OpenedContainer =
  | { readonly form: 'records'; readonly reader: H4MKReader }
  | { readonly form: 'legacy'; readonly reader: LegacyReader };

/** Opens a recording; with the engines that are built in, unless others are given. */
export function openRecording(
  source: ByteSource,
  signal: AbortSignal,
  engines: EngineSet = builtinEngines(),
  keys: readonly Uint8Array[] = [],
): Promise<H4MKReader> {
  return H4MKReader.open(source, { engines, signal, contentKeys: keys });
}

/**
 * Opens whatever is in `source`. `engines` and `keys` decode a recording, one key unmasks a legacy file: nothing there would
 * tell which of several is the right one.
 */
export async function openContainer(
  source: ByteSource,
  signal: AbortSignal,
  keys: readonly Uint8Array[] = [],
  engines?: EngineSet,
): Promise<OpenedContainer> {
  // A key of a legacy file may be shorter than one of a recording, and it is not known yet which it is.
  const long = keys.filter((key) => key.length >= MIN_CONTENT_KEY_BYTES);
  const reader = await openRecording(source, signal, engines, long).catch((error: unknown) => {
    // Asked for as a recording, which costs no read more for those that are.
    if (isH4Error(error) && error.detail['form'] === 'legacy') return undefined;
    throw error;
  });
  if (reader === undefined) {
    const [key, ...others] = keys;
    if (others.length > 0) {
      throw new H4Error('H4_PARAM', 'Cannot use several keys: this is a legacy file, which has one');
    }
    const masterKey = key === undefined ? {} : { masterKey: key };
    return { form: 'legacy', reader: await LegacyReader.open(source, { decode: legacyEngine, signal, ...masterKey }) };
  }
  for (const key of keys) assertContentKey(key, 'key');
  return { form: 'records', reader };
}

export type OpenedFile = OpenedContainer | { readonly form: 'slice'; readonly reader: SliceReader };

/** A clip has no index and is read whole; who allows that is asked before. */
export interface FileOptions extends SliceOpenOptions {
  readonly signal: AbortSignal;
  readonly assertLeave: () => void;
}

/** As `openContainer`, and clips too: they are checked whole first, and answer only for what they carry. */
export async function openFile(source: ByteSource, options: FileOptions): Promise<OpenedFile> {
  const { signal, contentKeys = [], engines = builtinEngines(), assertLeave } = options;
  try {
    return await openContainer(source, signal, contentKeys, engines);
  } catch (error) {
    if (!isH4Error(error) || error.detail['form'] !== 'slice') throw error;
    assertLeave();
    return { form: 'slice', reader: await SliceReader.open(source, { ...options, engines }) };
  }
}

/** The one track of a legacy file. */
export const LEGACY_TRACK = 0;

/** Refuses a track that the recording does not have, and names those that it has. */
export async function assertTrack(reader: H4MKReader | SliceReader, track: number, signal: AbortSignal): Promise<void> {
  const tracks = reader instanceof SliceReader ? reader.tracks : await reader.tracks(signal);
  const ids = tracks.map(({ id }) => id);
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
