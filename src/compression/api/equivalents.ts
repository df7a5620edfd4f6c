/**
 * Builds that the *operator* holds to be the same core (`HARMONY4_ENGINE_EQUIVALENTS`; h4mk.md 5.2): lines
 * `id fingerprint = id fingerprint`, `#` begins a comment. The relation is an equivalence, in both directions and over several lines.
 * Content never adds to it.
 */

import { H4Error } from '../../utils/error.js';

export interface Identity {
  readonly engineId: string;
  readonly fingerprint: string;
}

export type Equivalents = readonly (readonly [Identity, Identity])[];

const MAX_LINES = 10_000;
const LINE =
  /^(?<idA>[A-Za-z0-9._:@/+-]{1,128}) +(?<fpA>[0-9a-fA-F]{64}) += +(?<idB>[A-Za-z0-9._:@/+-]{1,128}) +(?<fpB>[0-9a-fA-F]{64})$/u;

/** `H4_PARAM` with the number of the first line that is none. */
export function parseEquivalents(text: string): Equivalents {
  const lines = text.split(/\r?\n/u);
  if (lines.length > MAX_LINES) {
    throw new H4Error(
      'H4_PARAM',
      `A list of equivalent engines has at most ${MAX_LINES} lines, this one ${lines.length}`,
    );
  }
  return lines.flatMap((line, i) => {
    const content = line.replace(/#.*$/u, '').replace(/\t/gu, ' ').trim();
    if (content === '') return [];
    const { idA, fpA, idB, fpB } = LINE.exec(content)?.groups ?? {};
    if (idA === undefined || fpA === undefined || idB === undefined || fpB === undefined) {
      throw new H4Error(
        'H4_PARAM',
        `Line ${i + 1} of the list of equivalent engines is not 'id fingerprint = id fingerprint'`,
        { detail: { line: i + 1 } },
      );
    }
    return [[identity(idA, fpA), identity(idB, fpB)] as const];
  });
}

/** Everything that is, over any number of lines, the same as `start`; without `start` itself. */
export function equivalentsOf(start: Identity, equivalents: Equivalents): readonly Identity[] {
  const seen = new Map([[keyOf(start), start]]);
  // A Map goes on over what is added while it is walked.
  for (const [key] of seen) {
    for (const [a, b] of equivalents) {
      if (keyOf(a) === key) seen.set(keyOf(b), b);
      if (keyOf(b) === key) seen.set(keyOf(a), a);
    }
  }
  return [...seen.values()].slice(1);
}

function identity(engineId: string, fingerprint: string): Identity {
  return { engineId, fingerprint: fingerprint.toLowerCase() };
}

function keyOf({ engineId, fingerprint }: Identity): string {
  return `${engineId} ${fingerprint}`;
}
