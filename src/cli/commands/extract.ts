/** `harmony4 extract`: the media bytes of a track, as they went in, each block verified before a byte of it is written. */
import { toHex } from '../../utils/bytes.js';
import type { H4MKReader } from '../../container/reader.js';
import { formatExactBytes } from '../byte-counts.js';
import type { Context } from '../context.js';
import { formatTime, originalMicros } from '../durations.js';
import { EXIT, printWarning } from '../exit.js';
import { type Extraction, type Extracted, extractTrack, planExtraction } from '../extractor.js';
import { inputName, openInput } from '../input.js';
import { integer, time } from '../options.js';
import { STDOUT, writeOutput } from '../output.js';
import { Progress } from '../progress.js';
import { assertTrack, openRecording } from '../recording.js';
import { printable } from '../text.js';
import { type AddVerb, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';

export interface ExtractOptions {
  readonly output: string;
  readonly track?: number;
  readonly from?: number;
  readonly to?: number;
  readonly force?: boolean;
  readonly progress: boolean;
}

const MAX_TRACK = 65_534;

export const addExtract: AddVerb = (program, context, done) => {
  program
    .command('extract')
    .summary('get the original bytes back')
    .description(
      'Writes the media bytes of one track to OUT. Every block is compared with what its record committed to; a whole ' +
        'track is also compared with the length and the hash that the recording names. FILE may be -.',
    )
    .argument('<FILE>', 'the H4MK file, or -')
    .requiredOption('-o, --output <OUT>', 'the file to write, or - for standard output')
    .option('--track <N>', 'the track (default: the seek track of the file)', integer(0, MAX_TRACK))
    .option('--from <TIME>', 'begin at the keyframe at or before this time', time)
    .option('--to <TIME>', 'end before the first block that starts at or after this time', time)
    .option('-f, --force', 'overwrite OUT')
    .option(...NO_PROGRESS_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples(context, [
        'extract recording.h4mk -o original.bin',
        'extract recording.h4mk -o part.bin --from 0:01.5 --to 3s',
        'extract recording.h4mk -o - | sha256sum',
      ]),
    )
    .action(async (file: string, options: ExtractOptions) => done(await extract(file, options, context)));
};

/** Writes the bytes of a track to OUT. Resolves to 0, or to 3 where the recording has no end and may lack some. */
export async function extract(file: string, options: ExtractOptions, context: Context): Promise<number> {
  const { signal } = context.io;
  const source = await openInput(file, context);
  try {
    const reader = await openRecording(source, signal);
    const { track = reader.info.seekTrack } = options;
    await assertTrack(reader, track, signal);
    const plan = await planExtraction(reader, { track, from: options.from, to: options.to }, signal);
    const progress = new Progress(context, {
      label: `extracting ${inputName(file)}`,
      total: plan.bytes,
      enabled: options.progress,
    });
    const output = { force: options.force === true, input: file, hashing: false };
    const run = { signal, onProgress: (bytes: number) => progress.update(bytes) };
    const result = await writeOutput(options.output, output, context, (sink) =>
      extractTrack(reader, plan, sink, run).finally(() => progress.clear()),
    );
    await print(options, plan, result, reader, context);
    return reader.isClosed ? EXIT.done : await sayOpenEnd(context);
  } finally {
    await source.close();
  }
}

async function sayOpenEnd(context: Context): Promise<number> {
  await context.out.flush();
  const message =
    'The recording has no end: it is still being written, or was cut off. What is there has been extracted';
  await printWarning(context, 'H4_TAIL_MISSING', message);
  return EXIT.loss;
}

async function print(
  options: ExtractOptions,
  plan: Extraction,
  result: Extracted,
  reader: H4MKReader,
  context: Context,
): Promise<void> {
  const { json, err } = context;
  const isPiped = options.output === STDOUT;
  const out = isPiped ? err : context.out;
  const sha256 = toHex(result.sha256);
  const micros = (pts: number | undefined): number | null =>
    pts === undefined ? null : originalMicros(pts, reader.info);
  const [start_us, end_us] = [micros(result.startPts), micros(result.endPts)];
  const { track, isWhole } = plan;
  const { bytes, blocks, matchesSource } = result;
  if (json) {
    return out.json({
      file: options.output,
      track,
      bytes,
      blocks,
      sha256,
      whole: isWhole,
      matches_source: matchesSource,
      start_us,
      end_us,
    });
  }
  if (isPiped) return;
  await out.line(out.paint('bold', printable(options.output)));
  await out.field('size', formatExactBytes(bytes));
  await out.field('track', `${track}, ${isWhole ? 'all of it' : 'a part of it'}`);
  if (start_us !== null && end_us !== null) await out.field('time', `${formatTime(start_us)} to ${formatTime(end_us)}`);
  if (options.from !== undefined && start_us !== null && start_us !== options.from) {
    await out.field('', `--from ${formatTime(options.from)} was moved to the keyframe at ${formatTime(start_us)}`);
  }
  await out.field('sha256', sha256);
  await out.field('checked', describeChecks(matchesSource));
}

function describeChecks(matchesSource: true | null): string {
  const blocks = 'every block matches its record';
  return matchesSource === true ? `${blocks}, the whole is the source named in the file` : blocks;
}
