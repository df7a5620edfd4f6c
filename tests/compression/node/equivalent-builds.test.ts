/** Two builds of one core, geo.so and geo.wasm: the same payloads, and each reads the other's recordings if the operator says so. */
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngineSet } from '../../../src/compression/api/engine-set.js';
import { parseEquivalents } from '../../../src/compression/api/equivalents.js';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { type LoadedEngine, loadEngine } from '../../../src/compression/node/load-engine.js';
import { readCoreSettings } from '../../../src/compression/settings.js';
import type { BlockInput } from '../../../src/container/write/builder.js';
import { H4MKReader } from '../../../src/container/read/reader.js';
import { createMemorySource } from '../../../src/storage/memory.js';
import { chunksOf, rejection } from '../../support/container.js';
import { buildCore, checkedInWasm, describeCompiled } from '../../support/cores.js';
import { enginesWith, recordingWith, sampleBlocks } from '../container-contract.js';

type Build = 'geo.so' | 'geo.wasm';

const DIRECTIONS: readonly (readonly [Build, Build])[] = [
  ['geo.so', 'geo.wasm'],
  ['geo.wasm', 'geo.so'],
];

describeCompiled(
  'recordings of geo.so and of geo.wasm',
  () => {
    const path = (build: Build): string => (build === 'geo.so' ? buildCore('geo.so') : checkedInWasm());
    const fingerprint = (build: Build): string =>
      createHash('sha256')
        .update(readFileSync(path(build)))
        .digest('hex');
    const line = (a: Build, b: Build): string => `h4geo-v1 ${fingerprint(a)} = h4geo-v1 ${fingerprint(b)}\n`;

    const loaded = new Map<Build, LoadedEngine>();
    const files = new Map<Build, Uint8Array>();
    let blocks: readonly BlockInput[] = [];
    const engineOf = (build: Build): LoadedEngine['engine'] => the(loaded, build).engine;
    const fileOf = (build: Build): Uint8Array => the(files, build);

    beforeAll(async () => {
      blocks = sampleBlocks();
      for (const build of ['geo.so', 'geo.wasm'] as const) {
        loaded.set(build, await loadEngine(readCoreSettings({ HARMONY4_CORE_PATH: path(build) })));
        files.set(build, await recordingWith(engineOf(build), blocks));
      }
    });
    afterAll(() => Promise.all([...loaded.values()].map((each) => each.close())));

    test('have the same payloads, block by block, and differ in the fingerprint that META names', () => {
      const payloads = (build: Build): Uint8Array[] =>
        chunksOf(fileOf(build)).flatMap(({ tag, payload }) => (tag === 'CORE' ? [payload] : []));
      const [native, wasm] = [payloads('geo.so'), payloads('geo.wasm')];
      expect([native.length, wasm.length]).toEqual([blocks.length, blocks.length]);
      for (const [i, payload] of native.entries()) {
        expect([i, Buffer.compare(payload, wasm[i] ?? new Uint8Array())]).toEqual([i, 0]);
      }
      expect(engineOf('geo.so').info()).toEqual({ ...engineOf('geo.wasm').info(), fingerprint: fingerprint('geo.so') });
      expect(fingerprint('geo.so')).not.toBe(fingerprint('geo.wasm'));
    });

    describe.each(DIRECTIONS)('written by %s and read by %s', (writer, other) => {
      test.each([
        ['names the writer first', () => line(writer, other)],
        ['names the reader first', () => line(other, writer)],
      ])('come back if the list %s', async (_, list) => {
        const engines = createEngineSet([storedEngine, engineOf(other)], parseEquivalents(list()));
        const reader = await H4MKReader.open(createMemorySource(fileOf(writer)), { engines });
        const { engine_id, fingerprint: named } = reader.info.compression;
        expect([engine_id, named]).toEqual(['h4geo-v1', fingerprint(writer)]);
        const match = engines.match(engine_id, named);
        expect([match.isEquivalent, match.engine === engineOf(other)]).toEqual([true, true]);
        for (const [i, { bytes }] of blocks.entries()) {
          const block = await reader.block(2 + i);
          expect([i, Buffer.compare(block.bytes, bytes)]).toEqual([i, 0]);
        }
      });

      test('are refused without the list', async () => {
        const engines = enginesWith(engineOf(other));
        const reader = await H4MKReader.open(createMemorySource(fileOf(writer)), { engines });
        const { code, message } = await rejection(reader.block(2));
        expect(code).toBe('H4_ENGINE_UNKNOWN');
        expect(message).toContain(`made by the core "h4geo-v1" (fingerprint "${fingerprint(writer)}")`);
        expect(message).toContain(`"h4geo-v1" (fingerprint "${fingerprint(other)}")`);
      });

      test('are refused with a list that names builds of another id', async () => {
        const list = parseEquivalents(line(writer, other).replaceAll('h4geo-v1', 'h4geo-v2'));
        const engines = createEngineSet([storedEngine, engineOf(other)], list);
        const reader = await H4MKReader.open(createMemorySource(fileOf(writer)), { engines });
        expect((await rejection(reader.block(2))).code).toBe('H4_ENGINE_UNKNOWN');
      });
    });
  },
  'geo.so',
);

function the<T>(map: ReadonlyMap<Build, T>, build: Build): T {
  const value = map.get(build);
  if (value === undefined) throw new Error(`${build} has not been loaded`);
  return value;
}
