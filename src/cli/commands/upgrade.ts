/** `harmony4 upgrade`: a legacy file as a recording with records, so that it can be searched, signed and proven from then on. */
import { unlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { Option } from 'commander';
import type { CompressionEngine } from '../../compression/api/engine.js';
import type { EngineSet } from '../../compression/api/engine-set.js';
import { storedEngine } from '../../compression/api/stored.js';
import { GeometricReferenceCompressor } from '../../compression/reference.js';
import type { Finding } from '../../container/check/findings.js';
import type { ByteSource } from '../../container/io/io.js';
import { MIN_LEGACY_KEY_BYTES } from '../../container/legacy/legacy-mask.js';
import type { LegacyReader } from '../../container/legacy/legacy-reader.js';
import { ZERO_UID, contentUid } from '../../container/format/meta.js';
import { verifyContainer } from '../../container/check/verify.js';
import { openFileSource } from '../../storage/node/file-source.js';
import { equalBytes, toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { createSha256 } from '../../utils/sha256.js';
import { formatExactBytes } from '../byte-counts.js';
import type { Context } from '../context.js';
import { formatTime } from '../durations.js';
import { type CommandEngines, printSeal, requireCore, withEngines } from '../engines.js';
import { EXIT, printWarning } from '../exit.js';
import { STDIN, inputName, openInput } from '../input.js';
import { KEY_FILE_OPTION, readKeyFile } from '../key-file.js';
import { hexUid } from '../options.js';
import { STDOUT, writeOutput } from '../output.js';
import { Progress } from '../progress.js';
import { openContainer, openRecording } from '../recording.js';
import { counted, printable } from '../text.js';
import { type Upgraded, contentHashOf, hashOf, upgradeLegacy, upgradeParameters } from '../upgrader.js';
import { type AddVerb, FULL_READ_OPTION, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';

const ENGINES = ['reference', 'stored', 'core'] as const;

export interface UpgradeOptions {
  readonly output: string;
  readonly engine: (typeof ENGINES)[number];
  readonly keyFile?: string;
  readonly unmask?: boolean;
  readonly signable?: boolean;
  readonly uid?: string;
  readonly allowFullRead?: boolean;
  readonly force?: boolean;
  readonly progress: boolean;
}

export const addUpgrade: AddVerb = (program, context, done) => {
  program
    .command('upgrade')
    .summary('turn a legacy file into a recording with records')
    .description(
      'Checks OLD completely, VERI included, and writes its content as a recording: the same blocks, their times and ' +
        'keyframes, and the META and SAFE of OLD as they were. The end record names OLD by its SHA-256. What is broken is ' +
        'refused before anything is written. NEW is read back and compared. The same OLD and options give the same bytes.',
    )
    .argument('<OLD>', 'the legacy file, or -')
    .requiredOption('-o, --output <NEW>', 'the H4MK file to write, or - for standard output')
    .addOption(new Option('--engine <NAME>', 'how blocks are compressed').choices(ENGINES).default('reference'))
    .option(...KEY_FILE_OPTION)
    .option('--unmask', 'write the content of a masked file without its mask; needs --key-file')
    .option('--signable', 'give it a uid of its own, so that it can be signed later')
    .option('--uid <HEX>', 'the uid, 32 hex digits', hexUid)
    .option('-f, --force', 'overwrite NEW')
    .option(...FULL_READ_OPTION)
    .option(...NO_PROGRESS_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples(context, [
        'upgrade old.h4mk -o new.h4mk',
        'upgrade old.h4mk -o signable.h4mk --signable --engine stored',
        'upgrade masked.h4mk -o unmasked.h4mk --unmask --key-file masked.key',
      ]),
    )
    .action(async (file: string, options: UpgradeOptions) => done(await upgrade(file, options, context)));
};

/** Writes OLD as a recording to NEW. Resolves to 0, or to 3 where OLD lacks something or NEW cannot keep all of it. */
export async function upgrade(file: string, options: UpgradeOptions, context: Context): Promise<number> {
  const { keyFile, uid, signable } = options;
  if (signable === true && uid === ZERO_UID) {
    throw new H4Error('H4_PARAM', 'A file whose uid is all zeros can never be signed: give --signable another --uid');
  }
  const key =
    keyFile === undefined
      ? undefined
      : await readKeyFile(keyFile, { minBytes: MIN_LEGACY_KEY_BYTES, hides: false }, context);
  return withEngines(context, (engines) => upgradeWith(engines, file, key, options, context));
}

async function upgradeWith(
  engines: CommandEngines,
  file: string,
  key: Uint8Array | undefined,
  options: UpgradeOptions,
  context: Context,
): Promise<number> {
  const { allowFullRead = false } = options;
  const engine = await engineOf(options, engines);
  await printSeal(engine.info(), context);
  const source = await openInput(file, context, { allowFullRead, wholeFile: true });
  try {
    const { layout, warnings, result } = await convert(file, source, key, engine, options, context);
    if (options.output !== STDOUT) {
      const set = await engines.setFor(engine.info());
      await readBack(options.output, result.contentSha256, context.io.signal, set);
    }
    await print(options, layout, result, warnings, context);
    await context.out.flush();
    for (const { code, message } of warnings) await printWarning(context, code, message);
    return warnings.length > 0 || layout.unknownChunks > 0 ? EXIT.loss : EXIT.done;
  } finally {
    await source.close();
  }
}

async function engineOf({ engine }: UpgradeOptions, engines: CommandEngines): Promise<CompressionEngine> {
  if (engine === 'core') return requireCore(engines);
  return engine === 'stored' ? storedEngine : new GeometricReferenceCompressor();
}

interface Converted {
  readonly layout: LegacyReader['layout'];
  readonly warnings: readonly Finding[];
  readonly result: Upgraded;
}

/** Writes NEW. The reader of OLD ends here: its 20 bytes per block would else be kept while NEW is read back. */
async function convert(
  file: string,
  source: ByteSource,
  key: Uint8Array | undefined,
  engine: CompressionEngine,
  options: UpgradeOptions,
  context: Context,
): Promise<Converted> {
  const reader = await openLegacy(file, source, key, options, context);
  const { warnings, sha256 } = await check(file, source, options, context);
  const result = await write(file, { source, reader, sha256 }, engine, options, context);
  return { layout: reader.layout, warnings, result };
}

/** Opens OLD and refuses what cannot be upgraded, or not with these options, before all of it is read. */
async function openLegacy(
  file: string,
  source: ByteSource,
  key: Uint8Array | undefined,
  { unmask = false }: UpgradeOptions,
  { io }: Context,
): Promise<LegacyReader> {
  const name = inputName(file);
  const { form, reader } = await openContainer(source, io.signal, key === undefined ? [] : [key]);
  if (form === 'records') {
    throw new H4Error('H4_PARAM', `Cannot upgrade ${name}: it is a recording with records already`);
  }
  const { isMasked } = reader.layout.meta;
  if (isMasked && !unmask) {
    throw new H4Error(
      'H4_PARAM',
      `Cannot upgrade ${name}: it is masked, and upgrade writes no masked recordings. --unmask, with ` +
        '--key-file, writes its content for everybody to read',
    );
  }
  if (!isMasked && (unmask || key !== undefined)) {
    throw new H4Error('H4_PARAM', `${name} is not masked: leave out --unmask and --key-file`);
  }
  reader.assertDecodable();
  return reader;
}

interface Checked {
  readonly warnings: readonly Finding[];
  readonly sha256: Uint8Array;
}

/** A full check of OLD: its first error is thrown. */
async function check(file: string, source: ByteSource, options: UpgradeOptions, context: Context): Promise<Checked> {
  const { signal } = context.io;
  const progress = new Progress(context, {
    label: `checking ${inputName(file)}`,
    total: source.size,
    enabled: options.progress,
  });
  const onProgress = (bytes: number): void => progress.update(bytes);
  const sha256 = await hashOf(source, signal);
  const report = await verifyContainer(source, { signal, onProgress }).finally(() => progress.clear());
  const [error] = report.errors;
  if (error !== undefined) {
    const { code, message, offset } = error;
    throw new H4Error(code, `Cannot upgrade ${inputName(file)}: ${message} (at offset ${offset})`, {
      detail: { offset },
    });
  }
  // A key was given, or was not needed.
  return { warnings: report.warnings.filter(({ code }) => code !== 'H4_KEY_MISSING'), sha256 };
}

interface Old {
  readonly source: ByteSource;
  readonly reader: LegacyReader;
  readonly sha256: Uint8Array;
}

async function write(
  file: string,
  { source, reader, sha256 }: Old,
  engine: CompressionEngine,
  options: UpgradeOptions,
  context: Context,
): Promise<Upgraded> {
  const { signal } = context.io;
  const name = nameOf(file);
  const progress = new Progress(context, {
    label: `upgrading ${inputName(file)}`,
    total: source.size,
    enabled: options.progress,
  });
  const output = { force: options.force === true, input: file, hashing: false };
  return writeOutput(options.output, output, context, async (sink) => {
    const uid = await chooseUid(reader, engine, name, sha256, options, signal);
    const onProgress = (bytes: number): void => progress.update(bytes);
    const plan = { engine, uid, name, sha256, signal, onProgress };
    return upgradeLegacy(reader, source, sink, plan).finally(() => progress.clear());
  });
}

/** The last part of a path or an address, without its query; nothing for standard input. */
export function nameOf(file: string): string | undefined {
  if (file === STDIN) return undefined;
  const path = /^https?:\/\//i.test(file) ? new URL(file).pathname : file;
  return basename(path) || undefined;
}

async function chooseUid(
  reader: LegacyReader,
  engine: CompressionEngine,
  name: string | undefined,
  sha256: Uint8Array,
  { uid, signable }: UpgradeOptions,
  signal: AbortSignal,
): Promise<string> {
  if (uid !== undefined) return uid;
  if (signable !== true) return ZERO_UID;
  const content = reader.layout.meta.isMasked ? await contentHashOf(reader, signal) : undefined;
  return contentUid(sha256, upgradeParameters(engine, name, content));
}

/** Checks NEW as it lies on the disk, and that its content is what was written. What fails that does not stay. */
export async function readBack(
  file: string,
  contentSha256: Uint8Array,
  signal: AbortSignal,
  engines?: EngineSet,
): Promise<void> {
  const why = await differenceIn(file, contentSha256, signal, engines);
  if (why === undefined) return;
  await unlink(file);
  throw new H4Error('H4_WRITE', `${printable(file)} was removed again, because it is not what was written: ${why}`);
}

/** In what a file differs from a sound recording with this content. */
async function differenceIn(
  file: string,
  contentSha256: Uint8Array,
  signal: AbortSignal,
  engines: EngineSet | undefined,
): Promise<string | undefined> {
  const source = await openFileSource(file);
  try {
    const { errors, exit_code } = await verifyContainer(withoutThread(source), { signal });
    if (exit_code !== EXIT.done) return errors[0]?.message ?? 'it is not complete';
    const hash = createSha256();
    const reader = await openRecording(source, signal, engines);
    for await (const { bytes } of reader.blocks({ track: 0 }, signal)) hash.update(bytes);
    return equalBytes(hash.digest(), contentSha256) ? undefined : 'its content is not that of the old file';
  } finally {
    await source.close();
  }
}

/**
 * Hashed by the check itself. While a thread starts, V8 lets the space for young objects grow (see memory.ts), and the check
 * is busy just then: up to 24 MB that would never be given back, for little next to the time that writing takes.
 */
const withoutThread = (source: ByteSource): ByteSource => ({
  size: source.size,
  read: (start, end, signal) => source.read(start, end, signal),
  close: () => source.close(),
});

/** With `-o -` the container itself is the result: then only JSON is printed, to stderr. */
async function print(
  options: UpgradeOptions,
  layout: LegacyReader['layout'],
  result: Upgraded,
  warnings: readonly Finding[],
  context: Context,
): Promise<void> {
  const isPiped = options.output === STDOUT;
  const out = isPiped ? context.err : context.out;
  const { bytes, size, blocks, contentBytes, contentSha256, uid, source } = result;
  const { engine, engine_id } = result.engine;
  const [root, file_id, content_sha256] = [toHex(result.root), toHex(result.fileId), toHex(contentSha256)];
  const { unknownChunks, meta } = layout;
  if (context.json) {
    return out.json({
      ...{ file: options.output, bytes, records: size, blocks, content_bytes: contentBytes, content_sha256 },
      ...{ root, file_id, uid, engine, engine_id, source },
      ...{ unmasked: meta.isMasked, left_out: unknownChunks, read_back: !isPiped },
      warnings: warnings.map(({ code }) => code),
    });
  }
  if (isPiped) return;
  await out.line(out.paint('bold', printable(options.output)));
  await out.field('size', formatExactBytes(bytes));
  await out.field('records', String(size));
  await out.field('content', `${formatExactBytes(contentBytes)} in ${counted(blocks, 'block')}`);
  await out.field('', `sha256 ${content_sha256}`);
  await out.field('time', `${formatTime(result.startPts)} to ${formatTime(result.endPts)}`);
  if (meta.isMasked)
    await out.field(
      'unmasked',
      'the content is readable for everybody; nothing tells whether the key is the right one',
    );
  await out.field('engine', `${engine} (${engine_id})`);
  await out.field('source', `${printable(source.name ?? 'standard input')}, sha256 ${source.sha256}`);
  if (unknownChunks > 0) await out.field('left out', `${counted(unknownChunks, 'chunk')} of unknown types`);
  await out.field('uid', uid);
  await out.field('root', root);
  await out.field('file_id', file_id);
  await out.field('checked', 'OLD before it was read; NEW was read back: it is sound, and its content is that of OLD');
}
