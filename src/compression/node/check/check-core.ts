/**
 * Certifies a core for its authors: every requirement of the binary interface, each with PASS, FAIL or SKIP and the figures that it
 * rests on. No byte of the core runs in this process; every trial has one of its own, with limits on time and memory, so that a
 * core that crashes is a finding and not the end of the check.
 */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '../../../utils/bytes.js';
import { H4Error } from '../../../utils/error.js';
import { sha256 } from '../../../utils/sha256.js';
import { isWasm } from '../../wasm-core.js';
import { readCoreFile } from '../core-file.js';
import type { NotedCall } from './call-note.js';
import { type ExchangeFiles, judgeExchange } from './exchange.js';
import { memcheck } from './memcheck.js';
import {
  type Evidence,
  type FailedCall,
  type Figure,
  REQUIREMENTS,
  type RequirementId,
  type RequirementResult,
  failed,
  passed,
  skipped,
} from './requirement.js';
import { DEFAULT_LIMITS, type Limits, type Surroundings, type TrialOutcome, runTrial } from './supervise.js';
import { type CoreFileRef, FULL, QUICK, type TrialName, type TrialRequest } from './trial.js';
import { allBlocks } from './trials/bench.js';

export interface CheckOptions {
  /** Another build of the core, to compare with. */
  readonly against?: string;
  /** A folder whose files are tried besides the corpus. */
  readonly corpus?: string;
  /** Far less of everything: shows that the check runs, certifies nothing. */
  readonly quick?: boolean;
  /** Only these; `loads` is always among them. */
  readonly only?: readonly RequirementId[];
  /** Where inputs at which the core failed are saved. */
  readonly reproducers?: string;
  readonly temporaryFolder?: string;
  readonly limits?: Partial<Limits>;
  /** Of the processes that are started. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  /** Called when a requirement is begun. */
  readonly onProgress?: (requirement: RequirementId, done: number, total: number) => void;
}

export interface CoreReport {
  readonly passed: boolean;
  readonly quick: boolean;
  /** Null if it could not be loaded. */
  readonly engine_id: string | null;
  readonly fingerprint: string;
  readonly bytes: number;
  readonly kind: 'shared library' | 'WebAssembly module';
  readonly abi: 'v1' | 'v2' | null;
  /** `process.platform` and `process.arch`. */
  readonly platform: string;
  readonly node: string;
  readonly other: { readonly engine_id: string | null; readonly fingerprint: string } | null;
  readonly requirements: readonly RequirementResult[];
  /** Measurements, for which nothing is demanded. */
  readonly figures: readonly Figure[];
}

/**
 * Checks the core at `path`. Rejects with `H4_CORE_NOT_FOUND` or another error of reading where a file is missing, and with the
 * reason of `signal`; whatever the core does is in the report.
 */
export async function checkCore(path: string, options: CheckOptions = {}): Promise<CoreReport> {
  const { bytes, fingerprint } = await readCoreFile(path);
  const other = options.against === undefined ? undefined : await referTo(options.against);
  const files = options.corpus === undefined ? [] : await filesIn(options.corpus);
  const folder = await mkdtemp(join(options.temporaryFolder ?? tmpdir(), 'harmony4-check-'));
  try {
    const core = { path, fingerprint, isWasm: isWasm(bytes), bytes };
    return await new Check(core, other, files, folder, options).run();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function referTo(path: string): Promise<CoreFileRef> {
  const { fingerprint } = await readCoreFile(path);
  return { path, fingerprint };
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    if (names.length === 0) throw new H4Error('H4_PARAM', `There is no file in the corpus ${folder}`);
    return names.sort().map((name) => join(folder, name));
  } catch (error) {
    if (error instanceof H4Error) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new H4Error('H4_IO', `Cannot read the corpus ${folder}: ${reason}`, { cause: error });
  }
}

type MeasuredCore = CoreFileRef & { readonly isWasm: boolean; readonly bytes: Uint8Array };

/** Processes whose surroundings differ in all that a core must not look at, and in what unwritten memory holds. */
const OTHER_SURROUNDINGS: readonly Readonly<Record<string, string>>[] = [
  {},
  {
    LC_ALL: 'tr_TR.UTF-8',
    LANG: 'tr_TR.UTF-8',
    TZ: 'Asia/Kathmandu',
    MALLOC_PERTURB_: '165',
    H4_CHECK: 'x'.repeat(4000),
  },
  { LC_ALL: 'C', LANG: 'C', TZ: 'UTC', MALLOC_PERTURB_: '90', MALLOC_ARENA_MAX: '1' },
];

const leftBehind = (count: number): string =>
  `it left processes behind: ${count} of them ran on when the process of its trial had ended`;

const exportsBoth = (symbols: unknown): boolean =>
  typeof symbols === 'string' && ['h4_compress', 'h4_compress_v2'].every((each) => symbols.split(' ').includes(each));

class Check {
  readonly #core: MeasuredCore;
  readonly #other: CoreFileRef | undefined;
  readonly #files: readonly string[];
  readonly #options: CheckOptions;
  readonly #surroundings: Surroundings;
  readonly #results: RequirementResult[] = [];
  readonly #figures: Figure[] = [];
  #survey: Evidence | undefined;
  #printed = { bytes: 0, text: '' };
  /** Processes that trials have left behind. */
  #left = 0;

  constructor(
    core: MeasuredCore,
    other: CoreFileRef | undefined,
    files: readonly string[],
    folder: string,
    options: CheckOptions,
  ) {
    this.#core = core;
    this.#other = other;
    this.#files = files;
    this.#options = options;
    this.#surroundings = {
      environment: options.environment ?? {},
      folder,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      signal: options.signal,
    };
  }

  async run(): Promise<CoreReport> {
    const wanted = this.#wanted();
    for (const [done, id] of wanted.entries()) {
      this.#options.onProgress?.(id, done, wanted.length);
      const isReady = id === 'loads' || this.#survey !== undefined;
      this.#results.push(isReady ? await this.#check(id) : skipped(id, 'it could not be loaded and called'));
    }
    if (this.#survey !== undefined && this.#options.only === undefined) await this.#measure();
    return this.#report();
  }

  #wanted(): RequirementId[] {
    const { only } = this.#options;
    const ids = (Object.keys(REQUIREMENTS) as RequirementId[]).filter(
      (id) => id === 'loads' || only === undefined || only.includes(id),
    );
    return ids.filter((id) => id !== 'agreement' || this.#other !== undefined);
  }

  #check(id: RequirementId): Promise<RequirementResult> | RequirementResult {
    switch (id) {
      case 'loads':
        return this.#checkLoads();
      case 'identity':
        return this.#checkIdentity();
      case 'empty':
        // The survey has tried it: without that there is nothing to check.
        return passed(id, { reaches_the_core: false });
      case 'round-trip':
        return this.#checkRoundTrip();
      case 'determinism':
        return this.#checkDeterminism();
      case 'hostile-input':
        return this.#checkBy(id, 'damage');
      case 'memory':
        return this.#checkBy(id, 'memory');
      case 'memcheck':
        return this.#checkMemory();
      case 'silence':
        return this.#checkSilence();
      case 'agreement':
        return this.#checkBy(id, 'compare');
    }
  }

  async #checkLoads(): Promise<RequirementResult> {
    const outcome = await this.#try('survey');
    const result = await this.#resultOf('loads', outcome);
    if (result.verdict === 'pass') this.#survey = result.evidence;
    const { isWasm, bytes: content } = this.#core;
    const bytes = content.length;
    const { abi, exports, ...rest } = result.evidence;
    const about = { kind: isWasm ? 'WebAssembly module' : 'shared library', bytes };
    return {
      ...result,
      evidence:
        result.verdict === 'pass' ? { ...about, abi: abi ?? null, exports: exports ?? null } : { ...about, ...rest },
    };
  }

  async #checkIdentity(): Promise<RequirementResult> {
    const { engine_id = null, declares_id = false, declared_fingerprint = null } = this.#survey ?? {};
    const evidence = { engine_id, declares_id, declared_fingerprint };
    for (const environment of OTHER_SURROUNDINGS.slice(1)) {
      const outcome = await this.#try('survey', environment);
      const result = await this.#resultOf('identity', outcome);
      if (result.verdict !== 'pass') return result;
      const again = result.evidence['engine_id'];
      if (again !== engine_id)
        return failed('identity', `it is ${String(engine_id)}, and in another process ${String(again)}`, evidence);
    }
    return passed('identity', { ...evidence, processes: OTHER_SURROUNDINGS.length });
  }

  /** In one process first, where faults are found fast; then from one process to another, by files that are compared here. */
  async #checkRoundTrip(): Promise<RequirementResult> {
    const id = 'round-trip';
    const inOne = await this.#checkBy(id, 'round-trip');
    if (inOne.verdict !== 'pass') return inOne;
    const { folder } = this.#surroundings;
    const exchange: ExchangeFiles = { packed: join(folder, 'packed'), restored: join(folder, 'restored') };
    for (const trial of ['pack', 'unpack'] as const) {
      const result = await this.#resultOf(id, await this.#try(trial, {}, exchange));
      if (result.verdict === 'pass') continue;
      const where =
        trial === 'pack' ? 'in a process that only compresses' : 'in another process than the one that compressed';
      return { ...result, reason: `${where}: ${result.reason ?? ''}` };
    }
    const judgement = judgeExchange(exchange, allBlocks({ extent: this.#extent, files: this.#files }));
    await Promise.all([rm(exchange.packed, { force: true }), rm(exchange.restored, { force: true })]);
    if ('reason' in judgement) {
      return failed(id, judgement.reason, inOne.evidence, await this.#saved(id, judgement.call));
    }
    return passed(id, { ...inOne.evidence, restored_by_another_process: judgement.restored });
  }

  /** Trials call the version that a host prefers: the other one is called under valgrind or not at all. */
  async #checkMemory(): Promise<RequirementResult> {
    const { bytes, isWasm } = this.#core;
    const damages = this.#options.quick === true ? 4 : 40;
    const result = await memcheck(bytes, { ...this.#surroundings, isWasm, damages });
    if (!exportsBoth(this.#survey?.['exports'])) return result;
    return { ...result, evidence: { ...result.evidence, version_1_was_tried: result.verdict !== 'skip' } };
  }

  get #extent(): typeof FULL {
    return this.#options.quick === true ? QUICK : FULL;
  }

  async #checkDeterminism(): Promise<RequirementResult> {
    const repeated = await this.#checkBy('determinism', 'repeat');
    if (repeated.verdict !== 'pass') return repeated;
    const { repetitions = 0, blocks = 0 } = repeated.evidence;
    const digests: unknown[] = [];
    for (const environment of OTHER_SURROUNDINGS) {
      const result = await this.#resultOf('determinism', await this.#try('digest', environment));
      if (result.verdict !== 'pass') return result;
      digests.push(result.evidence['output_sha256']);
    }
    const [first] = digests;
    const evidence = { repetitions, blocks, processes: digests.length, output_sha256: String(first) };
    const different = digests.findIndex((each) => each !== first);
    if (different < 0) return passed('determinism', evidence);
    const names = Object.keys(OTHER_SURROUNDINGS[different] ?? {}).filter((name) => name !== 'H4_CHECK');
    return failed(
      'determinism',
      `another process made other bytes of the same blocks; it had other values of ${names.join(', ')}`,
      { ...evidence, other_output_sha256: String(digests[different]) },
    );
  }

  /** What was printed before, and what is not as it was after calls (E11); that these succeed is another matter. */
  async #checkSilence(): Promise<RequirementResult> {
    const called = await this.#resultOf('silence', await this.#try('repeat'));
    const { bytes, text } = this.#printed;
    const {
      threads_started: threads = null,
      descriptors_left_open: descriptors = null,
      signals_changed: signals = null,
    } = called.evidence;
    const seen = { threads_started: threads, descriptors_left_open: descriptors, signals_changed: signals };
    const evidence = { printed_bytes: bytes, ...seen, signals_changed: signals === '' ? 'none' : signals };
    if (this.#left > 0) return failed('silence', leftBehind(this.#left), evidence);
    if (bytes === 0 && called.verdict !== 'pass') return skipped('silence', 'its calls fail, so that nobody can say');
    if (bytes > 0) return failed('silence', `it printed ${JSON.stringify(text)}`, evidence);
    if (typeof threads === 'number' && threads > 0) return failed('silence', `it started ${threads} threads`, evidence);
    if (typeof descriptors === 'string' || (typeof descriptors === 'number' && descriptors > 0)) {
      return failed('silence', `its calls left descriptors open: ${descriptors}`, evidence);
    }
    if (typeof signals === 'string' && signals !== '') {
      return failed('silence', `it changed what happens at signals: ${signals} now`, evidence);
    }
    return passed('silence', evidence);
  }

  async #checkBy(id: RequirementId, trial: TrialName): Promise<RequirementResult> {
    return this.#resultOf(id, await this.#try(trial));
  }

  async #measure(): Promise<void> {
    const outcome = await this.#try('speed');
    if (outcome.kind === 'answered' && outcome.reply.kind === 'passed')
      this.#figures.push(...(outcome.reply.figures ?? []));
  }

  async #try(
    trial: TrialName,
    environment: Readonly<Record<string, string>> = {},
    exchange?: ExchangeFiles,
  ): Promise<TrialOutcome> {
    const { path, fingerprint, isWasm } = this.#core;
    const { temporaryFolder } = this.#options;
    const request: Omit<TrialRequest, 'notePath' | 'replyPath'> = {
      trial,
      core: { path, fingerprint },
      isWasm,
      ...(this.#other === undefined ? {} : { other: this.#other }),
      ...(temporaryFolder === undefined ? {} : { temporaryFolder }),
      files: this.#files,
      extent: this.#extent,
      ...(exchange === undefined ? {} : { exchange }),
    };
    const surroundings = { ...this.#surroundings, environment: { ...this.#surroundings.environment, ...environment } };
    const outcome = await runTrial(request, surroundings);
    this.#left += outcome.left;
    // What a process says that crashes is said by the C library about the crash.
    if (outcome.kind === 'answered' && outcome.printed.bytes > 0) {
      const { bytes, text } = this.#printed;
      this.#printed = { bytes: bytes + outcome.printed.bytes, text: text === '' ? outcome.printed.text : text };
    }
    return outcome;
  }

  async #resultOf(id: RequirementId, outcome: TrialOutcome): Promise<RequirementResult> {
    const { call } = outcome;
    if (outcome.kind === 'died') {
      const where =
        call === undefined ? 'while it was loaded' : `in call ${call.count}, ${call.operation} of ${call.label}`;
      const said = outcome.printed.text.trim() === '' ? {} : { said: outcome.printed.text.trim() };
      return failed(id, `it ${outcome.how} ${where}`, said, await this.#saved(id, call));
    }
    const { reply } = outcome;
    if (reply.kind === 'passed' && outcome.left > 0) return failed(id, leftBehind(outcome.left), reply.evidence);
    switch (reply.kind) {
      case 'passed':
        return passed(id, reply.evidence);
      case 'failed':
        return failed(id, reply.reason, reply.evidence, reply.atCall ? await this.#saved(id, call) : undefined);
      case 'refused':
        return failed(id, `${reply.code}: ${reply.message}`);
    }
  }

  /** Describes a call for the report, and keeps its input where that was asked for. */
  async #saved(id: RequirementId, call: NotedCall | undefined): Promise<FailedCall | undefined> {
    if (call === undefined) return undefined;
    const { operation, label, input, rawLength } = call;
    const about: FailedCall = {
      operation,
      label,
      bytes: input.length,
      sha256: toHex(sha256(input)),
      raw_length: operation === 'compress' ? null : rawLength,
    };
    const { reproducers } = this.#options;
    if (reproducers === undefined) return about;
    await mkdir(reproducers, { recursive: true });
    const saved = join(reproducers, `${id}-${operation}.bin`);
    await writeFile(saved, input);
    return { ...about, saved };
  }

  #report(): CoreReport {
    const { fingerprint, bytes, isWasm } = this.#core;
    const { engine_id: id, abi } = this.#survey ?? {};
    const compared = this.#results.find((result) => result.id === 'agreement')?.evidence['other_engine_id'];
    return {
      passed: this.#results.every(({ verdict }) => verdict !== 'fail'),
      quick: this.#options.quick === true,
      engine_id: typeof id === 'string' ? id : null,
      fingerprint,
      bytes: bytes.length,
      kind: isWasm ? 'WebAssembly module' : 'shared library',
      abi: abi === 'v1' || abi === 'v2' ? abi : null,
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
      other:
        this.#other === undefined
          ? null
          : { engine_id: typeof compared === 'string' ? compared : null, fingerprint: this.#other.fingerprint },
      requirements: this.#results,
      figures: this.#figures,
    };
  }
}
