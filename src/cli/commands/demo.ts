/** `harmony4 demo`: makes a small recording, and shows on it what the other commands do. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecordingSummary } from '../../container/write/builder.js';
import type { HashingSource } from '../../container/io/io.js';
import { type VerificationReport, verifyContainer } from '../../container/check/verify.js';
import { createMemorySource } from '../../storage/memory.js';
import { openFileSource } from '../../storage/node/file-source.js';
import { explain, systemFailure } from '../../storage/node/system-error.js';
import { toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { formatBytes } from '../byte-counts.js';
import { type Context, hasUnicode } from '../context.js';
import { writeDemoRecording } from '../demo-recording.js';
import { MICROSECONDS, formatTime } from '../durations.js';
import { EXIT } from '../exit.js';
import { STDIN } from '../input.js';
import { mapFile } from '../inspect/file-map.js';
import { drawMap, mapSizeFor } from '../inspect/map-drawing.js';
import { writeOutput } from '../output.js';
import { openRecording } from '../recording.js';
import { createTemporaryFolder } from '../temporary.js';
import { printable } from '../text.js';
import { type AddVerb, JSON_OPTION, examples } from '../verb.js';
import { verdictLine } from '../verify/verdict.js';
import { FileWalker } from '../walk.js';

export interface DemoOptions {
  readonly keep?: string;
  readonly force?: boolean;
}

const FILE_NAME = 'demo.h4mk';
const SOUGHT_MICROS = 3_500_000;

export const addDemo: AddVerb = (program, context, done) => {
  program
    .command('demo')
    .summary('see it work in two seconds')
    .description(
      'Makes a recording of six seconds in a temporary folder, verifies it, seeks in it, changes one byte of a copy ' +
        'and verifies that, and draws a map of the file. Leaves nothing behind, unless it is told to.',
    )
    .option('--keep <DIR>', `keep the recording, as DIR/${FILE_NAME}`)
    .option('-f, --force', `overwrite DIR/${FILE_NAME}`)
    .option(...JSON_OPTION)
    .addHelpText('after', examples(context, ['demo', 'demo --keep demo-files']))
    .action(async (options: DemoOptions) => done(await demo(options, context)));
};

/** Runs the whole demonstration. Resolves to 0. */
export async function demo(options: DemoOptions, context: Context): Promise<number> {
  const { keep } = options;
  if (keep !== undefined) {
    await makeFolder(keep);
    return demonstrate(join(keep, FILE_NAME), options, context);
  }
  const folder = await createTemporaryFolder();
  try {
    return await demonstrate(folder.file(FILE_NAME), options, context);
  } finally {
    await folder.remove();
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (thrown) {
    throw new H4Error('H4_WRITE', `Cannot make the folder ${folder}: ${explain(systemFailure(thrown))}`, {
      cause: thrown,
    });
  }
}

async function demonstrate(path: string, options: DemoOptions, context: Context): Promise<number> {
  const output = { force: options.force === true, input: STDIN, hashing: true };
  const summary = await writeOutput(path, output, context, writeDemoRecording);
  const source = await openFileSource(path);
  try {
    const shown = { path, isKept: options.keep !== undefined, summary, source };
    await (context.json ? tellAsJson(shown, context) : tell(shown, context));
    return EXIT.done;
  } finally {
    await source.close();
  }
}

interface Demonstration {
  readonly path: string;
  readonly isKept: boolean;
  readonly summary: RecordingSummary;
  readonly source: HashingSource;
}

async function tell(shown: Demonstration, context: Context): Promise<void> {
  const { out, io } = context;
  const { source, summary } = shown;
  const step = (text: string): Promise<void> => out.line(`\n${out.paint('bold', text)}`);
  await out.line('HarmonyØ4 keeps recordings in which every second can be found, and every byte checked.');

  await step('1  Write a recording: six seconds of pictures and sound');
  await out.field('file', shown.isKept ? printable(shown.path) : `${FILE_NAME}, in a temporary folder`);
  await out.field('size', `${formatBytes(summary.bytes)} in ${summary.size} records`);
  await out.field('root', toHex(summary.root));

  await step('2  Verify it');
  await out.line(`  ${out.paint('green', verdictLine(await verifyContainer(source)))}`);

  await step('3  Change one byte of a copy, and verify that');
  await out.line(`  ${out.paint('red', verdictLine(await verifyAltered(shown)))}`);

  await step(`4  Seek in it: from where must ${formatTime(SOUGHT_MICROS)} be played?`);
  const found = await (await openRecording(source, io.signal)).seek(SOUGHT_MICROS);
  await out.field('keyframe', formatTime(found?.pts ?? 0));
  await out.field('record', `${found?.seq ?? 0}, at file offset ${found?.offset ?? 0}`);

  await step('5  Look at the whole file');
  const map = await mapFile(new FileWalker(source), mapSizeFor(out.columns, source.size));
  const drawing = { columns: out.columns, unicode: hasUnicode(io), paint: out.paint };
  for (const line of drawMap(map, MICROSECONDS, drawing)) await out.line(line);

  await step('Try next');
  for (const [line, why] of nextSteps(shown))
    await out.line(`  ${io.command} ${line.padEnd(36)} ${out.paint('dim', why)}`);
}

async function verifyAltered({ path, source }: Demonstration): Promise<VerificationReport> {
  const bytes = new Uint8Array(await readFile(path));
  const middle = Math.floor(source.size / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  return verifyContainer(createMemorySource(bytes));
}

function nextSteps({ path, isKept }: Demonstration): readonly (readonly [line: string, why: string])[] {
  if (!isKept) {
    return [
      ['demo --keep demo', 'keep this recording'],
      ['export FILE -o FILE.h4mk', 'make one of a file of your own'],
      ['inspect FILE.h4mk', 'see what is in it'],
    ];
  }
  const file = /^[\w./-]+$/.test(path) ? path : `'${printable(path)}'`;
  return [
    [`inspect ${file}`, 'what is in it'],
    [`inspect ${file} --hex`, 'byte by byte'],
    [`extract ${file} --track 1 -o tone.pcm`, 'the sound, 16 bit, 8000 Hz'],
  ];
}

async function tellAsJson(shown: Demonstration, { out, io }: Context): Promise<void> {
  const { summary, source, path, isKept } = shown;
  const { state } = await verifyContainer(source);
  const altered = await verifyAltered(shown);
  const found = await (await openRecording(source, io.signal)).seek(SOUGHT_MICROS);
  await out.json({
    file: isKept ? path : null,
    bytes: summary.bytes,
    records: summary.size,
    root: toHex(summary.root),
    file_id: toHex(summary.fileId),
    state,
    state_altered: altered.state,
    seek: { asked_us: SOUGHT_MICROS, record: found?.seq, pts: found?.pts, file_offset: found?.offset },
  });
}
