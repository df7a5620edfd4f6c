/**
 * What the checks of the three forms of a file have in common: streams, slices and legacy files (spec/h4mk.md sections 1.2
 * and 3). Which of them applies is decided by `FormSelector`.
 */
import { equalBytes } from '../../utils/bytes.js';
import { crc32 } from '../../utils/crc32.js';
import type { Chunk } from '../format/chunk.js';
import type { StreamEnd } from '../source/chunk-stream.js';
import type { NearMiss } from './checkpoint-trust.js';
import type { Demands } from './demands.js';
import type { Finding, Findings } from './findings.js';
import type { GapCheck } from './gap-check.js';
import { VERI_BYTES } from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import type { MetaLedger } from '../format/meta.js';
import type { RedactionCheck } from './redaction-check.js';
import type { StoredRecord } from '../read/record-reader.js';
import type { SignatureInfo } from './sign-check.js';
import type { StatementInfo } from './statement-check.js';
import type { TrustedCheckpoint, Verified } from './verified.js';

/** Is told of every record once it has been checked, those with faults excepted whose payload is not the one committed to. */
export type RecordObserver = (record: StoredRecord) => void;

/** What the parts of one check share. */
export interface CheckContext {
  readonly findings: Findings;
  readonly limits: Limits;
  readonly demands: Demands;
  readonly observe?: RecordObserver;
}

/** A check of one form of file, driven chunk by chunk. */
export interface FormatCheck {
  /** Takes the next chunk; false ends the walk. `digest` is the hash of all bytes before it, given with VERI only. */
  chunk(chunk: Chunk, digest?: Uint8Array): boolean;
  /** The file has ended without an error that ended the walk. `endsInTail`: its last 172 bytes are a TAIL. */
  end(end: StreamEnd, endsInTail: boolean): void;
  readonly result: CheckResult;
}

export interface CheckResult {
  readonly format: 'final' | 'live' | 'slice' | 'legacy';
  /** Records in the file. */
  readonly records: number;
  /** Records in the tree: more than those in the file if that is a slice. */
  readonly treeSize: number;
  readonly root: Uint8Array | undefined;
  readonly fileId: Uint8Array | undefined;
  readonly redacted: number;
  /** The first of them, up to the limit of a report. */
  readonly signatures: readonly SignatureInfo[];
  readonly signatureCount: number;
  /** The largest checkpoint that is trusted, and where there is none, the one that came closest. */
  readonly newest: Verified<TrustedCheckpoint> | undefined;
  readonly nearMiss: NearMiss | undefined;
  /** What contradicts checkpoints that were seen before. */
  readonly seenFaults: readonly Finding[];
  /** The first statements, up to a hundred. */
  readonly statements: readonly StatementInfo[];
  readonly statementCount: number;
  /** What the file says of itself; undefined in a legacy file. */
  readonly metas: MetaLedger | undefined;
  /** When nothing was recorded, and what was redacted; absent in a legacy file, which has no records. */
  readonly gaps?: GapCheck;
  readonly redactions?: RedactionCheck;
}

/** Notes a chunk whose payload does not have its CRC; the walk goes on. */
export const checkCrc = (chunk: Chunk, findings: Findings): void => {
  const crc = crc32(chunk.payload);
  if (crc !== chunk.crc) {
    const [is, says] = [crc, chunk.crc].map((value) => value.toString(16).padStart(8, '0'));
    findings.error(
      'H4_CRC_MISMATCH',
      chunk.offset,
      `The payload of ${chunk.tag} has CRC ${is}, but its header says ${says}`,
    );
  }
};

/** VERI: the hash of everything before it but the file header. */
export const checkVeri = (chunk: Chunk, digest: Uint8Array | undefined, findings: Findings): void => {
  if (chunk.size !== VERI_BYTES) {
    findings.error('H4_VERI_SIZE', chunk.offset, `VERI has ${chunk.size} bytes, not ${VERI_BYTES}`);
  } else if (digest === undefined || !equalBytes(digest, chunk.payload)) {
    findings.error(
      'H4_VERI_MISMATCH',
      chunk.offset,
      'VERI is not the hash of the bytes before it: the file has changed',
    );
  }
};
