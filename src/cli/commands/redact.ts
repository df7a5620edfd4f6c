/** `harmony4 redact`: takes the payloads of records out of a recording; every signature stays valid. */
import { planRecords, writeClip } from '../../container/slice/clip.js';
import type { CheckpointOptions } from '../../container/slice/clip-checkpoint.js';
import type { ByteSource } from '../../container/io/io.js';
import { H4MKReader } from '../../container/read/reader.js';
import { type Redaction, redactRecording } from '../../container/redact/redact.js';
import { createRedactionStatement } from '../../container/redact/redaction-statement.js';
import { type VerificationReport, verifyContainer } from '../../container/check/verify.js';
import { fromHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { type SigningKey, statementKey } from '../../utils/signing-key.js';
import { formatExactBytes } from '../byte-counts.js';
import type { Context } from '../context.js';
import { EXIT, printWarning } from '../exit.js';
import { readTimeScale } from '../inspect/time-scale.js';
import { inputName, openInput, resultName } from '../input.js';
import { integer, recordNumbers, time } from '../options.js';
import { STDOUT, writeOutput } from '../output.js';
import { Progress } from '../progress.js';
import { type NumberRange, chooseRecords, shownNumbers } from '../record-choice.js';
import { PASSPHRASE_FILE_OPTION, readSigner } from '../signer-option.js';
import { counted, printable } from '../text.js';
import { type Trust, type TrustOptions, addTrustOptions, readTrust } from '../trust-options.js';
import { type AddVerb, FULL_READ_OPTION, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';
import { FileWalker } from '../walk.js';

export interface RedactVerbOptions extends TrustOptions {
  readonly output: string;
  readonly records?: readonly NumberRange[];
  readonly from?: number;
  readonly to?: number;
  readonly track?: number;
  readonly reason?: string;
  readonly signer?: string;
  readonly passphraseFile?: string;
  readonly keep?: string;
  readonly compact?: boolean;
  readonly force?: boolean;
  readonly allowFullRead?: boolean;
  readonly progress: boolean;
}

const MAX_TRACK = 65_534;

export const addRedact: AddVerb = (program, context, done) => {
  const command = program
    .command('redact')
    .summary('remove content; signatures stay valid')
    .description(
      'Copies FILE to OUT without the content of some records. What was signed commits to the content and does not hold it, ' +
        'so that every signature stays valid and the copy says which records were redacted. Order, times and sizes of the ' +
        'records stay visible. FILE itself is not changed: keep it safe, or destroy it.',
    )
    .argument('<FILE>', 'a recording or a clip, or -')
    .requiredOption('-o, --output <OUT>', 'the H4MK file to write, or - for standard output')
    .option('--records <LIST>', 'the records by number: 4,8-12 (inspect --records shows them)', recordNumbers)
    .option('--from <TIME>', 'records that show something from this time on: 90s, 1:02:03.5', time)
    .option('--to <TIME>', 'and before this one', time)
    .option('--track <N>', 'only records of this track', integer(0, MAX_TRACK))
    .option('--reason <TEXT>', 'why: it is signed, and stands in OUT for everybody to read')
    .option('--signer <KEY>', 'sign a statement of what was redacted and why')
    .option(...PASSPHRASE_FILE_OPTION)
    .option('--keep <REMOVED>', 'write what is removed to a clip of its own, which proves that it was in FILE')
    .option('--compact', 'leave no zeros in the place of what is removed: OUT is shorter')
    .option('-f, --force', 'overwrite OUT');
  addTrustOptions(command)
    .option(...FULL_READ_OPTION)
    .option(...NO_PROGRESS_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `${examples(context, [
        'redact recording.h4mk --records 4,8-9 -o public.h4mk',
        'redact recording.h4mk --from 0.1s --to 0.2s -o public.h4mk --compact',
        'redact recording.h4mk --records 4 -o public.h4mk --keep removed.h4mk --force',
        'redact recording.h4mk --from 0 --to 0.2s -o public.h4mk --force --reason "a bystander" --signer camera.key',
      ])}

With --key or --policy nothing is written unless FILE is signed by whom they name.
Whoever can guess a removed payload can tell that the guess is right, unless the recording was made with --redactable or
is encrypted; a warning says for how many records that is so.
Exit codes: 0 written, 1 FILE is not sound or not by whom you trust, 2 there is no such record, or nothing at that time, 4 cannot be read.`,
    )
    .action(async (file: string, options: RedactVerbOptions) => done(await redact(file, options, context)));
};

interface Redacted extends Redaction {
  readonly before: readonly number[];
  /** Who signed the statement. */
  readonly statement: SigningKey | undefined;
  readonly report: VerificationReport;
  /** The clip with what was removed. */
  readonly kept: { readonly file: string; readonly bytes: number } | undefined;
}

/** Writes FILE without some of its content to OUT. Resolves to 0 when it stands there whole. */
export async function redact(file: string, options: RedactVerbOptions, context: Context): Promise<number> {
  assertChoice(options);
  const key = await readSigner(options, context);
  const trusted = await readTrust(options, context);
  const source = await openInput(file, context, { wholeFile: true, allowFullRead: options.allowFullRead === true });
  const progress = new Progress(context, {
    label: `redacting ${inputName(file)}`,
    total: 2 * source.size,
    enabled: options.progress,
  });
  try {
    const result = await redactSource(source, file, { ...options, signingKey: key, trusted }, context, (bytes) =>
      progress.update(bytes),
    );
    progress.clear();
    await print(file, options.output, result, context);
    if (result.guessable.length > 0) await printWarning(context, 'H4_GUESSABLE', guessableWarning(result));
    return EXIT.done;
  } finally {
    progress.clear();
    await source.close();
  }
}

function assertChoice({ records, from, to, reason, signer }: RedactVerbOptions): void {
  const isTimed = from !== undefined || to !== undefined;
  if ((records !== undefined) === isTimed) {
    throw new H4Error('H4_PARAM', 'Say what to redact: either --records, or --from and --to');
  }
  // What is forgotten must not cost all the rest of a recording.
  if (isTimed && (from === undefined || to === undefined)) {
    throw new H4Error('H4_PARAM', 'Say when to redact with both --from and --to');
  }
  if (from !== undefined && to !== undefined && to <= from) {
    throw new H4Error('H4_PARAM', 'Nothing lies between --from and --to: --to must be later');
  }
  if ((reason === undefined) !== (signer === undefined)) {
    throw new H4Error(
      'H4_PARAM',
      '--reason and --signer go together: the reason stands in OUT in a statement that somebody has signed',
    );
  }
}

async function redactSource(
  source: ByteSource,
  file: string,
  options: RedactVerbOptions & { readonly signingKey: SigningKey | undefined; readonly trusted: Trust },
  context: Context,
  onProgress: (bytes: number) => void,
): Promise<Redacted> {
  const { signal } = context.io;
  const believed = believedIn(options.trusted);
  const report = await verifyContainer(source, { signal, onProgress, ...believed });
  assertSound(report, file);
  const { signingKey: key, reason = '', output, force = false, compact = false } = options;
  const scale = await readTimeScale(new FileWalker(source, { signal }));
  const { seqs, redacted, describing } = await chooseRecords(
    new FileWalker(source, { signal }),
    choiceOf(options),
    scale,
  );
  const meta = seqs.find((seq) => describing.has(seq));
  if (meta !== undefined) {
    throw new H4Error(
      'H4_PARAM',
      `Record ${meta} describes the recording, and holds no content: it cannot be redacted`,
    );
  }
  const wanted = new Set(seqs.filter((seq) => !redacted.has(seq)));
  if (wanted.size === 0) throw nothingToRedact(seqs.length);
  const fileId = fromHex(report.file_id ?? '');
  const statement =
    key === undefined ? undefined : createRedactionStatement({ fileId, records: [...wanted], reason, key });
  const kept =
    options.keep === undefined
      ? undefined
      : await keep(source, file, [...wanted], { ...options, output: options.keep, force }, context);
  const result = await writeOutput(output, { force, input: file, hashing: false }, context, (sink) =>
    redactRecording(source, sink, {
      isRemoved: ({ seq }) => wanted.has(seq),
      compact,
      signal,
      onProgress: (bytes) => onProgress(source.size + bytes),
      ...(statement === undefined ? {} : { statement }),
    }),
  );
  return {
    ...result,
    before: [...redacted],
    statement: key === undefined ? undefined : statementKey(key),
    report,
    kept,
  };
}

const believedIn = ({ trust, now }: Trust): Pick<CheckpointOptions, 'trust' | 'now'> => ({
  ...(trust === undefined ? {} : { trust }),
  ...(now === undefined ? {} : { now }),
});

/** Writes the records as they are in FILE to a clip, which has the root of FILE and so of OUT. */
async function keep(
  source: ByteSource,
  file: string,
  seqs: readonly number[],
  { output, force, trusted }: { readonly output: string; readonly force: boolean; readonly trusted: Trust },
  context: Context,
): Promise<Redacted['kept']> {
  if (output === STDOUT) throw new H4Error('H4_PARAM', 'What is removed goes to a file: name it with --keep');
  const { signal } = context.io;
  const reader = await H4MKReader.open(source, { signal });
  const plan = await planRecords(
    reader,
    seqs.map((seq) => ({ first: seq, end: seq + 1 })),
    { signal, ...believedIn(trusted) },
  );
  const { bytes } = await writeOutput(output, { force, input: file, hashing: false }, context, (sink) =>
    writeClip(reader, sink, plan, { signal }),
  );
  return { file: output, bytes };
}

const choiceOf = ({ records, from, to, track }: RedactVerbOptions): Parameters<typeof chooseRecords>[1] => ({
  ...(records === undefined ? {} : { numbers: records }),
  ...(from === undefined ? {} : { from }),
  ...(to === undefined ? {} : { to }),
  ...(track === undefined ? {} : { track }),
});

function assertSound({ errors: [first] }: VerificationReport, file: string): void {
  if (first === undefined) return;
  throw new H4Error(first.code, `${inputName(file)} is not sound, and stays as it is: ${first.message}`);
}

function nothingToRedact(chosen: number): H4Error {
  const what = chosen === 0 ? 'no record is meant' : `${counted(chosen, 'record')} meant, all redacted already`;
  return new H4Error('H4_PARAM', `There is nothing to redact: ${what}`);
}

function guessableWarning({ guessable, removed }: Redaction): string {
  const share = guessable.length === removed.length ? 'all' : String(guessable.length);
  return (
    `${share} of the ${counted(removed.length, 'removed payload')} had no blind and no encryption: whoever can guess one can ` +
    'tell that the guess is right; recordings made with export --redactable do not have this weakness'
  );
}

async function print(file: string, output: string, result: Redacted, context: Context): Promise<void> {
  const { removed, before, guessable, removedBytes, bytes, statement, report, kept } = result;
  const isPiped = output === STDOUT;
  const out = isPiped ? context.err : context.out;
  if (context.json) {
    return out.json({
      ...{ file: resultName(file), output, bytes, records: report.records, file_id: report.file_id, root: report.root },
      ...{ redacted: removed, redacted_bytes: removedBytes, redacted_before: before, guessable },
      ...(kept === undefined ? {} : { kept }),
      statement: statement === undefined ? null : { signer: statement.name, key_id: statement.keyId },
    });
  }
  await out.line(out.paint('bold', isPiped ? inputName(file) : printable(output)));
  await out.field('redacted', `${counted(removed.length, 'record')}: ${shownNumbers(removed)}`);
  await out.field('removed', formatExactBytes(removedBytes));
  if (before.length > 0) await out.field('before', `${counted(before.length, 'record')} had been redacted already`);
  await out.field('size', formatExactBytes(bytes));
  if (kept !== undefined) await out.field('kept', `${formatExactBytes(kept.bytes)} in ${printable(kept.file)}`);
  await out.field('statement', statement === undefined ? 'none: nobody has signed why' : `signed by ${statement.name}`);
  await out.field('root', `${report.root ?? ''} (unchanged)`);
}
