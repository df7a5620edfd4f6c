import { describe, expect, it } from 'vitest';
import { H4Error, isH4Error } from '../../src/utils/error.js';

describe('H4Error', () => {
  it('carries code, kind, message, detail and cause', () => {
    const cause = new Error('disk on fire');
    const error = new H4Error('H4_IO', 'Cannot read 4 bytes', { detail: { offset: 12 }, cause });

    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('H4Error');
    expect(error.code).toBe('H4_IO');
    expect(error.kind).toBe('missing');
    expect(error.message).toBe('Cannot read 4 bytes');
    expect(error.detail).toEqual({ offset: 12 });
    expect(error.cause).toBe(cause);
    expect(String(error)).toBe('H4Error: Cannot read 4 bytes');
  });

  it('has an empty detail and no cause when none are given', () => {
    const error = new H4Error('H4_PARAM', 'no');

    expect(error.detail).toEqual({});
    expect('cause' in error).toBe(false);
  });

  it('keeps a cause that is undefined, since anything can be thrown', () => {
    expect('cause' in new H4Error('H4_PARAM', 'no', { cause: undefined })).toBe(true);
  });

  it('freezes a copy of the detail', () => {
    const detail = { offset: 12 };
    const error = new H4Error('H4_IO', 'no', { detail });
    detail.offset = 13;

    expect(error.detail['offset']).toBe(12);
    expect(Object.isFrozen(error.detail)).toBe(true);
    expect(Object.isFrozen(detail)).toBe(false);
  });
});

describe('isH4Error()', () => {
  const error: unknown = new H4Error('H4_IO', 'no');

  it('recognises an H4Error of any code', () => {
    expect(isH4Error(error)).toBe(true);
  });

  it('asks for the code when one is given', () => {
    expect(isH4Error(error, 'H4_IO')).toBe(true);
    expect(isH4Error(error, 'H4_PARAM')).toBe(false);
  });

  it.each([undefined, null, 'H4_IO', new Error('H4_IO'), { code: 'H4_IO', name: 'H4Error' }])(
    'refuses %s',
    (value: unknown) => {
      expect(isH4Error(value)).toBe(false);
      expect(isH4Error(value, 'H4_IO')).toBe(false);
    },
  );
});
