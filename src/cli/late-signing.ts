/**
 * What a late signature, countersignature or cosignature says, and whether it may be given: the recording is checked as a whole first, and a key never
 * signs what contradicts what it has signed before (h4mk.md 8).
 */
import { addCosignature, addCountersignature } from '../container/sign/checkpoint-signer.js';
import { HistoryGuard } from '../container/sign/history-guard.js';
import type { ByteSource } from '../container/io/io.js';
import { newestNotes } from '../container/sign/late-signature.js';
import { DEFAULT_LIMITS } from '../container/format/limits.js';
import type { Note } from '../container/format/note.js';
import { ZERO_UID } from '../container/format/meta.js';
import { type Resumption, readResumption } from '../container/recover/recover.js';
import type { StoredSign } from '../container/read/sign-reader.js';
import { type TrustPolicy, judgeNote } from '../container/trust/trust.js';
import { type VerificationReport, verifyContainer } from '../container/check/verify.js';
import { equalBytes, fromHex, toHex } from '../utils/bytes.js';
import type { ErrorCode } from '../utils/error-codes.js';
import { H4Error } from '../utils/error.js';
import { parseVerificationKey, verifyCosignature, verifySignature } from '../utils/verification-key.js';
import type { Signer } from './signer.js';
import { printable } from './text.js';
import type { Trust } from './trust-options.js';

export interface LateSigningRequest {
  /** For messages. */
  readonly file: string;
  readonly signer: Signer;
  readonly trust: Trust;
  /** Whether a key that signs adds its line to a checkpoint of others, as a witness always does. */
  readonly isCountersigning: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: number) => void;
}

export interface LateSigning {
  readonly resumption: Resumption;
  /** What is signed: of a checkpoint of others, its size, which may be less than the recording has. */
  readonly size: number;
  readonly root: Uint8Array;
  readonly fileId: string;
  /** The payload of the SIGN to append; undefined where the file has it already. */
  readonly note: Uint8Array | undefined;
  /** Of a checkpoint of others, whose it is: `<key name>/<hex file_id>`. */
  readonly origin?: string;
  /** Of a cosignature, in seconds since 1970. */
  readonly time?: number;
}

/** Checks all of `source` and makes the signature. Whatever is refused has not been signed. */
export async function signLate(source: ByteSource, request: LateSigningRequest): Promise<LateSigning> {
  const report = await check(source, request);
  const { key } = request.signer;
  if (key.type === 'witness') return cosigned(source, report, request);
  return request.isCountersigning ? countersigned(source, report, request) : signed(source, report, request);
}

/** Warnings of a check about a file that was cut off: a signature behind such an end would stand behind half a chunk. */
const UNFINISHED: ReadonlySet<ErrorCode> = new Set(['H4_TRUNCATED', 'H4_TOKN_NO_PAYLOAD', 'H4_TAIL_MISSING']);

async function check(
  source: ByteSource,
  { file, signal, onProgress }: LateSigningRequest,
): Promise<VerificationReport> {
  // Whom to believe is asked of the checkpoint that is signed, which may lack just this signature.
  const report = await verifyContainer(source, { signal, onProgress });
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
  const checkpoints = signer.createCheckpointSigner();
  const fileId = file_id ?? '';
  await checkpoints.begin(fromHex(fileId));
  const onRecord = checkpoints.passed.bind(checkpoints);
  const resumption = await readResumption(source, { end: source.size }, { signal, onRecord });
  assertSignable(file, resumption);
  const { tree } = resumption.state;
  const [size, root] = [tree.size, tree.root()];
  assertNoneLost(file, checkpoints.latest?.size, size);
  const found = await newestNotes(source, resumption, DEFAULT_LIMITS, { signal });
  const own = parseVerificationKey(signer.key.verificationKey);
  const policy: TrustPolicy = { keys: own.type === 'witness' ? [] : [{ key: own }] };
  const isThere = found.some(
    ({ note }) => note.size === size && judgeNote(note, policy, undefined).lacks === undefined,
  );
  const note = isThere ? undefined : await checkpoints.sign({ size, root, fileId: fromHex(fileId) });
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
  // Witnesses that the policy wants as well may come after this one.
  const stored = await checkpointOfOthers(source, resumption, file, trust && { ...trust, quorum: 0 }, now, signal);
  const { size, root, origin } = stored.note;
  const claim = await claimOn(source, stored, file, { key, history, signal });
  const result = { resumption, size, root, fileId: file_id ?? '', origin: origin.line, time: now };
  if (seenBy(key.verificationKey, stored) >= now) return { ...result, note: undefined };
  await claim();
  return { ...result, note: addCosignature(stored.payload, key, now) };
}

async function countersigned(
  source: ByteSource,
  { file_id }: VerificationReport,
  { file, signer: { key, history }, trust: { trust, now }, signal }: LateSigningRequest,
): Promise<LateSigning> {
  const own = parseVerificationKey(key.verificationKey);
  const resumption = await readResumption(source, { end: source.size }, { signal });
  assertSignable(file, resumption);
  // This line is one of those that a policy counts. But whoever signs as the second must not be the first as well.
  const keys = (trust?.keys ?? []).filter((trusted) => !equalBytes(trusted.key.publicKey, own.publicKey));
  const others = { ...trust, keys, threshold: 1, quorum: 0 };
  const stored = await checkpointOfOthers(source, resumption, file, others, now, signal);
  const { size, root, origin, text, signatures } = stored.note;
  const claim = await claimOn(source, stored, file, { key, history, signal });
  const result = { resumption, size, root, fileId: file_id ?? '', origin: origin.line };
  const isThere = signatures.some(
    ({ name, keyId, signature }) =>
      name === own.name && keyId === own.keyId && own.type !== 'witness' && verifySignature(own, text, signature),
  );
  if (isThere) return { ...result, note: undefined };
  await claim();
  return { ...result, note: await addCountersignature(stored.payload, key) };
}

/** The newest checkpoint that is signed as `trust` wants it, or the newest of all where anybody's will do. */
async function checkpointOfOthers(
  source: ByteSource,
  resumption: Resumption,
  file: string,
  trust: TrustPolicy | undefined,
  now: number | undefined,
  signal: AbortSignal,
): Promise<StoredSign> {
  const accepted = (note: Note): boolean => trust === undefined || judgeNote(note, trust, now).lacks === undefined;
  const [newest] = await newestNotes(source, resumption, DEFAULT_LIMITS, { accepted, signal });
  if (newest === undefined) throw nothingToSign(file, resumption.state.sign > 0);
  return newest;
}

/**
 * Sees that a checkpoint is that of the records, which are read for it, and contradicts nothing that the key has signed of its
 * origin; what it gives keeps that it is signed now. What the check before has read may not be what is there now.
 */
async function claimOn(
  source: ByteSource,
  { note: { origin, size, root } }: StoredSign,
  file: string,
  { key, history, signal }: Pick<Signer, 'key' | 'history'> & { readonly signal: AbortSignal },
): Promise<() => Promise<void>> {
  const guard = new HistoryGuard({ history, origin: origin.line, signer: key.name });
  await guard.begin();
  assertNoneLost(file, guard.latest?.size, size);
  const met: { first?: Uint8Array; computed?: Uint8Array } = {};
  const onRecord = (records: number, rootOf: () => Uint8Array): void => {
    guard.passed(records, rootOf);
    // The root of one record is its hash.
    if (records === 1) met.first = rootOf().slice();
    if (records === size) met.computed = rootOf().slice();
  };
  await readResumption(source, { end: source.size }, { signal, onRecord });
  if (met.first === undefined || toHex(met.first) !== origin.fileIdHex) {
    throw new H4Error('H4_SIGN_ORIGIN', `Cannot sign the checkpoint in ${printable(file)}: it is of another recording`);
  }
  if (met.computed === undefined || !equalBytes(met.computed, root)) {
    throw new H4Error(
      'H4_SIGN_ROOT',
      `Cannot sign the checkpoint in ${printable(file)}: its root is not that of the records`,
    );
  }
  return () => guard.claim({ size, root });
}

/** When this witness says that it has seen a note, which is before all times if it has not. */
function seenBy(verificationKey: string, { note }: StoredSign): number {
  const own = parseVerificationKey(verificationKey);
  const times = note.signatures
    .filter(({ name, keyId }) => own.type === 'witness' && name === own.name && keyId === own.keyId)
    .map(({ signature }) => (own.type === 'witness' ? verifyCosignature(own, note.text, signature) : undefined));
  return Math.max(-1, ...times.map((time = -1) => time));
}

function nothingToSign(file: string, isSigned: boolean): H4Error {
  const name = printable(file);
  return isSigned
    ? new H4Error('H4_SIGN_UNTRUSTED', `Cannot sign ${name} after others: no checkpoint is signed as it was asked for`)
    : new H4Error(
        'H4_SIGN_MISSING',
        `Cannot sign ${name} after others: nobody has signed it; whoever made it comes first`,
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
