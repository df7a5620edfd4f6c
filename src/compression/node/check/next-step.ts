/** What to do with a core that has passed: the settings that seal it, as lines for a shell. */
import type { CoreReport } from './check-core.js';

/** Needs no quotes in any shell. */
const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/u;

/**
 * `export` lines for the core at `path`; none for one that failed. The id is left out where the core declares none: a host that
 * is told to expect one would refuse it (E35).
 */
export function sealingLines({ passed, engine_id, fingerprint, requirements }: CoreReport, path: string): string[] {
  if (!passed || engine_id === null) return [];
  const declaresId = requirements.some(({ id, evidence }) => id === 'identity' && evidence['declares_id'] === true);
  return [
    `export HARMONY4_CORE_PATH=${quoted(path)}`,
    ...(declaresId ? [`export HARMONY4_ENGINE_ID=${quoted(engine_id)}`] : []),
    `export HARMONY4_ENGINE_FP=${fingerprint}`,
  ];
}

function quoted(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
