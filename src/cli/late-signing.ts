/**
 * What a late signature or cosignature says, and whether it may be given: the recording is checked as a whole first, and a key never
 * signs what contradicts what it has signed before (h4mk.md 8).
 */
import { addCosignature } from '../container/sign/checkpoint-signer.js';
import { HistoryGuard } from '../container/sign/history-guard.js';
import type { ByteSource } from '../container/io/io.js';
import { newestNotes } from '../container/sign/late-signature.js';
import { DEFAULT_LIMITS } from '../container/format/limits.js';
import { ZERO_UID } from '../container/format/meta.js';
import { type Resumption, readResumption } from '../container/recover/recover.js';
import type { StoredSign } from '../container/read/sign-reader.js';
import { type TrustPolicy, judgeNote } from '../container/trust/trust.js';
import { type VerificationReport, verifyContainer } from '../container/check/verify.js';
import { fromHex } from '../utils/bytes.js';
import type { ErrorCode } from '../utils/error-codes.js';
import { H4Error } from '../utils/error.js';
import { parseVerificationKey, verifyCosignature } from '../utils/verification-key.js';
import type { Signer } from './signer.js';
import { printable } from './text.js';
import type { Trust } from './trust-options.js';

export interface LateSigningRequest {
  /** For messages. */
  readonly file: string;
  readonly signer: Signer;
  readonly trust: Trust;
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: number) => void;
}

export interface LateSigning {
  readonly resumption: Resumption;
  /** What is signed: of a witness, the size of the newest checkpoint, which may be less than the recording has. */
  readonly size: number;
  readonly root: Uint8Array;
  readonly fileId: string;
  /** The payload of the SIGN to append; undefined where the file has it already. */
  readonly note: Uint8Array | undefined;
  /** Of a cosignature, in seconds since 1970. */
  readonly time?: number;
}

/** Checks all of `source` and makes the signature. Whatever is refused has not been signed. */
export async function signLate(source: ByteSource, request: LateSigningRequest): Promise<LateSigning> {
  const report = await check(source, request);
  const { key } = request.signer;
  return key.type === 'witness' ? cosigned(source, report, request) : signed(source, report, request);
}

/** Warnings of a check about a file that was cut off: a signature behind such an end would stand behind half a chunk. */
const UNFINISHED: ReadonlySet<ErrorCode> = new Set(['H4_TRUNCATED', 'H4_TOKN_NO_PAYLOAD', 'H4_TAIL_MISSING']);

async function check(
  source: ByteSource,
  { file, trust: { trust, now }, signal, onProgress }: LateSigningRequest,
): Promise<VerificationReport> {
  const report = await verifyContainer(source, {
    ...{ signal, onProgress },
    ...(trust === undefined ? {} : { trust }),
    ...(now === undefined ? {} : { now }),
  });
  const name = printable(file);
  if (report.format === 'H4MK v1 legacy') {
    const message = `Cannot sign ${name}: it is a legacy file, whose form has no signatures; 'upgrade' makes a recording of it`;
    throw new H4Error('H4_PARAM', message);
  }
  const [fault] = [...report.errors, ...report.warnings.filter(({ code }) => UNFINISHED.has(code))];
  if (fault !== undefined) {
    throw new H4Error(fault.code, `Cannot sign ${name}, which fails its check: ${fault.message}`, {
      detail: { offset: fault.offset },
    });
  }
  if (report.format === 'H4MK v1 slice') {
    // Its root is proven for the records it holds; of all others, which a signature would speak of as well, nothing is known here.
    const message = `Cannot sign ${name}: it is a slice, and a signature is about a whole recording; sign that, and cut the slice again`;
    throw new H4Error('H4_PARAM', message);
  }
  return report;
}

async function signed(
  source: ByteSource,
  { file_id }: VerificationReport,
  { file, signer, signal }: LateSigningRequest,
): Promise<LateSigning> {
  const checkpoints = signer.createCheckpointSigner({ isPublishedWhole: false });
  const fileId = file_id ?? '';
  await checkpoints.begin(fromHex(fileId));
  const onRecord = checkpoints.passed.bind(checkpoints);
  const resumption = await readResumption(source, { end: source.size }, { signal, onRecord });
  assertSignable(file, resumption);
  const { tree } = resumption.state;
  const [size, root] = [tree.size, tree.root()];
  assertNoneLost(file, checkpoints.latest?.size, size);
  const found = await newestNotes(source, resumption, DEFAULT_LIMITS, signal);
  const own = parseVerificationKey(signer.key.verificationKey);
  const policy: TrustPolicy = { keys: own.type === 'witness' ? [] : [{ key: own }] };
  const isThere = found.some(
    ({ note }) => note.size === size && judgeNote(note, policy, undefined).lacks === undefined,
  );
  const note = isThere ? undefined : await checkpoints.signLast({ size, root, fileId: fromHex(fileId) });
  return { resumption, size, root, fileId, note };
}

async function cosigned(
  source: ByteSource,
  { file_id }: VerificationReport,
  { file, signer: { key, history }, trust: { trust, now }, signal }: LateSigningRequest,
): Promise<LateSigning> {
  if (now === undefined) {
    throw new H4Error('H4_PARAM', `Cannot cosign ${printable(file)}: a cosignature says when, and there is no clock`);
  }
  const resumption = await readResumption(source, { end: source.size }, { signal });
  assertSignable(file, resumption);
  const newest = await newestNotes(source, resumption, DEFAULT_LIMITS, signal);
  const stored = newest.find(({ note }) => trust === undefined || judgeNote(note, trust, now).lacks === undefined);
  if (stored === undefined) throw nothingToCosign(file, newest);
  const { size, root, origin } = stored.note;
  const { name: witness } = key;
  const guard = new HistoryGuard({ history, origin: origin.line, signer: witness, isPublishedWhole: false });
  await guard.begin();
  assertNoneLost(file, guard.latest?.size, size);
  if (guard.latest !== undefined && guard.latest.size < size) {
    const onRecord = guard.passed.bind(guard);
    await readResumption(source, { end: source.size }, { signal, onRecord });
  }
  const result = { resumption, size, root, fileId: file_id ?? '', time: now };
  if (seenBy(key.verificationKey, stored) >= now) return { ...result, note: undefined };
  await guard.claim({ size, root }, { isLast: true });
  return { ...result, note: addCosignature(stored.payload, key, now) };
}

/** When this witness says that it has seen a note, which is before all times if it has not. */
function seenBy(verificationKey: string, { note }: StoredSign): number {
  const own = parseVerificationKey(verificationKey);
  const times = note.signatures
    .filter(({ name, keyId }) => own.type === 'witness' && name === own.name && keyId === own.keyId)
    .map(({ signature }) => (own.type === 'witness' ? verifyCosignature(own, note.text, signature) : undefined));
  return Math.max(-1, ...times.map((time = -1) => time));
}

function nothingToCosign(file: string, newest: readonly StoredSign[]): H4Error {
  const name = printable(file);
  return newest.length === 0
    ? new H4Error(
        'H4_SIGN_MISSING',
        `Cannot cosign ${name}: nobody has signed it; a witness says when a signature was there`,
      )
    : new H4Error(
        'H4_SIGN_UNTRUSTED',
        `Cannot cosign ${name}: its newest checkpoint is not signed as it was asked for`,
      );
}

/** Whoever comes with less than was signed may have cut off the rest, and nobody could tell where that has led. */
function assertNoneLost(file: string, before: number | undefined, size: number): void {
  if (before === undefined || before <= size) return;
  throw new H4Error(
    'H4_ROLLBACK',
    `Cannot sign ${size} records of ${printable(file)}: the key has signed ${before} of this recording before, as its history says`,
    { detail: { signed_size: before, size } },
  );
}

function assertSignable(file: string, { metas, isClosed }: Resumption): void {
  const name = printable(file);
  if (metas.info?.uid === ZERO_UID) {
    throw new H4Error(
      'H4_UID_ZERO_SIGNED',
      `Cannot sign ${name}: its uid is all zeros, which declares it unsigned for ever; export the input again with --signable`,
    );
  }
  if (metas.ended && !isClosed) {
    throw new H4Error('H4_TRUNCATED', `Cannot sign ${name}: its close is unfinished; 'recover' finishes it`);
  }
}
