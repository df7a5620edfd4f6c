/** The same bytes in other pieces: a stream may be cut anywhere. */

/** Pieces of these lengths in turn, from an asynchronous source. */
export async function* inPieces(bytes: Uint8Array, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] ?? bytes.length;
    await Promise.resolve();
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

/** Everything that an iterable yields, each value through `keep` while it is still lent. */
export async function collect<T, U>(source: AsyncIterable<T>, keep: (value: T) => U): Promise<U[]> {
  const values: U[] = [];
  for await (const value of source) {
    values.push(keep(value));
  }
  return values;
}
