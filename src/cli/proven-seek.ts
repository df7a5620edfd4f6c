/**
 * `seek --prove` and `seek --check`: answers that hold whatever the file or its server says (spec/h4mk.md section 9.4). With keys
 * they are proven; a proof that was written to a file is checked without the recording.
 */
import { encodeProof } from '../container/proof/proof-bundle.js';
import { type CheckedSeek, verifySeekAnswer } from '../container/proof/proof-check.js';
import { bundleOfSeek } from '../container/proof/proof-maker.js';
import { ProvenReader } from '../container/proof/proven-reader.js';
import type { ProvenCheckpoint } from '../container/proof/signed-recording.js';
import type { ToknHead } from '../container/format/tokn.js';
import type { TrustPolicy } from '../container/trust/trust.js';
import type { ByteSource } from '../container/io/io.js';
import { H4Error, isH4Error } from '../utils/error.js';
import type { RecordingInfo } from '../container/format/meta.js';
import { toHex } from '../utils/bytes.js';
import type { Context } from './context.js';
import { formatTime, originalMicros, ptsAt } from './durations.js';
import { writeOutput } from './output.js';
import { printable } from './text.js';
import { type TrustOptions, readTrust } from './trust-options.js';
import { listed } from './verify/signers.js';

export interface ProvenSeekOptions extends TrustOptions {
  readonly track?: number;
  readonly prove?: boolean;
  readonly check?: boolean;
  readonly output?: string;
  readonly force?: boolean;
}

/** Whom to believe; a usage error where nobody is named, or where a key would prove nothing. */
export async function trustForSeek(
  options: ProvenSeekOptions,
  context: Context,
): Promise<{ readonly trust: TrustPolicy; readonly now?: number } | undefined> {
  const { prove = false, check = false, output } = options;
  if (prove && check)
    throw new H4Error('H4_PARAM', 'Cannot use --prove and --check together: one makes what the other checks');
  if (output !== undefined && !prove)
    throw new H4Error('H4_PARAM', 'Cannot use -o without --prove: it writes the proof');
  const { trust, now } = await readTrust(options, context);
  const option = prove ? '--prove' : '--check';
  if (!prove && !check) {
    if (trust === undefined) return undefined;
    throw new H4Error(
      'H4_PARAM',
      'A key proves nothing here without --prove: add it, or leave --key and --policy away',
    );
  }
  if (trust === undefined) {
    throw new H4Error('H4_PARAM', `Cannot use ${option} without a key: say whom you believe with --key or --policy`);
  }
  return { trust, ...(now === undefined ? {} : { now }) };
}

interface ProvenAnswer {
  readonly track: number;
  readonly asked: { readonly time_us: number; readonly pts: number };
  readonly key: ToknHead | undefined;
  readonly fileOffset: number | undefined;
  readonly info: RecordingInfo;
  readonly checkpoint: ProvenCheckpoint;
  readonly isComplete: boolean;
}

/** A time as the recording counts it; what cannot be told from the largest number is as late. */
const ptsFor = (micros: number, info: RecordingInfo): number => Math.min(ptsAt(micros, info), Number.MAX_SAFE_INTEGER);

/** Answers from a file, proves it, and writes the proof if that is asked for. */
export async function proveFromFile(
  file: string,
  source: ByteSource,
  micros: number,
  trusted: { readonly trust: TrustPolicy; readonly now?: number },
  { track, output, force = false }: ProvenSeekOptions,
  context: Context,
): Promise<ProvenAnswer> {
  const { signal } = context.io;
  const reader = await ProvenReader.open(source, { ...trusted, signal });
  const pts = ptsFor(micros, reader.info);
  const answer = await reader.seek(pts, { signal, ...(track === undefined ? {} : { track }) });
  const isComplete = await reader.isComplete(signal);
  if (output !== undefined) {
    const proof = encodeProof(await bundleOfSeek(reader, answer, signal));
    await writeOutput(output, { force, input: file, hashing: false }, context, async (sink) => {
      await sink.write(proof);
      await sink.commit();
    });
  }
  return {
    track: answer.track,
    asked: { time_us: micros, pts },
    key: answer.key?.tokn,
    fileOffset: answer.key?.offset,
    info: reader.info,
    checkpoint: reader.checkpoint,
    isComplete,
  };
}

/** More than the proof of a keyframe at the largest limits of a block. */
const MAX_PROOF_BYTES = 64 * 1024 * 1024;

/** Checks a proof that somebody else made. */
export async function checkProofFile(
  source: ByteSource,
  micros: number,
  trusted: { readonly trust: TrustPolicy; readonly now?: number },
  { track }: ProvenSeekOptions,
  { io: { signal } }: Context,
): Promise<ProvenAnswer> {
  if (source.size > MAX_PROOF_BYTES) {
    throw new H4Error('H4_LIMIT_META', `A proof has at most ${MAX_PROOF_BYTES} bytes; this has ${source.size}`);
  }
  let scale: RecordingInfo | undefined;
  const pts = (info: RecordingInfo): number => ptsFor(micros, (scale = info));
  const proof = await source.read(0, source.size, signal);
  let checked: CheckedSeek;
  try {
    checked = verifySeekAnswer(proof, { pts, ...(track === undefined ? {} : { track }) }, trusted);
  } catch (error) {
    throw ofProof(error, micros, scale);
  }
  return {
    track: checked.track,
    asked: { time_us: micros, pts: checked.pts },
    key: checked.key?.tokn,
    fileOffset: undefined,
    info: checked.info,
    checkpoint: checked.checkpoint,
    isComplete: checked.isComplete,
  };
}

/** What is wrong with a proof says nothing about any file; and times are those that were typed. */
function ofProof(error: unknown, micros: number, scale: RecordingInfo | undefined): unknown {
  if (!isH4Error(error)) return error;
  const { track, from_pts: from, to_pts: to, asked_track: asked } = error.detail;
  const detail = { ...error.detail, form: 'proof' };
  if (scale === undefined || typeof from !== 'number') {
    return new H4Error(error.code, error.message, { detail, cause: error });
  }
  const until = typeof to === 'number' ? `to ${formatTime(originalMicros(to, scale))}` : 'on';
  const about = `time ${formatTime(originalMicros(from, scale))} ${until} of track ${String(track)}`;
  const message = `This proof answers another question: it is about ${about}, asked was ${formatTime(micros)} of track ${String(asked)}`;
  return new H4Error(error.code, message, { detail, cause: error });
}

export async function printProven(file: string, answer: ProvenAnswer, { out, json }: Context): Promise<void> {
  const { track, asked, key, fileOffset, info, checkpoint, isComplete } = answer;
  const { origin, size, root, signers, cosigners } = checkpoint;
  if (json) {
    const found = key && {
      record: key.seq,
      pts: key.pts,
      time_us: originalMicros(key.pts, info),
      offset: key.pos,
      ...(fileOffset === undefined ? {} : { file_offset: fileOffset }),
    };
    const cosigned = cosigners.map(({ name, time }) => ({ name, time }));
    return out.json({
      ...{ file, track, asked, found: key !== undefined, ...found },
      proven: true,
      checkpoint: { origin, size, root: toHex(root), verified: signers, cosigned },
      complete: isComplete,
    });
  }
  if (key === undefined) {
    await out.line('none');
  } else {
    await out.field('time', formatTime(originalMicros(key.pts, info)));
    await out.field('pts', String(key.pts));
    await out.field('track', String(track));
    await out.field('record', String(key.seq));
    await out.field('offset', String(key.pos));
    if (fileOffset !== undefined) await out.field('file_offset', String(fileOffset));
  }
  const end = isComplete ? 'the whole recording' : 'and says nothing about later ones';
  await out.field('proven', `for ${size} records, ${end}`);
  await out.field('signed by', listed(signers));
  // One signer has many recordings: whoever asked about one must see which one answers.
  await out.field('origin', printable(origin));
  for (const { name, time } of cosigners) {
    await out.field('seen by', `${printable(name)} at ${new Date(time * 1000).toISOString()}`);
  }
}
