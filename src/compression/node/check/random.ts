/** Seeded numbers: small, fast, and the same in every run (xorshift32). Good enough to be incompressible, for nothing else. */

export interface Random {
  /** A whole number in `[0, 2^32)`. */
  next(): number;
  /** A whole number in `[0, end)`. */
  below(end: number): number;
}

export function createRandom(seed: number): Random {
  // Zero would stay zero for ever.
  let state = seed >>> 0 || 0x9e3779b9;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>>= 0);
  };
  return { next, below: (end) => next() % end };
}
