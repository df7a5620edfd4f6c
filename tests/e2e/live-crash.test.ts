/**
 * `kill -9` at random moments of live recordings by the built program: while it starts, between two index points, in the
 * middle of one, and while it closes. Whatever it has acknowledged must be in the file, and what is recovered must be a
 * sound recording of a prefix of what it was fed. The moments follow from seeds as far as a scheduler lets them.
 */

import { readFile, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { readSidecar } from '../../src/storage/node/sidecar.js';
import { cli, jsonLines, jsonOf } from '../cli/support/harness.js';
import { temporaryFolder } from '../cli/support/files.js';
import { Lines, opened } from '../cli/support/live.js';
import { ended, start } from '../cli/support/process.js';

const RUNS = Number(process.env['H4_CRASH_RUNS'] ?? 200);
/** Children at a time: each waits for the disk or for its input most of the time. */
const AT_ONCE = 4;
const KiB = 1024;
const MOST_FED = 4096 * KiB;

const folder = temporaryFolder();

type Random = (below: number) => number;

/** xorshift32: the same numbers for the same seed, everywhere. */
function seeded(seed: number): Random {
  let state = (Math.imul(seed + 1, 0x9e37_79b1) ^ 0x5bd1_e995) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state % below;
  };
}

function randomBytes(random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(Math.ceil(length / 4) * 4);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(random(2 ** 32), at);
  return bytes.subarray(0, length);
}

/** When a child is killed. */
interface Plan {
  readonly kind: 'starting' | 'recording' | 'closing';
  /** Wait for so many acknowledgements; for `closing`, of pieces of input, after which it ends. */
  readonly count: number;
  readonly delayMs: number;
}

function planFor(run: number, random: Random): Plan {
  switch (run % 8) {
    case 0:
      return { kind: 'starting', count: 0, delayMs: random(400) };
    case 1:
    case 2:
      return { kind: 'closing', count: 1 + random(6), delayMs: random(40) };
    default:
      return { kind: 'recording', count: 1 + random(6), delayMs: random(25) };
  }
}

interface Killed {
  readonly fed: Uint8Array;
  /** The last line that said what is durable. */
  readonly acknowledged: Record<string, unknown> | undefined;
}

async function recordAndKill(path: string, plan: Plan, random: Random): Promise<Killed> {
  const flags = ['--index-records', String(1 + random(4)), '--index-seconds', String((2 + random(8)) / 100)];
  const argv = ['export', '-', '-o', path, '--live', '--json', '--block-size', '64KiB', '--engine', 'stored', ...flags];
  const child = start(argv);
  const out = new Lines();
  child.stdout?.on('data', (chunk: Buffer) => out.write(chunk));
  child.stdin?.on('error', () => undefined);
  const outcome = ended(child);
  let isOver = false;
  void outcome.then(() => (isOver = true));
  const fed: Buffer[] = [];
  const feed = async (pieces: number): Promise<void> => {
    let bytes = 0;
    for (let piece = 0; piece < pieces && bytes < MOST_FED && !isOver; piece++) {
      const next = randomBytes(random, 1 + random(100 * KiB));
      fed.push(next);
      bytes += next.length;
      child.stdin?.write(next);
      await sleep(random(8));
    }
  };
  const feeding = feed(plan.kind === 'closing' ? plan.count : Infinity);
  if (plan.kind === 'recording') await Promise.race([out.has(plan.count), outcome]);
  if (plan.kind === 'closing') {
    await feeding;
    child.stdin?.end();
    await Promise.race([out.has(1), outcome]);
  }
  await sleep(plan.delayMs);
  child.kill('SIGKILL');
  const { stderr } = await outcome;
  await feeding;
  expect(stderr).toBe('');
  // What follows the last newline was never said.
  const told = jsonLines(out.text.slice(0, out.text.lastIndexOf('\n') + 1));
  return { fed: Buffer.concat(fed), acknowledged: told.at(-1) };
}

interface Recovered {
  readonly records: number;
  readonly media: Uint8Array;
}

/** What `recover` makes of a recording that was cut off; the result is verified. Undefined where there is nothing in it. */
async function recovered(path: string): Promise<Recovered | undefined> {
  const to = `${path}.recovered`;
  const result = await cli(['recover', path, '-o', to, '--json']);
  if (![0, 3].includes(result.code)) {
    expect([1, 4]).toContain(result.code);
    return undefined;
  }
  const verified = await cli(['verify', to, '--json']);
  expect([0, 3]).toContain(verified.code);
  expect(jsonOf(verified.stdout)).toMatchObject({ error_count: 0 });
  const { media } = await opened(await readFile(to));
  const records = Number(jsonOf(result.stdout)['records']);
  expect(jsonOf(verified.stdout)['records']).toBe(records);
  await rm(to);
  return { records, media };
}

async function check(path: string, { fed, acknowledged }: Killed): Promise<void> {
  const size = (await stat(path).catch(() => undefined))?.size;
  if (acknowledged !== undefined) {
    const { records, bytes } = acknowledged as { records: number; bytes: number };
    expect(size).toBeGreaterThanOrEqual(bytes);
    const sidecar = await readSidecar(path);
    const file = await readFile(path);
    // It speaks for at least what was acknowledged; or the file is closed, ends in its own TAIL and needs none.
    const prefix = file.subarray(0, sidecar?.end);
    expect(prefix.length).toBeGreaterThanOrEqual(bytes);
    const { tailRecords, media } = await opened(prefix);
    expect(tailRecords).toBeGreaterThanOrEqual(records);
    expect(Buffer.compare(media, fed.subarray(0, media.length))).toBe(0);
  }
  if (size === undefined) return;
  const result = await recovered(path);
  expect(result?.records ?? 0).toBeGreaterThanOrEqual(Number(acknowledged?.['records'] ?? 0));
  if (result !== undefined) {
    expect(Buffer.compare(result.media, fed.subarray(0, result.media.length))).toBe(0);
  }
}

describe('kill -9', () => {
  test(`takes nothing that was acknowledged, ${RUNS} times`, { timeout: 600_000 }, async () => {
    const seen = { starting: 0, recording: 0, closing: 0, acknowledged: 0 };
    let next = 0;
    const work = async (): Promise<void> => {
      for (let run = next++; run < RUNS; run = next++) {
        const random = seeded(run);
        const plan = planFor(run, random);
        const path = folder.path(`run-${run}.h4mk`);
        const killed = await recordAndKill(path, plan, random);
        try {
          await check(path, killed);
        } catch (error) {
          throw new Error(`run ${run} (${JSON.stringify(plan)}): ${String(error)}`, { cause: error });
        }
        seen[plan.kind]++;
        if (killed.acknowledged !== undefined) seen.acknowledged++;
        for (const suffix of ['', '.tail', '.tail.part', '.lock']) await rm(path + suffix, { force: true });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    expect(seen.starting + seen.recording + seen.closing).toBe(RUNS);
    // Recordings are killed after an acknowledgement at the earliest.
    expect(seen.acknowledged).toBeGreaterThanOrEqual(seen.recording);
  });
});
