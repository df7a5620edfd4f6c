/**
 * The shared samples: a check without keys gives what `samples.json` says, and a reader gives its answers to seek and range
 * queries, by positioned reads.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { H4MKReader } from '../../src/container/read/reader.js';
import { verifyContainer } from '../../src/container/check/verify.js';
import { createCountingSource } from '../../src/storage/counting.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { isH4Error } from '../../src/utils/error.js';
import { describeShared } from '../support/shared.js';

interface SampleResult {
  readonly codes: readonly string[];
  readonly warnings?: readonly string[];
  readonly format?: string;
  readonly exit: number;
  readonly state: string;
  readonly state_without_keys?: string;
  readonly exit_without_keys?: number;
  readonly records: number;
  readonly root: string | null;
  readonly file_id: string | null;
}

interface Samples {
  readonly files: Readonly<Record<string, SampleResult>>;
  readonly seek: readonly { readonly file: string; readonly time: number; readonly seq: number | null }[];
  readonly range: readonly {
    readonly file: string;
    readonly track: number;
    readonly byte: number;
    readonly seq: number;
    readonly pos: number;
    readonly raw: number;
  }[];
}

/** Codes that only a check with keys can find. */
const NEEDS_KEYS: ReadonlySet<string> = new Set([
  'H4_KEY_WRONG', // the key is compared with its commitment
  'H4_AEAD_TAG', // the tag is that of an encrypted block
  'H4_SIGN_BAD', // the signature is that of a configured key
]);

describeShared('the shared samples', (shared) => {
  const samples = JSON.parse(readFileSync(join(shared, 'samples', 'samples.json'), 'utf8')) as Samples;
  const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(shared, 'samples', name)));
  const check = (name: string) => verifyContainer(createMemorySource(bytesOf(name)));
  const entries = Object.entries(samples.files);
  const codeOf = (name: string): string => name.replace('broken/', '').replace('.h4mk', '');

  it('are twelve sound files and one broken file for each of 69 codes', () => {
    const broken = entries.filter(([name]) => name.startsWith('broken/'));
    expect(entries.length - broken.length).toBe(12);
    expect(broken).toHaveLength(69);
  });

  describe('a check without keys', () => {
    const sound = entries.filter(([name]) => !name.startsWith('broken/'));
    it.each(sound)('gives %s its state', async (name, wanted) => {
      const report = await check(name);
      expect(report.errors).toEqual([]);
      expect({
        state: report.state,
        exit: report.exit_code,
        format: report.format,
        root: report.root,
        file_id: report.file_id,
        records: report.records,
        proven: report.proven,
      }).toEqual({
        state: wanted.state_without_keys,
        exit: wanted.exit_without_keys,
        format: wanted.format,
        root: wanted.root,
        file_id: wanted.file_id,
        records: wanted.records,
        proven: false,
      });
      // What concerns keys and engines is warned about without changing the exit code.
      const warnings = report.warnings.map((warning) => warning.code).filter((code) => code !== 'H4_KEY_MISSING');
      expect(warnings).toEqual(wanted.warnings ?? []);
    });

    const broken = entries.filter(([name]) => name.startsWith('broken/'));
    it.each(broken.filter(([name]) => !NEEDS_KEYS.has(codeOf(name))))(
      'refuses %s with just the codes listed',
      async (name, wanted) => {
        const report = await check(name);
        expect(report.state).toBe('NOT_OK');
        expect(report.exit_code).toBe(1);
        expect([...new Set(report.errors.map((error) => error.code))]).toEqual(wanted.codes);
        expect({ root: report.root, file_id: report.file_id, records: report.records }).toEqual({
          root: wanted.root,
          file_id: wanted.file_id,
          records: wanted.records,
        });
      },
    );

    it('finds nothing wrong with files that only keys can refuse', async () => {
      for (const code of NEEDS_KEYS) {
        const report = await check(`broken/${code}.h4mk`);
        expect(report.errors, code).toEqual([]);
        expect(report.state, code).not.toBe('NOT_OK');
      }
    });
  });

  describe('a reader', () => {
    const open = async (name: string) => {
      const source = createCountingSource(createMemorySource(bytesOf(name)));
      return { source, reader: await H4MKReader.open(source) };
    };

    it.each(samples.seek)('seeks to record $seq for time $time in $file', async ({ file, time, seq }) => {
      const { source, reader } = await open(file);
      const opened = source.count;
      expect((await reader.seek(time))?.seq ?? null).toBe(seq);
      expect(opened).toBeLessThanOrEqual(2);
      expect(source.count).toBeLessThanOrEqual(6);
      if (seq !== null) expect((await reader.blockAt(time))?.tokn.seq).toBe(seq);
    });

    it.each(samples.range)(
      'finds byte $byte of track $track of $file in record $seq',
      async ({ file, track, byte, seq, pos, raw }) => {
        const { source, reader } = await open(file);
        source.reset();
        const head = await reader.findByte(track, byte);
        expect({ seq: head.seq, pos: head.pos, raw: head.raw, track: head.track }).toEqual({ seq, pos, raw, track });
        expect(source.count).toBeLessThanOrEqual(25);
        const block = await reader.block(seq);
        expect(block.bytes).toHaveLength(raw);
      },
    );

    it('answers H4_RANGE_NOT_FOUND for the byte after the last of a track, and for a track that is not listed', async () => {
      for (const [file, track, length] of [
        ['signed.h4mk', 0, 108],
        ['signed.h4mk', 1, 180],
        ['tiles.h4mk', 0, 2645],
        ['tiles.h4mk', 1, 2638],
        ['tiles.h4mk', 7, 0],
      ] as const) {
        const { reader } = await open(file);
        const refusal = await reader.findByte(track, length).catch((error: unknown) => error);
        expect(isH4Error(refusal, 'H4_RANGE_NOT_FOUND'), `${file}, track ${track}`).toBe(true);
      }
    });
  });
});
