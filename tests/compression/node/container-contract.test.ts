/** The same recordings, written and read with every engine there is, and with the core that HARMONY4_TEST_CORE names. */
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { IsolatedEngine } from '../../../src/compression/node/isolation/isolated-engine.js';
import { type LoadedEngine, type StartedCore, loadEngine } from '../../../src/compression/node/load-engine.js';
import { GeometricReferenceCompressor } from '../../../src/compression/reference.js';
import { readCoreSettings } from '../../../src/compression/settings.js';
import { type CoreName } from '../../../tools/core-recipes.js';
import { buildCore, checkedInWasm, describeCompiled } from '../../support/cores.js';
import { containerContract } from '../container-contract.js';
import { SETTINGS, isAlive } from './isolation/engines.js';

/** A core as commands load it. */
function inline(name: string, path: () => string): void {
  let loaded: LoadedEngine | undefined;
  containerContract(
    name,
    async () => {
      loaded = await loadEngine(readCoreSettings({ HARMONY4_CORE_PATH: path() }));
      expect(loaded.info).toMatchObject({ engine: 'core', seal_level: 1 });
      return loaded.engine;
    },
    { path: () => resolve(path()), close: async () => loaded?.close() },
  );
}

/** A core as the service loads it. */
function isolated(name: string, path: () => string): void {
  const pids: number[] = [];
  let started: StartedCore | undefined;
  containerContract(
    `${name} in processes of its own`,
    async () => {
      started = await IsolatedEngine.start(
        path(),
        SETTINGS,
        (event) => {
          if (event.type === 'process-start') pids.push(event.pid);
        },
        { startMillis: 120_000, callMillis: 120_000, closeMillis: 60_000 },
      );
      return started.core;
    },
    {
      path: () => resolve(path()),
      close: async () => {
        await started?.core.close();
        expect(pids.length).toBeGreaterThan(0);
        expect(pids.filter(isAlive)).toEqual([]);
      },
    },
  );
}

describe('engines that are built in', () => {
  containerContract('the reference engine', () => new GeometricReferenceCompressor());
  containerContract('the stored engine', () => storedEngine);
});

inline('the module of the repository, geo.wasm', checkedInWasm);
isolated('the module of the repository, geo.wasm,', checkedInWasm);

const COMPILED: readonly CoreName[] = ['geo.so', 'zstd.so', 'stub.so'];
for (const name of COMPILED) {
  describeCompiled(`the core ${name}`, () => inline(name, () => buildCore(name)), name);
}

const testCore = process.env['HARMONY4_TEST_CORE'];
if (testCore === undefined) test.skip('a core of your own: set HARMONY4_TEST_CORE=PATH', () => undefined);
else {
  inline('the core that HARMONY4_TEST_CORE names', () => testCore);
  isolated('the core that HARMONY4_TEST_CORE names,', () => testCore);
}
