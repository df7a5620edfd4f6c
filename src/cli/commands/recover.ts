/** `harmony4 recover`: all whole records of a recording that was cut off, and an account of what is lost. */
import { type Recovery, recoverRecording } from '../../container/recover/recover.js';
import { type RecoveryScan, scanRecording } from '../../container/recover/recovery-scan.js';
import { type Run, type Salvage, salvageRecording } from '../../container/recover/salvage.js';
import { type RecoverOptions, signalOf } from '../../container/recover/recovery-walk.js';
import { type Tail, parseTail } from '../../container/format/tail.js';
import { CHUNK_HEADER_BYTES } from '../../container/format/layout.js';
import { readSidecar } from '../../storage/node/sidecar.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import { formatExactBytes } from '../byte-counts.js';
import type { Context } from '../context.js';
import { MICROSECONDS, formatTime, originalMicros } from '../durations.js';
import { EXIT, printWarning } from '../exit.js';
import { STDIN, inputName, openInput, resultName } from '../input.js';
import { STDOUT, writeOutput } from '../output.js';
import { Progress } from '../progress.js';
import { isRemote } from '../remote.js';
import { counted, printable } from '../text.js';
import { type AddVerb, FULL_READ_OPTION, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';

export interface RecoverVerbOptions {
  readonly output?: string;
  readonly dryRun?: boolean;
  readonly cut?: boolean;
  readonly slice?: boolean;
  readonly force?: boolean;
  readonly allowFullRead?: boolean;
  readonly progress: boolean;
}

export const addRecover: AddVerb = (program, context, done) => {
  program
    .command('recover')
    .summary('bring back what is whole of a recording that was cut off')
    .description(
      'Copies all whole records of FILE to OUT, byte by byte, and adds the index that a reader opens it by. FILE itself is ' +
        'never changed. Only what is unfinished at the end of the file is left out; if the recording goes on behind a ' +
        'damaged place, that is told and nothing is written.',
    )
    .argument('<FILE>', 'the recording that was cut off, or -')
    .option('-o, --output <OUT>', 'the H4MK file to write, or - for standard output')
    .option('--dry-run', 'only say what is whole and what is lost')
    .option('--cut', 'if it is damaged inside: take the part before the damage, and give up what follows')
    .option(
      '--slice',
      'if it is damaged inside: write all whole records on both sides as a slice that proves their places',
    )
    .option('-f, --force', 'overwrite OUT')
    .option(...FULL_READ_OPTION)
    .option(...NO_PROGRESS_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `${examples(context, [
        'recover cut.h4mk -o whole.h4mk          # exits 3',
        'recover cut.h4mk --dry-run              # exits 3',
        'recover cut.h4mk -o whole.h4mk --json   # exits 3',
        'recover changed.h4mk -o rest.h4mk --slice   # exits 3',
      ])}

OUT has an end only if FILE had its end record: nobody but its writer can say that a recording is complete.
Exit codes: 0 nothing is missing, 3 recovered with loss or without an end, 1 damaged inside, 4 cannot be read.`,
    )
    .action(async (file: string, options: RecoverVerbOptions) => done(await recover(file, options, context)));
};

/** Writes what is whole of FILE to OUT. Resolves to 0 if that is all there ever was, else to 3. */
export async function recover(file: string, options: RecoverVerbOptions, context: Context): Promise<number> {
  const { signal } = context.io;
  const { output, dryRun = false, cut = false } = options;
  if (options.slice === true) return recoverSlice(file, options, context);
  if ((output === undefined) !== dryRun) {
    throw new H4Error('H4_PARAM', 'Name the file to write with -o, or ask for --dry-run to write none');
  }
  const promised = await promisedTail(file, context);
  const source = await openInput(file, context, { wholeFile: true, allowFullRead: options.allowFullRead === true });
  const progress = new Progress(context, {
    label: `recovering ${inputName(file)}`,
    total: source.size,
    enabled: options.progress,
  });
  const run: RecoverOptions = {
    ...signalOf({ signal }),
    onProgress: (bytes) => progress.update(bytes),
    ...(promised === undefined ? {} : { promised }),
  };
  try {
    const result =
      output === undefined
        ? await scanRecording(source, run)
        : await writeOutput(output, { force: options.force === true, input: file, hashing: false }, context, (sink) =>
            recoverRecording(source, sink, { ...run, cut }),
          );
    progress.clear();
    await print(file, output, result, context);
    return exitCodeOf(result);
  } finally {
    progress.clear();
    await source.close();
  }
}

/** Writes all whole records of FILE to OUT as a slice. Resolves to 0 if none is missing, else to 3. */
async function recoverSlice(file: string, options: RecoverVerbOptions, context: Context): Promise<number> {
  const { output, dryRun = false, cut = false, force = false } = options;
  if (output === undefined || dryRun || cut) {
    throw new H4Error('H4_PARAM', '--slice writes a file: name it with -o, and ask for neither --dry-run nor --cut');
  }
  const source = await openInput(file, context, { wholeFile: true, allowFullRead: options.allowFullRead === true });
  const label = `recovering ${inputName(file)}`;
  const progress = new Progress(context, { label, total: source.size, enabled: options.progress });
  try {
    const salvage = await writeOutput(output, { force, input: file, hashing: false }, context, (sink) =>
      salvageRecording(source, sink, {
        ...signalOf(context.io),
        onProgress: (records, of) => progress.update((source.size * records) / of),
      }),
    );
    progress.clear();
    await printSalvage(file, output, salvage, context);
    return salvage.records === salvage.size ? EXIT.done : EXIT.loss;
  } finally {
    progress.clear();
    await source.close();
  }
}

async function printSalvage(file: string, output: string, salvage: Salvage, context: Context): Promise<void> {
  const { size, records, runs, isSigned, bytes } = salvage;
  const isPiped = output === STDOUT;
  const out = isPiped ? context.err : context.out;
  const lost = lostBetween(salvage);
  if (context.json) {
    return out.json({
      ...{ file: resultName(file), output, condition: 'slice', records, bytes, tree_size: size, signed: isSigned },
      runs: runs.map(({ first, end }) => [first, end]),
      lost: { records: size - records, runs: lost.map(({ first, end }) => [first, end]) },
    });
  }
  await out.line(out.paint('bold', isPiped ? inputName(file) : printable(output)));
  await out.field('condition', 'a slice: its records are proven to have stood at their places, nothing else is');
  await out.field('records', `${records} whole of ${size}`);
  await out.field('size', formatExactBytes(bytes));
  await out.field('signed', isSigned ? 'the last checkpoint comes along; verify --key tells who signed it' : 'no');
  await out.field('lost', lost.length === 0 ? 'nothing' : printable(lost.map(describeRun).join(', ')));
}

/** The records `[first, end)` that are missing between runs. */
function lostBetween({ size, runs }: Salvage): Run[] {
  const ends = [0, ...runs.map(({ end }) => end)];
  return ends.map((first, i) => ({ first, end: runs[i]?.first ?? size })).filter(({ first, end }) => first < end);
}

function describeRun({ first, end }: Run): string {
  return end - first === 1 ? `record ${first}` : `records ${first} to ${end - 1}`;
}

/** What the writer has promised to be safe, if it has left its sidecar. */
async function promisedTail(file: string, context: Context): Promise<Tail | undefined> {
  if (file === STDIN || isRemote(file)) return undefined;
  try {
    const sidecar = await readSidecar(file);
    return sidecar === undefined ? undefined : parseTail(sidecar.tailChunk.subarray(CHUNK_HEADER_BYTES));
  } catch (error) {
    if (!isH4Error(error)) throw error;
    // It only says how much is lost: without it the same comes back.
    await printWarning(context, error.code, `${error.message}; the sidecar is ignored`);
    return undefined;
  }
}

const isWritten = (result: RecoveryScan | Recovery): result is Recovery => 'isClosed' in result;

function exitCodeOf(result: RecoveryScan | Recovery): number {
  if (result.condition === 'damaged' && !isWritten(result)) return EXIT.failed;
  return result.metas.ended && result.lost.records === 0 && result.damage === undefined ? EXIT.done : EXIT.loss;
}

async function print(
  file: string,
  output: string | undefined,
  result: RecoveryScan | Recovery,
  context: Context,
): Promise<void> {
  const isPiped = output === STDOUT;
  const out = isPiped ? context.err : context.out;
  if (context.json) return out.json(jsonOf(file, output, result));
  const { condition, records, end, endPts, damage, metas } = result;
  const scale = metas.info ?? MICROSECONDS;
  const time = (pts: number): string => formatTime(originalMicros(pts, scale));
  await out.line(out.paint('bold', output === undefined || isPiped ? inputName(file) : printable(output)));
  const isWhole = condition === 'cut' && metas.ended && result.lost.records === 0;
  await out.field(
    'condition',
    isWhole ? 'complete, with bytes behind its end that are no part of it' : CONDITIONS[condition],
  );
  await out.field('records', `${records} whole`);
  await out.field('size', formatExactBytes(isWritten(result) ? result.bytes : end));
  if (endPts !== undefined) await out.field('until', time(endPts));
  await out.field('end', metas.ended ? 'the end record is there' : 'no end record: nothing says that this is all');
  await out.field('lost', describeLoss(result, time));
  if (damage === undefined) return;
  await out.field('damage', `${damage.code} at offset ${damage.offset}`);
  await out.paragraph(printable(damage.message), { indent: 4 });
  if (damage.later !== undefined) {
    await out.paragraph(`The recording goes on with ${damage.later.tag} at offset ${damage.later.offset}.`, {
      indent: 4,
    });
  }
}

const CONDITIONS: Readonly<Record<RecoveryScan['condition'], string>> = {
  complete: 'complete: its writer closed it',
  open: 'whole, but not closed by its writer',
  cut: 'cut off in the middle of a chunk',
  damaged: 'damaged inside: what follows the damage is not cut off, but lost to readers',
};

function describeLoss({ lost }: RecoveryScan, time: (pts: number) => string): string {
  if (lost.bytes === 0 && lost.records === 0) return 'nothing that the file knows of';
  const { fromPts, toPts } = lost;
  const until = toPts === undefined ? '' : ` to ${time(toPts)}`;
  const span = fromPts === undefined ? '' : `, from ${time(fromPts)}${until}`;
  const records = lost.records === 0 ? 'no record' : `at least ${counted(lost.records, 'record')}`;
  return `${formatExactBytes(lost.bytes)}, ${records}${span}`;
}

function jsonOf(file: string, output: string | undefined, result: RecoveryScan | Recovery): Record<string, unknown> {
  const { condition, records, end, endPts, lost, damage, metas, warnings } = result;
  const scale = metas.info ?? MICROSECONDS;
  const micros = (pts: number | undefined): number | null => (pts === undefined ? null : originalMicros(pts, scale));
  return {
    file: resultName(file),
    output: output ?? null,
    condition,
    records,
    kept_bytes: end,
    bytes: isWritten(result) ? result.bytes : null,
    closed: metas.ended,
    end_pts: endPts ?? null,
    end_us: micros(endPts),
    lost: {
      bytes: lost.bytes,
      records: lost.records,
      from_pts: lost.fromPts ?? null,
      to_pts: lost.toPts ?? null,
      from_us: micros(lost.fromPts),
      to_us: micros(lost.toPts),
    },
    damage: damage === undefined ? null : { ...damage, later: damage.later ?? null },
    warnings,
  };
}
