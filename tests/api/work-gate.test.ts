import { describe, expect, it } from 'vitest';
import { WorkGate } from '../../src/api/work-gate.js';
import { H4Error } from '../../src/utils/error.js';
import { rejection } from '../support/container.js';

const never = new AbortController().signal;

/** Work that ends when it is told to, and remembers when it began. */
function work(
  name: string,
  begun: string[],
): { readonly run: () => Promise<string>; readonly end: (error?: Error) => void } {
  let end: (error?: Error) => void = () => undefined;
  const ended = new Promise<string>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve(name) : reject(error));
  });
  return {
    run: () => {
      begun.push(name);
      return ended;
    },
    end: (error) => end(error),
  };
}

describe('WorkGate', () => {
  it('lets in as many as there are places, then the one that has waited longest', async () => {
    const gate = new WorkGate(2, 10);
    const begun: string[] = [];
    const works = ['a', 'b', 'c', 'd'].map((name) => work(name, begun));
    const results = works.map(({ run }) => gate.run(run, never));
    await new Promise((resolve) => setImmediate(resolve));
    expect([begun, gate.running, gate.waiting]).toEqual([['a', 'b'], 2, 2]);
    works[1]?.end();
    await results[1];
    await new Promise((resolve) => setImmediate(resolve));
    expect([begun, gate.running, gate.waiting]).toEqual([['a', 'b', 'c'], 2, 1]);
    for (const { end } of works) end();
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd']);
    expect([gate.running, gate.waiting]).toEqual([0, 0]);
  });

  it('gives a place back after a failure', async () => {
    const gate = new WorkGate(1, 1);
    await expect(gate.run(() => Promise.reject(new Error('no')), never)).rejects.toThrow('no');
    expect(gate.running).toBe(0);
    expect(await gate.run(() => Promise.resolve(1), never)).toBe(1);
  });

  it('refuses whoever finds no room to wait', async () => {
    const gate = new WorkGate(1, 0);
    const begun: string[] = [];
    const first = work('a', begun);
    const result = gate.run(first.run, never);
    expect((await rejection(gate.run(() => Promise.resolve(), never))).code).toBe('H4_BUSY');
    first.end();
    expect(await result).toBe('a');
  });

  it('forgets whoever leaves while waiting, and does not begin their work', async () => {
    const gate = new WorkGate(1, 1);
    const begun: string[] = [];
    const [first, second, third] = [work('a', begun), work('b', begun), work('c', begun)];
    const result = gate.run(first.run, never);
    const leaving = new AbortController();
    const left = gate.run(second.run, leaving.signal);
    leaving.abort(new H4Error('H4_CANCELLED', 'gone'));
    expect((await rejection(left)).message).toBe('gone');
    expect(gate.waiting).toBe(0);
    const last = gate.run(third.run, never);
    first.end();
    third.end();
    expect([await result, await last]).toEqual(['a', 'c']);
    expect(begun).toEqual(['a', 'c']);
    expect((await rejection(gate.run(second.run, leaving.signal))).message).toBe('gone');
  });
});
