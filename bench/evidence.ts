/**
 * What proven answers cost: reads and round trips of a seek and of a byte range, and the size of the proofs that travel without
 * their file (README.md). Counts do not depend on the machine; limits are those of the design. Exits with 0 whether they are met
 * or not. Runs from the sources: `node --import ./tools/typescript.js bench/evidence.ts`.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { storedEngine } from '../src/compression/api/stored.js';
import { H4MKBuilder } from '../src/container/write/builder.js';
import type { ByteSource } from '../src/container/io/io.js';
import { encodeProof, type ProofBundle } from '../src/container/proof/proof-bundle.js';
import { proveRangeOfTrack, proveSeek } from '../src/container/proof/proof-maker.js';
import { ProvenReader } from '../src/container/proof/proven-reader.js';
import { createCountingSource } from '../src/storage/counting.js';
import { createFileSink } from '../src/storage/node/file-sink.js';
import { openFileSource } from '../src/storage/node/file-source.js';
import { keyOf, signedBy, signedNote, trusting } from '../tests/support/signed.js';
import { BLOCK_DURATION, constantSizes, SyntheticSource } from '../tests/support/synthetic.js';

const HELP = `npm run bench:evidence -- [options]
  --quick        up to 10^4 real records, and 10^8 synthetic ones
  --json         one JSON document instead of lines
`;

const GOP = 30;
const SIGNER = keyOf(1);
const TRUST = trusting(SIGNER);
const SAMPLES = 25;
/** Sizes of blocks that vary by three orders of magnitude. */
const VARYING = [16, 2000, 40, 900, 17, 4000, 250, 33, 1500, 64, 700, 120];
const CONSTANT = [64];

interface Line {
  readonly what: string;
  readonly value: string;
  /** Absent where the design names no limit. */
  readonly limit?: string;
  readonly isMet?: boolean;
}

interface Subject {
  readonly name: string;
  readonly records: number;
  /** Number of blocks of the track, and where block k begins in its stream. */
  readonly blocks: number;
  position(k: number): number;
  /** The recording as it is read to prove something about these blocks. */
  source(ks: readonly number[]): ByteSource;
  readonly isVarying: boolean;
  close(): Promise<void>;
}

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(HELP);
} else {
  await main();
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'harmony4-evidence-'));
  const report: { readonly name: string; readonly lines: readonly Line[] }[] = [];
  try {
    for (const exponent of values.quick ? [2, 4] : [2, 4, 6]) {
      for (const sizes of exponent === 6 ? [CONSTANT] : [CONSTANT, VARYING]) {
        const subject = await written(folder, 10 ** exponent, sizes);
        report.push(await measured(subject));
        await subject.close();
        await rm(join(folder, 'recording.h4mk'));
      }
    }
    report.push(await measured(synthetic(10 ** 8)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (values.json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
}

/** A real recording in a file: one track, every 30th block KEY. */
async function written(folder: string, records: number, sizes: readonly number[]): Promise<Subject> {
  const path = join(folder, 'recording.h4mk');
  const builder = await H4MKBuilder.create(await createFileSink(path, { overwrite: true }), {
    engine: storedEngine,
    tracks: [{ id: 0, kind: 'video' }],
    uid: '0123456789abcdef'.repeat(2),
  });
  const starts = [0];
  // META, safety scopes and the end record are records too.
  for (let k = 0; k < records - 3; k++) {
    const bytes = new Uint8Array(sizes[k % sizes.length] ?? 1).fill(k);
    const token = { pts: k * BLOCK_DURATION, duration: BLOCK_DURATION, key: k % GOP === 0, size: bytes.length };
    await builder.addBlock({ track: 0, tokens: [token], bytes });
    starts.push((starts.at(-1) ?? 0) + bytes.length);
  }
  await builder.close({ sign: signedBy(SIGNER) });
  const source = await openFileSource(path);
  const isVarying = sizes.length > 1;
  return {
    name: `${count(records)} records, written, ${isVarying ? 'blocks of 16 to 4000 bytes' : 'blocks of 64 bytes'}`,
    records,
    blocks: records - 3,
    position: (k) => starts[k] ?? 0,
    source: () => source,
    isVarying,
    close: () => source.close(),
  };
}

/** A recording that is computed while it is read, with a tree that is true around what is asked for. */
function synthetic(records: number): Subject {
  const signed = { sign: (checkpoint: Parameters<typeof signedNote>[0]) => signedNote(checkpoint, SIGNER) };
  const shape = new SyntheticSource({ records, sizes: constantSizes(4096), gop: GOP, signed });
  return {
    name: `${count(records)} records, synthetic, blocks of 4096 bytes`,
    records,
    blocks: shape.blocksOf(0),
    position: (k) => k * 4096,
    source: (ks) => shape.around(ks.map((k) => shape.seqOf(0, Math.min(k, shape.blocksOf(0) - 1)))),
    isVarying: false,
    close: () => shape.close(),
  };
}

async function measured(subject: Subject): Promise<{ readonly name: string; readonly lines: readonly Line[] }> {
  const { records, blocks } = subject;
  const [seekReads, trips, rangeReads]: number[][] = [[], [], []];
  const [seekProofs, rangeProofs]: ProofBundle[][] = [[], []];
  for (let i = 0; i < SAMPLES; i++) {
    const k = Math.floor((blocks * (i + 0.37)) / SAMPLES);
    const key = k - (k % GOP);
    const counting = createCountingSource(subject.source([key, key + GOP, k]));
    const reader = await ProvenReader.open(counting, { trust: TRUST });
    const { seek } = await reader.blockAt(k * BLOCK_DURATION);
    if (seek.key?.tokn.pts !== key * BLOCK_DURATION) throw new Error(`Block ${k} was not found`);
    seekReads?.push(counting.count);
    trips?.push(counting.roundTrips);
    seekProofs?.push(await proveSeek(reader, k * BLOCK_DURATION));

    const position = subject.position(k);
    const fresh = await ProvenReader.open(counting, { trust: TRUST });
    counting.reset();
    for await (const piece of fresh.readRange(0, position, position + 1)) {
      if (piece.length !== 1) throw new Error(`Byte ${position} was not read`);
    }
    rangeReads?.push(counting.count);
    rangeProofs?.push(
      await proveRangeOfTrack(fresh, { track: 0, from: position, to: position + 1 }, { withPayload: false }),
    );
  }
  const mostReads = records <= 65_536 ? 6 : records < 2 ** 24 ? 7 : 8;
  const mostRange = subject.isVarying ? 25 : 6;
  const lines = [
    ...(records < 2 ** 24 ? [judged('open, proven seek, block, cold: reads, median', median(seekReads), 5)] : []),
    judged('open, proven seek, block, cold: reads, most', Math.max(...(seekReads ?? [])), mostReads),
    judged('the same: round trips, median', median(trips), 4),
    judged('a proven byte, after open: reads, most', Math.max(...(rangeReads ?? [])), mostRange),
    sized('proof of a seek', seekProofs ?? []),
    sized('proof of a byte, its block not shown', rangeProofs ?? []),
  ];
  if (!values.json) process.stdout.write(`${subject.name}\n${lines.map(rendered).join('')}\n`);
  return { name: subject.name, lines };
}

function judged(what: string, value: number, limit: number): Line {
  return { what, value: String(value), limit: `at most ${limit}`, isMet: value <= limit };
}

function sized(what: string, proofs: readonly ProofBundle[]): Line {
  const bytes = proofs.map((proof) => encodeProof(proof).length);
  const hashes = proofs.map(({ runs }) => runs.reduce((sum, run) => sum + run.hashes.length, 0));
  const range = (all: readonly number[]): string => `${median(all)} (${Math.min(...all)} to ${Math.max(...all)})`;
  return { what, value: `${range(bytes)} bytes, ${range(hashes)} hashes` };
}

function rendered({ what, value, limit, isMet }: Line): string {
  const verdict = limit === undefined ? '' : `  ${limit}: ${isMet === true ? 'ok' : 'MISSED'}`;
  return `  ${what.padEnd(48)}${value}${verdict}\n`;
}

function median(all: readonly number[] = []): number {
  return [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? NaN;
}

function count(records: number): string {
  return records.toLocaleString('en-US').replaceAll(',', ' ');
}
