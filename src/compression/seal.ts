/**
 * Pins and seals: what an operator demands of a core, the two comparisons, and what may be said of a core that passed
 * (spec/engine.md; levels 0 to 3). The fingerprint compared is always the measured one. Reading files and loading code is
 * elsewhere: a pin is checked before anything of the core has run.
 */

import { H4Error } from '../utils/error.js';
import type { EngineInfo } from './api/engine.js';

/** What the operator has pinned; an absent pin demands nothing. */
export interface Pins {
  readonly engineId?: string;
  /** SHA-256 of the core's file, 64 lowercase hex digits. */
  readonly fingerprint?: string;
}

export const MAX_ENGINE_ID_LENGTH = 128;
export const ENGINE_ID_FORM = /^[A-Za-z0-9._:@/+-]{1,128}$/u;
const ENGINE_ID_WORDS = `1 to ${MAX_ENGINE_ID_LENGTH} of the characters A-Z a-z 0-9 . _ : @ / + -`;
const FINGERPRINT_FORM = /^[0-9a-f]{64}$/iu;
const ID_PREFIX_DIGITS = 16;

/** Pins as they are typed: upper-case hex is lowered. `H4_CORE_PIN` for a pin that no core could ever meet. */
export function parsePins(pins: { readonly engineId?: string; readonly fingerprint?: string }): Pins {
  const { engineId, fingerprint } = pins;
  if (engineId !== undefined && !ENGINE_ID_FORM.test(engineId)) {
    throw malformedPin('HARMONY4_ENGINE_ID', engineId, ENGINE_ID_WORDS);
  }
  if (fingerprint !== undefined && !FINGERPRINT_FORM.test(fingerprint)) {
    throw malformedPin(
      'HARMONY4_ENGINE_FP',
      fingerprint,
      `64 hex digits, the SHA-256 of the core's file; these are ${fingerprint.length} characters`,
    );
  }
  return {
    ...(engineId === undefined ? {} : { engineId }),
    ...(fingerprint === undefined ? {} : { fingerprint: fingerprint.toLowerCase() }),
  };
}

function malformedPin(name: string, value: string, form: string): H4Error {
  return new H4Error('H4_CORE_PIN', `Cannot use the pin ${name}=${JSON.stringify(value)}: it has to be ${form}`, {
    detail: { field: name },
  });
}

/** The id as the core gave it, which ends up in every recording and in logs. `H4_CORE_LOAD` if it is none. */
export function assertEngineIdForm(engineId: string, path: string): string {
  if (ENGINE_ID_FORM.test(engineId)) return engineId;
  throw new H4Error(
    'H4_CORE_LOAD',
    `Cannot load the compression core ${path}: it says that its id is ${JSON.stringify(engineId)}; an id is ${ENGINE_ID_WORDS}`,
  );
}

/** To be called before any byte of the core is executed. */
export function assertFingerprint(measured: string, { fingerprint: pinned }: Pins): void {
  if (pinned !== undefined && measured !== pinned) {
    throw new H4Error(
      'H4_CORE_ALTERED',
      `🔐 COMPRESSION CORE ALTERED: expected fingerprint ${pinned}, found ${measured}. ` +
        'Restore the core that was pinned; if it was replaced on purpose, set HARMONY4_ENGINE_FP to what sha256sum says of the new one',
      { detail: { expected: pinned, found: measured } },
    );
  }
}

/** `found` is what the core says of itself: undefined if it does not export `h4_engine_id`. */
export function assertEngineId(found: string | undefined, { engineId: pinned }: Pins): void {
  if (pinned === undefined) return;
  if (found === undefined) throw undefinedSymbol('h4_engine_id', 'HARMONY4_ENGINE_ID is set, and the core has no id');
  if (found !== pinned) {
    throw new H4Error(
      'H4_CORE_MISMATCH',
      `🔐 COMPRESSION CORE MISMATCH: expected engine id ${pinned}, found ${found}. ` +
        'Point HARMONY4_CORE_PATH to the core that was pinned; if this one is wanted, set HARMONY4_ENGINE_ID to its id',
      { detail: { expected: pinned, found } },
    );
  }
}

/** The message begins as the dynamic linker's does, for those who search for it. */
export function undefinedSymbol(name: string, why: string): H4Error {
  return new H4Error('H4_CORE_SYMBOL', `undefined symbol: ${name} (${why})`, { detail: { symbol: name } });
}

/** The name under which a core is known: its own id, or one made of its measured fingerprint. */
export function engineIdOf(measured: string, declaredId: string | undefined): string {
  return declaredId ?? `core:${measured.slice(0, ID_PREFIX_DIGITS)}`;
}

/** The level that a core has reached which met these pins. An id alone is only what the core says of itself. */
export function sealLevelOf({ engineId, fingerprint }: Pins): 1 | 2 | 3 {
  if (engineId !== undefined && fingerprint !== undefined) return 3;
  return engineId === undefined && fingerprint === undefined ? 1 : 2;
}

/** What META, `/compress/info` and attestations say of a core that met these pins. Never where it lies. */
export function coreInfo(measured: string, declaredId: string | undefined, pins: Pins): EngineInfo {
  const level = sealLevelOf(pins);
  return Object.freeze({
    engine: 'core',
    engine_id: engineIdOf(measured, declaredId),
    fingerprint: measured,
    deterministic: true,
    identity_safe: true,
    opaque: true,
    sealed: level === 3,
    seal_level: level,
  });
}
