/**
 * Going on with a live recording that was cut off, by a crash or a loss of power (h4mk.md 14). What is whole stays; what was
 * unfinished at the end is cut off. It is refused where going on would tell another history, and then nothing is changed.
 */
import { lstat } from 'node:fs/promises';
import type { CompressionEngine } from '../../compression/api/engine.js';
import type { MaskSpec } from '../../container/secrecy/block-secrets.js';
import { H4MKBuilder } from '../../container/write/builder.js';
import type { CheckpointSigner } from '../../container/sign/checkpoint-signer.js';
import { encodeHeader } from '../../container/format/header.js';
import { KeyRing } from '../../container/secrecy/key-ring.js';
import type { ByteSource } from '../../container/io/io.js';
import { CHUNK_HEADER_BYTES, HEADER_BYTES } from '../../container/format/layout.js';
import { DEFAULT_LIMITS } from '../../container/format/limits.js';
import { type ClockInfo, type KeyEpoch, type TrackInfo, ZERO_UID } from '../../container/format/meta.js';
import { type Resumption, assertResumable, readResumption } from '../../container/recover/recover.js';
import { type RecoveryScan, scanRecording } from '../../container/recover/recovery-scan.js';
import { createWritingEpoch } from '../../container/secrecy/secrecy.js';
import type { NoteSignature } from '../../container/format/note.js';
import { readSign } from '../../container/read/sign-reader.js';
import { type Tail, parseTail } from '../../container/format/tail.js';
import { openFileSource } from '../../storage/node/file-source.js';
import { type LiveFileSink, createLiveFileSink } from '../../storage/node/live-file.js';
import { readSidecar } from '../../storage/node/sidecar.js';
import type { FrameRate } from '../../tokenizers/frame-clock.js';
import { equalBytes } from '../../utils/bytes.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import { formatExactBytes } from '../byte-counts.js';
import type { Context } from '../context.js';
import { formatTime } from '../durations.js';
import { type CommandEngines, engineToGoOn } from '../engines.js';
import { printWarning } from '../exit.js';
import { printable } from '../text.js';
import { type ResumedRecording, liveSigning } from './live-recorder.js';

/** A clock that was wrong by centuries must not end a recording. */
const MAX_PTS = 2 ** 52;

export interface ResumedLive {
  readonly sink: LiveFileSink;
  readonly resumed: ResumedRecording;
  /** As the recording was begun: these count, and not what the command line says now. */
  readonly settings: { readonly blockSize?: number; readonly gop?: number; readonly frameRate?: FrameRate };
}

/** What going on takes besides the file. */
export interface ResumeNeeds {
  readonly engines: CommandEngines;
  readonly secrecy?: MaskSpec;
  readonly blindSeed?: Uint8Array;
  readonly signer?: CheckpointSigner;
}

interface Found {
  readonly scan: RecoveryScan;
  readonly resumption: Resumption;
  readonly track: TrackInfo;
  /** The one that began the recording. */
  readonly engine: CompressionEngine;
}

/** Opens OUT for going on; undefined where there is no recording yet, so that whatever is there may be replaced. */
export async function resumeLive(
  output: string,
  needs: ResumeNeeds,
  context: Context,
): Promise<ResumedLive | undefined> {
  if ((await lstat(output).catch(() => undefined)) === undefined) return undefined;
  let found: Found | undefined;
  let sink: LiveFileSink;
  try {
    sink = await createLiveFileSink(output, {
      resumeAt: async () => {
        found = await findResumption(output, needs, context);
        return found.scan.end;
      },
    });
  } catch (error) {
    // Its writer was stopped before record 0 was whole, and nothing of the recording stands behind: nothing can be lost.
    if (!isH4Error(error, 'H4_NO_RECORDS') && !isH4Error(error, 'H4_TOO_SHORT')) throw error;
    if ((await promisedTail(output)) !== undefined || !(await beginsLikeOne(output))) throw error;
    await printWarning(context, error.code, `nothing of ${printable(output)} was whole: the recording begins anew`);
    return undefined;
  }
  if (found === undefined) throw new H4Error('H4_INTERNAL', 'A file was opened for going on, but not looked at');
  return opened(output, sink, found, needs, context);
}

async function findResumption(
  output: string,
  { engines, secrecy, signer }: ResumeNeeds,
  { io }: Context,
): Promise<Found> {
  const source = await openFileSource(output);
  try {
    const promised = await promisedTail(output);
    const { signal } = io;
    let fileId = new Uint8Array(0);
    const scan = await scanRecording(source, {
      ...{ signal, ...(promised === undefined ? {} : { promised }) },
      // The root of one record is its hash.
      onRecord: (size, root) => {
        if (size === 1) fileId = root().slice();
      },
    });
    assertResumable(scan, promised);
    await signer?.begin(fileId);
    assertNoneLost(scan, signer);
    assertKey(scan.metas.epochs, secrecy, printable(output));
    const [track, ...others] = scan.metas.tracks;
    const { timebase: [num, den] = [], uid } = scan.metas.info ?? {};
    if (track?.kind !== 'opaque' || others.length > 0 || num !== 1 || den !== 1_000_000 || uid === ZERO_UID) {
      const message = `Cannot go on with ${printable(output)}: it was not begun by export --live`;
      throw new H4Error('H4_PARAM', message);
    }
    if (scan.metas.info === undefined) throw new H4Error('H4_RECORD0', 'There is no record 0 to go on from');
    // Before anything is cut off: without its engine the recording cannot go on.
    const engine = await engineToGoOn(scan.metas.info.compression, engines);
    const onRecord = signer === undefined ? {} : { onRecord: signer.passed.bind(signer) };
    const resumption = await readResumption(source, scan, { signal, ...onRecord });
    await assertSameSigner(output, source, resumption, signer);
    return { scan, resumption, track, engine };
  } finally {
    await source.close();
  }
}

/** What is hidden stays hidden, with its own key and a salt that it has not used, and so in a new key epoch (h4mk.md 12, 14). */
function assertKey(epochs: readonly KeyEpoch[], secrecy: MaskSpec | undefined, name: string): void {
  if (epochs.length === 0) return;
  if (secrecy === undefined) {
    const message = `Cannot go on with ${name}: it is masked or encrypted; give --encrypt, or --mask, and its key again`;
    throw new H4Error('H4_KEY_MISSING', message);
  }
  new KeyRing([secrecy.key]).admit(epochs);
  createWritingEpoch(secrecy, epochs);
}

/** Who has signed more than there is left would sign another history by going on (h4mk.md 8.2). */
function assertNoneLost({ records }: RecoveryScan, signer: CheckpointSigner | undefined): void {
  const signed = signer?.latest?.size ?? 0;
  if (signed <= records) return;
  throw new H4Error(
    'H4_ROLLBACK',
    `${signed} records were signed, as the history of the key says, but ${records} are left: going on would sign another ` +
      'history of them; start a new recording, which has another uid',
    { detail: { signed_size: signed, records } },
  );
}

/** A history that knows nothing of what its key has signed is not the one: more may have been signed than is left. */
function assertHistoryKnows(
  output: string,
  { name, keyId, latest }: CheckpointSigner,
  signatures: readonly NoteSignature[],
): void {
  const isOwn = signatures.some((line) => line.name === name && line.keyId === keyId);
  if (!isOwn || latest !== undefined) return;
  throw new H4Error(
    'H4_EQUIVOCATION',
    `Cannot go on with ${printable(output)}: ${name} has signed it, but the history of the key knows nothing of that, so that it ` +
      'may have signed more than is left; name the right file with --signing-history, or start a new recording',
  );
}

/** Whoever trusts the recording up to here must be able to trust what follows, by the same name. */
async function assertSameSigner(
  output: string,
  source: ByteSource,
  { state }: Resumption,
  signer: CheckpointSigner | undefined,
): Promise<void> {
  if (state.sign === 0) return;
  const { origin, signatures } = (await readSign(source, state.sign, DEFAULT_LIMITS)).note;
  const { name } = origin;
  if (name === signer?.name) {
    assertHistoryKnows(output, signer, signatures);
    return;
  }
  const given = signer === undefined ? 'no --signer is given' : `--signer is ${signer.name}`;
  throw new H4Error(
    'H4_PARAM',
    `Cannot go on with ${printable(output)}: it is signed by ${printable(name)}, and ${printable(given)}; give it its own key, ` +
      'or start a new recording',
  );
}

/** What the sidecar says to be safe. Without knowing that, nothing must be cut off. */
async function promisedTail(output: string): Promise<Tail | undefined> {
  try {
    const sidecar = await readSidecar(output);
    return sidecar === undefined ? undefined : parseTail(sidecar.tailChunk.subarray(CHUNK_HEADER_BYTES));
  } catch (error) {
    if (!isH4Error(error, 'H4_TAIL_LAYOUT')) throw error;
    const message = `${error.message}: what it promised to be safe is not known; to go on without that, remove it`;
    throw new H4Error('H4_IO', message, { cause: error });
  }
}

/** Whether a file is empty or begins as a recording does, and so is nobody else's. */
async function beginsLikeOne(output: string): Promise<boolean> {
  const source = await openFileSource(output);
  try {
    const begin = await source.read(0, Math.min(source.size, HEADER_BYTES));
    return equalBytes(begin, encodeHeader().subarray(0, begin.length));
  } finally {
    await source.close();
  }
}

async function opened(
  output: string,
  sink: LiveFileSink,
  { scan, resumption, track, engine }: Found,
  { secrecy, blindSeed, signer }: ResumeNeeds,
  context: Context,
): Promise<ResumedLive> {
  try {
    const { info } = scan.metas;
    if (info === undefined) throw new H4Error('H4_RECORD0', 'There is no record 0 to go on from');
    const builder = H4MKBuilder.resume(sink, resumption, engine, {
      ...(secrecy === undefined ? {} : { secrecy }),
      ...(blindSeed === undefined ? {} : { blindSeed }),
      ...(signer === undefined ? {} : { signing: liveSigning(signer, sink) }),
    });
    const startPts = goesOnAt(resumption.endPts, scan.metas.clock, context.io.utcMicros?.());
    const blocks = resumption.state.ledger.totals().find((total) => total.track === track.id)?.records ?? 0;
    const { records, end, lost } = scan;
    const gap = startPts - resumption.endPts;
    await tell(output, { records, bytes: end, lostBytes: lost.bytes, gapMicros: gap }, context);
    const durable = { records, bytes: end, pts: startPts };
    const { block_size: blockSize, gop, fps_hint: frameRate } = track;
    return {
      sink,
      resumed: { builder, engine: engine.info(), uid: info.uid, startPts, blocks, durable },
      settings: {
        ...(blockSize === undefined ? {} : { blockSize }),
        ...(gop === undefined ? {} : { gop }),
        ...(frameRate === undefined ? {} : { frameRate }),
      },
    };
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

/** The time in which nothing was recorded is part of the recording's time, as far as the clock of this machine tells. */
function goesOnAt(endPts: number, clock: ClockInfo | undefined, utcMicros: number | undefined): number {
  // A block of no length ends where it began, and the next one must begin later.
  const next = endPts + 1;
  if (clock === undefined || utcMicros === undefined) return next;
  const now = clock.at_pts + utcMicros - clock.utc_us;
  return Number.isSafeInteger(now) && now <= MAX_PTS ? Math.max(next, now) : next;
}

async function tell(
  output: string,
  resumed: { readonly records: number; readonly bytes: number; readonly lostBytes: number; readonly gapMicros: number },
  context: Context,
): Promise<void> {
  const { records, bytes, lostBytes, gapMicros } = resumed;
  if (context.json) {
    await context.out.json({ event: 'resumed', records, bytes, lost_bytes: lostBytes, gap_us: gapMicros });
    return context.out.flush();
  }
  const lost =
    lostBytes === 0 ? 'nothing was cut off' : `${formatExactBytes(lostBytes)} of what was unfinished are cut off`;
  await printWarning(
    context,
    'H4_TRUNCATED',
    `going on with ${printable(output)} after ${records} records and a gap of ${formatTime(gapMicros)}; ${lost}`,
  );
}
