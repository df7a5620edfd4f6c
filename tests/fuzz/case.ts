/** One test case: a file of the corpus and the steps that change it. Number N of a seed is made without those before it. */
import type { CorpusFile } from './corpus.js';
import { Draft, type Part, clone } from './draft.js';
import { MUTATIONS, REPAIRS } from './mutations.js';
import { Random } from './random.js';

export interface Step {
  readonly name: string;
  /** Names the random numbers of this step: they do not change when other steps are left out. */
  readonly path: readonly number[];
}

export interface FuzzCase {
  readonly seed: number;
  readonly number: number;
  readonly base: CorpusFile;
  readonly steps: readonly Step[];
  readonly bytes: Uint8Array;
  readonly repaired: boolean;
  readonly foreign: boolean;
  /** For what targets choose at random: positions, times, chunkings. */
  readonly random: Random;
}

/** The corpus, with how often each file is taken: small ones are fast, and large ones have their own faults. */
export class Corpus {
  readonly files: readonly CorpusFile[];
  readonly #weights: readonly (readonly [number, CorpusFile])[];
  readonly #parts = new Map<CorpusFile, readonly Part[]>();

  constructor(files: readonly CorpusFile[]) {
    this.files = files;
    this.#weights = files.map((file) => [weightOf(file.bytes.length), file] as const);
  }

  pick(random: Random): CorpusFile {
    return random.weighted(this.#weights);
  }

  partsOf(file: CorpusFile): Part[] {
    let parts = this.#parts.get(file);
    if (parts === undefined) {
      parts = new Draft(file.bytes).parts;
      this.#parts.set(file, parts);
    }
    return parts.map(clone);
  }
}

const weightOf = (bytes: number): number => (bytes < 8192 ? 24 : bytes < 65_536 ? 4 : 1);

const BYTE_STEPS = [
  'flipBits',
  'setBytes',
  'deleteBytes',
  'insertBytes',
  'truncate',
  'cutBeforeTail',
  'append',
] as const;
const VALUE_STEPS = [
  'changeField',
  'changeField',
  'changeField',
  'changePayload',
  'changeSize',
  'changeTag',
  'changeCrc',
] as const;
const CHUNK_STEPS = [
  ...['deleteParts', 'duplicateParts', 'moveParts', 'swapParts', 'spliceParts', 'crossOver', 'insertUnknown', 'redact'],
] as const;
const CONTENT_STEPS = ['changeJson', 'changeJson', 'changeJson', 'changeNote', 'changeRuns', 'changeHeader'] as const;

const drawMutation = (random: Random): string =>
  random.pick(
    random.weighted<readonly string[]>([
      [20, BYTE_STEPS],
      [35, VALUE_STEPS],
      [25, CHUNK_STEPS],
      [20, CONTENT_STEPS],
    ]),
  );

/** Repairs come in this order; each mends what the ones before it have left. */
const drawRepairs = (random: Random): readonly string[] =>
  random.weighted<readonly string[]>([
    [25, []],
    [20, ['framing']],
    [8, ['framing', 'records']],
    [6, ['framing', 'records', 'order']],
    [8, ['framing', 'derived']],
    [12, ['framing', 'records', 'derived']],
    [13, ['framing', 'records', 'order', 'derived']],
    [8, ['framing', 'records', 'order', 'almostDerived']],
  ]);

/** What a crash or a lost connection leaves is rare among random damage, and common in the field. */
const drawCut = (random: Random): readonly string[] =>
  random.pick([
    ['truncate'],
    ['truncate'],
    ['truncate', 'append'],
    ['redact', 'derived', 'truncate'],
    ['truncate', 'setBytes'],
  ]);

const drawSteps = (random: Random): readonly Step[] => {
  if (random.chance(0.08)) return drawCut(random).map((name, i) => ({ name, path: [...random.path, i] }));
  const mutations = random.weighted<number>([
    [55, 1],
    [22, 2],
    [15, random.between(3, 5)],
    [8, random.between(6, 14)],
  ]);
  const names = Array.from({ length: mutations }, () => drawMutation(random));
  names.push(...drawRepairs(random));
  if (random.chance(0.12)) names.push(drawMutation(random));
  return names.map((name, i) => ({ name, path: [...random.path, i] }));
};

/** What the steps make of a file. */
export const applySteps = (base: CorpusFile, steps: readonly Step[], corpus: Corpus): Draft => {
  const draft = new Draft(base.bytes);
  for (const { name, path } of steps) {
    const random = new Random(...path);
    const mutation = MUTATIONS[name] ?? REPAIRS[name];
    mutation?.(draft, { random, others: () => corpus.partsOf(corpus.pick(random)) });
  }
  return draft;
};

export const makeCase = (seed: number, number: number, corpus: Corpus): FuzzCase => {
  const random = new Random(seed, number);
  const base = corpus.pick(random);
  return caseOf({ seed, number, base, steps: drawSteps(random) }, corpus);
};

export const caseOf = (input: Pick<FuzzCase, 'seed' | 'number' | 'base' | 'steps'>, corpus: Corpus): FuzzCase => {
  const draft = applySteps(input.base, input.steps, corpus);
  const { bytes, repaired, foreign } = draft;
  return { ...input, bytes, repaired, foreign, random: new Random(input.seed, input.number, TARGET_STREAM) };
};

/** Apart from every step of a case. */
const TARGET_STREAM = 1_000_003;
