/** The guide for evidence teams, typed into one shell from its first command to its last. */
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCEPTABLE, parsePolicy } from '../../src/container/trust/policy-file.js';
import { utf8Encode } from '../../src/utils/bytes.js';
import { ERROR_CODES } from '../../src/utils/error-codes.js';
import { blocksOf, commandsOf, pageText, projectRoot, runCommands } from './page.js';

const page = await pageText('docs/guide/evidence.md');
const commands = commandsOf(page);

const withoutHashes = (text: string): string => text.replace(/\b[0-9a-f]{8}(?:[0-9a-f]{56}\b|(?=…))/g, 'HASH');

describe('the guide to evidence', () => {
  let folder = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'harmony4-evidence-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('shows commands that do what it says, from first to last', async () => {
    const verbs = new Set(commands.map(({ line }) => /^harmony4 (\w+)/.exec(line)?.[1] ?? ''));
    for (const verb of ['keygen', 'export', 'verify', 'sign', 'seek', 'clip', 'redact', 'extract']) {
      expect(verbs).toContain(verb);
    }
    const { failed, stdout, stderr } = await runCommands(commands, folder);
    expect({ failed, stderr: failed === undefined ? '' : stderr }).toEqual({ failed: undefined, stderr: '' });
    // The sample is what the commands print, but for the hashes, which differ with every key.
    const [sample = ''] = blocksOf(page, 'text');
    expect(sample).toContain('Not proven: ');
    expect(withoutHashes(stdout)).toContain(withoutHashes(sample));
    // A reason by a key that the policy does not believe explains nothing.
    expect(stdout).toContain('nobody you believe says why');
    expect(stdout).toContain('as example.com/privacy-office/statements states');
  }, 600_000);

  it('shows a policy with every field that there is', () => {
    const [policy = ''] = blocksOf(page, 'json');
    const fields = parsePolicy(utf8Encode(policy));
    expect(fields.keys.map(({ notBefore, notAfter, revokedAt }) => [notBefore, notAfter, revokedAt])).toEqual([
      [1_767_225_600, 1_830_297_599, 1_811_851_200],
    ]);
    expect(fields).toMatchObject({ threshold: 1, quorum: 1, maxAgeSeconds: 3600, accept: ['slice', 'redacted'] });
    for (const name of ACCEPTABLE) expect(page).toContain(`\`${name}\``);
    for (const field of Object.keys(JSON.parse(policy) as object).filter((each) => each !== 'v')) {
      expect([field, page.includes(`\`${field}\``)]).toEqual([field, true]);
    }
  });

  it('names only codes and pages that exist', () => {
    const codes = page.match(/\bH4_[A-Z0-9_]+\b/g) ?? [];
    expect(codes.length).toBeGreaterThan(2);
    for (const code of codes) expect([code, code in ERROR_CODES]).toEqual([code, true]);
    const links = [...page.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(4);
    const at = dirname(join(projectRoot, 'docs/guide/evidence.md'));
    for (const link of links) expect([link, existsSync(join(at, link))]).toEqual([link, true]);
  });
});
