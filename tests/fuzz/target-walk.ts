/** What `inspect` shows of a file, in each of its views: any file can be shown, up to where it breaks. */
import { Readable, Writable } from 'node:stream';
import { type Context, createContext } from '../../src/cli/context.js';
import { listChunks } from '../../src/cli/inspect/chunk-list.js';
import { mapFile } from '../../src/cli/inspect/file-map.js';
import { dumpFile } from '../../src/cli/inspect/hex-view.js';
import { drawMap, mapJson, mapSizeFor } from '../../src/cli/inspect/map-drawing.js';
import { listRecords } from '../../src/cli/inspect/record-list.js';
import { summarize } from '../../src/cli/inspect/summarize.js';
import { summaryJson } from '../../src/cli/inspect/summary-json.js';
import { printSummary } from '../../src/cli/inspect/summary-view.js';
import { readTimeScale } from '../../src/cli/inspect/time-scale.js';
import { FileWalker } from '../../src/cli/walk.js';
import { WatchedSource, expectThat, refusedOr } from './invariants.js';
import type { Target, Trial } from './targets.js';

class Keeping extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

const contextOf = (json: boolean): { readonly context: Context; readonly out: Keeping } => {
  const out = new Keeping();
  const io = {
    stdin: Readable.from([]),
    stdout: out,
    stderr: new Keeping(),
    env: {},
    now: () => 0,
    randomBytes: (count: number) => new Uint8Array(count),
    signal: new AbortController().signal,
    command: 'harmony4',
  };
  return { context: createContext(io, { json }), out };
};

const WINDOW = 64 * 1024;
/** A terminal obeys these; a file must not be able to send them. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

const run = async ({ bytes, count, fuzzed }: Trial): Promise<void> => {
  const random = fuzzed.random.fork(4);
  const source = new WatchedSource(bytes);
  const json = random.chance(0.5);
  const { context, out } = contextOf(json);
  const options = { at: 8, limit: 0 };
  const views: Readonly<Record<string, () => Promise<void>>> = {
    async summary() {
      const summary = await summarize(source, context.io.signal);
      if (json) await context.out.json(summaryJson('file', summary));
      else await printSummary(context.out, 'file', summary);
    },
    chunks: () => listChunks(new FileWalker(source), options, context),
    async records() {
      const walker = new FileWalker(source);
      await listRecords(walker, await readTimeScale(walker), options, context);
    },
    async map() {
      const walker = new FileWalker(source);
      const scale = await readTimeScale(walker);
      const map = await mapFile(walker, mapSizeFor(80, source.size));
      if (json) return context.out.json(mapJson('file', map, scale));
      for (const line of drawMap(map, scale, { columns: 80, unicode: false, paint: context.out.paint }))
        await context.out.line(line);
    },
    async hex() {
      const walker = new FileWalker(source);
      await dumpFile(walker, await readTimeScale(walker), { at: 8, limit: 64 }, context);
    },
  };
  const name = random.pick(Object.keys(views));
  // As the command does: what has no header of ours is not shown at all.
  source.allow(1, WINDOW);
  const header = await refusedOr('inspect header', () => new FileWalker(source).assertHeader(), count);
  if ('error' in header) return;
  for (const view of new Set(['summary', name])) {
    source.allow(256 + Math.ceil(bytes.length / 12), 64 * WINDOW + 600 * bytes.length);
    await refusedOr(`inspect ${view}`, async () => views[view]?.(), count);
    source.assertUsedWell(`inspect ${view}`);
    await context.out.flush();
    const { text } = out;
    out.text = '';
    expectThat(!CONTROL.test(text), `inspect ${view} prints control characters`, () =>
      JSON.stringify(CONTROL.exec(text)),
    );
    if (json && view !== 'hex') for (const line of text.split('\n')) if (line !== '') JSON.parse(line);
  }
};

export const walk: Target = { name: 'walk', takes: () => true, run };
