/**
 * Measures engines: the reference, and cores through us, against the same library called from C, and against each other, in turns
 * in one run (README.md). Exits with 0 whether targets are met or not: machines differ, and a bench is not a test.
 */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type CompressionEngine, GeometricReferenceCompressor, readCoreSettings } from 'harmony4/compression';
import { corpusBlocks, loadEngine, loadSealedCore } from 'harmony4/compression/node';
import { compileTimer, CoreTimer } from './core-timer.js';
import { median, speedRatio } from './statistics.js';

const KIB = 1024;
const MIB = 1024 * KIB;

const SECTIONS = ['corpus', 'ffi', 'isolation'] as const;
const HELP = `npm run bench:engines -- [options]
  --quick        fewer rounds
  --cores DIR    where geo.so, geo.wasm and zstd.so are (default build/cores: npm run cores)
  --only LIST    sections, separated by commas: ${SECTIONS.join(',')}
  --json         one JSON document instead of tables
`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    cores: { type: 'string', default: 'build/cores' },
    only: { type: 'string', default: SECTIONS.join(',') },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const rounds = values.quick ? 5 : 15;
/** Calls of one repetition take about so long together, so that the clock has something to measure. */
const REPETITION_SECONDS = values.quick ? 0.005 : 0.02;

interface Verdict {
  readonly target: string;
  readonly found: number;
  readonly pass: boolean;
}

interface Section {
  readonly title: string;
  readonly note: string;
  readonly rows: readonly Readonly<Record<string, string | number>>[];
  readonly verdicts: readonly Verdict[];
}

/** Something that works through a block when told to, so many times; its seconds per call. */
type Contender = (calls: number) => Promise<number> | number;

const timed =
  (call: () => unknown): Contender =>
  async (calls) => {
    const start = performance.now();
    for (let i = 0; i < calls; i++) {
      const result = call();
      if (result instanceof Promise) {
        await result;
      }
    }
    return (performance.now() - start) / 1e3 / calls;
  };

/** The same in CPU time of all threads, the collection of garbage included: others on the machine take none of that. */
const worked =
  (call: () => unknown): Contender =>
  (calls) => {
    const before = process.cpuUsage();
    for (let i = 0; i < calls; i++) {
      call();
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6 / calls;
  };

/** All take turns, in one order and then in the other; seconds per call of each round. */
async function takeTurns<Name extends string>(
  contenders: Readonly<Record<Name, Contender>>,
): Promise<Record<Name, number[]>> {
  const entries = Object.entries(contenders) as [Name, Contender][];
  const found = Object.fromEntries(entries.map(([name]) => [name, [] as number[]])) as Record<Name, number[]>;
  const calls = new Map<Name, number>();
  for (const [name, contender] of entries) {
    await contender(1);
    calls.set(name, Math.max(1, Math.round(REPETITION_SECONDS / (await contender(3)))));
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, contender] of round % 2 === 0 ? entries : entries.toReversed()) {
      found[name].push(await contender(calls.get(name) ?? 1));
    }
  }
  return found;
}

const corePath = (name: string): string | undefined => {
  const path = resolve(values.cores, name);
  const checkedIn = fileURLToPath(new URL('../../cores/geo/geo.wasm', import.meta.url));
  if (existsSync(path)) {
    return path;
  }
  return name === 'geo.wasm' && existsSync(checkedIn) ? checkedIn : undefined;
};

const three = (value: number): number => Number(value.toPrecision(3));

/** Shorter than this a block is a header and nothing else: there is nothing left to win. */
const TINY_BYTES = 64;

/** What a block of the corpus weighs, by geo.so and by the reference. */
interface Weights {
  readonly geo: number;
  readonly reference: number;
  /** Whether it could be smaller at all: it is not noise, which no engine makes shorter, and not tiny already. */
  readonly isCompressible: boolean;
}

/** Every engine on every block of the corpus: what the compressed blocks weigh, and how fast they come and go. */
async function corpusSection(blockBytes: number): Promise<Section> {
  const reference = new GeometricReferenceCompressor();
  const cores = await Promise.all(
    ['geo.so', 'geo.wasm', 'zstd.so'].flatMap((name) => {
      const path = corePath(name);
      return path === undefined ? [] : [loadSealedCore(path, { pins: {} }).then(({ core }) => ({ name, core }))];
    }),
  );
  const rows: Record<string, string | number>[] = [];
  const weights: Weights[] = [];
  const faster = { compress: [] as number[], decompress: [] as number[] };
  for (const { name, bytes } of corpusBlocks(blockBytes)) {
    const packed = reference.compress(bytes);
    const decoders: Record<string, Contender> = { reference: timed(() => reference.decompress(packed, bytes.length)) };
    const coders: Record<string, Contender> = { reference: timed(() => reference.compress(bytes)) };
    const row: Record<string, string | number> = {
      block: name,
      'reference %': three((100 * packed.length) / bytes.length),
    };
    let least = packed.length;
    let geo: number | undefined;
    for (const { name: core, core: engine } of cores) {
      const compressed = engine.compress(bytes);
      least = Math.min(least, compressed.length);
      coders[core] = timed(() => engine.compress(bytes));
      decoders[core] = timed(() => engine.decompress(compressed, bytes.length));
      row[`${core} %`] = three((100 * compressed.length) / bytes.length);
      if (core === 'geo.so') {
        geo = compressed.length;
      }
    }
    if (geo !== undefined) {
      const isCompressible = least < bytes.length && packed.length > TINY_BYTES;
      weights.push({ geo, reference: packed.length, isCompressible });
    }
    const [coding, decoding] = [await takeTurns(coders), await takeTurns(decoders)];
    row['reference c MB/s'] = speedOf(coding['reference'] ?? [], bytes.length);
    row['reference d MB/s'] = speedOf(decoding['reference'] ?? [], bytes.length);
    for (const { name: core } of cores) {
      const c = speedRatio(coding[core] ?? [], coding['reference'] ?? []).median;
      const d = speedRatio(decoding[core] ?? [], decoding['reference'] ?? []).median;
      row[`${core} c x`] = three(c);
      row[`${core} d x`] = three(d);
      if (core === 'geo.so') {
        faster.compress.push(c);
        // What the reference has stored it gives back without touching it: nothing to be compared with.
        if (packed.length < bytes.length) {
          faster.decompress.push(d);
        }
      }
    }
    rows.push(row);
  }
  for (const { core } of cores) {
    core.close();
  }
  return {
    title: `Every engine on blocks of ${blockBytes / KIB} KiB`,
    note: [
      '%: size of the block; c, d: compress, decompress; x: times as fast as the reference in the same rounds.',
      ...(weights.length === 0 ? [] : [describeWeights(weights)]),
    ].join('\n'),
    rows,
    verdicts: weights.length === 0 ? [] : geoVerdicts(weights, faster),
  };
}

const countOf = (weights: readonly Weights[], holds: (each: Weights) => boolean): number =>
  weights.filter(holds).length;
const isSmaller = ({ geo, reference }: Weights): boolean => geo < reference;
const isCompressible = (each: Weights): boolean => each.isCompressible;

/** Both figures, over all kinds: the verdict is about some of them, and everybody can see about which. */
function describeWeights(weights: readonly Weights[]): string {
  const noLarger = countOf(weights, ({ geo, reference }) => geo <= reference);
  return (
    `geo.so: of ${weights.length} kinds ${countOf(weights, isSmaller)} smaller than by the reference, ${noLarger} no larger; ` +
    `${weights.length - countOf(weights, isCompressible)} of them noise or tiny, which cannot be smaller and are not judged.`
  );
}

function geoVerdicts(
  weights: readonly Weights[],
  faster: { readonly compress: readonly number[]; readonly decompress: readonly number[] },
): Verdict[] {
  const compressible = weights.filter(isCompressible);
  const share = countOf(compressible, isSmaller) / compressible.length;
  const worst = Math.max(...weights.map(({ geo, reference }) => geo / reference));
  const atLeast = (target: string, found: number, limit: number): Verdict => ({ target, found, pass: found >= limit });
  return [
    atLeast(
      `geo.so: blocks smaller than those of the reference, of ${compressible.length} compressible kinds, at least 0.9`,
      share,
      0.9,
    ),
    {
      target: 'geo.so: largest block, times that of the reference, at most 1.01',
      found: worst,
      pass: worst <= 1.01,
    },
    atLeast('geo.so: compression in the median, times the reference, at least 5', median(faster.compress), 5),
    atLeast(
      'geo.so: decompression of what the reference does not store, in the median, times the reference, at least 5',
      median(faster.decompress),
      5,
    ),
  ];
}

const speedOf = (seconds: readonly number[], bytes: number): number => three(bytes / 1e6 / median(seconds));

/** What it costs that a core is called from JavaScript. */
async function ffiSection(folder: string, timer: string): Promise<Section> {
  const rows: Record<string, string | number>[] = [];
  const verdicts: Verdict[] = [];
  for (const name of ['zstd.so', 'geo.so']) {
    const path = corePath(name);
    if (path === undefined) {
      continue;
    }
    const { core } = await loadSealedCore(path, { pins: {} });
    for (const bytes of [64 * KIB, MIB]) {
      const overheads = { compress: [] as number[], decompress: [] as number[] };
      for (const block of corpusBlocks(bytes)) {
        if (!['json', 'pcm mono', 'screen'].includes(block.name)) {
          continue;
        }
        const compressed = core.compress(block.bytes);
        const fromC = new CoreTimer(timer, path, block.bytes, folder);
        for (const direction of ['compress', 'decompress'] as const) {
          const ours =
            direction === 'compress'
              ? worked(() => core.compress(block.bytes))
              : worked(() => core.decompress(compressed, bytes));
          const theirs: Contender = async (calls) => (await fromC.measure(direction, calls)) / calls;
          const found = await takeTurns({ ours, C: theirs });
          const overhead = 1 / speedRatio(found.ours, found.C).median - 1;
          overheads[direction].push(overhead);
          rows.push({
            core: name,
            block: `${block.name}, ${bytes / KIB} KiB`,
            direction,
            'ours µs': three(median(found.ours) * 1e6),
            'C µs': three(median(found.C) * 1e6),
            'overhead %': three(100 * overhead),
          });
        }
        fromC.stop();
      }
      if (bytes === MIB) {
        for (const direction of ['compress', 'decompress'] as const) {
          const found = 100 * median(overheads[direction]);
          const target = `${name}, ${direction}, 1 MiB: overhead in the median of blocks, %, at most 5`;
          verdicts.push({ target, found, pass: found <= 5 });
        }
      }
    }
    core.close();
  }
  return {
    title: 'The same library through us and from C',
    note: 'CPU time. Ours makes a fresh result in every call, which C does not. Rounds alternate between the two processes.',
    rows,
    verdicts,
  };
}

/** What it costs that a core has a process of its own. */
async function isolationSection(): Promise<Section> {
  const name = ['geo.so', 'geo.wasm'].find((each) => corePath(each) !== undefined);
  const path = name === undefined ? undefined : corePath(name);
  if (path === undefined) {
    return { title: 'Isolation', note: 'There is no core.', rows: [], verdicts: [] };
  }
  const { info, core } = await loadSealedCore(path, { pins: {} });
  core.close();
  const env = {
    HARMONY4_CORE_PATH: path,
    HARMONY4_ENGINE_ID: info.engine_id,
    HARMONY4_ENGINE_FP: createHash('sha256').update(readFileSync(path)).digest('hex'),
    HARMONY4_CORE_VERIFY: 'off',
  };
  const [inline, isolated] = await Promise.all(
    (['inline', 'process'] as const).map((isolation) => loadEngine(readCoreSettings(env, { isolation }))),
  );
  if (inline === undefined || isolated === undefined) {
    throw new Error('A core was not loaded');
  }
  const rows: Record<string, string | number>[] = [];
  try {
    for (const bytes of [KIB, 64 * KIB, 512 * KIB, MIB]) {
      const block =
        Array.from(corpusBlocks(bytes)).find((each) => each.name === 'pcm mono')?.bytes ?? new Uint8Array(bytes);
      const compressed = await inline.engine.compress(block);
      const calls: Readonly<Record<string, (engine: CompressionEngine) => unknown>> = {
        compress: (engine) => engine.compress(block),
        decompress: (engine) => engine.decompress(compressed, bytes),
      };
      for (const [direction, call] of Object.entries(calls)) {
        const found = await takeTurns({
          inline: timed(() => call(inline.engine)),
          process: timed(() => call(isolated.engine)),
        });
        const [within, apart] = [median(found.inline), median(found.process)];
        rows.push({
          block: `pcm mono, ${bytes / KIB} KiB`,
          direction,
          'inline µs': three(within * 1e6),
          'process µs': three(apart * 1e6),
          'more µs': three((apart - within) * 1e6),
          'times as long': three(1 / speedRatio(found.process, found.inline).median),
        });
      }
    }
  } finally {
    await Promise.all([inline.close(), isolated.close()]);
  }
  return {
    title: `${basename(path)} in this process and in processes of its own`,
    note: 'One call at a time, without the round-trip check. No target: it is the price of surviving a crash.',
    rows,
    verdicts: [],
  };
}

function table(rows: Section['rows']): string[] {
  const headings = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const texts = headings.map((heading) => [heading, ...rows.map((row) => String(row[heading] ?? ''))]);
  const padded = texts.map((column, i) => {
    const width = Math.max(...column.map((text) => text.length));
    return column.map((text) => (i === 0 ? text.padEnd(width) : text.padStart(width)));
  });
  return Array.from({ length: rows.length + 1 }, (_, row) => padded.map((column) => column[row]).join('  '));
}

function show({ title, note, rows, verdicts }: Section): void {
  const lines = verdicts.map(
    ({ target, found, pass }) => `${pass ? 'PASS' : 'MISS'}  ${target}: ${String(three(found))}`,
  );
  process.stdout.write(`${[title, note, '', ...table(rows), '', ...lines, ''].join('\n')}\n`);
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'harmony4-bench-engines-'));
  const sections: Section[] = [];
  const keep = (section: Section): void => {
    sections.push(section);
    if (!values.json) {
      show(section);
    }
  };
  const wanted = values.only.split(',');
  const load = loadavg()[0] ?? 0;
  const machine = `${cpus()[0]?.model.trim() ?? 'unknown'}, ${cpus().length} cores, Node ${process.version}, load ${load.toFixed(1)}`;
  try {
    if (!values.json) {
      process.stdout.write(`${machine}\n\n`);
    }
    if (wanted.includes('corpus')) {
      keep(await corpusSection(MIB));
    }
    if (wanted.includes('ffi')) {
      const timer = compileTimer(fileURLToPath(new URL('../../bench/core-timer.c', import.meta.url)), folder);
      keep(
        timer === undefined
          ? { title: 'The same library from C', note: 'Not measured: there is no C compiler.', rows: [], verdicts: [] }
          : await ffiSection(folder, timer),
      );
    }
    if (wanted.includes('isolation')) {
      keep(await isolationSection());
    }
    if (values.json) {
      process.stdout.write(`${JSON.stringify({ machine, sections }, undefined, 2)}\n`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (values.help) {
  process.stdout.write(HELP);
} else {
  await main();
}
