/**
 * How cores are configured: the variables of the environment, which is handed in, as one value that cannot hold a
 * contradiction. Whatever is ambiguous about a seal is refused here, before a file is opened.
 */

import { H4Error } from '../utils/error.js';
import { type Pins, parsePins } from './seal.js';

export interface CoreSettings {
  /** Absent: no core, the built-in engines. */
  readonly corePath?: string;
  readonly pins: Pins;
  /** What to do when there is no file at `corePath`. Never `reference` while anything is pinned. */
  readonly fallback: 'refuse' | 'reference';
  /** Whether a core runs in processes of its own. */
  readonly isolation: 'process' | 'inline';
  /** Whether every block is decompressed and compared before it is written. `off` only with both pins. */
  readonly verify: 'always' | 'off';
  /** Where a private copy of a core is put if it cannot be loaded from memory: a folder that allows execution. */
  readonly temporaryFolder?: string;
  readonly equivalentsPath?: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads `HARMONY4_CORE_*`, `HARMONY4_ENGINE_*`. `H4_CORE_PIN` for pins that cannot hold, `H4_PARAM` for anything else. */
export function readCoreSettings(
  env: Environment,
  defaults: { readonly isolation: CoreSettings['isolation'] } = { isolation: 'inline' },
): CoreSettings {
  const corePath = valueOf(env, 'HARMONY4_CORE_PATH');
  const pins = readPins(env, corePath !== undefined);
  const fallback = choiceOf(env, 'HARMONY4_CORE_FALLBACK', ['refuse', 'reference'], 'refuse');
  const verify = choiceOf(env, 'HARMONY4_CORE_VERIFY', ['always', 'off'], 'always');
  const isPinned = pins.engineId !== undefined || pins.fingerprint !== undefined;
  if (isPinned && corePath === undefined) {
    throw new H4Error(
      'H4_CORE_PIN',
      'A core is pinned and none is configured: set HARMONY4_CORE_PATH, or unset HARMONY4_ENGINE_ID and HARMONY4_ENGINE_FP',
      { detail: { field: 'HARMONY4_CORE_PATH' } },
    );
  }
  if (isPinned && fallback === 'reference') {
    throw new H4Error(
      'H4_CORE_PIN',
      'HARMONY4_CORE_FALLBACK=reference would break the pins: unset the one or the others',
      {
        detail: { field: 'HARMONY4_CORE_FALLBACK' },
      },
    );
  }
  if (verify === 'off' && (pins.engineId === undefined || pins.fingerprint === undefined)) {
    throw new H4Error(
      'H4_CORE_PIN',
      'HARMONY4_CORE_VERIFY=off needs a known core: set both HARMONY4_ENGINE_ID and HARMONY4_ENGINE_FP, or leave the check on',
      { detail: { field: 'HARMONY4_CORE_VERIFY' } },
    );
  }
  const temporaryFolder = valueOf(env, 'HARMONY4_CORE_TMP');
  const equivalentsPath = valueOf(env, 'HARMONY4_ENGINE_EQUIVALENTS');
  return {
    pins,
    fallback,
    verify,
    isolation: choiceOf(env, 'HARMONY4_CORE_ISOLATION', ['process', 'inline'], defaults.isolation),
    ...(corePath === undefined ? {} : { corePath }),
    ...(temporaryFolder === undefined ? {} : { temporaryFolder }),
    ...(equivalentsPath === undefined ? {} : { equivalentsPath }),
  };
}

function readPins(env: Environment, hasCore: boolean): Pins {
  const pins = { engineId: env['HARMONY4_ENGINE_ID'], fingerprint: env['HARMONY4_ENGINE_FP'] };
  // A pin that came out empty, of a script or a template, must not open the seal it was meant to close.
  const present = Object.entries(pins).filter(([, value]) => value !== undefined && (hasCore || value !== ''));
  return parsePins(Object.fromEntries(present));
}

/** Empty is unset, as templates write it. */
function valueOf(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === '' ? undefined : value;
}

function choiceOf<T extends string>(env: Environment, name: string, choices: readonly T[], otherwise: T): T {
  const value = valueOf(env, name);
  if (value === undefined) return otherwise;
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) {
    throw new H4Error('H4_PARAM', `${name} is ${JSON.stringify(value)}: it has to be ${choices.join(' or ')}`, {
      detail: { field: name },
    });
  }
  return choice;
}
