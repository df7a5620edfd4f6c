/** `harmony4 seek`: where to start reading for a given time. */
import type { LocatedHead } from '../../container/record-reader.js';
import type { Context } from '../context.js';
import { formatTime, originalMicros, ptsAt } from '../durations.js';
import { EXIT } from '../exit.js';
import { openInput } from '../input.js';
import { integer, time } from '../options.js';
import { assertTrack, openRecording } from '../recording.js';
import { type AddVerb, JSON_OPTION, examples } from '../verb.js';

export interface SeekOptions {
  readonly track?: number;
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
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `${examples(context, [
        'seek recording.h4mk 1500000',
        'seek recording.h4mk 0:01.5',
        'seek recording.h4mk 90s --track 0 --json',
        'seek recording.h4mk -- -20ms',
      ])}

offset is the position of the keyframe in the media bytes of its track, file_offset that of its record in the file.`,
    )
    .action(async (file: string, micros: number, options: SeekOptions) =>
      done(await seek(file, micros, options, context)),
    );
};

/** Prints the keyframe of a track at or before the original time `micros`, or `none`. */
export async function seek(file: string, micros: number, options: SeekOptions, context: Context): Promise<number> {
  const { signal } = context.io;
  const source = await openInput(file, context);
  try {
    const reader = await openRecording(source, signal);
    const { track = reader.info.seekTrack } = options;
    await assertTrack(reader, track, signal);
    const pts = Math.min(ptsAt(micros, reader.info), Number.MAX_SAFE_INTEGER);
    const found = pts < 0 ? undefined : await reader.seek(pts, { track, signal });
    const asked = { time_us: micros, pts };
    await print({ file, track, asked, found, foundMicros: found && originalMicros(found.pts, reader.info) }, context);
    return EXIT.done;
  } finally {
    await source.close();
  }
}

interface Answer {
  readonly file: string;
  readonly track: number;
  readonly asked: { readonly time_us: number; readonly pts: number };
  readonly found: LocatedHead | undefined;
  readonly foundMicros: number | undefined;
}

async function print({ file, track, asked, found, foundMicros }: Answer, { out, json }: Context): Promise<void> {
  if (found === undefined || foundMicros === undefined) {
    return json ? out.json({ file, track, asked, found: false }) : out.line('none');
  }
  const { seq: record, pts, pos: offset, offset: file_offset } = found;
  if (json) {
    return out.json({ file, track, asked, found: true, record, pts, time_us: foundMicros, offset, file_offset });
  }
  await out.field('time', formatTime(foundMicros));
  await out.field('pts', String(pts));
  await out.field('track', String(track));
  await out.field('record', String(record));
  await out.field('offset', String(offset));
  await out.field('file_offset', String(file_offset));
}
