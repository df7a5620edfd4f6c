/** Every example of the help texts and of docs/reference/cli.md is run, in order, on real files. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { LEGACY_KEY, maskedLegacyFile, whole as legacyFile } from '../support/legacy.js';
import { cli, jsonOf } from './support/harness.js';
import { checkedInWasm } from '../support/cores.js';
import { flipped, mp4, noise, temporaryFolder, recording, TEN_BLOCKS } from './support/files.js';
import { runProcess, runShell } from './support/process.js';

const VERBS = [
  'inspect',
  'verify',
  'seek',
  'export',
  'extract',
  'clip',
  'redact',
  'sign',
  'upgrade',
  'recover',
  'mask',
  'unmask',
  'keygen',
  'serve',
  'demo',
].concat(['', ' info', ' list', ' attest', ' check'].map((name) => `engine${name}`));
const helpOf = async (verb: string): Promise<string> => (await cli([...verb.split(' '), '--help'])).stdout;
const page = new URL('../../docs/reference/cli.md', import.meta.url);

interface Example {
  readonly line: string;
  readonly code: number;
}

/** Lines that begin with `$ `, and the exit code that a comment at their end promises. */
function examplesIn(text: string): Example[] {
  return Array.from(text.matchAll(/^ *\$ (.*)$/gm), ([, line = '']) => ({
    line,
    code: Number(/# exits (\d+)/.exec(line)?.[1] ?? 0),
  }));
}

const folder = temporaryFolder();

beforeAll(async () => {
  await folder.write('clip.mp4', mp4(5_000_000));
  const path = folder.path('recording.h4mk');
  const made = await runProcess([
    'export',
    folder.path('clip.mp4'),
    '-o',
    path,
    '--block-size',
    '64KiB',
    '--gop',
    '10',
    '--redactable',
  ]);
  if (made.code !== 0) throw new Error(made.stderr);
  const whole = await readFile(path);
  const live = await recording(TEN_BLOCKS);
  await folder.write('live.h4mk', live);
  await folder.write('cut.h4mk', live.slice(0, -10));
  await mkdir(folder.path('archive'));
  await folder.write('archive/recording.h4mk', whole);
  await folder.write('changed.h4mk', flipped(whole, 2_000_000));
  await folder.write('old.h4mk', legacyFile);
  await folder.write('masked.h4mk', maskedLegacyFile);
  const core = await readFile(checkedInWasm());
  for (const name of ['geo.wasm', 'same.wasm']) await writeFile(folder.path(name), core, { mode: 0o644 });
  await cli(['keygen', '-o', folder.path('signer.key'), '--name', 'example.com/signer']);
  // A key that signs after another one must not be the same under another name.
  const another = { randomBytes: (count: number) => noise(count, 2) };
  await cli(['keygen', '-o', folder.path('camera.key'), '--name', 'example.com/camera'], another);
  const signing = ['-o', folder.path('signed.h4mk'), '--signer', folder.path('signer.key'), '--redactable'];
  const signed = await cli(['export', folder.path('clip.mp4'), ...signing]);
  if (signed.code !== 0) throw new Error(signed.stderr);
  const [vkey] = (await readFile(folder.path('signer.key.pub'), 'utf8')).split('\n');
  const believed = ['--key', folder.path('signer.key.pub')];
  await cli(['seek', folder.path('signed.h4mk'), '0.2s', '--prove', ...believed, '-o', folder.path('proof.json')]);
  await folder.write('policy.json', JSON.stringify({ v: 1, keys: [{ vkey }] }));
  const witness = ['keygen', '-o', folder.path('witness.key'), '--name', 'example.com/witness', '--witness'];
  await cli(witness);
  const signable = folder.path('signable.h4mk');
  await cli(['export', folder.path('clip.mp4'), '-o', signable, '--signable']);
  await writeFile(folder.path('masked.key'), LEGACY_KEY, { mode: 0o600 });
  const secret = folder.path('secret.key');
  await writeFile(secret, noise(32), { mode: 0o600 });
  const clip = folder.path('clip.mp4');
  await cli(['export', clip, '-o', folder.path('secret.h4mk'), '--encrypt', '--key-file', secret]);
  await cli(['mask', clip, '-o', folder.path('clip.masked'), '--key-file', secret]);
  await writeFile(folder.path('passphrase.txt'), 'correct horse battery staple\n', { mode: 0o600 });
});

async function runAll(examples: readonly Example[]): Promise<void> {
  for (const { line, code } of examples) {
    const ended = await runShell(`set -o pipefail; ${line}`, folder.path('.'));
    expect({ line, code: ended.code, stderr: ended.stderr }).toMatchObject({ line, code });
    if (code === 0) expect(ended.stderr).not.toContain('H4_');
  }
}

describe('examples', () => {
  test('of docs/reference/cli.md do what they say', async () => {
    const examples = examplesIn(await readFile(page, 'utf8'));
    expect(examples.length).toBeGreaterThan(30);
    await runAll(examples);
  }, 900_000);

  test.each(VERBS)(
    'of %s --help do what they say',
    async (verb) => {
      const examples = examplesIn(await helpOf(verb));
      expect(examples.length).toBeGreaterThan(1);
      const fresh = examples.map(({ line, code }) => ({
        line: line.replace(/-o (\w[\w.-]*)/, '-o help-$1 --force'),
        code,
      }));
      await runAll(
        fresh.map((each) => ({ ...each, line: each.line.replace('--keep demo-files', '--keep help-files') })),
      );
    },
    180_000,
  );
});

describe('the page', () => {
  test('explains every command and every option, and none that is not there', async () => {
    const text = await readFile(page, 'utf8');
    for (const verb of VERBS) {
      const help = await helpOf(verb);
      const section = text.split(/^## /m).find((part) => part.startsWith(verb)) ?? '';
      const options = (from: string): Set<string> =>
        new Set(from.match(/--[a-z][a-z-]+/g)?.filter((option) => option !== '--help' && option !== '--output'));
      const synopsis = /```text\n(harmony4[^`]*)```/.exec(section)?.[1] ?? '';
      expect([verb, [...options(synopsis)].sort()]).toEqual([
        verb,
        [...options((help.match(/^ {2}(?:-\w, )?--[a-z-]+/gm) ?? []).join(' '))].sort(),
      ]);
    }
  });

  test('names the fields of the JSON results', async () => {
    const text = (await readFile(page, 'utf8')).replace(/\s+/g, ' ');
    const file = folder.path('recording.h4mk');
    for (const argv of [
      ['inspect', file],
      ['verify', file],
      ['seek', file, '1s'],
      ['export', folder.path('clip.mp4'), '-o', folder.path('fields.h4mk'), '--force'],
      ['extract', file, '-o', folder.path('fields.bin'), '--force'],
      ['upgrade', folder.path('old.h4mk'), '-o', folder.path('fields-new.h4mk'), '--force'],
      ['extract', folder.path('old.h4mk'), '-o', folder.path('fields.bin'), '--force'],
      ['recover', folder.path('cut.h4mk'), '-o', folder.path('fields-cut.h4mk'), '--force'],
      ['keygen', '-o', folder.path('fields.key'), '--name', 'example.com/fields'],
      ['inspect', folder.path('old.h4mk'), '--records', '--limit', '1'],
      ['inspect', file, '--records', '--limit', '1'],
      ['inspect', file, '--chunks', '--limit', '1'],
      ['seek', folder.path('signed.h4mk'), '0', '--prove', '--key', folder.path('signer.key.pub')],
      ['clip', folder.path('signed.h4mk'), '--from', '0', '-o', folder.path('fields-clip.h4mk')],
      ['redact', folder.path('signed.h4mk'), '--records', '2', '-o', folder.path('fields-redacted.h4mk')],
      [
        'sign',
        folder.path('signed.h4mk'),
        '--signer',
        folder.path('witness.key'),
        '--any',
        '-o',
        folder.path('fields-seen.h4mk'),
      ],
      ['engine', 'info'],
      ['engine', 'check', folder.path('clip.mp4')],
    ]) {
      const { stdout, stderr } = await cli([...argv, '--json'], { utcMicros: () => 1_893_456_000_000_000 });
      if (stdout === '') throw new Error(stderr);
      const missing = Object.keys(jsonOf(stdout)).filter((key) => !new RegExp(`\\b${key}\\b`).test(text));
      expect([argv[0], missing]).toEqual([argv[0], []]);
    }
  });
});
