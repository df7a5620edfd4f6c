import { expect } from 'vitest';
import { H4Error } from '../../src/utils/error.js';

/** The error with which `promise` rejects; fails the test if it resolves or rejects with a foreign one. */
export async function rejection(promise: Promise<unknown> | undefined): Promise<H4Error> {
  const outcome = await Promise.resolve(promise).then(
    () => 'no rejection',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(H4Error);
  return outcome as H4Error;
}
