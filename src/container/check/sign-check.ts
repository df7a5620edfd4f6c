/**
 * The rules of SIGN, TIME and ATTS (spec/h4mk.md sections 8 and 15): their form, that a checkpoint names this file, that its
 * size and root are those of the tree, and that a time stamp belongs to a SIGN before it. None of this proves who signed: that
 * is asked of `CheckpointTrust` and `StatementCheck`.
 */
import { fromHex, toHex } from '../../utils/bytes.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import { sha256 } from '../../utils/sha256.js';
import type { CheckpointTrust } from './checkpoint-trust.js';
import type { Chunk } from '../format/chunk.js';
import type { Findings } from './findings.js';
import type { CheckContext, CheckResult } from './format-check.js';
import { HASH_BYTES } from '../format/layout.js';
import type { Limits } from '../format/limits.js';
import type { MerkleFrontier } from '../tree/merkle.js';
import { type Note, parseNote } from '../format/note.js';
import type { RedactionCheck } from './redaction-check.js';
import { StatementCheck } from './statement-check.js';
import type { Cosigner, IgnoredKey, NoteVerdict, Shortfall } from '../trust/trust.js';

/** One checkpoint as a report lists it. */
export interface SignatureInfo {
  readonly size: number;
  readonly origin: string;
  /** Names of configured keys that signed it. */
  readonly verified: readonly string[];
  /** Configured witnesses that cosigned it, and when. */
  readonly cosigned: readonly Cosigner[];
  /** Configured keys that signed it and do not count, and why. */
  readonly ignored: readonly IgnoredKey[];
  /** What it lacks under the policy; absent where it lacks nothing, or nobody was asked. */
  readonly lacking?: Shortfall;
}

/** A checkpoint, and who has signed it. */
export interface JudgedNote {
  readonly note: Note;
  readonly verdict: NoteVerdict;
}

/** What a file says of itself that its signatures have to agree with. */
export interface SignedFile {
  /** leaf(0) */
  readonly fileId: Uint8Array | undefined;
  readonly hasZeroUid: boolean;
}

/** Checks of single chunks. What does not parse throws, what contradicts the file is noted. */
export class SignCheck {
  readonly #findings: Findings;
  readonly #limits: Limits;
  /** Hashes of the payloads of all SIGNs so far, in hex; at most maxNotes of them. */
  readonly #imprints = new Set<string>();
  readonly #listed: SignatureInfo[] = [];
  readonly #trust: CheckpointTrust;
  readonly #statements: StatementCheck;
  #count = 0;

  constructor({ findings, limits, demands }: CheckContext, trust: CheckpointTrust, redactions: RedactionCheck) {
    this.#findings = findings;
    this.#limits = limits;
    this.#trust = trust;
    this.#statements = new StatementCheck(limits, demands.trust?.statementKeys ?? [], redactions);
  }

  /** The first well-formed checkpoints and statements, up to the limits of a report, and how many there are. */
  get result(): Pick<CheckResult, 'signatures' | 'signatureCount' | 'statements' | 'statementCount'> {
    return {
      signatures: this.#listed,
      signatureCount: this.#count,
      statements: this.#statements.listed,
      statementCount: this.#statements.count,
    };
  }

  /** The checkpoint in a SIGN of this file. Whether size and root are right is for the caller, who has the tree. */
  sign(chunk: Chunk, file: SignedFile): JudgedNote {
    if (++this.#count > this.#limits.maxNotes) {
      throw new H4Error('H4_LIMIT_NOTES', `The file has more than ${this.#limits.maxNotes} signatures`);
    }
    this.#imprints.add(toHex(sha256(chunk.payload)));
    if (file.hasZeroUid) {
      const message = 'A file with uid zero is declared unsigned and must not hold SIGN';
      this.#findings.error('H4_UID_ZERO_SIGNED', chunk.offset, message);
    }
    const note = parseNote(chunk.payload, this.#limits);
    const { origin, size } = note;
    if (file.fileId === undefined || origin.fileIdHex !== toHex(file.fileId)) {
      this.#findings.error(
        'H4_SIGN_ORIGIN',
        chunk.offset,
        `The checkpoint is of the file ${origin.fileIdHex}, not this one`,
      );
    }
    const verdict = this.#judge(note, chunk.offset);
    if (this.#listed.length < this.#limits.maxReport) {
      const { verified, cosigners, ignored, shortfall } = verdict;
      const lacking = shortfall === undefined ? {} : { lacking: shortfall };
      this.#listed.push({ size, origin: shown(origin.line), verified, cosigned: cosigners, ignored, ...lacking });
    }
    return { note, verdict };
  }

  #judge(note: Note, offset: number): NoteVerdict {
    try {
      return this.#trust.judge(note);
    } catch (error) {
      if (!isH4Error(error, 'H4_SIGN_BAD')) throw error;
      this.#findings.error(error.code, offset, error.message);
      return { verified: [], cosigners: [], ignored: [], lacks: 'signature' };
    }
  }

  time(chunk: Chunk): void {
    const imprint = parseTime(chunk.payload);
    if (!this.#imprints.has(toHex(imprint))) {
      this.#findings.error('H4_TIME_IMPRINT', chunk.offset, 'The time stamp is over none of the signatures before it');
    }
  }

  attestation(chunk: Chunk, { fileId }: Pick<SignedFile, 'fileId'>): void {
    this.#statements.check(chunk.payload, fileId);
  }
}

/** Longer origins are only counted: a report of many notes must not grow with what they hold. */
const MAX_SHOWN = 1024;

const shown = (line: string): string => (line.length <= MAX_SHOWN ? line : `(${line.length} characters)`);

const TIME_RFC_3161 = 1;
const IMPRINT_AT = 8;
const TOKEN_AT = IMPRINT_AT + HASH_BYTES;

/** The imprint of a TIME payload; the token behind it is opaque here. */
export const parseTime = (payload: Uint8Array): Uint8Array => {
  const isHeader = payload[0] === TIME_RFC_3161 && payload.subarray(1, IMPRINT_AT).every((byte) => byte === 0);
  if (payload.length <= TOKEN_AT || !isHeader) {
    throw new H4Error(
      'H4_TIME_LAYOUT',
      `TIME of ${payload.length} bytes and type ${payload[0] ?? 'none'} is not type ${TIME_RFC_3161}, 7 zeros, an imprint and a token`,
    );
  }
  return payload.subarray(IMPRINT_AT, TOKEN_AT);
};

/**
 * The rule for sizes of checkpoints in a stream. A SIGN covers the records before it, or, where it comes late (a
 * cosignature may arrive when the recording has gone on), exactly the records that an earlier SIGN or TAIL spoke of. So
 * only the roots at those sizes are kept.
 */
export class CheckpointCheck {
  readonly #findings: Findings;
  readonly #limits: Limits;
  readonly #tree: MerkleFrontier;
  /** Root in hex by size. */
  readonly #roots = new Map<number, string>();

  constructor(findings: Findings, limits: Limits, tree: MerkleFrontier) {
    this.#findings = findings;
    this.#limits = limits;
    this.#tree = tree;
  }

  /** Keeps the root of the records so far: a SIGN or TAIL stands here. */
  remember(): void {
    const { size } = this.#tree;
    if (this.#roots.has(size)) return;
    if (this.#roots.size >= this.#limits.maxNotes) {
      throw new H4Error('H4_LIMIT_NOTES', `The file has checkpoints at more than ${this.#limits.maxNotes} sizes`);
    }
    this.#roots.set(size, toHex(this.#tree.root()));
  }

  /** The root that the tree had at the size that a checkpoint names; undefined where that is no size for one. */
  check({ size, root }: Note, offset: number): Uint8Array | undefined {
    const records = this.#tree.size;
    if (size === records) this.remember();
    const expected = this.#roots.get(size);
    if (expected === undefined) {
      const message = `The checkpoint has size ${size}: neither the ${records} records before it nor those of an earlier SIGN or TAIL`;
      this.#findings.error('H4_SIGN_SIZE', offset, message);
    } else if (expected !== toHex(root)) {
      this.#findings.error(
        'H4_SIGN_ROOT',
        offset,
        `The checkpoint of size ${size} does not have the root of this tree`,
      );
    }
    return expected === undefined ? undefined : fromHex(expected);
  }
}
