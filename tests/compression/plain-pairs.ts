/** The reference engine as the specification words it, without any of the tricks: an oracle for the fast one. */

/** d[i] = b[i] for i < s, else (b[i] - b[i-s]) mod 256; stride 0 is no delta. */
export function plainDelta(bytes: Uint8Array, stride: number): Uint8Array {
  return bytes.map((byte, i) => (stride === 0 || i < stride ? byte : byte - (bytes[i - stride] ?? Number.NaN)));
}

export function plainPairs(bytes: Uint8Array): number[] {
  const pairs: number[] = [];
  for (let start = 0, end = 0; start < bytes.length; start = end) {
    while (end < bytes.length && bytes[end] === bytes[start] && end - start < 255) {
      end++;
    }
    pairs.push(bytes[start] ?? Number.NaN, end - start);
  }
  return pairs;
}

export function plainCompress(bytes: Uint8Array): Uint8Array {
  let best = [0, ...bytes];
  for (let method = 1; method <= 5; method++) {
    const block = [method, ...plainPairs(plainDelta(bytes, method - 1))];
    if (block.length < best.length) {
      best = block;
    }
  }
  return Uint8Array.from(best);
}
