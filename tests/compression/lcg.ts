/** Noise that is the same everywhere: the generator that the shared fixtures name, x = x * 1664525 + 1013904223, byte = x >> 24. */
export function lcgBytes(seed: number, size: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}
