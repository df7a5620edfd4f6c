/**
 * What makes a checkpoint one of a recording that somebody may rely on (spec/h4mk.md sections 5, 8 and 16): the same rules for
 * a file that is searched and for a proof that came without one.
 */
import { equalBytes, toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { MODE } from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import { MetaLedger, type RecordingInfo, ZERO_UID, parseMeta } from '../format/meta.js';
import type { Note } from '../format/note.js';
import type { Tokn } from '../format/tokn.js';
import { type Cosigner, type NoteVerdict, type TrustPolicy, engineFault } from '../trust/trust.js';

/** What everything is proven under. */
export interface ProvenCheckpoint {
  /** `<key name>/<hex file_id>` */
  readonly origin: string;
  /** Number of records that it covers. */
  readonly size: number;
  readonly root: Uint8Array;
  /** Names of keys of the policy that signed it; none where nobody was asked. */
  readonly signers: readonly string[];
  readonly cosigners: readonly Cosigner[];
}

export const provenCheckpoint = ({ origin, size, root }: Note, verdict: NoteVerdict): ProvenCheckpoint => ({
  origin: origin.line,
  size,
  root,
  signers: verdict.verified,
  cosigners: verdict.cosigners,
});

/** What record 0 says, given its payload. */
export const recordingOf = (tokn: Tokn, payload: Uint8Array | undefined, limits: Limits): RecordingInfo => {
  const metas = new MetaLedger();
  if (tokn.mode === MODE.meta && payload !== undefined) metas.apply(parseMeta(payload, limits).json, undefined);
  if (metas.info === undefined || tokn.pts !== 0 || tokn.blind.length > 0 || tokn.seq !== 0) {
    throw new H4Error('H4_RECORD0', 'Record 0 is not a META that describes a recording');
  }
  return metas.info;
};

/** H4_ENGINE_UNTRUSTED unless the policy allows the engine that the recording names. */
export const assertEngine = ({ compression }: RecordingInfo, allowed: TrustPolicy['engines']): void => {
  const fault = engineFault(compression, allowed);
  if (fault !== undefined) throw new H4Error('H4_ENGINE_UNTRUSTED', fault);
};

/** H4_SIGN_ORIGIN unless this is the recording that is meant, where one is. */
export const assertFileId = (fileId: Uint8Array, wanted: Uint8Array | undefined): void => {
  if (wanted === undefined || equalBytes(wanted, fileId)) return;
  throw new H4Error('H4_SIGN_ORIGIN', `This is the recording ${toHex(fileId)}, and not ${toHex(wanted)}`);
};

/** H4_SIGN_ORIGIN, H4_UID_ZERO_SIGNED or H4_SIGN_SIZE unless a checkpoint can be one of this file. */
export const assertOfFile = ({ origin, size }: Note, { fileId, uid }: { fileId: Uint8Array; uid: string }): void => {
  if (origin.fileIdHex !== toHex(fileId)) {
    throw new H4Error('H4_SIGN_ORIGIN', `The checkpoint is of the file ${origin.fileIdHex}, not of ${toHex(fileId)}`);
  }
  if (uid === ZERO_UID) {
    throw new H4Error('H4_UID_ZERO_SIGNED', 'A file with uid zero is declared unsigned and must not hold SIGN');
  }
  if (size < 1) throw new H4Error('H4_SIGN_SIZE', 'The checkpoint covers no record at all');
};
