/** `harmony4 export`: makes a container from a file or a stream. */
import { Option } from 'commander';
import type { CompressionEngine } from '../../compression/api/engine.js';
import { storedEngine } from '../../compression/api/stored.js';
import { GeometricReferenceCompressor } from '../../compression/reference.js';
import { ZERO_UID, contentUid } from '../../container/format/meta.js';
import { DEFAULT_SIGN_EVERY } from '../../container/sign/signing-cadence.js';
import type { FrameRate } from '../../tokenizers/frame-clock.js';
import { OPAQUE_MEDIA_TYPE, sniffMediaType } from '../../tokenizers/media-type.js';
import { toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { type BlindChoice, addBlindOptions, readBlindSeed } from '../blind-options.js';
import type { Context } from '../context.js';
import { type CommandEngines, printSeal, requireCore, withEngines } from '../engines.js';
import { EXIT } from '../exit.js';
import { exportFields, printExport } from '../export-view.js';
import { type ImportPlan, type ImportResult, exportParameters, importOpaque } from '../importer.js';
import { inputName } from '../input.js';
import { exportLive } from '../live/live-export.js';
import { type MediaInput, openMediaInput } from '../media-input.js';
import { byteCount, decimal, frameRate, hexUid, integer } from '../options.js';
import { STDOUT, writeOutput } from '../output.js';
import { Progress } from '../progress.js';
import { type SecrecyChoice, addSecrecyOptions, assertMaskIsFresh, readSecrecy } from '../secrecy-options.js';
import { SIGNING_HISTORY_OPTION, type Signer, openSigner } from '../signer.js';
import { PASSPHRASE_FILE_OPTION } from '../signer-option.js';
import { type AddVerb, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';

const ENGINES = ['auto', 'stored', 'reference', 'core'] as const;
type EngineChoice = (typeof ENGINES)[number];

export interface ExportOptions extends SecrecyChoice, BlindChoice {
  readonly output: string;
  readonly blockSize: number;
  readonly gop: number;
  readonly fpsHint: FrameRate;
  readonly engine: EngineChoice;
  readonly signable?: boolean;
  readonly uid?: string;
  readonly signer?: string;
  readonly passphraseFile?: string;
  readonly signingHistory?: string;
  readonly signEvery?: number;
  readonly opaque?: boolean;
  readonly live?: boolean;
  readonly resume?: boolean;
  readonly indexRecords?: number;
  readonly indexSeconds?: number;
  readonly force?: boolean;
  readonly progress: boolean;
}

const KiB = 1024;
const MIN_BLOCK_BYTES = 64 * KiB;
const MAX_BLOCK_BYTES = 8 * KiB * KiB;
const UID_BYTES = 16;

const INDEX_RECORDS = 256;
const INDEX_SECONDS = 10;
const MIN_INDEX_SECONDS = 0.01;
const MAX_INDEX_SECONDS = 24 * 60 * 60;

export const addExport: AddVerb = (program, context, done) => {
  const command = program
    .command('export')
    .summary('make a container from a file or a stream')
    .description(
      'Cuts IN into timed blocks and writes them as a recording. The same input and the same parameters give the ' +
        'same bytes. IN may be - or a pipe; OUT appears under its name only when it is whole.\n\n' +
        'With --live OUT grows under its own name and can be read meanwhile. At every index point all of it is synchronised ' +
        'to the disk (fsync) before OUT.tail and, with --json, a line on stdout name it. A crash can lose nothing that ' +
        'an index point has acknowledged, and at most the last N records or S seconds, whichever is less.\n\n' +
        'With --encrypt or --mask only who has the key can read the content. The salt is random, so that the same input ' +
        'gives other bytes each time, unless --salt-file gives it. Lost keys cannot be replaced.',
    )
    .argument('<IN>', 'any file, or - for standard input')
    .requiredOption('-o, --output <OUT>', 'the H4MK file to write, or - for standard output')
    .addOption(
      new Option('--block-size <BYTES>', 'from 64KiB to 8MiB')
        .argParser(byteCount(MIN_BLOCK_BYTES, MAX_BLOCK_BYTES))
        .default(512 * KiB, '512KiB'),
    )
    .option('--gop <N>', 'blocks from one keyframe to the next, 1 to 600', integer(1, 600), 30)
    .addOption(
      new Option('--fps-hint <RATE>', 'blocks per second, 1 to 240: 30, 29.97, 30000/1001')
        .argParser(frameRate)
        .default([30, 1], '30'),
    )
    .addOption(
      new Option(
        '--engine <NAME>',
        'auto: the configured core, or else stored for media and reference for anything else',
      )
        .choices(ENGINES)
        .default('auto'),
    )
    .option('--signable', 'give it a uid of its own, so that it can be signed later; reads a file twice')
    .option('--uid <HEX>', 'the uid, 32 hex digits', hexUid)
    .option('--signer <KEY>', 'sign it with the key in this file, while it is written and at its end')
    .option(...PASSPHRASE_FILE_OPTION)
    .option(...SIGNING_HISTORY_OPTION)
    .option(
      '--sign-every <N>',
      `with --signer: a signature after every N records (default: ${DEFAULT_SIGN_EVERY})`,
      integer(1, 1_000_000),
    )
    .option('--opaque', 'take the input as bytes without looking into it (the only way so far)')
    .option('--live', 'record what comes from - or a pipe: index points, fsync, sidecar OUT.tail; Ctrl-C closes it')
    .option(
      '--index-records <N>',
      `with --live: an index point after N blocks (default: ${INDEX_RECORDS})`,
      integer(1, 1_000_000),
    )
    .option(
      '--index-seconds <S>',
      `with --live: and at the latest S seconds after something has arrived (default: ${INDEX_SECONDS})`,
      decimal(MIN_INDEX_SECONDS, MAX_INDEX_SECONDS),
    )
    .option('--resume', 'with --live: if OUT is a recording that was cut off, go on with it')
    .option('-f, --force', 'overwrite OUT')
    .option(...NO_PROGRESS_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', examples(context, EXAMPLES) + coreExample(context))
    .action(async (input: string, options: ExportOptions) => {
      // Live blocks have the time of their arrival, unless somebody asks for that of frames.
      const isRateGiven = command.getOptionValueSource('fpsHint') === 'cli';
      done(
        await (options.live === true
          ? live(input, options, isRateGiven, context)
          : exportMedia(input, options, context)),
      );
    });
  addSecrecyOptions(command);
  addBlindOptions(command);
};

const EXAMPLES = [
  'export clip.mp4 -o clip.h4mk',
  'export clip.mp4 -o small.h4mk --block-size 64KiB --gop 15 --fps-hint 30000/1001',
  'export clip.mp4 -o signable.h4mk --signable',
  'export clip.mp4 -o signed.h4mk --signer signer.key',
  'export clip.mp4 -o secret.h4mk --encrypt --key-file secret.key',
  'export - -o stdin.h4mk < clip.mp4',
  'export clip.mp4 -o - | sha256sum',
  'export - -o camera.h4mk --live < clip.mp4',
];

/** The environment stands before the command, so that it is not of the lines that begin with it. */
const coreExample = ({ io }: Context): string =>
  `\n  $ HARMONY4_CORE_PATH=./geo.wasm ${io.command} export clip.mp4 -o core.h4mk --engine core`;

/** Writes IN as a container to OUT. Resolves to 0 when it stands there whole. */
export async function exportMedia(file: string, options: ExportOptions, context: Context): Promise<number> {
  assertUidChoice(options);
  assertMaskIsFresh(options, hasOwnUid(options));
  if (options.indexRecords !== undefined || options.indexSeconds !== undefined) {
    throw new H4Error('H4_PARAM', 'Index points are for recordings that grow: use --index-... together with --live');
  }
  if (options.resume === true) {
    throw new H4Error('H4_PARAM', 'Only a live recording can be gone on with: use --resume together with --live');
  }
  const signer = await openExportSigner(options, context);
  return withEngines(context, (engines) => exportWith(engines, file, options, signer, context));
}

async function exportWith(
  engines: CommandEngines,
  file: string,
  options: ExportOptions,
  signer: Signer | undefined,
  context: Context,
): Promise<number> {
  const secrecy = await readSecrecy(options, [file], context);
  const blindSeed = await readBlindSeed(options, options.live === true || hasOwnUid(options), context);
  const signing = signer?.createCheckpointSigner();
  const planFor = await createPlanner(options.engine, engines, context);
  const input = await openMediaInput(file, context);
  try {
    const plan: ImportPlan = {
      ...planFor(input.head),
      blockSize: options.blockSize,
      gop: options.gop,
      fpsHint: options.fpsHint,
      ...(secrecy === undefined ? {} : { secrecy }),
      ...(blindSeed === undefined ? {} : { blindSeed }),
      ...(signing === undefined
        ? {}
        : { signing: { signer: signing, every: options.signEvery ?? DEFAULT_SIGN_EVERY } }),
    };
    const progress = new Progress(context, {
      label: `exporting ${inputName(file)}`,
      enabled: options.progress,
      ...(input.bytes === undefined ? {} : { total: input.bytes }),
    });
    const run = { signal: context.io.signal, onProgress: (bytes: number) => progress.update(bytes) };
    const output = { force: options.force === true, input: file, hashing: true };
    const result = await writeOutput(options.output, output, context, async (sink) => {
      const identity = await chooseUid(input, plan, options, context);
      return importOpaque(input, sink, { ...plan, ...identity, ...run }).finally(() => progress.clear());
    });
    await print(options.output, result, context);
    return EXIT.done;
  } finally {
    await input.close();
  }
}

/** Records IN to OUT while it comes. Resolves to 0 when the recording is closed. */
async function live(file: string, options: ExportOptions, isRateGiven: boolean, context: Context): Promise<number> {
  assertUidChoice(options);
  if (options.resume === true && (options.force === true || options.uid !== undefined)) {
    throw new H4Error('H4_PARAM', '--resume goes on with OUT as it is: it does not go with --force or --uid');
  }
  const { output, engine, blockSize, gop, uid, progress } = options;
  const signer = await openExportSigner(options, context);
  const secrecy = await readSecrecy(options, [file], context);
  const blindSeed = await readBlindSeed(options, options.live === true || hasOwnUid(options), context);
  const result = await withEngines(context, async (engines) =>
    exportLive(
      file,
      {
        ...{ output, blockSize, gop, progress, engines },
        force: options.force === true,
        resume: options.resume === true,
        // Refused now, not when the first bytes have come.
        engineFor: await createPlanner(engine, engines, context),
        // Every index point is signed.
        indexRecords: indexRecordsOf(options),
        indexSeconds: options.indexSeconds ?? INDEX_SECONDS,
        ...(isRateGiven ? { frameRate: options.fpsHint } : {}),
        ...(uid === undefined ? {} : { uid }),
        ...(secrecy === undefined ? {} : { secrecy }),
        ...(blindSeed === undefined ? {} : { blindSeed }),
        ...(signer === undefined ? {} : { signer }),
      },
      context,
    ),
  );
  if (context.json) await context.out.json({ event: 'closed', ...exportFields(output, result) });
  else await printExport(output, result, context.out);
  return EXIT.done;
}

type Planner = (head: Uint8Array) => Pick<ImportPlan, 'engine' | 'mediaType'>;

/** One engine per file, by how it begins. A core is loaded here, and refused. */
async function createPlanner(choice: EngineChoice, engines: CommandEngines, context: Context): Promise<Planner> {
  const core = await coreFor(choice, engines);
  if (core !== undefined) await printSeal(core.info(), context);
  return (head) => {
    const mediaType = sniffMediaType(head);
    return { engine: core ?? builtinFor(choice, mediaType), mediaType: mediaType ?? OPAQUE_MEDIA_TYPE };
  };
}

function assertUidChoice({ signable, signer, uid }: ExportOptions): void {
  if ((signable === true || signer !== undefined) && uid === ZERO_UID) {
    const option = signer === undefined ? '--signable' : '--signer';
    throw new H4Error('H4_PARAM', `A file whose uid is all zeros can never be signed: give ${option} another --uid`);
  }
}

/** Whether the file gets a uid of its own, and so a file_id that no other content has. */
function hasOwnUid({ signable, signer, uid = ZERO_UID }: ExportOptions): boolean {
  return signable === true || signer !== undefined || uid !== ZERO_UID;
}

function indexRecordsOf({ indexRecords, signEvery }: ExportOptions): number {
  return Math.min(indexRecords ?? signEvery ?? INDEX_RECORDS, signEvery ?? Infinity);
}

function openExportSigner(options: ExportOptions, context: Context): Promise<Signer | undefined> {
  if (options.signEvery !== undefined && options.signer === undefined) {
    throw new H4Error('H4_PARAM', 'Cannot use --sign-every without --signer: it says how often that key signs');
  }
  return openSigner(options, context);
}

/** The core, if it is to write. What is to be stored has nothing to do with it, and does not load it. */
async function coreFor(choice: EngineChoice, engines: CommandEngines): Promise<CompressionEngine | undefined> {
  switch (choice) {
    case 'auto':
      return engines.core();
    case 'core':
      return requireCore(engines);
    case 'stored':
    case 'reference':
      return undefined;
  }
}

/** Where no core writes. Media are compressed already, so that they are stored. */
function builtinFor(choice: EngineChoice, mediaType: string | undefined): CompressionEngine {
  const isStored = choice === 'stored' || (choice === 'auto' && mediaType !== undefined);
  return isStored ? storedEngine : new GeometricReferenceCompressor();
}

/** The uid, and where it is made from the content, the hash that the content must still have when it is written. */
async function chooseUid(
  input: MediaInput,
  plan: ImportPlan,
  { signable, signer, uid }: ExportOptions,
  { io }: Context,
): Promise<{ readonly uid: string; readonly expectedSha256?: Uint8Array }> {
  if (uid !== undefined) return { uid };
  if (signable !== true && signer === undefined) return { uid: ZERO_UID };
  if (input.digest === undefined) return { uid: toHex(io.randomBytes(UID_BYTES)) };
  const expectedSha256 = await input.digest();
  return { uid: contentUid(expectedSha256, exportParameters(plan, input.name)), expectedSha256 };
}

/** With `-o -` the container itself is the result: then only JSON is printed, to stderr. */
async function print(output: string, result: ImportResult, context: Context): Promise<void> {
  const { json, err } = context;
  const isPiped = output === STDOUT;
  const out = isPiped ? err : context.out;
  if (json) return out.json(exportFields(output, result));
  if (!isPiped) await printExport(output, result, out);
}
