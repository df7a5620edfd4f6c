import { statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { causeOf, explain, hasErrorCode, systemFailure } from '../../../src/storage/node/system-error.js';

function thrownBy(run: () => unknown): unknown {
  try {
    return run();
  } catch (thrown) {
    return thrown;
  }
}

describe('systemFailure()', () => {
  it('keeps code and message of an error of the system', () => {
    const thrown = thrownBy(() => statSync('/no/such/file'));
    const failure = systemFailure(thrown);

    expect(failure).toEqual({ code: 'ENOENT', message: "ENOENT: no such file or directory, stat '/no/such/file'" });
    expect(hasErrorCode(thrown, 'EIO', 'ENOENT')).toBe(true);
    expect(hasErrorCode(thrown, 'EIO')).toBe(false);
    expect(causeOf(failure)).toMatchObject(failure);
  });

  it('makes do with whatever else was thrown', () => {
    expect(systemFailure(new RangeError('too large'))).toEqual({ code: 'RangeError', message: 'too large' });
    expect(systemFailure('text')).toEqual({ code: 'UNKNOWN', message: 'text' });
    expect(hasErrorCode(new RangeError('too large'), 'RangeError')).toBe(false);
    expect(hasErrorCode('text', 'text')).toBe(false);
  });
});

describe('explain()', () => {
  it('gives reason and advice for a code that it knows, and the message for any other', () => {
    expect(explain({ code: 'EMFILE', message: 'whatever' })).toBe(
      'this process has too many files open (EMFILE); raise the limit (ulimit -n) or open fewer at once',
    );
    expect(explain({ code: 'EXOTIC', message: 'something exotic' })).toBe('something exotic');
    expect(explain({ code: 'toString', message: 'not a code of the system' })).toBe('not a code of the system');
  });
});
