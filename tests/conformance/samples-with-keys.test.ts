/**
 * The shared samples under a check with all keys configured, as `samples.json` expects: every sound and every broken file, as a
 * file and as a stream in pieces of one byte and of seven.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createIterableFeed } from '../../src/container/source/feed.js';
import type { TrustPolicy } from '../../src/container/trust/trust.js';
import {
  type VerificationReport,
  type VerifyOptions,
  verifyContainer,
  verifyStream,
} from '../../src/container/check/verify.js';
import { createMemorySource } from '../../src/storage/memory.js';
import { fromHex } from '../../src/utils/bytes.js';
import { parseVerificationKey } from '../../src/utils/verification-key.js';
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
  readonly tree_size?: number;
  readonly root: string | null;
  readonly file_id: string | null;
  readonly status?: { readonly redacted: number };
  readonly pending?: number;
  readonly signatures?: readonly {
    readonly size: number;
    readonly origin: string;
    readonly verified: readonly string[];
  }[];
}

interface Samples {
  readonly vkey: string;
  readonly witness_vkey: string;
  readonly ikm_hex: string;
  readonly files: Readonly<Record<string, SampleResult>>;
}

const inPieces = function* (bytes: Uint8Array, length: number): Generator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.slice(at, at + length);
};

/** `name:type@time`, as `samples.json` writes who has signed. */
const signersOf = ({ verified, cosigned }: VerificationReport['signatures'][number]): string[] => [
  ...verified.map((name) => `${name}:1`),
  ...cosigned.map(({ name, time }) => `${name}:4@${time}`),
];

describeShared('a check of the shared samples', (shared) => {
  const samples = JSON.parse(readFileSync(join(shared, 'samples', 'samples.json'), 'utf8')) as Samples;
  const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(shared, 'samples', name)));
  const entries = Object.entries(samples.files);
  const sound = entries.filter(([name]) => !name.startsWith('broken/'));
  const broken = entries.filter(([name]) => name.startsWith('broken/'));

  const key = parseVerificationKey(samples.vkey);
  const witness = parseVerificationKey(samples.witness_vkey);
  if (key.type !== 'ed25519' || witness.type !== 'witness') throw new Error('The keys of the samples changed type');
  const trust: TrustPolicy = { keys: [{ key }], witnesses: [witness] };
  const withKeys: VerifyOptions = { trust, contentKeys: [fromHex(samples.ikm_hex)] };

  const ways: readonly (readonly [
    string,
    (bytes: Uint8Array, options: VerifyOptions) => Promise<VerificationReport>,
  ])[] = [
    ['as a file', (bytes, options) => verifyContainer(createMemorySource(bytes), options)],
    ['in pieces of 7 bytes', (bytes, options) => verifyStream(createIterableFeed(inPieces(bytes, 7)), options)],
    ['in pieces of 1 byte', (bytes, options) => verifyStream(createIterableFeed(inPieces(bytes, 1)), options)],
  ];

  it('covers twelve sound files and a broken one for each of 69 codes', () => {
    expect([sound.length, broken.length]).toEqual([12, 69]);
  });

  describe.each(ways)('%s', (_way, check) => {
    it.each(sound)('with keys gives %s its state', async (name, wanted) => {
      const report = await check(bytesOf(name), withKeys);
      const isTrusted = wanted.state.startsWith('OK');
      expect({
        state: report.state,
        exit: report.exit_code,
        format: report.format,
        codes: report.errors.map(({ code }) => code),
        warnings: report.warnings.map(({ code }) => code),
        root: report.root,
        file_id: report.file_id,
        records: report.records,
        tree_size: report.tree_size,
        redacted: report.redacted,
        proven: report.proven,
        pending: report.proven ? report.tree_size - report.signed_size : 0,
        signatures: report.signatures.map((signature) => ({
          size: signature.size,
          origin: signature.origin,
          verified: signersOf(signature),
        })),
      }).toEqual({
        state: wanted.state,
        exit: wanted.exit,
        format: wanted.format,
        codes: wanted.codes,
        warnings: wanted.warnings,
        root: wanted.root,
        file_id: wanted.file_id,
        records: wanted.records,
        tree_size: wanted.tree_size ?? 0,
        redacted: wanted.status?.redacted ?? 0,
        proven: isTrusted,
        pending: wanted.pending ?? 0,
        signatures: (wanted.signatures ?? []).map(({ size, origin, verified }) => ({ size, origin, verified })),
      });
      const newest = report.signatures.toSorted((a, b) => b.size - a.size)[0];
      expect(report.checkpoint?.size).toBe(isTrusted ? newest?.size : undefined);
      expect(report.checkpoint?.origin).toBe(isTrusted ? newest?.origin : undefined);
      expect(report.error_count).toBe(wanted.codes.length);
    });

    it.each(sound)('without keys gives %s its state', async (name, wanted) => {
      const report = await check(bytesOf(name), {});
      expect([report.state, report.exit_code, report.proven]).toEqual([
        wanted.state_without_keys,
        wanted.exit_without_keys,
        false,
      ]);
      expect([report.errors, report.checkpoint, report.signed_size]).toEqual([[], null, 0]);
    });

    it.each(broken)('with keys refuses %s with just the codes listed', async (name, wanted) => {
      const report = await check(bytesOf(name), withKeys);
      expect([...new Set(report.errors.map(({ code }) => code))]).toEqual(wanted.codes);
      expect([report.state, report.exit_code, report.proven]).toEqual(['NOT_OK', 1, false]);
      expect([report.root, report.file_id, report.records]).toEqual([wanted.root, wanted.file_id, wanted.records]);
    });

    it.each(broken)('without keys says of %s only what no key is needed for', async (name, wanted) => {
      const report = await check(bytesOf(name), {});
      const needsKeys = ['H4_KEY_WRONG', 'H4_AEAD_TAG', 'H4_SIGN_BAD'];
      const codes = wanted.codes.filter((code) => !needsKeys.includes(code));
      expect([...new Set(report.errors.map(({ code }) => code))]).toEqual(codes);
      expect(report.state === 'NOT_OK').toBe(codes.length > 0);
    });
  });
});
