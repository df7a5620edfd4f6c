/**
 * What must hold whatever a file holds. A breach is a defect of the code under test: a wrong answer, an error that is none of
 * ours, a read outside of the file, more reads or memory than the file can justify.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Finding } from '../../src/container/check/findings.js';
import type { ByteSource } from '../../src/container/io/io.js';
import type { VerificationReport } from '../../src/container/check/verify.js';
import { ERROR_CODES, type ErrorCode } from '../../src/utils/error-codes.js';
import { type H4Error, isH4Error } from '../../src/utils/error.js';
import { type OracleRecord, chunksOf, hashOf, leafOf, recordsOf, rootOf } from './oracle.js';

/** A finding of the fuzzer. `rule` names the invariant and is the same for every case that breaks it. */
export class Breach extends Error {
  readonly rule: string;

  constructor(rule: string, detail: string, cause?: unknown) {
    super(`${rule}: ${detail}`, cause === undefined ? undefined : { cause });
    this.name = 'Breach';
    this.rule = rule;
  }
}

export function expectThat(holds: boolean, rule: string, detail: () => string): asserts holds {
  if (!holds) throw new Breach(rule, detail());
}

/** How often each code was met, by target. */
export type CodeCounter = (code: ErrorCode) => void;

/** Kinds of errors that a file may cause. */
const FILE_KINDS: ReadonlySet<string> = new Set(['malformed', 'tampered', 'unsupported', 'limit', 'missing']);
/** They speak about the world outside of the file, which there is none of in memory. */
const OF_THE_WORLD: ReadonlySet<string> = new Set(['H4_IO', 'H4_WRITE', 'H4_LOCKED', 'H4_HTTP_RANGE', 'H4_CANCELLED']);

const isFileError = (code: ErrorCode): boolean => FILE_KINDS.has(ERROR_CODES[code].kind) && !OF_THE_WORLD.has(code);

/** Text that comes of a value that should not have been printed. */
const CARELESS = /undefined|NaN|\[object/;

/** Names from the file are quoted; only what stands outside of quotation marks is our own. */
const expectMessage = (code: string, message: string, what: string): void => {
  const own = message.replace(/"(?:[^"\\]|\\.)*"/g, '');
  expectThat(message.length > 0 && !CARELESS.test(own), 'message', () => `${what} ${code}: ${message}`);
};

/** The result of `work`, or the H4Error of the file that it refused with. Anything else is a breach. */
export const refusedOr = async <T>(
  what: string,
  work: () => Promise<T>,
  count: CodeCounter,
  alsoAllowed: readonly ErrorCode[] = [],
): Promise<{ readonly value: T } | { readonly error: H4Error }> => {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof Breach) throw error;
    if (!isH4Error(error)) throw new Breach(`${what} throws`, describe(error), error);
    const isOurs = isFileError(error.code) || alsoAllowed.includes(error.code);
    expectThat(isOurs, `${what} throws ${error.code}`, () => describe(error));
    expectThat(error.message.length > 0, 'message', () => `${what} ${error.code}`);
    count(error.code);
    return { error };
  }
};

export const describe = (error: unknown): string =>
  error instanceof Error
    ? `${error.name}: ${error.message} ${(error.stack ?? '').split('\n').slice(1, 5).join(' | ')}`
    : String(error);

/** A source that notes what it should not have been asked, and gives up on who asks too much. */
export class WatchedSource implements ByteSource {
  readonly size: number;
  readonly #bytes: Uint8Array;
  reads = 0;
  bytesRead = 0;
  breach: Breach | undefined;
  maxReads = Infinity;
  maxBytes = Infinity;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.size = bytes.length;
  }

  /** Begins to count anew. */
  allow(maxReads: number, maxBytes: number): void {
    this.reads = 0;
    this.bytesRead = 0;
    this.maxReads = maxReads;
    this.maxBytes = maxBytes;
  }

  read(start: number, end: number): Promise<Uint8Array> {
    this.reads++;
    this.bytesRead += end - start;
    const isInside = Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end;
    if (!isInside || end > this.size) {
      this.breach ??= new Breach('read outside', `[${start}, ${end}) of ${this.size} bytes`);
    } else if (this.reads > this.maxReads) {
      this.breach ??= new Breach('too many reads', `more than ${this.maxReads}, file of ${this.size} bytes`);
    } else if (this.bytesRead > this.maxBytes) {
      this.breach ??= new Breach('too many bytes read', `more than ${this.maxBytes}, file of ${this.size} bytes`);
    }
    if (this.breach !== undefined) return Promise.reject(this.breach);
    return Promise.resolve(this.#bytes.subarray(start, end));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** What it noted counts even where whoever asked has swallowed the error. */
  assertUsedWell(what: string): void {
    if (this.breach !== undefined) throw new Breach(`${what}: ${this.breach.rule}`, this.breach.message);
  }
}

const HARMLESS: ReadonlySet<string> = new Set([
  'H4_KEY_MISSING',
  'H4_ENGINE_UNKNOWN',
  'H4_LEGACY_ENCRYPTED',
  'H4_META_NOT_JCS',
]);

/** What holds for every report, whatever the file. */
export const checkReport = (report: VerificationReport, size: number, count: CodeCounter): void => {
  const { errors, warnings, format, state, exit_code, redacted } = report;
  const text = JSON.stringify(report);
  expectThat(isDeepStrictEqual(JSON.parse(text), report), 'report is JSON', () => text.slice(0, 500));
  for (const [list, findings] of [
    ['error', errors],
    ['warning', warnings],
  ] as const) {
    for (const finding of findings) {
      checkFinding(finding, list, size);
      count(finding.code);
    }
  }
  expectThat(
    report.error_count >= errors.length && report.warning_count >= warnings.length,
    'finding counts',
    () => text,
  );
  expectThat(report.error_count > 0 === errors.length > 0, 'no error hidden', () => text.slice(0, 500));
  expectThat(report.bytes <= size, 'bytes of report', () => `${report.bytes} of ${size}`);

  const bad = format === 'unknown' || errors.length > 0;
  const whole = (format === 'H4MK v1 final' || format === 'H4MK v1 legacy') && redacted === 0;
  const lost = warnings.some(({ code }) => !HARMLESS.has(code));
  const expected = bad ? 1 : whole && !lost ? 0 : 3;
  expectThat(exit_code === expected, 'exit code', () => `${exit_code} instead of ${expected}: ${text.slice(0, 500)}`);
  const expectedState = bad ? 'NOT_OK' : report.signature_count > 0 ? 'SIGNED_UNTRUSTED_KEY' : 'NOT_SIGNED';
  expectThat(state === expectedState && !report.proven, 'state', () => `${state}, not ${expectedState}`);
  expectThat(report.records <= size / 92 && redacted <= report.records, 'record count', () => `${report.records}`);
};

const checkFinding = ({ code, offset, message }: Finding, list: 'error' | 'warning', size: number): void => {
  expectThat(code in ERROR_CODES, 'code in table', () => code);
  expectThat(isFileError(code), 'code of a file', () => code);
  const isPlace = Number.isSafeInteger(offset) && offset >= 0 && offset <= size;
  expectThat(isPlace, 'offset of finding', () => `${list} ${code} at ${offset} of ${size}`);
  expectMessage(code, message, list);
};

/** What the slow way says about a file that a check has found free of errors. */
export const checkSoundRecording = (bytes: Uint8Array, report: VerificationReport): readonly OracleRecord[] => {
  const chunks = chunksOf(bytes);
  const records = recordsOf(chunks);
  const fault = (what: string): never => {
    throw new Breach(`sound file: ${what}`, JSON.stringify(report).slice(0, 600));
  };
  if (chunks.some(({ crcOk }) => !crcOk)) fault('CRC');
  if (records.length !== report.records) fault(`has ${records.length} records`);
  const leaves = records.map(leafOf);
  if (leaves[0]?.toString('hex') !== report.file_id) fault('file_id');
  if (report.format === 'H4MK v1 slice') return records;
  if (rootOf(leaves).toString('hex') !== report.root) fault('root');
  const positions = new Map<number, number>();
  const keys = new Map<number, OracleRecord>();
  for (const [seq, record] of records.entries()) {
    if (record.seq !== seq) fault(`record ${seq} has seq ${record.seq}`);
    if (!record.isVoid && (!record.committed || record.payload.length !== record.size))
      fault(`commit of record ${seq}`);
    if (record.isVoid && record.payload.some((byte) => byte !== 0)) fault(`VOID of record ${seq}`);
    const before = keys.get(record.track);
    if (record.back !== (before === undefined ? 0 : seq - before.seq)) fault(`back of record ${seq}`);
    if (before !== undefined && record.pts < before.pts) fault(`pts of record ${seq}`);
    if (record.mode <= 2) {
      if (record.pos !== (positions.get(record.track) ?? 0)) fault(`pos of record ${seq}`);
      positions.set(record.track, record.pos + record.raw);
    }
    if (record.key) keys.set(record.track, record);
  }
  if (report.format !== 'H4MK v1 final') return records;
  const veri = chunks.find(({ tag }) => tag === 'VERI');
  const tail = chunks.at(-1);
  const isWhole = tail?.end === bytes.length || report.exit_code !== 0;
  if (veri === undefined || !hashOf(bytes.subarray(8, veri.offset)).equals(veri.payload)) return fault('VERI');
  if (tail?.tag !== 'TAIL' || !isWhole || tail.payload[8] !== 1) fault('TAIL');
  const last = records.at(-1);
  if (last?.mode !== 3 || (!last.isVoid && !last.payload.toString('utf8').includes('"end"'))) fault('end record');
  return records;
};
