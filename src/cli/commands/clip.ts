/** `harmony4 clip`: what a recording holds between two times, as a file that verifies alone. */
import { InvalidArgumentError } from 'commander';
import { type ClipPlan, type ClipSummary, planClip, writeClip } from '../../container/slice/clip.js';
import type { MissingSpan, PtsSpan } from '../../container/slice/clip-search.js';
import { SliceReader } from '../../container/slice/slice-reader.js';
import { toHex } from '../../utils/bytes.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import { formatBytes, formatExactBytes } from '../byte-counts.js';
import type { Context } from '../context.js';
import { type TimeScale, firstPtsAt, formatTime, originalMicros, ptsAt } from '../durations.js';
import { EXIT, printWarning } from '../exit.js';
import { inputName, openInput, resultName } from '../input.js';
import { integer, time } from '../options.js';
import { STDOUT, writeOutput } from '../output.js';
import { Progress } from '../progress.js';
import { openFile } from '../recording.js';
import { assertLeave } from '../remote.js';
import { counted, printable } from '../text.js';
import { type Trust, type TrustOptions, addTrustOptions, readTrust } from '../trust-options.js';
import { type AddVerb, FULL_READ_OPTION, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';

/** Original times in microseconds; an absent end is that of the recording. */
interface TimeRange {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export interface ClipVerbOptions extends TrustOptions, TimeRange {
  readonly output: string;
  readonly range?: readonly TimeRange[];
  readonly track?: readonly number[];
  readonly allowFullRead?: boolean;
  readonly force?: boolean;
  readonly progress: boolean;
}

const MAX_TRACK = 65_534;

export const addClip: AddVerb = (program, context, done) => {
  const command = program
    .command('clip')
    .summary('cut out a piece that verifies alone')
    .description(
      'Writes what FILE holds between two times to OUT, from keyframe to keyframe, with the proofs that it is exactly that. ' +
        'OUT verifies against the signature of the whole recording, without the rest of it; content is copied as it ' +
        'stands, encrypted or not. Times are those of the source. FILE may be a clip itself.',
    )
    .argument('<FILE>', 'a recording or a clip, or -')
    .requiredOption('-o, --output <OUT>', 'the file to write, or - for standard output')
    .option('--from <TIME>', 'begin at the keyframe at or before this time: 90s, 1:02:03.5', time)
    .option('--to <TIME>', 'end before the first keyframe at or after this time', time)
    .option('--range <FROM-TO>', 'the same in one word, for clips of several pieces; repeatable', addRange)
    .option(
      '--track <N>',
      'only this track, at the cost of a proof wherever others stand between; repeatable',
      addTrack,
    );
  addTrustOptions(command)
    .option('-f, --force', 'overwrite OUT')
    .option(...FULL_READ_OPTION)
    .option(...NO_PROGRESS_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `${examples(context, [
        'clip signed.h4mk --from 0.1s --to 0.2s -o piece.h4mk',
        'clip signed.h4mk --range 0-0.1s --range 0.2s-0.3s --key signer.key.pub -o pieces.h4mk',
        'clip signed.h4mk --from 0.1s -o rest.h4mk --json',
      ])}

With --key or --policy nothing is written unless the recording is signed by whom they name. Without, OUT carries the newest
signature as it is, for whoever checks it.
Exit codes: 0 written; 3 written, but not all of the time is there: the recording begins later, ends earlier, or is not
signed that far; 1 FILE is not what was signed, or not by whom you trust; 2 nothing is asked for, or FILE has nothing at that
time; 4 cannot be read.`,
    )
    .action(async (file: string, options: ClipVerbOptions) => done(await clip(file, options, context)));
};

function addRange(text: string, earlier: readonly TimeRange[] = []): TimeRange[] {
  // A time may begin with a minus.
  const dash = text.indexOf('-', 1);
  if (dash < 0) throw new InvalidArgumentError('It must be two times with a - between them: 10s-20s.');
  const [from, to] = [text.slice(0, dash), text.slice(dash + 1)];
  return [...earlier, { from: time(from), to: time(to) }];
}

function addTrack(text: string, earlier: readonly number[] = []): number[] {
  return [...earlier, integer(0, MAX_TRACK)(text)];
}

/** Cuts a clip out of FILE. Resolves to 0, or to 3 where some of the time asked for is not in it. */
export async function clip(file: string, options: ClipVerbOptions, context: Context): Promise<number> {
  const ranges = assertRanges(options);
  const trusted = await readTrust(options, context);
  const { signal } = context.io;
  const allowFullRead = options.allowFullRead ?? false;
  const source = await openInput(file, context, { allowFullRead, wholeFile: false });
  try {
    const leave = (): void => assertLeave(file, inputName(file), source, allowFullRead);
    const { form, reader } = await openFile(source, { signal, assertLeave: leave });
    if (form === 'legacy') {
      throw new H4Error(
        'H4_PARAM',
        `${inputName(file)} is a legacy file, in which nothing can be proven: upgrade it first`,
      );
    }
    const scale = reader.info;
    const plan = await planClip(reader, {
      ranges: ranges.map((range) => ptsRange(range, scale)),
      ...(options.track === undefined ? {} : { tracks: options.track }),
      ...(trusted.trust === undefined ? {} : { trust: trusted.trust }),
      ...(trusted.now === undefined ? {} : { now: trusted.now }),
      signal,
    }).catch((error: unknown) => {
      throw inOriginalTimes(error, file, scale);
    });
    const progress = new Progress(context, {
      label: `cutting ${inputName(file)}`,
      total: plan.records,
      enabled: options.progress,
    });
    const output = { force: options.force === true, input: file, hashing: false };
    const onProgress = (records: number): void => progress.update(records);
    const summary = await writeOutput(options.output, output, context, (sink) =>
      writeClip(reader, sink, plan, { signal, onProgress }).finally(() => progress.clear()),
    );
    const of = reader instanceof SliceReader ? reader.treeSize : reader.recordCount;
    const result = { file, output: options.output, of, ranges, plan, summary, scale, trusted };
    await print(result, context);
    return await sayWhatIsMissing(result, context);
  } finally {
    await source.close();
  }
}

function assertRanges({ from, to, range = [] }: ClipVerbOptions): readonly TimeRange[] {
  const isTimed = from !== undefined || to !== undefined;
  if (isTimed && range.length > 0) {
    throw new H4Error('H4_PARAM', 'Cannot use --range together with --from and --to: give every piece with --range');
  }
  const ranges = isTimed ? [{ from, to }] : range;
  if (ranges.length === 0) throw new H4Error('H4_PARAM', 'Say which time: --from, --to or both, or --range');
  for (const each of ranges) {
    if (each.from !== undefined && each.to !== undefined && each.to <= each.from) {
      const [first, last] = [formatTime(each.from), formatTime(each.to)];
      throw new H4Error('H4_PARAM', `Nothing lies between ${first} and ${last}: a clip must end after it begins`);
    }
  }
  return ranges;
}

function ptsRange({ from, to }: TimeRange, scale: TimeScale): Partial<PtsSpan> {
  return {
    ...(from === undefined ? {} : { from: ptsAt(from, scale) }),
    ...(to === undefined ? {} : { to: firstPtsAt(to, scale) }),
  };
}

/** That nothing is there, said in the times that were typed. */
function inOriginalTimes(error: unknown, file: string, scale: TimeScale): unknown {
  if (!isH4Error(error, 'H4_RANGE_NOT_FOUND')) return error;
  const { start_pts: start, end_pts: end } = error.detail;
  if (typeof start !== 'number' || typeof end !== 'number') return error;
  const [start_us, end_us] = [originalMicros(start, scale), originalMicros(end, scale)];
  const message = `${inputName(file)} has nothing at that time: what is proven goes from ${formatTime(start_us)} to ${formatTime(end_us)}`;
  return new H4Error('H4_RANGE_NOT_FOUND', message, { detail: { ...error.detail, start_us, end_us }, cause: error });
}

interface Result {
  readonly file: string;
  readonly output: string;
  /** Records of the recording. */
  readonly of: number;
  readonly ranges: readonly TimeRange[];
  readonly plan: ClipPlan;
  readonly summary: ClipSummary;
  readonly scale: TimeScale;
  readonly trusted: Trust;
}

async function print(result: Result, context: Context): Promise<void> {
  const { output, of, plan, summary, scale } = result;
  const isPiped = output === STDOUT;
  const out = isPiped ? context.err : context.out;
  if (context.json) return out.json(jsonOf(result));
  if (isPiped) return;
  const { records, bytes, redacted, hidden, covered } = summary;
  const runs = counted(plan.runs.length, 'run');
  await out.line(out.paint('bold', printable(output)));
  await out.field('size', formatExactBytes(bytes));
  await out.field('records', `${records} of ${of}, in ${runs}`);
  for (const [i, { from, to }] of covered.entries()) {
    const [start, end] = [originalMicros(from, scale), originalMicros(to, scale)];
    await out.field(i === 0 ? 'time' : '', `${formatTime(start)} to ${formatTime(end)}`);
  }
  await out.field('proofs', `${formatBytes(plan.proofBytes)} for ${runs}, under the tree of ${plan.size} records`);
  await out.field('signed', describeSigner(plan));
  if (hidden > 0) await out.field('hidden', `${counted(hidden, 'block')}, still masked or encrypted`);
  if (redacted > 0) await out.field('redacted', `${counted(redacted, 'record')}, whose content was gone before`);
}

function describeSigner({ origin, verdict }: ClipPlan): string {
  if (origin === undefined) return 'by nobody: nothing is proven about who made it';
  if (verdict === undefined)
    return `as ${printable(origin.slice(0, origin.lastIndexOf('/')))} says; not checked: no key given`;
  const witnesses =
    verdict.cosigners.length === 0
      ? ''
      : `, seen by ${verdict.cosigners.map(({ name }) => printable(name)).join(', ')}`;
  return `by ${verdict.verified.map(printable).join(', ')}, verified${witnesses}`;
}

function jsonOf({ file, output, of, plan, summary, scale }: Result): Record<string, unknown> {
  const micros = (pts: number): number => originalMicros(Math.min(pts, Number.MAX_SAFE_INTEGER), scale);
  const { records, bytes, redacted, hidden, covered } = summary;
  return {
    file: resultName(file),
    output,
    bytes,
    records,
    of_records: of,
    runs: plan.runs.map(({ first, end }) => ({ first, last: end - 1 })),
    proof_bytes: plan.proofBytes,
    covered: covered.map(({ from, to }) => ({
      start_pts: from,
      end_pts: to,
      start_us: micros(from),
      end_us: micros(to),
    })),
    missing: plan.missing.map(({ from, to, why }) => ({ start_us: micros(from), end_us: micros(to), why })),
    checkpoint: { origin: plan.origin ?? null, size: plan.size, root: toHex(plan.root) },
    signed: plan.notes.length > 0,
    verified: plan.verdict === undefined ? null : plan.verdict.verified,
    cosigned: plan.verdict === undefined ? null : plan.verdict.cosigners,
    hidden,
    redacted,
  };
}

const WHY: Readonly<Record<MissingSpan['why'], string>> = {
  before: 'the recording begins later',
  after: 'the recording ends earlier',
  unsigned: 'no signature covers that much of the recording yet',
  nothing: 'there is nothing at that time',
};

async function sayWhatIsMissing({ plan, scale }: Result, context: Context): Promise<number> {
  await context.out.flush();
  if (plan.notes.length === 0) {
    const message = 'The recording is not signed: the clip shows where its records stood, not who recorded them';
    await printWarning(context, 'H4_SIGN_MISSING', message);
  }
  for (const { from, to, why } of plan.missing) {
    const [start, end] = [originalMicros(from, scale), originalMicros(to, scale)];
    const until = to >= Number.MAX_SAFE_INTEGER ? 'on' : `to ${formatTime(end)}`;
    const message = `Not in the clip: ${formatTime(start)} ${until}: ${WHY[why]}`;
    await printWarning(context, 'H4_RANGE_NOT_FOUND', message);
  }
  return plan.missing.length === 0 ? EXIT.done : EXIT.loss;
}
