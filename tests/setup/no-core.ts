/**
 * Tests say themselves which core they want. One that is configured outside would be loaded by commands and services under test,
 * whose expected bytes are those of the built-in engines: hundreds of failures that have nothing to do with the change at hand.
 */

const VARIABLES = [
  ...[
    'HARMONY4_CORE_PATH',
    'HARMONY4_ENGINE_ID',
    'HARMONY4_ENGINE_FP',
    'HARMONY4_CORE_FALLBACK',
    'HARMONY4_CORE_VERIFY',
  ],
  ...['HARMONY4_CORE_ISOLATION', 'HARMONY4_CORE_TMP', 'HARMONY4_ENGINE_EQUIVALENTS'],
];

/** Called once by vitest, before anything is tested. */
export function setup(): void {
  const set = VARIABLES.filter((name) => process.env[name] !== undefined);
  if (set.length === 0) return;
  throw new Error(
    `The tests do not run with a compression core configured: unset ${set.join(', ')}. ` +
      'To try a core of your own, set HARMONY4_TEST_CORE=PATH',
  );
}
