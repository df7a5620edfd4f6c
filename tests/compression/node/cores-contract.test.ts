/** Every core of this repository, and the one that HARMONY4_TEST_CORE names, keeps the contract of compression engines. */
import { describe, test } from 'vitest';
import { CoreCompression } from '../../../src/compression/core-compression.js';
import { loadSealedCore } from '../../../src/compression/node/sealed-core.js';
import { RoundTripEngine } from '../../../src/compression/round-trip.js';
import { type CoreName } from '../../../tools/core-recipes.js';
import { buildCore, checkedInWasm, describeCompiled } from '../../support/cores.js';
import { engineContract } from '../engine-contract.js';

/** Loaded once: the contract promises that calls do not depend on each other. */
function coreContract(name: string, path: () => string): void {
  let engine: Promise<CoreCompression> | undefined;
  const load = async (): Promise<CoreCompression> => {
    const { core, info } = await loadSealedCore(path(), { pins: {} });
    return new CoreCompression(core, info);
  };
  engineContract(name, () => (engine ??= load()));
}

coreContract('the module of the repository, geo.wasm,', checkedInWasm);

const COMPILED: readonly CoreName[] = ['stub.so', 'geo.so', 'geo.wasm', 'zstd.so'];
for (const name of COMPILED) describeCompiled(name, () => coreContract(name, () => buildCore(name)), name);

describe('with the round trip checked', () => {
  engineContract('geo.wasm', async () => {
    const { core, info } = await loadSealedCore(checkedInWasm(), { pins: {} });
    return new RoundTripEngine(new CoreCompression(core, info));
  });
});

const testCore = process.env['HARMONY4_TEST_CORE'];
if (testCore === undefined) test.skip('a core of your own: set HARMONY4_TEST_CORE=PATH', () => undefined);
else coreContract('the core that HARMONY4_TEST_CORE names', () => testCore);
