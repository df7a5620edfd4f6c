/** `harmony4 extract`: the media bytes of a track, as they went in, each block verified before a byte of it is written. */
import type { EngineInfo } from '../../compression/api/engine.js';
import { toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { MIN_LEGACY_KEY_BYTES } from '../../container/legacy/legacy-mask.js';
import type { LegacyReader } from '../../container/legacy/legacy-reader.js';
import type { ByteSink, ByteSource } from '../../container/io/io.js';
import { ProvenReader } from '../../container/proof/proven-reader.js';
import type { H4MKReader } from '../../container/read/reader.js';
import type { Demands } from '../../container/check/demands.js';
import type { SlicePart, SliceReader } from '../../container/slice/slice-reader.js';
import { formatExactBytes } from '../byte-counts.js';
import type { Context } from '../context.js';
import { MICROSECONDS, type TimeScale, formatTime, originalMicros } from '../durations.js';
import { type Identity, ReaderEngines, withEngines } from '../engines.js';
import { EXIT, printWarning } from '../exit.js';
import { type ExtractRun, type Extracted, extractTrack, planExtraction } from '../extractor.js';
import { inputName, openInput } from '../input.js';
import { type ContentKeyOptions, addContentKeyOptions, readContentKeys } from '../key-file.js';
import { extractBlocks } from '../legacy-extractor.js';
import { integer, time } from '../options.js';
import { STDOUT, writeOutput } from '../output.js';
import { Progress } from '../progress.js';
import { extractProven, planProvenExtraction } from '../proven-extractor.js';
import { LEGACY_TRACK, assertLegacyTrack, assertTrack, openFile } from '../recording.js';
import { assertLeave } from '../remote.js';
import { extractSlice, planSliceExtraction } from '../slice-extractor.js';
import { counted, printable } from '../text.js';
import { type Trust, type TrustOptions, addTrustOptions, readTrust } from '../trust-options.js';
import { type AddVerb, FULL_READ_OPTION, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';
import { listed, signersOf } from '../verify/signers.js';

export interface ExtractOptions extends ContentKeyOptions, TrustOptions {
  readonly output: string;
  readonly track?: number;
  readonly from?: number;
  readonly to?: number;
  readonly allowFullRead?: boolean;
  readonly force?: boolean;
  readonly progress: boolean;
}

const MAX_TRACK = 65_534;
const MAX_PARTS_SHOWN = 8;

export const addExtract: AddVerb = (program, context, done) => {
  const command = program
    .command('extract')
    .summary('get the original bytes back')
    .description(
      'Writes the media bytes of one track to OUT. Every block is compared with what its record committed to; a whole ' +
        'track is also compared with the length and the hash that the recording names. The blocks of a legacy file have only ' +
        'a CRC. Masked and encrypted blocks need --key-file, or --key-env, and several of them if the recording has ' +
        'changed its key; a wrong key is refused before anything is written, except for legacy files, where nothing tells. ' +
        'With --key or --policy only what is proven to be signed by whom they name is written. FILE may be -.',
    )
    .argument('<FILE>', 'the H4MK file, or -')
    .requiredOption('-o, --output <OUT>', 'the file to write, or - for standard output')
    .option('--track <N>', 'the track (default: the seek track of the file)', integer(0, MAX_TRACK))
    .option('--from <TIME>', 'begin at the keyframe at or before this time', time)
    .option('--to <TIME>', 'end before the first block that starts at or after this time', time);
  addContentKeyOptions(addTrustOptions(command), 'the key of masked or encrypted blocks')
    .option('-f, --force', 'overwrite OUT')
    .option(...FULL_READ_OPTION)
    .option(...NO_PROGRESS_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `${examples(context, [
        'extract recording.h4mk -o original.bin',
        'extract recording.h4mk -o part.bin --from 0:01.5 --to 3s',
        'extract recording.h4mk -o - | sha256sum',
        'extract secret.h4mk -o opened.bin --key-file secret.key',
        'extract signed.h4mk -o proven.bin --key signer.key.pub',
      ])}

Exit codes: 0 written; 3 written, but it may not be all: no end, a clip, or records that are not signed yet; 1 FILE is broken,
or not signed by whom you trust; 2 there is nothing at that time, or its key is needed; 4 cannot be read.`,
    )
    .action(async (file: string, options: ExtractOptions) => done(await extract(file, options, context)));
};

/** Writes the bytes of a track to OUT. Resolves to 0, or to 3 where the file may lack some of what was recorded. */
export async function extract(file: string, options: ExtractOptions, context: Context): Promise<number> {
  const { allowFullRead = false } = options;
  const wholeFile = options.from === undefined && options.to === undefined;
  const trusted = await readTrust(options, context);
  const keys = await readContentKeys(options, { minBytes: MIN_LEGACY_KEY_BYTES, inputs: [file] }, context);
  const source = await openInput(file, context, { allowFullRead, wholeFile });
  try {
    return await withEngines(context, async (commandEngines) => {
      const engines = new ReaderEngines(commandEngines);
      const { form, reader } = await openFile(source, {
        signal: context.io.signal,
        contentKeys: keys,
        engines,
        ...demandsOf(trusted),
        assertLeave: () => assertLeave(file, inputName(file), source, allowFullRead),
      });
      const request = { file, source, options, trusted, context };
      if (form === 'legacy') return extractLegacy(reader, request);
      const decodedBy = await engines.prepare(reader.info.compression, context);
      if (form === 'slice') return extractFromSlice(reader, request, decodedBy);
      if (trusted.trust === undefined) return extractRecords(reader, request, decodedBy);
      const { trust } = trusted;
      const open = { ...demandsOf(trusted), trust, engines, contentKeys: keys, signal: context.io.signal };
      return extractSigned(reader, await ProvenReader.open(source, open), request, decodedBy);
    });
  } finally {
    await source.close();
  }
}

const demandsOf = ({ trust, now }: Trust): Pick<Demands, 'trust' | 'now'> => ({
  ...(trust === undefined ? {} : { trust }),
  ...(now === undefined ? {} : { now }),
});

interface Request {
  readonly file: string;
  readonly source: ByteSource;
  readonly options: ExtractOptions;
  readonly trusted: Trust;
  readonly context: Context;
}

/** Has OUT written, and shows how far it is. */
function writeExtracted(
  { file, options, context }: Pick<Request, 'file' | 'options' | 'context'>,
  total: number,
  write: (sink: ByteSink, run: ExtractRun) => Promise<Extracted>,
): Promise<Extracted> {
  const progress = new Progress(context, {
    label: `extracting ${inputName(file)}`,
    total,
    enabled: options.progress,
  });
  const output = { force: options.force === true, input: file, hashing: false };
  const run = { signal: context.io.signal, onProgress: (bytes: number) => progress.update(bytes) };
  return writeOutput(options.output, output, context, (sink) => write(sink, run).finally(() => progress.clear()));
}

/** `decodedBy` is the engine where it is not the one that the recording names. */
async function extractRecords(
  reader: H4MKReader,
  { file, options, context }: Request,
  decodedBy: EngineInfo | undefined,
): Promise<number> {
  const { signal } = context.io;
  const { track = reader.info.seekTrack } = options;
  await assertTrack(reader, track, signal);
  const plan = await planExtraction(reader, { track, from: options.from, to: options.to }, signal);
  // Before OUT is created, or the first byte of it is on its way.
  await reader.assertOpens({ track, from: plan.first, to: plan.end }, signal);
  const result = await writeExtracted({ file, options, context }, plan.bytes, (sink, run) =>
    extractTrack(reader, plan, sink, run),
  );
  const { isWhole } = plan;
  const about = { track, isWhole, scale: reader.info, checks: describeChecks(result), decodedBy };
  await print(options, about, result, context);
  if (reader.isClosed) return EXIT.done;
  await context.out.flush();
  const { ended } = await reader.metas(signal);
  const message = ended
    ? 'The recording is complete, but the file does not end with it: see what verify says of the rest'
    : 'The recording has no end: it is still being written, or was cut off. What is there has been extracted';
  await printWarning(context, 'H4_TAIL_MISSING', message);
  return EXIT.loss;
}

/** What is proven of a track. Resolves to 3 where records that nobody believable has signed may hold more of it. */
async function extractSigned(
  reader: H4MKReader,
  proven: ProvenReader,
  { file, options, context }: Request,
  decodedBy: EngineInfo | undefined,
): Promise<number> {
  const { signal } = context.io;
  const { track = proven.info.seekTrack } = options;
  await assertTrack(reader, track, signal);
  const plan = await planProvenExtraction(proven, { track, from: options.from, to: options.to }, signal);
  await reader.assertOpens({ track, from: plan.first, to: plan.end }, signal);
  const result = await writeExtracted({ file, options, context }, plan.bytes, (sink, run) =>
    extractProven(proven, plan, sink, run),
  );
  const { isWhole } = plan;
  const checks = `${describeChecks(result)}, and is proven`;
  const signedBy = proven.checkpoint.signers;
  await print(options, { track, isWhole, scale: proven.info, checks, decodedBy, signedBy }, result, context);
  if (plan.isAll) return EXIT.done;
  await context.out.flush();
  await warnOfLater(reader.recordCount - proven.checkpoint.size, context);
  return EXIT.loss;
}

async function warnOfLater(later: number, context: Context): Promise<void> {
  if (later > 0) {
    const message = `${counted(later, 'record')} after the newest signature that you believe left out: nobody you believe has signed that much yet`;
    return printWarning(context, 'H4_SIGN_MISSING', message);
  }
  const message =
    'The recording has no end: it is still being written, or was cut off. What is signed has been extracted';
  return printWarning(context, 'H4_TAIL_MISSING', message);
}

/** What a clip has of a track. Resolves to 3 unless that is all of it. */
async function extractFromSlice(
  reader: SliceReader,
  { file, options, trusted, context }: Request,
  decodedBy: EngineInfo | undefined,
): Promise<number> {
  const { signal } = context.io;
  // With trust no clip is opened unless its check has proven who signed it.
  const signedBy = trusted.trust === undefined ? undefined : signersOf(reader.report);
  const { track = reader.info.seekTrack } = options;
  await assertTrack(reader, track, signal);
  const plan = planSliceExtraction(reader, { track, from: options.from, to: options.to });
  const result = await writeExtracted({ file, options, context }, plan.bytes, (sink, run) =>
    extractSlice(reader, plan, sink, run),
  );
  const { isWhole, parts } = plan;
  const about = { track, isWhole, scale: reader.info, checks: describeChecks(result), decodedBy, parts, signedBy };
  await print(options, about, result, context);
  if (isWhole) return EXIT.done;
  await context.out.flush();
  const spans = parts.map(({ bytes: { start, end } }) => `${start} to ${end - 1}`);
  const shown = spans.slice(0, MAX_PARTS_SHOWN).join(', ') + (spans.length > MAX_PARTS_SHOWN ? ', ...' : '');
  const message = `This is a clip: of track ${track} it holds the bytes ${shown}, and nothing else has been extracted`;
  await printWarning(context, 'H4_RANGE_NOT_FOUND', message);
  return EXIT.loss;
}

async function extractLegacy(
  reader: LegacyReader,
  { file, source, options, trusted, context }: Request,
): Promise<number> {
  if (trusted.trust !== undefined) {
    throw new H4Error('H4_SIGN_MISSING', `${inputName(file)} is a legacy file: nothing in it can be signed or proven`);
  }

  const { from, to, track = LEGACY_TRACK } = options;
  assertLegacyTrack(track);
  // Where a block lies in the content is told by all blocks before it.
  assertLeave(file, inputName(file), source, options.allowFullRead ?? false);
  const result = await writeExtracted({ file, options, context }, source.size, (sink, run) =>
    extractBlocks(reader, { from, to }, sink, run),
  );
  const isWhole = from === undefined && to === undefined;
  const masked = reader.layout.meta.isMasked;
  const crc = "every block has its CRC, which finds accidents only; 'verify' checks the rest";
  const checks = masked ? `${crc}; nothing tells whether the key is the right one` : crc;
  await print(options, { track, isWhole, scale: MICROSECONDS, checks, masked }, result, context);
  return sayWhatIsMissing(reader, context);
}

/** A legacy file without META or VERI is readable, but nothing shows that it is all there is. */
async function sayWhatIsMissing({ layout }: LegacyReader, context: Context): Promise<number> {
  await context.out.flush();
  if (layout.metaBytes === undefined) {
    await printWarning(
      context,
      'H4_META_MISSING',
      'There is no META: blocks were taken to be unmasked run-length pairs',
    );
  }
  if (layout.veri === undefined) {
    await printWarning(
      context,
      'H4_VERI_MISSING',
      'There is no VERI: nothing shows whether blocks are missing at the end',
    );
  }
  return layout.metaBytes === undefined || layout.veri === undefined ? EXIT.loss : EXIT.done;
}

interface About {
  readonly track: number;
  readonly isWhole: boolean;
  readonly scale: TimeScale;
  /** What the bytes were compared with. */
  readonly checks: string;
  /** Of legacy files: whether the blocks were unmasked. */
  readonly masked?: boolean;
  readonly decodedBy?: EngineInfo | undefined;
  /** Of clips: the stretches of the track that were extracted. */
  readonly parts?: readonly SlicePart[];
  /** Who has signed what was extracted; undefined where that was not checked. */
  readonly signedBy?: readonly string[] | undefined;
}

async function print(options: ExtractOptions, about: About, result: Extracted, context: Context): Promise<void> {
  const { json, err } = context;
  const { track, isWhole, scale, checks, masked, decodedBy, parts, signedBy } = about;
  const isPiped = options.output === STDOUT;
  const out = isPiped ? err : context.out;
  const sha256 = toHex(result.sha256);
  const micros = (pts: number | undefined): number | null => (pts === undefined ? null : originalMicros(pts, scale));
  const [start_us, end_us] = [micros(result.startPts), micros(result.endPts)];
  const { bytes, blocks, matchesSource, hiddenBlocks = 0 } = result;
  if (json) {
    return out.json({
      file: options.output,
      track,
      bytes,
      blocks,
      sha256,
      whole: isWhole,
      matches_source: matchesSource,
      signed_by: signedBy ?? null,
      start_us,
      end_us,
      ...(parts === undefined ? {} : { parts: parts.map((part) => partJson(part, scale)) }),
      ...(masked === undefined ? {} : { unmasked: masked }),
      ...(hiddenBlocks === 0 ? {} : { hidden_blocks: hiddenBlocks }),
      ...(decodedBy === undefined ? {} : { decoded_by: identityOf(decodedBy) }),
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
  if (masked === true) await out.field('unmasked', 'with the key that was given');
  if (hiddenBlocks > 0) await out.field('hidden', `${hiddenBlocks} of ${blocks} blocks, opened with the key`);
  if (decodedBy !== undefined) await out.field('decoded by', `${decodedBy.engine_id} (${decodedBy.fingerprint})`);
  await out.field('sha256', sha256);
  await out.field('checked', checks);
  if (masked !== undefined) return;
  if (signedBy === undefined) await out.field('signature', 'not checked: no key given');
  else await out.field('signed by', listed(signedBy));
}

function partJson({ bytes, pts }: SlicePart, scale: TimeScale): Record<string, number> {
  const [start_us, end_us] = [originalMicros(pts.from, scale), originalMicros(pts.to, scale)];
  return { start_byte: bytes.start, end_byte: bytes.end, start_us, end_us };
}

function identityOf({ engine_id, fingerprint }: EngineInfo): Identity {
  return { engine_id, fingerprint };
}

function describeChecks({ matchesSource }: Extracted): string {
  const blocks = 'every block matches its record';
  return matchesSource === true ? `${blocks}, the whole is the source named in the file` : blocks;
}
