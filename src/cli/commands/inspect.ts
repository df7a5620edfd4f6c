/** `harmony4 inspect`: what a file says, shown in five ways. It believes the file; `verify` does not. */
import type { ByteSource } from '../../container/io/io.js';
import { HEADER_BYTES } from '../../container/format/layout.js';
import { H4Error } from '../../utils/error.js';
import { type Context, hasUnicode } from '../context.js';
import { EXIT, printWarning } from '../exit.js';
import { inputName, openInput, resultName } from '../input.js';
import { listBlocks } from '../inspect/block-list.js';
import { listChunks, type ListOptions } from '../inspect/chunk-list.js';
import { mapFile } from '../inspect/file-map.js';
import { dumpFile } from '../inspect/hex-view.js';
import { drawMap, mapJson, mapSizeFor } from '../inspect/map-drawing.js';
import { listRecords } from '../inspect/record-list.js';
import { summarize } from '../inspect/summarize.js';
import { summaryJson } from '../inspect/summary-json.js';
import { printSummary } from '../inspect/summary-view.js';
import { readTimeScale } from '../inspect/time-scale.js';
import { integer } from '../options.js';
import { Progress } from '../progress.js';
import { type AddVerb, FULL_READ_OPTION, JSON_OPTION, NO_PROGRESS_OPTION, examples } from '../verb.js';
import { FileWalker, isCutOff, isFileFault } from '../walk.js';

const VIEWS = ['chunks', 'records', 'map', 'hex'] as const;
type View = (typeof VIEWS)[number] | 'summary';

export interface InspectOptions extends Partial<Record<(typeof VIEWS)[number], boolean>> {
  readonly at?: number;
  readonly limit?: number;
  readonly ascii?: boolean;
  readonly allowFullRead?: boolean;
  readonly progress: boolean;
}

/** A dump is long: without --limit it stops after so many chunks. */
const DEFAULT_HEX_CHUNKS = 16;

export const addInspect: AddVerb = (program, context, done) => {
  program
    .command('inspect')
    .summary('show what is in a file')
    .description(
      'Shows what a file says about itself: a summary, or one of the four views below. Nothing is checked against ' +
        "anything; that is what 'verify' does. FILE may be - for standard input.",
    )
    .argument('<FILE>', 'the H4MK file, or -')
    .option('--chunks', 'every chunk: offset, tag, size of the payload, CRC')
    .option(
      '--records',
      'every record: number, mode, track, key, time, duration, position, sizes, offset (legacy files: every block)',
    )
    .option('--map', 'a drawn map of the file, and a timeline per track')
    .option('--hex', 'field by field, with the sections of the specification')
    .option(
      '--at <OFFSET>',
      'first chunk to show, by its file offset (--chunks, --records, --hex)',
      integer(HEADER_BYTES),
    )
    .option(
      '--limit <N>',
      `show at most N lines or chunks, 0 for all (default: all; --hex: ${DEFAULT_HEX_CHUNKS})`,
      integer(0),
    )
    .option('--ascii', 'draw with ASCII characters only')
    .option(...FULL_READ_OPTION)
    .option(...NO_PROGRESS_OPTION)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples(context, [
        'inspect recording.h4mk',
        'inspect recording.h4mk --map',
        'inspect recording.h4mk --records --limit 20',
        'inspect recording.h4mk --hex --at 8 --limit 2',
        'inspect recording.h4mk --chunks --json',
      ]),
    )
    .action(async (file: string, options: InspectOptions) => done(await inspect(file, options, context)));
};

interface Inspection {
  readonly file: string;
  readonly source: ByteSource;
  readonly walker: FileWalker;
  readonly options: InspectOptions;
  readonly context: Context;
  readonly progress: Progress;
}

/** Shows one view of FILE. Resolves to 0, or to 3 for a recording that was cut off; throws what breaks the file. */
export async function inspect(file: string, options: InspectOptions, context: Context): Promise<number> {
  const view = chosenView(options);
  const source = await openInput(file, context, { allowFullRead: options.allowFullRead ?? false, wholeFile: false });
  const progress = new Progress(context, {
    label: `reading ${inputName(file)}`,
    total: source.size,
    enabled: options.progress,
  });
  try {
    const walker = new FileWalker(source, {
      signal: context.io.signal,
      onProgress: (offset) => {
        if (view === 'map') progress.update(offset);
      },
    });
    await walker.assertHeader();
    await show(view, { file, source, walker, options, context, progress });
    return EXIT.done;
  } catch (error) {
    progress.clear();
    if (!isCutOff(error) || (await isLegacy(source))) throw error;
    await context.out.flush();
    await printWarning(context, error.code, error.message);
    return EXIT.loss;
  } finally {
    await source.close();
  }
}

/** In a recording whole records are good whatever follows; a file without records is whole or broken (h4mk.md 13). */
async function isLegacy(source: ByteSource): Promise<boolean> {
  return (await new FileWalker(source).firstTag()) !== 'TOKN';
}

function chosenView(options: InspectOptions): View {
  const chosen = VIEWS.filter((view) => options[view] === true);
  if (chosen.length > 1) {
    throw new H4Error('H4_PARAM', `One view at a time: choose one of ${chosen.map((view) => `--${view}`).join(', ')}`);
  }
  return chosen[0] ?? 'summary';
}

async function show(view: View, inspection: Inspection): Promise<void> {
  const { source, walker, options, context } = inspection;
  switch (view) {
    case 'summary':
      return showSummary(inspection);
    case 'chunks':
      return listChunks(walker, await listOptions(walker, options), context);
    case 'records':
      if (((await walker.firstTag()) ?? 'TOKN') !== 'TOKN')
        return listBlocks(source, await listOptions(walker, options), context);
      return listRecords(walker, await readTimeScale(walker), await listOptions(walker, options), context);
    case 'map':
      return showMap(inspection);
    case 'hex': {
      const list = await listOptions(walker, options, DEFAULT_HEX_CHUNKS);
      const error = await dumpFile(walker, await readTimeScale(walker), list, context);
      if (error !== undefined) throw error;
    }
  }
}

/** Where a list starts and ends. A chunk must begin at --at: any other bytes would be shown as what they are not. */
async function listOptions(walker: FileWalker, options: InspectOptions, defaultLimit = 0): Promise<ListOptions> {
  const { at = HEADER_BYTES, limit = defaultLimit } = options;
  if (at !== HEADER_BYTES) {
    await walker.chunkAt(at).catch((error: unknown) => {
      if (!isFileFault(error)) throw error;
      throw new H4Error('H4_PARAM', `No chunk begins at offset ${at}: 'inspect --chunks' lists where they do`);
    });
  }
  return { at, limit };
}

async function showSummary({ file, source, context }: Inspection): Promise<void> {
  const summary = await summarize(source, context.io.signal);
  if (context.json) await context.out.json(summaryJson(resultName(file), summary));
  else await printSummary(context.out, inputName(file), summary);
  if (summary.error !== undefined) throw summary.error;
}

async function showMap({ file, walker, options, context, progress }: Inspection): Promise<void> {
  const { out, json, io } = context;
  const scale = await readTimeScale(walker);
  const map = await mapFile(walker, mapSizeFor(out.columns, walker.source.size));
  progress.clear();
  if (json) {
    await out.json(mapJson(resultName(file), map, scale));
  } else {
    await out.line(out.paint('bold', inputName(file)));
    const drawing = { columns: out.columns, unicode: options.ascii !== true && hasUnicode(io), paint: out.paint };
    for (const line of drawMap(map, scale, drawing)) await out.line(line);
  }
  if (map.error !== undefined) throw map.error;
}
