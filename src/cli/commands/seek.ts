/** `harmony4 seek`: where to start reading for a given time. */
import type { ByteSource } from '../../container/io/io.js';
import type { LegacyReader } from '../../container/legacy/legacy-reader.js';
import type { H4MKReader } from '../../container/read/reader.js';
import { SliceReader } from '../../container/slice/slice-reader.js';
import type { Context } from '../context.js';
import { formatTime, originalMicros, ptsAt } from '../durations.js';
import { EXIT } from '../exit.js';
import { inputName, openInput, resultName } from '../input.js';
import { integer, time } from '../options.js';
import { type ProvenSeekOptions, checkProofFile, printProven, proveFromFile, trustForSeek } from '../proven-seek.js';
import { endOfBlock } from '../legacy-extractor.js';
import { LEGACY_TRACK, assertLegacyTrack, assertTrack, openFile } from '../recording.js';
import { assertLeave } from '../remote.js';
import { endBehind, indexedTrack } from '../track-times.js';
import { addTrustOptions } from '../trust-options.js';
import { type AddVerb, FULL_READ_OPTION, JSON_OPTION, examples } from '../verb.js';

export interface SeekOptions extends ProvenSeekOptions {
  readonly allowFullRead?: boolean;
}

const MAX_TRACK = 65_534;

export const addSeek: AddVerb = (program, context, done) => {
  const command = program
    .command('seek')
    .summary('find the keyframe at or before a time')
    .description(
      'Finds the last keyframe at or before PTS with a few positioned reads. Times are those of the source; the ' +
        "file's own PTS are shown beside them. Prints 'none' where no keyframe is that early. With --prove and a key the " +
        'answer is proven: whatever file and server say, it is the right one for the records that were signed.',
    )
    .argument('<FILE>', 'the H4MK file, or -; with --check a proof')
    .argument('<PTS>', 'microseconds like 1500000, or 90s, 1500ms, 2m, 1:30, 1:02:03.5', time)
    .option('--track <N>', 'the track (default: the seek track of the file)', integer(0, MAX_TRACK))
    .option('--prove', 'prove the answer under a checkpoint that is signed by whom you believe')
    .option('--check', 'check the proof in FILE, without the recording');
  addTrustOptions(command)
    .option('-o, --output <PROOF>', 'write the proof as JSON, for others to check')
    .option('-f, --force', 'overwrite PROOF')
    .option(...FULL_READ_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `${examples(context, [
        'seek recording.h4mk 1500000',
        'seek recording.h4mk 0:01.5',
        'seek recording.h4mk 90s --track 0 --json',
        'seek recording.h4mk -- -20ms',
        'seek signed.h4mk 0.2s --prove --key signer.key.pub -o proof.json',
        'seek --check proof.json 0.2s --key signer.key.pub',
      ])}

offset is the position of the keyframe in the media bytes of its track, file_offset that of its record in the file.
In a legacy file 'record' is the number of a block and 'file_offset' that of its CORE chunk; blocks before it are read.`,
    )
    .action(async (file: string, micros: number, options: SeekOptions) =>
      done(await seek(file, micros, options, context)),
    );
};

/** Prints the keyframe of a track at or before the original time `micros`, or `none`. */
export async function seek(file: string, micros: number, options: SeekOptions, context: Context): Promise<number> {
  const trusted = await trustForSeek(options, context);
  const allowFullRead = options.allowFullRead ?? false;
  const source = await openInput(file, context, { allowFullRead, wholeFile: false });
  try {
    if (trusted !== undefined) {
      const answer =
        options.check === true
          ? await checkProofFile(source, micros, trusted, options, context)
          : await proveFromFile(file, source, micros, trusted, options, context);
      await printProven(resultName(file), answer, context);
      return EXIT.done;
    }
    await print(resultName(file), await answerTo(file, source, micros, options, context), context);
    return EXIT.done;
  } finally {
    await source.close();
  }
}

interface Answer {
  readonly track: number;
  readonly asked: { readonly time_us: number; readonly pts: number };
  readonly found: Keyframe | undefined;
  /** When the track ends, if what was asked for is not before that: an original time. */
  readonly endedAt?: number;
}

interface Keyframe {
  /** In a legacy file the number of the block. */
  readonly record: number;
  readonly pts: number;
  readonly time_us: number;
  readonly offset: number;
  readonly file_offset: number;
}

async function answerTo(
  file: string,
  source: ByteSource,
  micros: number,
  options: SeekOptions,
  { io: { signal } }: Context,
): Promise<Answer> {
  const leave = (): void => assertLeave(file, inputName(file), source, options.allowFullRead ?? false);
  const { form, reader } = await openFile(source, { signal, assertLeave: leave });
  if (form !== 'legacy') return seekInRecords(reader, micros, options, signal);
  // Where a block lies in the content is told by all blocks before it.
  leave();
  return seekInBlocks(reader, micros, options, signal);
}

async function seekInRecords(
  reader: H4MKReader | SliceReader,
  micros: number,
  options: SeekOptions,
  signal: AbortSignal,
): Promise<Answer> {
  const { track = reader.info.seekTrack } = options;
  await assertTrack(reader, track, signal);
  const pts = Math.min(ptsAt(micros, reader.info), Number.MAX_SAFE_INTEGER);
  const head = pts < 0 ? undefined : await reader.seek(pts, { track, signal });
  const found = head && {
    record: head.seq,
    pts: head.pts,
    time_us: originalMicros(head.pts, reader.info),
    offset: head.pos,
    file_offset: head.offset,
  };
  const answer = { track, asked: { time_us: micros, pts }, found };
  if (head === undefined) return answer;
  const end =
    reader instanceof SliceReader
      ? reader.parts({ track }).at(-1)?.pts.to
      : await endBehind(indexedTrack(reader, track, signal), head);
  return end === undefined || end > pts ? answer : { ...answer, endedAt: originalMicros(end, reader.info) };
}

/** Times of a legacy file are microseconds, and not shifted. */
async function seekInBlocks(
  reader: LegacyReader,
  micros: number,
  { track = LEGACY_TRACK }: SeekOptions,
  signal: AbortSignal,
): Promise<Answer> {
  assertLegacyTrack(track);
  const block = await reader.seek(micros, signal);
  const found = block && {
    record: block.index,
    pts: block.pts,
    time_us: block.pts,
    offset: block.pos,
    file_offset: block.offset,
  };
  const answer = { track, asked: { time_us: micros, pts: micros }, found };
  if (block === undefined) return answer;
  let end = 0;
  for await (const { pts } of reader.places({ from: block.index }, signal)) {
    end = endOfBlock(reader, pts);
    if (pts > micros || end > micros) return answer;
  }
  return { ...answer, endedAt: end };
}

async function print(file: string, { track, asked, found, endedAt }: Answer, { out, json }: Context): Promise<void> {
  if (found === undefined) {
    return json ? out.json({ file, track, asked, found: false }) : out.line('none');
  }
  const { record, pts, time_us, offset, file_offset } = found;
  if (json) {
    const after = endedAt === undefined ? {} : { after_end: true, end_us: endedAt };
    return out.json({ file, track, asked, found: true, record, pts, time_us, offset, file_offset, ...after });
  }
  await out.field('time', formatTime(time_us));
  await out.field('pts', String(pts));
  await out.field('track', String(track));
  await out.field('record', String(record));
  await out.field('offset', String(offset));
  await out.field('file_offset', String(file_offset));
  if (endedAt === undefined) return;
  await out.field('note', `after the end of the recording (its last moment is ${formatTime(endedAt)})`);
}
