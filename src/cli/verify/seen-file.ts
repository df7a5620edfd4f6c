/**
 * What a follower remembers (spec/h4mk.md section 11): the largest checkpoint that it has trusted, for each origin. Without
 * such a memory an old copy verifies as well as the newest one. The memory is a small JSON file with a checkpoint on each
 * line. It is read before a check, replaced as a whole after one, and never forgets: what it is replaced by is united with
 * what another check has written meanwhile.
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
  readonly #known: Map<string, CheckpointInfo>;
  /** What was there before this command: files of one run are not held against each other, whatever their order. */
  readonly before: readonly SeenCheckpoint[];
  #hasNews = false;

  private constructor(file: string, known: Map<string, CheckpointInfo>) {
    this.#file = file;
    this.#known = known;
    this.before = Array.from(known.values(), ({ origin, size, root }) => ({ origin, size, root: fromHex(root) }));
  }

  /** Reads the memory in `file`; one that does not exist yet is empty. `H4_PARAM` if it is damaged. */
  static async open(file: string): Promise<SeenFile> {
    return new SeenFile(file, await readSeen(file));
  }

  /** Takes in a checkpoint that a check has trusted. What is smaller than what is known changes nothing. */
  remember(checkpoint: CheckpointInfo): void {
    if (take(this.#known, checkpoint)) this.#hasNews = true;
  }

  /** The checkpoint of this origin and size that contradicts `checkpoint`, if this command or one before has met it. */
  contradictionOf({ origin, size, root }: CheckpointInfo): CheckpointInfo | undefined {
    const known = this.#known.get(origin);
    return known?.size === size && known.root !== root ? known : undefined;
  }

  /** Writes what is new, if anything is. */
  async save(): Promise<void> {
    if (!this.#hasNews) return;
    const path = await realpath(this.#file).catch(() => this.#file);
    const sink = await openLocked(path);
    try {
      const known = await readSeen(this.#file);
      for (const checkpoint of this.#known.values()) take(known, checkpoint);
      await sink.write(utf8Encode(formatSeen(known)));
      await sink.commit();
    } catch (thrown) {
      await sink.abort();
      throw thrown;
    }
    this.#hasNews = false;
  }
}

/**
 * Takes in what a check has proven, unless it failed. The outcome is a failure where another file of this command has been
 * trusted with the same origin and size, and another root: the check of the file alone could not know.
 */
export function rememberChecked(seen: SeenFile, checked: Checked): Checked {
  const { report, exitCode, failure } = checked;
  const { checkpoint, proven } = report;
  if (!proven || checkpoint === null || failure !== undefined || exitCode === EXIT.failed) return checked;
  if (seen.contradictionOf(checkpoint) === undefined) {
    seen.remember(checkpoint);
    return checked;
  }
  const message =
    `The trusted checkpoint of size ${checkpoint.size} has another root than that of the same size in a file that was ` +
    'checked before it: the signer has shown two histories';
  const errors = [...report.errors, { code: 'H4_EQUIVOCATION' as const, offset: 0, message }];
  const failed = { ...report, exit_code: EXIT.failed, errors, error_count: report.error_count + 1 };
  return { ...checked, exitCode: EXIT.failed, report: failed };
}

function take(known: Map<string, CheckpointInfo>, { origin, size, root }: CheckpointInfo): boolean {
  if (size <= (known.get(origin)?.size ?? 0)) return false;
  known.set(origin, { origin, size, root });
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

function formatSeen(known: ReadonlyMap<string, CheckpointInfo>): string {
  const sorted = [...known.values()].sort((a, b) => (a.origin < b.origin ? -1 : 1));
  return `{"harmony4_seen":${VERSION},"checkpoints":[\n${sorted.map(jsonLine).join(',\n')}\n]}\n`;
}

async function readSeen(file: string): Promise<Map<string, CheckpointInfo>> {
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

function parseSeen(bytes: Uint8Array, name: string): Map<string, CheckpointInfo> {
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
  const known = new Map<string, CheckpointInfo>();
  for (const [i, checkpoint] of checkpoints.entries()) {
    const { origin, size, root } = asObject(checkpoint);
    if (!isText(origin, ORIGIN) || !isText(root, ROOT) || !isCount(size)) {
      throw damaged(name, `checkpoint ${i + 1} is not an origin, a size and a root`);
    }
    if (known.has(origin)) throw damaged(name, `checkpoint ${i + 1} is the second of its origin`);
    known.set(origin, { origin, size, root });
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
