/** The command line with two builds of one core: what `extract` makes of a recording of the other one, in both directions. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildCore, checkedInWasm, describeCompiled } from '../support/cores.js';
import { noise, temporaryFolder } from './support/files.js';
import { cli, jsonOf } from './support/harness.js';

const folder = temporaryFolder();
const ID = 'h4geo-v1';

describeCompiled(
  'extract by an equivalent build',
  () => {
    const builds = { so: buildCore('geo.so'), wasm: checkedInWasm() };
    type Build = keyof typeof builds;
    const fingerprints = { so: '', wasm: '' };
    let input = '';

    beforeAll(async () => {
      const ramp = Uint8Array.from({ length: 300_000 }, (_, i) => i >> 5);
      input = await folder.write('input.bin', Buffer.concat([ramp, noise(100_000)]));
      for (const build of ['so', 'wasm'] as const) {
        const core = await readFile(builds[build]);
        fingerprints[build] = createHash('sha256').update(core).digest('hex');
        const argv = ['export', input, '-o', folder.path(`${build}.h4mk`), '--block-size', '64KiB', '--json'];
        const { code, stdout } = await cli(argv, { env: { HARMONY4_CORE_PATH: builds[build] } });
        expect([code, jsonOf(stdout)]).toEqual([0, expect.objectContaining({ engine: 'core', engine_id: ID })]);
      }
      await folder.write('equivalents.txt', `${ID} ${fingerprints.so} = ${ID} ${fingerprints.wasm} # two builds\n`);
    });

    describe.each<[Build, Build]>([
      ['so', 'wasm'],
      ['wasm', 'so'],
    ])('of a recording by geo.%s with geo.%s', (writer, other) => {
      const back = (): string => folder.path(`${writer}.back`);
      const extract = (env: Readonly<Record<string, string>>): ReturnType<typeof cli> =>
        cli(['extract', folder.path(`${writer}.h4mk`), '-o', back(), '--force', '--json'], {
          env: { HARMONY4_CORE_PATH: builds[other], ...env },
        });

      test('is refused without the list, and nothing is written', async () => {
        const { code, stdout, stderr } = await extract({});
        expect([code, stdout + stderr]).toEqual([1, expect.stringContaining('H4_ENGINE_UNKNOWN')]);
        expect(stdout + stderr).toContain(fingerprints[writer]);
        await expect(stat(back())).rejects.toThrow('ENOENT');
      });

      test.each(['inline', 'process'])(
        'gives the bytes back and names the build, with isolation %s',
        async (isolation) => {
          const { code, stdout, stderr } = await extract({
            HARMONY4_ENGINE_EQUIVALENTS: folder.path('equivalents.txt'),
            HARMONY4_CORE_ISOLATION: isolation,
          });
          const decoded_by = { engine_id: ID, fingerprint: fingerprints[other] };
          expect([code, jsonOf(stdout)]).toEqual([0, expect.objectContaining({ decoded_by, matches_source: true })]);
          expect(jsonOf(stderr)).toMatchObject({ code: 'H4_ENGINE_EQUIVALENT' });
          expect((await readFile(back())).equals(await readFile(input))).toBe(true);
        },
      );
    });
  },
  'geo.so',
);
