/** `harmony4 export`: makes a container from a file or a stream. */
import { Option } from 'commander';
import { GeometricReferenceCompressor } from '../../compression/reference.js';
import type { CompressionEngine } from '../../compression/api/engine.js';
import { storedEngine } from '../../compression/api/stored.js';
import { ZERO_UID, contentUid } from '../../container/meta.js';
import type { FrameRate } from '../../tokenizers/frame-clock.js';
import { toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { formatExactBytes } from '../byte-counts.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit.js';
import { type ImportPlan, type ImportResult, exportParameters, importOpaque } from '../importer.js';
import { inputName } from '../input.js';
import { type MediaInput, openMediaInput } from '../media-input.js';
import { OPAQUE_MEDIA_TYPE, sniffMediaType } from '../media-type.js';
import { refuseOptions } from '../not-yet.js';
import { byteCount, frameRate, hexUid, integer } from '../options.js';
import { STDOUT, writeOutput } from '../output.js';
import { Progress } from '../progress.js';
import { printable } from '../text.js';
import { type AddVerb, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';

const ENGINES = ['auto', 'stored', 'reference', 'core'] as const;
type EngineChoice = (typeof ENGINES)[number];

export interface ExportOptions {
  readonly output: string;
  readonly blockSize: number;
  readonly gop: number;
  readonly fpsHint: FrameRate;
  readonly engine: EngineChoice;
  readonly signable?: boolean;
  readonly uid?: string;
  readonly opaque?: boolean;
  readonly force?: boolean;
  readonly progress: boolean;
}

const KiB = 1024;
const MIN_BLOCK_BYTES = 64 * KiB;
const MAX_BLOCK_BYTES = 8 * KiB * KiB;
const UID_BYTES = 16;

export const addExport: AddVerb = (program, context, done) => {
  const command = program
    .command('export')
    .summary('make a container from a file or a stream')
    .description(
      'Cuts IN into timed blocks and writes them as a recording. The same input and the same parameters give the ' +
        'same bytes. IN may be - or a pipe; OUT appears under its name only when it is whole.',
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
      new Option('--engine <NAME>', 'auto: stored for media, reference for anything else')
        .choices(ENGINES)
        .default('auto'),
    )
    .option('--signable', 'give it a uid of its own, so that it can be signed later; reads a file twice')
    .option('--uid <HEX>', 'the uid, 32 hex digits', hexUid)
    .option('--opaque', 'take the input as bytes without looking into it (the only way so far)')
    .option('-f, --force', 'overwrite OUT')
    .option(...NO_PROGRESS_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', examples(context, EXAMPLES))
    .action(async (input: string, options: ExportOptions) => done(await exportMedia(input, options, context)));
  refuseOptions(
    command,
    ['signer', 'mask', 'encrypt', 'live', 'redactable'],
    'this version does not have that option yet',
  );
};

const EXAMPLES = [
  'export clip.mp4 -o clip.h4mk',
  'export clip.mp4 -o small.h4mk --block-size 64KiB --gop 15 --fps-hint 30000/1001',
  'export clip.mp4 -o signable.h4mk --signable',
  'export - -o stdin.h4mk < clip.mp4',
  'export clip.mp4 -o - | sha256sum',
];

/** Writes IN as a container to OUT. Resolves to 0 when it stands there whole. */
export async function exportMedia(file: string, options: ExportOptions, context: Context): Promise<number> {
  assertUidChoice(options);
  const input = await openMediaInput(file, context);
  try {
    const mediaType = sniffMediaType(input.head);
    const plan: ImportPlan = {
      engine: chooseEngine(options.engine, mediaType),
      blockSize: options.blockSize,
      gop: options.gop,
      fpsHint: options.fpsHint,
      mediaType: mediaType ?? OPAQUE_MEDIA_TYPE,
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

function assertUidChoice({ signable, uid }: ExportOptions): void {
  if (signable === true && uid === ZERO_UID) {
    throw new H4Error('H4_PARAM', 'A file whose uid is all zeros can never be signed: give --signable another --uid');
  }
}

/** One engine per file. Media are compressed already, so that they are stored. */
function chooseEngine(choice: EngineChoice, mediaType: string | undefined): CompressionEngine {
  switch (choice) {
    case 'auto':
      return mediaType === undefined ? new GeometricReferenceCompressor() : storedEngine;
    case 'stored':
      return storedEngine;
    case 'reference':
      return new GeometricReferenceCompressor();
    case 'core':
      throw new H4Error('H4_IO', 'Cannot use --engine core: no core is configured; use stored, reference or auto');
  }
}

/** The uid, and where it is made from the content, the hash that the content must still have when it is written. */
async function chooseUid(
  input: MediaInput,
  plan: ImportPlan,
  { signable, uid }: ExportOptions,
  { io }: Context,
): Promise<{ readonly uid: string; readonly expectedSha256?: Uint8Array }> {
  if (uid !== undefined) return { uid };
  if (signable !== true) return { uid: ZERO_UID };
  if (input.digest === undefined) return { uid: toHex(io.randomBytes(UID_BYTES)) };
  const expectedSha256 = await input.digest();
  return { uid: contentUid(expectedSha256, exportParameters(plan, input.name)), expectedSha256 };
}

/** With `-o -` the container itself is the result: then only JSON is printed, to stderr. */
async function print(output: string, result: ImportResult, context: Context): Promise<void> {
  const { json, err } = context;
  const isPiped = output === STDOUT;
  const out = isPiped ? err : context.out;
  const { size, bytes, source, uid } = result;
  const { engine, engine_id } = result.engine;
  const [root, file_id] = [toHex(result.root), toHex(result.fileId)];
  if (json) return out.json({ file: output, bytes, records: size, root, file_id, uid, engine, engine_id, source });
  if (isPiped) return;
  const share = source.bytes === undefined || source.bytes === 0 ? 1 : bytes / source.bytes;
  await out.line(out.paint('bold', printable(output)));
  await out.field('size', `${formatExactBytes(bytes)}, ${(share * 100).toFixed(1)} % of the input`);
  await out.field('records', String(size));
  await out.field('engine', `${engine} (${engine_id})`);
  await out.field('media type', source.media_type ?? OPAQUE_MEDIA_TYPE);
  await out.field('uid', uid);
  await out.field('root', root);
  await out.field('file_id', file_id);
}
