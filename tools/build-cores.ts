/**
 * Builds the cores of `cores/` into `build/cores/`: `npm run cores [-- --only geo --output DIR --update-wasm --json]`. What
 * this machine has no compiler for is skipped, and said. Exits with 1 where a build failed, or where the checked-in geo.wasm
 * is not what its source gives.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CORE_NAMES, type CoreName } from './core-recipes.js';
import { buildCores, type BuildResult, type CoreResult } from './cores.js';

/** `geo` stands for all builds of that core, `geo.so` for one. */
function namesOf(only: readonly string[]): CoreName[] {
  return only.flatMap((word) => {
    const names = CORE_NAMES.filter((name) => name === word || name.startsWith(`${word}.`));
    if (names.length === 0) throw new RangeError(`--only takes one of ${CORE_NAMES.join(', ')}, not ${word}`);
    return names;
  });
}

function linesOf(core: CoreResult): string[] {
  const name = core.name.padEnd(10);
  if (core.state !== 'built') return [`${name}${core.state}: ${core.reason}`];
  return [
    `${name}${core.path}, ${core.size} bytes`,
    `${' '.repeat(10)}sha256 ${core.sha256}`,
    `${' '.repeat(10)}id     ${core.engine_id ?? 'none'}`,
  ];
}

function textOf(result: BuildResult): string {
  const lines = result.cores.flatMap(linesOf);
  const wasm = result.checked_in_wasm;
  if (wasm !== undefined) lines.push(`checked-in geo.wasm: ${wasm.state} (${wasm.reason})`);
  if (result.equivalents !== undefined) lines.push(`equivalents: ${result.equivalents}`);
  return lines.join('\n');
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    output: { type: 'string' },
    'update-wasm': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const result = buildCores({
  ...(values.only === undefined ? {} : { only: namesOf(values.only) }),
  ...(values.output === undefined ? {} : { output: resolve(values.output) }),
  updateWasm: values['update-wasm'],
});
console.log(values.json ? JSON.stringify(result) : textOf(result));
const failed = result.cores.some(({ state }) => state === 'failed') || result.checked_in_wasm?.state === 'differs';
process.exitCode = failed ? 1 : 0;
