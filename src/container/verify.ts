/**
 * A full check of one file, as a table of contents: header, form, chunks, close, verdict (spec/h4mk.md section 16).
 * Nothing in the file is believed: every hash, index and sum is computed again from the bytes.
 */
import { toHex } from '../utils/bytes.js';
import { H4Error, isH4Error } from '../utils/error.js';
import { type RunningHash, createSha256 } from '../utils/sha256.js';
import { parseChunkHeader } from './chunk.js';
import { ChunkStream } from './chunk-stream.js';
import { createSourceFeed } from './feed.js';
import { type Finding, Findings, isLoss } from './findings.js';
import { FormSelector } from './form-selector.js';
import type { CheckResult } from './format-check.js';
import { assertHeader } from './header.js';
import { type ByteSource, type HashingSource, canHashSource } from './io/io.js';
import { CHUNK_HEADER_BYTES, HEADER_BYTES, TAIL_CHUNK_BYTES } from './layout.js';
import { type Limits, createLimits } from './limits.js';
import type { SignatureInfo } from './sign-check.js';
import { type Tail, tailAtEnd } from './tail.js';

/** Result states, the first that applies (section 16). */
export type VerificationState =
  | 'NOT_OK'
  | 'NOT_SIGNED'
  | 'SIGNED_UNTRUSTED_KEY'
  | 'OK_SLICE'
  | 'OK_PENDING'
  | 'OK_PREFIX'
  | 'OK_WITH_REDACTIONS'
  | 'OK';

/** The outcome of a check: the same object as JSON on the command line, over HTTP and in the browser. */
export interface VerificationReport {
  readonly format: 'H4MK v1 final' | 'H4MK v1 live' | 'H4MK v1 slice' | 'H4MK v1 legacy' | 'unknown';
  readonly state: VerificationState;
  /** Whether anything about origin is proven; false without configured keys. */
  readonly proven: boolean;
  readonly exit_code: 0 | 1 | 3 | 4;
  readonly root: string | null;
  readonly file_id: string | null;
  /** Records in the file, and in the tree: a slice holds fewer than its tree. */
  readonly records: number;
  readonly tree_size: number;
  readonly redacted: number;
  readonly bytes: number;
  /** Well-formed checkpoints, up to the limit of a report, and the number of all SIGN chunks. */
  readonly signatures: readonly SignatureInfo[];
  readonly signature_count: number;
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
  /** All findings, those beyond the listed ones included. */
  readonly error_count: number;
  readonly warning_count: number;
}

export interface VerifyOptions {
  readonly limits?: Partial<Limits>;
  readonly signal?: AbortSignal;
  /** Called now and then with the number of bytes checked so far. */
  readonly onProgress?: (bytes: number) => void;
}

/** Below this, another thread costs more than it saves. */
const MIN_PARALLEL_BYTES = 8 * 1024 * 1024;

/** Checks a whole file. Rejects only if the source cannot be read; everything about the file is in the report. */
export const verifyContainer = async (source: ByteSource, options: VerifyOptions = {}): Promise<VerificationReport> => {
  const limits = createLimits(options.limits);
  const findings = new Findings(limits.maxReport);
  const tail = await readTail(source, options.signal);
  const veri = createVeri(source, tail, options.signal);
  const feed = createSourceFeed(source, options.signal === undefined ? {} : { signal: options.signal });
  const stream = new ChunkStream(feed, limits, veri.running);
  const form = new FormSelector(findings, limits, tail?.state);
  await walk(source, stream, form, veri, tail !== undefined, options);
  return createReport(form.result, findings, source.size);
};

const readTail = async (source: ByteSource, signal: AbortSignal | undefined): Promise<Tail | undefined> => {
  const start = Math.max(0, source.size - TAIL_CHUNK_BYTES);
  return tailAtEnd(await source.read(start, source.size, signal), source.size);
};

/** Gives the hash of the bytes before VERI: from the walk itself, or from the source while the walk goes on. */
interface Veri {
  readonly running: RunningHash | undefined;
  digest(stream: ChunkStream, offset: number): Promise<Uint8Array>;
}

const createVeri = (source: ByteSource, tail: Tail | undefined, signal: AbortSignal | undefined): Veri => {
  if (tail !== undefined && canHashSource(source) && source.size >= MIN_PARALLEL_BYTES) {
    return createParallelVeri(source, tail.veri, signal);
  }
  const running = createSha256();
  return {
    running,
    digest(stream, offset) {
      stream.hashUpTo(offset);
      return Promise.resolve(running.copy().digest());
    },
  };
};

const createParallelVeri = (source: HashingSource, hint: number, signal: AbortSignal | undefined): Veri => {
  // The hint comes from the file: if it is wrong, the right range is hashed when VERI is reached.
  const isPlausible = hint > HEADER_BYTES && hint < source.size;
  const early = isPlausible ? source.sha256(HEADER_BYTES, hint, signal) : undefined;
  early?.catch(() => undefined);
  return {
    running: undefined,
    digest: (_stream, offset) =>
      early !== undefined && offset === hint ? early : source.sha256(HEADER_BYTES, offset, signal),
  };
};

const walk = async (
  source: ByteSource,
  stream: ChunkStream,
  form: FormSelector,
  veri: Veri,
  endsInTail: boolean,
  options: VerifyOptions,
): Promise<void> => {
  let headerRead = false;
  let veriSeen = false;
  let reported = 0;
  try {
    assertHeader(await stream.take(HEADER_BYTES));
    headerRead = true;
    for (;;) {
      if (options.signal?.aborted === true) {
        throw new H4Error('H4_CANCELLED', 'The check was cancelled', { cause: options.signal.reason });
      }
      const chunk = await stream.next();
      if ('kind' in chunk) {
        const cutTag = chunk.offset === HEADER_BYTES ? await readFirstTag(source, options.signal) : undefined;
        form.end(chunk, endsInTail, source.size - chunk.offset, cutTag);
        break;
      }
      const digest: Uint8Array | undefined =
        chunk.tag === 'VERI' && !veriSeen ? await veri.digest(stream, chunk.offset) : undefined;
      veriSeen ||= digest !== undefined;
      if (!form.chunk(chunk, digest)) break;
      if (stream.offset - reported >= PROGRESS_BYTES) options.onProgress?.((reported = stream.offset));
    }
  } catch (error) {
    if (!isH4Error(error) || !FILE_FAULTS.has(error.kind) || error.code === 'H4_HTTP_RANGE') throw error;
    form.fail(error, headerRead ? stream.offset : 0);
  }
  options.onProgress?.(stream.offset);
};

/** The tag of a first chunk that runs past the end, or undefined where not even its header is whole. */
const readFirstTag = async (source: ByteSource, signal: AbortSignal | undefined): Promise<string | undefined> => {
  const end = HEADER_BYTES + CHUNK_HEADER_BYTES;
  if (source.size < end) return undefined;
  return parseChunkHeader(await source.read(HEADER_BYTES, end, signal), 0, HEADER_BYTES).tag;
};

const PROGRESS_BYTES = 1024 * 1024;

/** Kinds of errors that speak about the file; any other one, and a server that ignores ranges, is not its fault. */
const FILE_FAULTS: ReadonlySet<string> = new Set(['malformed', 'tampered', 'unsupported', 'limit']);

const createReport = (result: CheckResult | undefined, findings: Findings, bytes: number): VerificationReport => {
  const state = stateOf(result, findings);
  return {
    format: result === undefined ? 'unknown' : `H4MK v1 ${result.format}`,
    state,
    proven: false,
    exit_code: exitOf(result, findings),
    root: result?.root === undefined ? null : toHex(result.root),
    file_id: result?.fileId === undefined ? null : toHex(result.fileId),
    records: result?.records ?? 0,
    tree_size: result?.treeSize ?? 0,
    redacted: result?.redacted ?? 0,
    bytes,
    signatures: result?.signatures ?? [],
    signature_count: result?.signatureCount ?? 0,
    errors: findings.errors,
    warnings: findings.warnings,
    error_count: findings.errorCount,
    warning_count: findings.warningCount,
  };
};

const stateOf = (result: CheckResult | undefined, findings: Findings): VerificationState => {
  if (result === undefined || findings.errorCount > 0) return 'NOT_OK';
  return result.signatureCount > 0 ? 'SIGNED_UNTRUSTED_KEY' : 'NOT_SIGNED';
};

/** 0 for a sound and whole file, 3 for one that is sound as far as it goes, 1 for a broken one. */
const exitOf = (result: CheckResult | undefined, findings: Findings): 0 | 1 | 3 => {
  if (result === undefined || findings.errorCount > 0) return 1;
  const isWhole = result.format === 'final' || result.format === 'legacy';
  return isWhole && result.redacted === 0 && !findings.warnings.some(isLoss) ? 0 : 3;
};
