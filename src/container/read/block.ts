/** From a verified record to media bytes: the only way there is (spec/h4mk.md section 5.2, engine rule). */
import type { EngineSet } from '../../compression/api/engine-set.js';
import { H4Error } from '../../utils/error.js';
import type { KeyRing } from '../secrecy/key-ring.js';
import { MODE, isMediaMode } from '../format/layout.js';
import type { RecordingInfo } from '../format/meta.js';
import type { StoredRecord } from './record-reader.js';
import type { Tokn } from '../format/tokn.js';

export interface Block {
  readonly tokn: Tokn;
  readonly offset: number;
  /** The media bytes of the block, exactly `tokn.raw` of them. */
  readonly bytes: Uint8Array;
}

/** The keys of a reader, and the recording that they are for. */
export interface BlockKeys {
  readonly fileId: Uint8Array;
  /** Has admitted every epoch that META lists up to the record. */
  readonly ring: KeyRing;
}

/** Decodes a record with the engine that its recording names; a hidden one with `keys`. */
export const decodeBlock = async (
  { tokn, offset, payload }: StoredRecord,
  { compression }: RecordingInfo,
  engines: EngineSet,
  keys?: BlockKeys,
): Promise<Block> => {
  const { seq, mode, raw } = tokn;
  if (!isMediaMode(mode)) throw new H4Error('H4_PARAM', `Record ${seq} holds no media: it is of mode ${mode}`);
  if (payload === undefined) throw new H4Error('H4_RANGE_REDACTED', `The content of record ${seq} has been redacted`);
  if (mode !== MODE.core && (keys === undefined || keys.ring.isEmpty)) {
    throw new H4Error('H4_KEY_MISSING', `Record ${seq} is masked or encrypted: its key is needed`);
  }
  const compressed = keys === undefined ? payload : keys.ring.reveal(keys.fileId, tokn, payload);
  const bytes = await engines.find(compression.engine_id, compression.fingerprint).decompress(compressed, raw);
  if (bytes.length !== raw) {
    throw new H4Error('H4_ENGINE_OUTPUT', `Record ${seq} decodes to ${bytes.length} bytes instead of ${raw}`);
  }
  return { tokn, offset, bytes };
};
