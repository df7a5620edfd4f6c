/**
 * Work on many things at the same time, with the results in the order of the things. What is finished early waits for its
 * turn; how much may wait is bounded, so that one long piece of work does not fill memory with the results after it.
 */

export interface Bounds<Result> {
  /** Pieces of work at the same time. */
  readonly jobs: number;
  /** Things that are worked on or wait for their turn. */
  readonly maxAhead: number;
  /** How heavy a result is, and how heavy all that wait may be before nothing more is begun. */
  readonly weigh: (result: Result) => number;
  readonly maxWeight: number;
}

interface Piece<Thing, Result> {
  readonly thing: Thing;
  result: { readonly value: Result } | undefined;
}

/** Yields each thing with the result of its work, in order. The first failure ends it. */
export async function* inOrder<Thing, Result>(
  things: AsyncIterable<Thing>,
  work: (thing: Thing) => Promise<Result>,
  { jobs, maxAhead, weigh, maxWeight }: Bounds<Result>,
): AsyncGenerator<readonly [Thing, Result], void> {
  const iterator = things[Symbol.asyncIterator]();
  const queue: Piece<Thing, Result>[] = [];
  const running = new Set<Promise<void>>();
  let weight = 0;
  let isEnded = false;
  const begin = (thing: Thing): void => {
    const piece: Piece<Thing, Result> = { thing, result: undefined };
    queue.push(piece);
    const done = work(thing).then((value) => {
      running.delete(done);
      weight += weigh(value);
      piece.result = { value };
    });
    // Whoever waits below hears of a failure; nobody waits any more after the first.
    done.catch(() => undefined);
    running.add(done);
  };
  // What is next in turn has always been begun, so that whatever waits for it comes to an end.
  const hasRoom = (): boolean =>
    running.size < jobs && (queue.length === 0 || (queue.length < maxAhead && weight < maxWeight));
  for (;;) {
    while (!isEnded && hasRoom()) {
      const next = await iterator.next();
      if (next.done === true) isEnded = true;
      else begin(next.value);
    }
    const [first] = queue;
    if (first === undefined) return;
    if (first.result === undefined) {
      await Promise.race(running);
      continue;
    }
    queue.shift();
    weight -= weigh(first.result.value);
    yield [first.thing, first.result.value];
  }
}
