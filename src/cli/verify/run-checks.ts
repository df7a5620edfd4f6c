/** Checks targets, on several threads if wanted, and yields the outcomes in the order of the targets. */
import type { Demands } from '../../container/check/demands.js';
import { openFileSource } from '../../storage/node/file-source.js';
import type { Context } from '../context.js';
import { failureOf } from '../exit.js';
import { STDIN, inputName, openInput, readStdin } from '../input.js';
import { readableBytes } from '../media-input.js';
import { Progress } from '../progress.js';
import { isRemote } from '../remote.js';
import { CheckPool } from './check-pool.js';
import { type Checked, type CheckEvents, type CheckOptions, checkFile, checkPieces, uncheckedFile } from './checker.js';
import { inOrder } from './in-order.js';
import { type SeenFile, rememberChecked } from './seen-file.js';
import type { Target } from './targets.js';

export interface RunOptions {
  readonly check: CheckOptions;
  readonly demands: Demands;
  /** What was seen before. Files are checked one after the other then, each held against those before it. */
  readonly seen?: SeenFile | undefined;
  readonly jobs: number;
  readonly progress: boolean;
  readonly allowFullRead: boolean;
  /** Code of the threads; for tests. */
  readonly worker?: URL;
}

/** Outcomes that may wait for their turn, per thread. */
const AHEAD_PER_JOB = 64;
/** Findings, listed records and stretches of files in the outcomes that wait. */
const MAX_WAITING_WEIGHT = 20_000;

const weigh = ({ report, records, portrait }: Checked): number =>
  1 + report.errors.length + report.warnings.length + (records?.listed.length ?? 0) + (portrait === undefined ? 0 : 10);

/** Rejects only when the user interrupts, or with a defect. */
export async function* runChecks(
  targets: AsyncIterable<Target>,
  options: RunOptions,
  context: Context,
): AsyncGenerator<readonly [Target, Checked], void> {
  const jobs = options.seen === undefined ? options.jobs : 1;
  if (jobs === 1) {
    const bounds = { jobs, maxAhead: 1, weigh, maxWeight: Infinity };
    yield* inOrder(targets, (target) => checkAlone(target, options, context), bounds);
    return;
  }
  const pool = new CheckPool(context.io.signal, options.worker, options.demands);
  const progress = new SharedProgress(context, options.progress);
  try {
    const bounds = { jobs, maxAhead: AHEAD_PER_JOB * jobs, weigh, maxWeight: MAX_WAITING_WEIGHT };
    for await (const outcome of inOrder(
      targets,
      (target) => checkShared(target, pool, progress, options, context),
      bounds,
    )) {
      progress.clear();
      yield outcome;
    }
  } finally {
    progress.clear();
    await pool.close();
  }
}

async function checkShared(
  target: Target,
  pool: CheckPool,
  progress: SharedProgress,
  options: RunOptions,
  context: Context,
): Promise<Checked> {
  const onProgress = progress.add();
  try {
    const path = target.file;
    const isShared = target.isRegular && target.error === undefined;
    const checked = isShared ? await pool.check({ path, options: options.check }, onProgress) : undefined;
    if (checked !== undefined) onProgress(checked.report.bytes);
    return checked ?? (await checkHere(target, options, context, { onProgress }));
  } finally {
    progress.remove(onProgress);
  }
}

async function checkAlone(target: Target, options: RunOptions, context: Context): Promise<Checked> {
  let progress: Progress | undefined;
  const onOpen = (total: number): void => {
    const label = `verifying ${inputName(target.file)}`;
    progress = new Progress(context, { label, total, enabled: options.progress });
  };
  try {
    const { seen } = options;
    const demands = seen === undefined ? options.demands : { ...options.demands, seen: seen.known };
    const events = { onOpen, onProgress: (bytes: number) => progress?.update(bytes) };
    const checked = await checkHere(target, { ...options, demands }, context, events);
    if (seen !== undefined) rememberChecked(seen, checked);
    return checked;
  } finally {
    progress?.clear();
  }
}

/** On this thread, where the streams are and the network is. */
function checkHere(
  { file, isRegular, error }: Target,
  { check, demands, allowFullRead }: RunOptions,
  context: Context,
  progress: Omit<CheckEvents, 'signal' | 'demands'>,
): Promise<Checked> {
  const { signal, command } = context.io;
  const events = { signal, demands, ...progress };
  if (error !== undefined) return Promise.resolve(uncheckedFile(failureOf(error, signal, command)));
  if (file === STDIN && !check.records && !check.hash && !check.portrait) {
    return checkPieces(readableBytes(readStdin(context), inputName(file)), check, events);
  }
  const open = () => (isRegular ? openFileSource(file) : openInput(file, context, { wholeFile: true, allowFullRead }));
  // A drawing is not worth a second way through a file on another machine.
  return checkFile(open, isRemote(file) ? { ...check, portrait: false } : check, events);
}

/** The bytes checked so far on all threads together. */
class SharedProgress {
  readonly #progress: Progress;
  readonly #current = new Map<(bytes: number) => void, number>();
  #done = 0;

  constructor(context: Context, enabled: boolean) {
    this.#progress = new Progress(context, { label: 'verifying', enabled });
  }

  add(): (bytes: number) => void {
    const update = (bytes: number): void => {
      this.#current.set(update, bytes);
      const running = [...this.#current.values()].reduce((sum, each) => sum + each, 0);
      this.#progress.update(this.#done + running);
    };
    this.#current.set(update, 0);
    return update;
  }

  remove(update: (bytes: number) => void): void {
    this.#done += this.#current.get(update) ?? 0;
    this.#current.delete(update);
  }

  clear(): void {
    this.#progress.clear();
  }
}
