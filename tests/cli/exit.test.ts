import { CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { nextStepFor } from '../../src/cli/advice.js';
import { EXIT, Interruption, failureOf, worstOf } from '../../src/cli/exit.js';
import { ERROR_CODES, type ErrorCode, exitCodeOf } from '../../src/utils/error-codes.js';
import { H4Error } from '../../src/utils/error.js';

const open = new AbortController().signal;
const failure = (thrown: unknown, signal = open) => failureOf(thrown, signal, 'harmony4');

describe('failureOf()', () => {
  test('gives every code its exit code', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      expect(failure(new H4Error(code, 'why'))).toMatchObject({ code, message: 'why', exit_code: exitCodeOf(code) });
    }
  });

  test('passes facts on, and none where there are none', () => {
    expect(failure(new H4Error('H4_TRUNCATED', 'cut', { detail: { offset: 8 } })).detail).toEqual({ offset: 8 });
    expect(failure(new H4Error('H4_IO', 'gone'))).toEqual({ code: 'H4_IO', message: 'gone', exit_code: 4 });
  });

  test('takes the errors of the parser for usage errors, with its suggestions', () => {
    const error = new CommanderError(
      1,
      'commander.unknownOption',
      "error: unknown option '--jsn'\n(Did you mean --json?)",
    );
    expect(failure(error)).toMatchObject({
      code: 'H4_PARAM',
      exit_code: EXIT.usage,
      message: "unknown option '--jsn'; did you mean --json?",
      next: "'harmony4 help [COMMAND]' tells what there is.",
    });
    expect(failureOf(error, open, 'harmony4', 'seek').next).toBe("'harmony4 help seek' tells what there is.");
  });

  test('takes anything else for a defect, with what a report of it needs', () => {
    const defect = failure(new TypeError('x is not a function'));
    expect(defect).toMatchObject({ code: 'H4_INTERNAL', exit_code: EXIT.internal, message: 'x is not a function' });
    expect(defect.next).toContain('report');
    expect(defect.detail?.['stack']).toContain('TypeError');
    expect(failure('a string')).toMatchObject({ exit_code: EXIT.internal, message: 'a string' });
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('ends with %s as a shell expects', (name, code) => {
    const controller = new AbortController();
    controller.abort(new Interruption(name));
    expect(failure(new Error('anything'), controller.signal)).toMatchObject({ code: 'H4_CANCELLED', exit_code: code });
  });

  test('an abort without a signal is an error like any other', () => {
    expect(failure(new H4Error('H4_CANCELLED', 'no'), AbortSignal.abort())).toMatchObject({ exit_code: 1 });
  });
});

test('of several exit codes the gravest counts', () => {
  expect(worstOf([])).toBe(0);
  expect(worstOf([0, 3, 0])).toBe(3);
  expect(worstOf([3, 4])).toBe(4);
  expect(worstOf([4, 1, 3])).toBe(1);
  expect(worstOf([1, 70])).toBe(70);
});

test('every code that a file can cause comes with a next step', () => {
  const silent = (Object.keys(ERROR_CODES) as ErrorCode[]).filter(
    // What goes wrong with a core is said, with what to do, by whoever knows how it is configured.
    (code) => !/^H4_(?:CORE_|ENGINE_|BUSY)/.test(code) && nextStepFor(code, 'harmony4') === undefined,
  );
  const kinds = new Set(silent.map((code) => ERROR_CODES[code].kind));
  expect([...kinds].sort()).toEqual(['internal', 'missing', 'unsupported', 'usage']);
  expect(nextStepFor('H4_BAD_MAGIC', 'node main.js')).toContain("'node main.js export");
});
