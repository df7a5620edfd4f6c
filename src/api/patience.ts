/** Waiting for a client, but not for ever: whoever holds a place among the heavy requests has to use it. */

/** The outcome of `wait`, or what `late` makes if it takes longer than `millis`. */
export async function waitFor<T>(wait: Promise<T>, millis: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), millis);
  });
  try {
    return await Promise.race([wait, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** A turn of the event loop for everybody else: engines in this process compute without one. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
