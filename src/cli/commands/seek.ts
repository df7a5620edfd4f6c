/** `harmony4 seek`: where to start reading for a given time. */
import type { ByteSource } from '../../container/io/io.js';
import type { LegacyReader } from '../../container/legacy-reader.js';
import type { H4MKReader } from '../../container/reader.js';
import type { Context } from '../context.js';
import { formatTime, originalMicros, ptsAt } from '../durations.js';
import { EXIT } from '../exit.js';
import { inputName, openInput, resultName } from '../input.js';
import { integer, time } from '../options.js';
import { LEGACY_TRACK, assertLegacyTrack, assertTrack, openContainer } from '../recording.js';
import { assertLeave } from '../remote.js';
import { type AddVerb, FULL_READ_OPTION, JSON_OPTION, examples } from '../verb.js';

export interface SeekOptions {
  readonly track?: number;
  readonly allowFullRead?: boolean;
}

const MAX_TRACK = 65_534;

export const addSeek: AddVerb = (program, context, done) => {
  program
    .command('seek')
    .summary('find the keyframe at or before a time')
    .description(
      'Finds the last keyframe at or before PTS with a few positioned reads. Times are those of the source; the ' +
        "file's own PTS are shown beside them. Prints 'none' where no keyframe is that early.",
    )
    .argument('<FILE>', 'the H4MK file, or -')
    .argument('<PTS>', 'microseconds like 1500000, or 90s, 1500ms, 2m, 1:30, 1:02:03.5', time)
    .option('--track <N>', 'the track (default: the seek track of the file)', integer(0, MAX_TRACK))
    .option(...FULL_READ_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `${examples(context, [
        'seek recording.h4mk 1500000',
        'seek recording.h4mk 0:01.5',
        'seek recording.h4mk 90s --track 0 --json',
        'seek recording.h4mk -- -20ms',
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
  const allowFullRead = options.allowFullRead ?? false;
  const source = await openInput(file, context, { allowFullRead, wholeFile: false });
  try {
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
  const { form, reader } = await openContainer(source, signal);
  if (form === 'records') return seekInRecords(reader, micros, options, signal);
  // Where a block lies in the content is told by all blocks before it.
  assertLeave(file, inputName(file), source, options.allowFullRead ?? false);
  return seekInBlocks(reader, micros, options, signal);
}

async function seekInRecords(
  reader: H4MKReader,
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
  return { track, asked: { time_us: micros, pts }, found };
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
  return { track, asked: { time_us: micros, pts: micros }, found };
}

async function print(file: string, { track, asked, found }: Answer, { out, json }: Context): Promise<void> {
  if (found === undefined) {
    return json ? out.json({ file, track, asked, found: false }) : out.line('none');
  }
  const { record, pts, time_us, offset, file_offset } = found;
  if (json) {
    return out.json({ file, track, asked, found: true, record, pts, time_us, offset, file_offset });
  }
  await out.field('time', formatTime(time_us));
  await out.field('pts', String(pts));
  await out.field('track', String(track));
  await out.field('record', String(record));
  await out.field('offset', String(offset));
  await out.field('file_offset', String(file_offset));
}
