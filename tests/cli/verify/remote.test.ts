import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { toHex } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { type TestServer, startServer } from '../../support/http-server.js';
import { noise, recording, temporaryFolder } from '../support/files.js';
import { cli, jsonLines } from '../support/harness.js';

const folder = temporaryFolder();
let server: TestServer;
let bytes: Uint8Array;
let local = '';

beforeAll(async () => {
  bytes = await recording([{ pts: 0, bytes: noise(3_000_000) }], {}, {});
  local = await folder.write('local.h4mk', bytes);
  server = await startServer(bytes);
});
afterAll(() => server.close());

test('an address is checked beside files, read once, and named without what may be secret in it', async () => {
  const url = `${server.url}?signature=secret`;
  const manifest = folder.path('manifest.json');
  const report = folder.path('report.html');
  const argv = ['verify', '--json', '--jobs', '2', '--manifest', manifest, '--report', report, local, url, local];
  const { code, stdout, stderr } = await cli(argv);
  expect([code, stderr]).toEqual([0, '']);
  expect(jsonLines(stdout).map(({ file }) => file)).toEqual([local, server.url, local]);
  const { files } = JSON.parse(await readFile(manifest, 'utf8')) as { files: Record<string, unknown>[] };
  expect(files.map(({ path }) => path)).toEqual([local, server.url, local]);
  expect(files.map((file) => file['sha256'])).toEqual(Array(3).fill(toHex(sha256(bytes))));
  for (const text of [stdout, await readFile(manifest, 'utf8'), await readFile(report, 'utf8')]) {
    expect(text).not.toContain('secret');
  }
  const sent = server.seen.reduce((sum, each) => sum + each.sent, 0);
  expect(sent).toBeLessThan(bytes.length * 1.2);
});

test('the report of an address has no drawing, which would have to be fetched', async () => {
  const report = folder.path('address.html');
  expect((await cli(['verify', '--report', report, server.url])).code).toBe(0);
  const html = await readFile(report, 'utf8');
  expect(html).toContain(toHex(sha256(bytes)));
  expect(html).not.toContain('<svg');
});
