/** Reports for people about recordings that are signed: what is proven, by whom, since when, and what is not. */
import { chmod, readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { createRedactionStatement } from '../../../src/container/redact/redaction-statement.js';
import { redactRecording } from '../../../src/container/redact/redact.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { fromHex } from '../../../src/utils/bytes.js';
import { createSigningKey } from '../../../src/utils/signing-key.js';
import { temporaryFolder } from '../support/files.js';
import { cli, jsonOf } from '../support/harness.js';
import { type Element, elementsOf, parseMarkup, textOf } from '../support/markup.js';
import { CAMERA, SECOND, STATEMENTS, WITNESS, WITNESS_TIME, signedRecording } from '../support/signed.js';

const folder = temporaryFolder();
const KEY = ['--key', CAMERA.verificationKey];
let [signed, open, stranger] = ['', '', ''];

beforeAll(async () => {
  signed = await folder.write(
    'signed.h4mk',
    await signedRecording({ keys: [CAMERA], witnesses: [[WITNESS, WITNESS_TIME]], pointAfter: 5 }),
  );
  open = await folder.write('open.h4mk', await signedRecording({ keys: [CAMERA], pointAfter: 5, isOpen: true }));
  stranger = await folder.write('stranger.h4mk', await signedRecording({ keys: [SECOND] }));
});

interface Page {
  readonly code: number;
  readonly root: Element;
  readonly text: string;
  /** Rows of tables, as text. */
  readonly rows: readonly string[];
}

async function report(...argv: readonly string[]): Promise<Page> {
  const out = folder.path('report.html');
  const { code } = await cli(['verify', '--report', out, '--force', ...argv]);
  const root = parseMarkup(await readFile(out, 'utf8'));
  const rows = [...elementsOf(root)].filter(({ name }) => name === 'tr').map(textOf);
  return { code, root, text: textOf(root), rows };
}

const policy = (): Promise<string> =>
  folder.write(
    'policy.json',
    JSON.stringify({
      v: 1,
      keys: [{ vkey: CAMERA.verificationKey }],
      witnesses: [WITNESS.verificationKey],
      quorum: 1,
      statement_keys: [STATEMENTS.verificationKey],
      engines: [{ engine_id: 'stored-v1', fingerprint: STORED }],
      accept: ['redacted'],
    }),
  );

/** The engine that the recordings here name. */
const STORED = storedEngine.info().fingerprint;

const secretFile = async (): Promise<string> => {
  const file = await folder.write('content.key', new Uint8Array(32).fill(6));
  await chmod(file, 0o600);
  return file;
};

describe('verify --report with keys', () => {
  test('says who signed, who saw it when, and what that leaves open', async () => {
    const { code, text, rows } = await report('--policy', await policy(), signed);
    expect(code).toBe(0);
    expect(text.indexOf('✓ Proven: complete, unchanged and signed by example.com/gate.')).toBeGreaterThan(0);
    expect(text).toContain('According to witnesses, witness.example/a had seen it by 2023-11-14 22:13:20 UTC.');
    for (const sentence of [
      'It comes from the holder of the key.',
      'What is there was not changed or put in another order.',
      'Who held the key.',
      'That the witnesses knew what they saw.',
      'That what it shows happened.',
      'The recording is there up to its signed end.',
    ]) {
      expect(text).toContain(sentence);
    }
    for (const wrong of ['Who made it.', 'That nobody changed it on purpose.', 'not proven', 'When it was signed.']) {
      expect(text).not.toContain(wrong);
    }
    expect(rows).toContain('signed by example.com/gate');
    expect(rows).toContain('checkpoints 2, of which 2 signed by keys that you believe');
    expect(rows).toContain('witness witness.example/a, saw it by 2023-11-14 22:13:20 UTC as it says');
    expect(rows.find((row) => row.startsWith('origin '))).toMatch(/^origin example\.com\/gate\/[0-9a-f]{64}$/);
  });

  test('says whom the check believed, and how to repeat it', async () => {
    const file = await policy();
    const { text } = await report('--policy', file, '--seen', folder.path("it's.json"), signed);
    expect(text).toContain(`Believed is what this key signed: example.com/gate+${CAMERA.keyId}.`);
    expect(text).toContain(`Witnesses: witness.example/a+${WITNESS.keyId}; 1 must have seen it.`);
    expect(text).toContain(`Statements count by: example.com/gate/statements+${STATEMENTS.keyId}.`);
    expect(text).toContain('Blocks may be made by 1 engine only.');
    expect(text).toContain('an older or a contradicting copy would have failed.');
    expect(text).toContain('Accepted without being called a loss: redacted.');
    expect(text).toContain(
      `verify --policy ${file} --seen '${folder.path("it'\\''s.json")}' --allow redacted --report`,
    );
    const keys = [...KEY, '--key', SECOND.verificationKey, '--key-file', await secretFile()];
    const { text: typed } = await report(...keys, signed);
    expect(typed).toContain('Believed is what one of these keys signed: example.com/gate+');
    expect(typed).toContain('Nothing was known of earlier checks: an old copy would not be noticed.');
    expect(typed).toContain(
      `--key ${CAMERA.verificationKey} --key ${SECOND.verificationKey} --key-file ${folder.path('content.key')}`,
    );
    const twoLimits = await folder.write(
      'timed.json',
      JSON.stringify({ v: 1, keys: [{ vkey: CAMERA.verificationKey, not_before: '2020-01-01T00:00:00Z' }] }),
    );
    expect(typed).toContain('The result does not depend on when or where it is run:');
    expect(text).toContain('The result depends on what earlier checks had seen:');
    expect((await report('--policy', twoLimits, '--seen', folder.path('x.json'), signed)).text).toContain(
      'The result depends on the time at which it is run and on what earlier checks had seen:',
    );
    const both = { v: 1, threshold: 2, keys: [CAMERA, SECOND].map((key) => ({ vkey: key.verificationKey })) };
    const two = await folder.write('two.json', JSON.stringify(both));
    expect((await report('--policy', two, signed)).text).toContain('Believed is what 2 of these keys signed:');
  });

  test('says what was removed, who says why, and whether that is proven', async () => {
    const { file_id } = jsonOf((await cli(['verify', '--json', signed])).stdout);
    const statement = createRedactionStatement({
      fileId: fromHex(String(file_id)),
      records: [3, 4],
      reason: '<b>privacy</b> of a neighbour',
      key: CAMERA,
    });
    const source = await readFile(signed);
    const redact = async (added?: Uint8Array): Promise<Uint8Array> => {
      const sink = createMemorySink();
      const options = { isRemoved: ({ seq }: { seq: number }) => seq === 3 || seq === 4 };
      await redactRecording(
        createMemorySource(source),
        sink,
        added === undefined ? options : { ...options, statement: added },
      );
      return sink.bytes().slice();
    };
    const said = await report('--policy', await policy(), await folder.write('said.h4mk', await redact(statement)));
    expect(said.code).toBe(0);
    expect(said.text).toContain(
      'Proven: complete and signed by example.com/gate, with the content of 2 records removed.',
    );
    expect(said.text).toContain('example.com/gate/statements states that it was removed, and why.');
    expect(said.text).toContain('What was removed, and who says why The content of 2 records was removed.');
    expect(said.text).toContain(
      '2 records removed (3, 4), because: <b>privacy</b> of a neighbour; signed by example.com/gate/statements',
    );
    const unsaid = await report(...KEY, await folder.write('unsaid.h4mk', await redact()));
    expect(unsaid.code).toBe(3);
    expect(unsaid.text).toContain('Nobody whom this check believes states why.');
    expect(unsaid.text).toContain('No statement says by whom or why.');
  });

  test('says of a file that is not signed by whom the check believes that it is not proven', async () => {
    const { code, text, rows } = await report(...KEY, stranger);
    expect(code).toBe(1);
    expect(text).toContain(
      '≠ Not proven. The file is undamaged, and it is not signed by anybody whom this check believes.',
    );
    expect(text).toContain('Who made a file that is not called proven.');
    expect(text).not.toContain('No key was given');
    expect(text).not.toContain('It comes from the holder of the key.');
    expect(rows).toContain('in the name of example.com/archive; a name proves nothing');
    expect(rows).toContain(`you believe example.com/gate+${CAMERA.keyId}`);
  });

  test('says of an old copy that more has been seen', async () => {
    const seen = folder.path('seen.json');
    expect((await cli(['verify', ...KEY, '--seen', seen, signed])).code).toBe(0);
    const { code, text } = await report(...KEY, '--seen', seen, open);
    expect(code).toBe(1);
    expect(text).toContain('≠ Not accepted. The file is signed, but it is older than what has been seen before.');
    expect(text).toMatch(/Error H4_ROLLBACK at offset \d+ The checkpoint is older than one already seen/);
    expect(text).not.toContain('It comes from the holder of the key.');
  });

  test('of several files has one row each, and one sentence for all', async () => {
    const all = await report(...KEY, signed, signed);
    expect(all.text).toContain('✓ All are proven: signed by whom this check believes, and unchanged.');
    expect(all.text).toContain('2 files, ');
    expect(all.text).toContain('; 2 proven by signatures.');
    const mixed = await report(...KEY, signed, stranger, open);
    expect(mixed.code).toBe(1);
    expect(mixed.rows.map((row) => row.replace(/[\d.]+ KiB/, 'N KiB')).slice(1, 4)).toEqual([
      `${signed} ✓ proven N KiB 0 0`,
      `${stranger} ≠ undamaged, but not proven N KiB 1 0`,
      `${open} ! proven, but not all N KiB 0 0`,
    ]);
    expect(mixed.text).toContain(
      '≠ 1 file is undamaged, but not accepted. 1 file is not all of a recording. Who made them is proven of 2 files.',
    );
    expect(mixed.text).toContain('Of a file that is called proven, it comes from the holder of the key.');
    expect((await report(...KEY, stranger, stranger)).text).toContain('2 files are undamaged, but not accepted.');
  });

  test('is not fooled by names', async () => {
    const name = '<script>x</script>\u202e"\'&amp;';
    const key = createSigningKey(name, new Uint8Array(32).fill(9));
    const file = await folder.write('names.h4mk', await signedRecording({ keys: [key] }));
    const out = folder.path('names.html');
    const { code, stdout } = await cli(['verify', '--key', key.verificationKey, '--report', out, file]);
    expect(code).toBe(0);
    const html = await readFile(out, 'utf8');
    expect(html).not.toContain('<script');
    expect(`${html}${stdout}`).not.toContain('\u202e');
    expect(stdout).toContain('signed by <script>x</script>\\u{202e}"');
  });
});

describe('verify --manifest with keys', () => {
  test('has the proof of each file, and whom the check believed', async () => {
    const out = folder.path('manifest.json');
    await cli(['verify', '--policy', await policy(), '--manifest', out, '--force', signed, stranger]);
    const { trust, files, summary } = JSON.parse(await readFile(out, 'utf8')) as Record<string, unknown>;
    expect(trust).toEqual({
      keys: [`example.com/gate+${CAMERA.keyId}`],
      threshold: 1,
      witnesses: [`witness.example/a+${WITNESS.keyId}`],
      quorum: 1,
      statement_keys: [`example.com/gate/statements+${STATEMENTS.keyId}`],
    });
    expect(files).toMatchObject([
      { state: 'OK', proven: true, signed_size: 13, checkpoint: { size: 13 }, signatures: [{ size: 7 }, { size: 13 }] },
      { state: 'SIGNED_UNTRUSTED_KEY', proven: false, checkpoint: null, errors: [{ code: 'H4_SIGN_UNTRUSTED' }] },
    ]);
    expect(summary).toMatchObject({ files: 2, sound: 1, untrusted: 1, broken: 0, proven: 1, exit_code: 1 });
    await cli(['verify', ...KEY, '--manifest', out, '--force', signed]);
    expect(JSON.parse(await readFile(out, 'utf8'))).toMatchObject({
      trust: { keys: [`example.com/gate+${CAMERA.keyId}`], threshold: 1, witnesses: [], quorum: 0, statement_keys: [] },
    });
    await cli(['verify', '--manifest', out, '--force', signed]);
    expect(JSON.parse(await readFile(out, 'utf8'))).not.toHaveProperty('trust');
  });
});
