import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { addTrustOptions, readTrust, type Trust, type TrustOptions } from '../../src/cli/trust-options.js';
import { formatSigningKey } from '../../src/utils/signing-key.js';
import type { Context } from '../../src/cli/context.js';
import { temporaryFolder } from './support/files.js';
import { CAMERA, CURVE, SECOND, STATEMENTS, WITNESS } from './support/signed.js';

const folder = temporaryFolder();
const SECRET = formatSigningKey(CAMERA);

/** All that is asked of a context here. */
const contextAt = (utcMicros?: () => number): Context =>
  ({ io: utcMicros === undefined ? {} : { utcMicros } }) as unknown as Context;

const read = (options: TrustOptions): Promise<Trust> => readTrust(options, contextAt());
const refusal = async (options: TrustOptions): Promise<{ code: string; message: string }> =>
  read(options).then(
    () => ({ code: 'none', message: '' }),
    (error: unknown) => error as { code: string; message: string },
  );
const names = ({ trust }: Trust): unknown => ({
  keys: trust?.keys.map(({ key }) => key.name),
  statements: trust?.statementKeys?.map(({ name }) => name),
});

describe('--key', () => {
  test('is the text of a key, whatever its type, or a file with keys for checkpoints and for statements', async () => {
    const file = await folder.write(
      'gate.pub',
      `# the gate\r\n${CAMERA.verificationKey}\r\n\n  ${STATEMENTS.verificationKey}  \n`,
    );
    expect(names(await read({ key: [CAMERA.verificationKey] }))).toEqual({ keys: [CAMERA.name], statements: [] });
    expect(names(await read({ key: [CURVE.verificationKey, file] }))).toEqual({
      keys: [CURVE.name, CAMERA.name],
      statements: [STATEMENTS.name],
    });
    expect((await read({ key: [file] })).accept).toEqual([]);
  });

  test('counts once however often it is given', async () => {
    const file = await folder.write('twice.pub', `${SECOND.verificationKey}\n${SECOND.verificationKey}\n`);
    const trust = await read({ key: [file, SECOND.verificationKey, STATEMENTS.verificationKey] });
    expect(names(trust)).toEqual({ keys: [SECOND.name], statements: [STATEMENTS.name] });
  });

  test.each([SECRET, ` ${SECRET}`, `'${SECRET}'`, 'private+key+x', 'PRIVATE+KEY+'])(
    'is refused if it is a secret, which nothing repeats: %#',
    async (text) => {
      for (const options of [{ key: [text] }, { policy: text }]) {
        const { code, message } = await refusal(options);
        expect([code, message.includes('it is a signing key')]).toEqual(['H4_PARAM', true]);
        expect(message).toContain('make a new one with keygen');
        expect(message).not.toMatch(/private\+key/i);
      }
    },
  );

  test('is refused if its file holds a secret, which nothing repeats', async () => {
    const file = await folder.write('gate.key', `${SECRET}\n`);
    const { code, message } = await refusal({ key: [file] });
    expect([code, message]).toEqual([
      'H4_VKEY',
      `Cannot use what was given as --key: ${file}, line 1: Cannot read a verification key: this is a signing key; give its public half`,
    ]);
  });

  test.each<readonly [string, () => Promise<string>, string, RegExp]>([
    [
      'of a witness',
      () => Promise.resolve(WITNESS.verificationKey),
      'H4_PARAM',
      /witness\.example\/a.* who says when .*"witnesses" in a policy, and use --policy/,
    ],
    [
      'for statements alone',
      () => Promise.resolve(STATEMENTS.verificationKey),
      'H4_PARAM',
      /for statements only: give the key for checkpoints as well/,
    ],
    ['with a typing error', () => Promise.resolve(`x${CAMERA.verificationKey}`), 'H4_VKEY', /copy it again/],
    ['in no file', () => Promise.resolve(folder.path('none.pub')), 'H4_IO', /Cannot read the keys in .*none\.pub/],
    ['in a folder', () => Promise.resolve(folder.path('.')), 'H4_IO', /it is a folder/],
    ['in an empty file', () => folder.write('empty.pub', '# nothing\n\n'), 'H4_VKEY', /it holds none/],
    ['in a large file', () => folder.write('large.pub', new Uint8Array(65_537)), 'H4_VKEY', /more than 65536 bytes/],
    ['in a file of bytes', () => folder.write('bytes.pub', Uint8Array.of(0xff, 0xfe)), 'H4_VKEY', /bytes\.pub/],
    [
      'in the second line',
      () => folder.write('second.pub', `${CAMERA.verificationKey}\nnonsense\n`),
      'H4_VKEY',
      /second\.pub, line 2: .*expected NAME\+ID\+BASE64/,
    ],
  ])('is refused %s', async (_what, text, code, pattern) => {
    const refused = await refusal({ key: [await text()] });
    expect(refused.code).toBe(code);
    expect(refused.message).toMatch(pattern);
  });
});

describe('--policy', () => {
  const policy = (changes: object = {}): string =>
    JSON.stringify({ v: 1, keys: [{ vkey: CAMERA.verificationKey }], ...changes });

  test('says whom to believe, and what to accept', async () => {
    const file = await folder.write(
      'policy.json',
      policy({ witnesses: [WITNESS.verificationKey], quorum: 1, accept: ['slice', 'redacted'] }),
    );
    const { trust, accept } = await read({ policy: file });
    expect(trust).toMatchObject({ keys: [{ key: { name: CAMERA.name } }], quorum: 1 });
    expect(trust).not.toHaveProperty('accept');
    expect(accept).toEqual(['slice', 'redacted']);
  });

  test('is refused beside a key, and where it is none', async () => {
    const file = await folder.write('good.json', policy());
    expect(await refusal({ policy: file, key: [CAMERA.verificationKey] })).toMatchObject({
      code: 'H4_PARAM',
      message: 'Cannot use --key and --policy together: put the key into the policy',
    });
    const broken = await folder.write('broken.json', policy({ quorom: 1 }));
    const refused = await refusal({ policy: broken });
    expect(refused.code).toBe('H4_POLICY');
    expect(refused.message.startsWith(`${broken}: Cannot use the policy`)).toBe(true);
    expect(refused.message).toContain('quorom');
    expect(await refusal({ policy: folder.path('none.json') })).toMatchObject({ code: 'H4_IO' });
    const large = await folder.write('large.json', new Uint8Array(1024 * 1024 + 1).fill(0x20));
    expect((await refusal({ policy: large })).message).toContain('more than 1048576 bytes');
  });
});

describe('readTrust()', () => {
  test('believes nobody if nobody is named', async () => {
    expect(await read({})).toEqual({ trust: undefined, accept: [], now: undefined });
  });

  test('takes the moment of the check from the system, if that says one', async () => {
    const { now } = await readTrust(
      {},
      contextAt(() => 1_700_000_000_999_999),
    );
    expect(now).toBe(1_700_000_000);
  });
});

test('the options are read as they are typed', async () => {
  const command = addTrustOptions(new Command());
  await command.parseAsync(['--key', 'a', '--key', 'b', '--policy', 'c'], { from: 'user' });
  expect(command.opts()).toEqual({ key: ['a', 'b'], policy: 'c' });
});
