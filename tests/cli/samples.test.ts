/** Inspect and verify on every sample of the specification, with the exit codes that it documents. */

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeShared } from '../support/shared.js';
import { cli, jsonLines, jsonOf } from './support/harness.js';

interface Expected {
  readonly exit_without_keys?: number;
  readonly state_without_keys?: string;
  readonly format?: string;
  readonly records: number;
  readonly root: string | null;
  readonly file_id: string | null;
}

interface Samples {
  readonly files: Readonly<Record<string, Expected>>;
  readonly seek: readonly { readonly file: string; readonly time: number; readonly seq: number | null }[];
}

/** What only a check with keys can find. */
const NEEDS_KEYS: ReadonlySet<string> = new Set(['H4_KEY_WRONG', 'H4_AEAD_TAG', 'H4_SIGN_BAD']);

describeShared('the samples of the specification', (shared) => {
  const folder = join(shared, 'samples');
  const samples = JSON.parse(readFileSync(join(folder, 'samples.json'), 'utf8')) as Samples;
  const sound = readdirSync(folder).filter((name) => name.endsWith('.h4mk'));
  const broken = readdirSync(join(folder, 'broken')).map((name) => name.replace('.h4mk', ''));

  describe.each(sound)('%s', (name) => {
    const file = join(folder, name);
    const expected = samples.files[name];

    test('is verified with the documented result', async () => {
      const { code, stdout } = await cli(['verify', file]);
      expect(code).toBe(expected?.exit_without_keys);
      expect(stdout).toMatch(/^STRUCTURE OK.*, NOTHING PROVEN: no key given\n/);
      expect(stdout.startsWith('STRUCTURE OK, NOTHING PROVEN: no key given\n')).toBe(code === 0);
      const report = jsonOf((await cli(['verify', '--json', '--records', file])).stdout);
      expect(report).toMatchObject({
        state: expected?.state_without_keys,
        format: expected?.format,
        records: expected?.records,
        root: expected?.root,
        file_id: expected?.file_id,
        exit_code: code,
        proven: false,
      });
      expect(report['record_states']).toHaveLength(expected?.records ?? 0);
    });

    test('is accepted with every allowance', async () => {
      const { code } = await cli(['verify', '--allow', 'slice,prefix,pending,redacted', file]);
      expect(code).toBe(0);
    });

    test('can be inspected in every way', async () => {
      const cutOff = name === 'crashed.h4mk' ? 3 : 0;
      for (const view of [[], ['--chunks'], ['--records'], ['--map'], ['--hex', '--limit', '0']]) {
        const text = await cli(['inspect', file, ...view]);
        expect([name, view, text.code]).toEqual([name, view, cutOff]);
        expect((await cli(['inspect', file, ...view, '--json'])).code).toBe(cutOff);
      }
      const summary = jsonOf((await cli(['inspect', '--json', file])).stdout);
      expect(summary).toMatchObject({
        records: expected?.records,
        file_id: expected?.file_id,
        format: expected?.format,
      });
      const records = jsonLines((await cli(['inspect', '--records', '--json', file])).stdout);
      // A legacy file has blocks instead.
      expect(records).toHaveLength(name.startsWith('legacy') ? 3 : (expected?.records ?? 0));
    });
  });

  test.each(samples.seek)('seek $file $time gives record $seq', async ({ file, time, seq }) => {
    const { shift } = jsonOf((await cli(['inspect', '--json', join(folder, file)])).stdout);
    // The samples speak of PTS, people of original times.
    const micros = String(Math.max(time - Number(shift), -Number(shift)));
    const answer = jsonOf((await cli(['seek', join(folder, file), '--json', '--', micros])).stdout);
    expect(answer['found'] === true ? answer['record'] : null).toBe(seq);
  });

  test.each(broken)('broken/%s is refused with its code', async (code) => {
    const file = join(folder, 'broken', `${code}.h4mk`);
    const verified = await cli(['verify', '--json', file]);
    if (NEEDS_KEYS.has(code)) {
      expect(verified.code).toBe(0);
    } else {
      expect(verified.code).toBe(1);
      expect(jsonOf(verified.stdout)['errors']).toEqual(
        expect.arrayContaining([expect.objectContaining({ code }) as unknown]),
      );
      expect((await cli(['verify', file])).stdout).toMatch(/^NOT OK: H4_/);
    }
    for (const view of [[], ['--chunks'], ['--records'], ['--map'], ['--hex', '--limit', '0']]) {
      const inspected = await cli(['inspect', file, ...view]);
      expect([0, 1, 3]).toContain(inspected.code);
      expect(inspected.stderr === '').toBe(inspected.code === 0);
    }
  });
});
