/**
 * What a follower remembers (spec/h4mk.md section 11): the largest checkpoint that it has trusted, for each origin. Without
 * such a memory an old copy verifies as well as the newest one. The memory is a small JSON file with a checkpoint on each
 * line. It is read before a check, replaced as a whole after one, and never forgets: what it is replaced by is united with
 * what another check has written meanwhile.
 *
 * A checkpoint takes the place of a smaller one only where a check has computed the root at the smaller size. A clip shows too
 * little for that, so that both are remembered until a check of the whole recording has held them against each other: else
 * a clip of another history would wipe out the memory of the first.
 */
import { realpath } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CheckpointInfo } from '../../container/check/report.js';
import type { SeenCheckpoint } from '../../container/trust/seen.js';
import { createFileSink } from '../../storage/node/file-sink.js';
import { fromHex, utf8Decode, utf8Encode } from '../../utils/bytes.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import { EXIT } from '../exit.js';
import { readSmallFile } from '../small-file.js';
import { jsonLine, printable } from '../text.js';
import type { Checked } from './checker.js';

/** About 300 000 recordings, each of which is an origin of its own. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

const VERSION = 1;
const ORIGIN = /^[^\s+]{1,1024}\/[0-9a-f]{64}$/u;
const ROOT = /^[0-9a-f]{64}$/;

const LOCK_TRIES = 100;
const LOCK_INTERVAL_MS = 50;

/** The memory while a command runs. */
export class SeenFile {
  readonly #file: string;
  readonly #known: Memory;
  /** What this command has linked: smaller checkpoints that the memory need not keep any more. */
  readonly #linked: CheckpointInfo[] = [];
  readonly #largestBefore: ReadonlyMap<string, number>;
  #hasNews = false;

  private constructor(file: string, known: Memory) {
    this.#file = file;
    this.#known = known;
    this.#largestBefore = new Map(Array.from(known, ([origin, states]) => [origin, states.at(-1)?.size ?? 0]));
  }

  /**
   * What the next check is held against. Of what this command itself has met it may be an older copy, whatever the order of the
   * files is, but no other history.
   */
  get known(): readonly SeenCheckpoint[] {
    return [...this.#known.values()].flat().map(({ origin, size, root }) => {
      const mayBeOlder = size > (this.#largestBefore.get(origin) ?? 0);
      return { origin, size, root: fromHex(root), ...(mayBeOlder ? { mayBeOlder } : {}) };
    });
  }

  /** Reads the memory in `file`; one that does not exist yet is empty. `H4_PARAM` if it is damaged. */
  static async open(file: string): Promise<SeenFile> {
    return new SeenFile(file, await readSeen(file));
  }

  /**
   * Takes in a checkpoint that a check has trusted. `isLinked`: the check has computed the roots at all smaller sizes that are
   * known, and none was another one.
   */
  remember(checkpoint: CheckpointInfo, { isLinked }: { readonly isLinked: boolean }): void {
    if (isLinked) this.#linked.push(checkpoint);
    if (take(this.#known, checkpoint, isLinked)) this.#hasNews = true;
  }

  /** Writes what is new, if anything is. */
  async save(): Promise<void> {
    if (!this.#hasNews) return;
    const path = await realpath(this.#file).catch(() => this.#file);
    const sink = await openLocked(path);
    try {
      const known = await readSeen(this.#file);
      for (const checkpoint of [...this.#known.values()].flat()) {
        take(
          known,
          checkpoint,
          this.#linked.some(({ origin, size }) => origin === checkpoint.origin && size === checkpoint.size),
        );
      }
      await sink.write(utf8Encode(formatSeen(known)));
      await sink.commit();
    } catch (thrown) {
      await sink.abort();
      throw thrown;
    }
    this.#hasNews = false;
  }
}

/** Takes in what a check has proven, unless it failed. */
export function rememberChecked(seen: SeenFile, { report, exitCode, failure }: Checked): void {
  const { checkpoint, proven, format } = report;
  if (!proven || checkpoint === null || failure !== undefined || exitCode === EXIT.failed) return;
  seen.remember(checkpoint, { isLinked: format !== 'H4MK v1 slice' });
}

/** By origin, ascending in size: one, and those that nobody has held against it yet. */
type Memory = Map<string, CheckpointInfo[]>;

/** Each is a clip of a recording that was never checked as a whole. */
const MAX_UNLINKED = 64;

function take(known: Memory, { origin, size, root }: CheckpointInfo, isLinked: boolean): boolean {
  const before = known.get(origin) ?? [];
  const isKnown = before.some((each) => each.size === size);
  if (isKnown ? !isLinked || before[0]?.size === size : !isLinked && before.length >= MAX_UNLINKED) return false;
  const kept = before.filter((each) => each.size !== size && (!isLinked || each.size > size));
  known.set(
    origin,
    [...kept, { origin, size, root }].sort((a, b) => a.size - b.size),
  );
  return true;
}

/** Another check that is writing the same memory is done in a moment. */
async function openLocked(path: string): Promise<Awaited<ReturnType<typeof createFileSink>>> {
  for (let tries = 1; ; tries++) {
    try {
      return await createFileSink(path, { overwrite: true });
    } catch (thrown) {
      if (!isH4Error(thrown, 'H4_LOCKED') || tries === LOCK_TRIES) throw thrown;
      await sleep(LOCK_INTERVAL_MS);
    }
  }
}

function formatSeen(known: Memory): string {
  const sorted = [...known.values()]
    .flat()
    .sort((a, b) => (a.origin === b.origin ? a.size - b.size : a.origin < b.origin ? -1 : 1));
  return `{"harmony4_seen":${VERSION},"checkpoints":[\n${sorted.map(jsonLine).join(',\n')}\n]}\n`;
}

async function readSeen(file: string): Promise<Memory> {
  const name = printable(file);
  let bytes: Uint8Array;
  try {
    bytes = await readSmallFile(file, MAX_FILE_BYTES, `the memory of checks in ${name}`);
  } catch (thrown) {
    if (isH4Error(thrown, 'H4_IO') && isMissing(thrown.cause)) return new Map();
    throw thrown;
  }
  if (bytes.length > MAX_FILE_BYTES) throw damaged(name, `it has more than ${MAX_FILE_BYTES} bytes`);
  return parseSeen(bytes, name);
}

const isMissing = (cause: unknown): boolean => cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';

function parseSeen(bytes: Uint8Array, name: string): Memory {
  let document: unknown;
  try {
    document = JSON.parse(utf8Decode(bytes, { code: 'H4_PARAM', what: name }));
  } catch {
    throw damaged(name, bytes.length === 0 ? 'it is empty' : 'it is not JSON, or not all of it is there');
  }
  const { harmony4_seen: version, checkpoints } = asObject(document);
  if (version === undefined) throw damaged(name, 'it is some other file');
  if (version !== VERSION) throw damaged(name, `it is of version ${JSON.stringify(version)}, and known is ${VERSION}`);
  if (!Array.isArray(checkpoints)) throw damaged(name, 'it has no list of checkpoints');
  const known: Memory = new Map();
  for (const [i, checkpoint] of checkpoints.entries()) {
    const { origin, size, root } = asObject(checkpoint);
    if (!isText(origin, ORIGIN) || !isText(root, ROOT) || !isCount(size)) {
      throw damaged(name, `checkpoint ${i + 1} is not an origin, a size and a root`);
    }
    const before = known.get(origin) ?? [];
    if ((before.at(-1)?.size ?? 0) >= size)
      throw damaged(name, `checkpoint ${i + 1} is not larger than the one before it`);
    known.set(origin, [...before, { origin, size, root }]);
  }
  return known;
}

const asObject = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
const isText = (value: unknown, form: RegExp): value is string => typeof value === 'string' && form.test(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;

function damaged(name: string, why: string): H4Error {
  return new H4Error(
    'H4_PARAM',
    `Cannot use ${name} as the memory of checks (--seen): ${why}. Restore it from a copy; or name another file to begin ` +
      'anew, and know that old copies of what was seen until now will not be noticed',
  );
}
