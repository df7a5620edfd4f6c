import { H4Error } from '../../src/utils/error.js';

/** The `H4Error` that `run` throws. Anything else, and nothing at all, fails the test. */
export function refusal(run: () => unknown): H4Error {
  try {
    run();
  } catch (error) {
    if (error instanceof H4Error) {
      return error;
    }
    throw new Error('Expected an H4Error, another error was thrown', { cause: error });
  }
  throw new Error('Expected an H4Error, nothing was thrown');
}
