import { expect, test } from 'vitest';
import { type Bounds, inOrder } from '../../../src/cli/verify/in-order.js';

async function* upTo(count: number, taken: number[] = []): AsyncGenerator<number, void> {
  for (let i = 0; i < count; i++) {
    taken.push(i);
    yield await Promise.resolve(i);
  }
}

/** Work that ends when it is told to. */
class Workshop {
  readonly begun: number[] = [];
  readonly #ends = new Map<number, (value: string) => void>();
  readonly #fails = new Map<number, (error: Error) => void>();

  readonly work = (thing: number): Promise<string> => {
    this.begun.push(thing);
    return new Promise((resolve, reject) => {
      this.#ends.set(thing, resolve);
      this.#fails.set(thing, reject);
    });
  };

  end(thing: number): void {
    this.#ends.get(thing)?.(`done ${thing}`);
  }

  fail(thing: number): void {
    this.#fails.get(thing)?.(new Error(`failed ${thing}`));
  }
}

const bounds = (changes: Partial<Bounds<string>>): Bounds<string> => ({
  jobs: 2,
  maxAhead: 4,
  weigh: () => 1,
  maxWeight: 100,
  ...changes,
});

/** Until everything that can happen by itself has happened. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('results come in the order of the things, whatever the order in which they are ready', async () => {
  const shop = new Workshop();
  const results = inOrder(upTo(3), shop.work, bounds({ jobs: 3 }));
  const first = results.next();
  await settle();
  expect(shop.begun).toEqual([0, 1, 2]);
  for (const i of [2, 1, 0]) shop.end(i);
  expect((await first).value).toEqual([0, 'done 0']);
  expect((await results.next()).value).toEqual([1, 'done 1']);
  expect((await results.next()).value).toEqual([2, 'done 2']);
  expect((await results.next()).done).toBe(true);
});

test('no more is begun at the same time than there are jobs, and no more taken than is begun', async () => {
  const shop = new Workshop();
  const taken: number[] = [];
  const results = inOrder(upTo(9, taken), shop.work, bounds({ jobs: 2 }));
  const first = results.next();
  await settle();
  expect([shop.begun, taken]).toEqual([
    [0, 1],
    [0, 1],
  ]);
  shop.end(1);
  await settle();
  expect(shop.begun).toEqual([0, 1, 2]);
  shop.end(2);
  await settle();
  // One is worked on and three are ahead of it: that is as far as it goes.
  shop.end(3);
  await settle();
  expect([shop.begun, taken.length]).toEqual([[0, 1, 2, 3], 4]);
  shop.end(0);
  expect((await first).value).toEqual([0, 'done 0']);
});

test('what waits is bounded by its weight, and what is next in turn is always begun', async () => {
  const shop = new Workshop();
  const results = inOrder(upTo(5), shop.work, bounds({ maxAhead: 99, maxWeight: 2, weigh: () => 2 }));
  const first = results.next();
  await settle();
  shop.end(1);
  await settle();
  expect(shop.begun).toEqual([0, 1]);
  shop.end(0);
  expect((await first).value).toEqual([0, 'done 0']);
  expect((await results.next()).value).toEqual([1, 'done 1']);
  const third = results.next();
  await settle();
  expect(shop.begun).toEqual([0, 1, 2, 3]);
  shop.end(2);
  expect((await third).value).toEqual([2, 'done 2']);
});

test('the first failure ends it, also one that is not next in turn', async () => {
  const shop = new Workshop();
  const results = inOrder(upTo(5), shop.work, bounds({}));
  const first = results.next();
  await settle();
  shop.fail(1);
  await expect(first).rejects.toThrow('failed 1');
  shop.fail(0);
  expect((await results.next()).done).toBe(true);
});

test('of nothing there are no results', async () => {
  expect((await inOrder(upTo(0), new Workshop().work, bounds({})).next()).done).toBe(true);
});
