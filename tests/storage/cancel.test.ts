import { describe, expect, it } from 'vitest';
import { orCancelled } from '../../src/storage/cancel.js';
import { rejection } from './rejection.js';

const what = () => 'Waiting';
const never = new Promise<never>(() => undefined);

describe('orCancelled()', () => {
  it('settles as the work does while nobody cancels', async () => {
    const { signal } = new AbortController();
    const failure = new Error('work failed');

    expect(await orCancelled(Promise.resolve(7), signal, what)).toBe(7);
    expect(await orCancelled(Promise.resolve(7), undefined, what)).toBe(7);
    await expect(orCancelled(Promise.reject(failure), signal, what)).rejects.toBe(failure);
  });

  it('rejects as soon as the caller cancels, even if the work never ends', async () => {
    const cancel = new AbortController();
    const waiting = orCancelled(never, cancel.signal, what);
    cancel.abort('enough');

    expect(await rejection(waiting)).toMatchObject({
      code: 'H4_CANCELLED',
      message: 'Waiting was cancelled',
      cause: 'enough',
    });
  });

  it('rejects at once if the caller has cancelled before', async () => {
    expect((await rejection(orCancelled(never, AbortSignal.abort(), what))).code).toBe('H4_CANCELLED');
  });

  it('leaves no listener behind', async () => {
    const listeners = new Set<unknown>();
    const signal = {
      aborted: false,
      reason: undefined,
      throwIfAborted: () => undefined,
      addEventListener: (_type: string, listener: () => void) => listeners.add(listener),
      removeEventListener: (_type: string, listener: () => void) => listeners.delete(listener),
    };
    await orCancelled(Promise.resolve(), signal as unknown as AbortSignal, what);
    await Promise.resolve();

    expect(listeners.size).toBe(0);
  });
});
