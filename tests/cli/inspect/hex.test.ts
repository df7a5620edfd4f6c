/** The dump of a tiny file, compared with a text that was checked by hand against the specification. */

import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { encodeChunk } from '../../../src/container/format/chunk.js';
import { encodeHeader } from '../../../src/container/format/header.js';
import { utf8Encode } from '../../../src/utils/bytes.js';
import { cli, jsonLines, jsonOf } from '../support/harness.js';
import { flipped, noise, offsetsOf, recording, temporaryFolder } from '../support/files.js';

const folder = temporaryFolder();
let tiny = '';

beforeAll(async () => {
  const blocks = [
    { pts: 20_000, duration: 40_000, bytes: utf8Encode('first block') },
    { pts: 60_000, key: false, bytes: utf8Encode('2nd') },
  ];
  tiny = await folder.write('tiny.h4mk', await recording(blocks, { shift: 20_000 }, {}));
});

const dump = (file: string, ...flags: string[]) => cli(['inspect', '--hex', file, ...flags]);

describe('inspect --hex', () => {
  test('explains a tiny file byte by byte', async () => {
    const { code, stdout } = await dump(tiny, '--limit', '0');
    expect(code).toBe(0);
    await expect(stdout).toMatchFileSnapshot('tiny.hex.txt');
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test('leaves no byte out, and shows each once', async () => {
    const items = jsonLines((await dump(tiny, '--limit', '0', '--json')).stdout);
    let next = 0;
    for (const item of items) {
      expect(item['offset']).toBe(next);
      next += Number(item['size']);
    }
    const file = await readFile(tiny);
    expect(next).toBe(file.length);
    for (const { offset, size, hex } of items) {
      if (typeof hex === 'string') {
        expect(hex).toBe(file.subarray(Number(offset), Number(offset) + Number(size)).toString('hex'));
      }
    }
    expect(items[0]).toEqual({
      offset: 0,
      size: 4,
      chunk: 'header',
      section: '2',
      name: 'magic',
      hex: '48344d4b',
      value: 'H4MK',
    });
  });

  test('stops after sixteen chunks by itself, and goes on from where it says', async () => {
    const many = await recording(
      Array.from({ length: 20 }, (_, i) => ({ pts: i, bytes: noise(3, i + 1) })),
      {},
      {},
    );
    const file = await folder.write('many.h4mk', many);
    const { stdout, stderr } = await dump(file);
    expect(stdout.match(/at offset \d+(, record \d+)? +h4mk/g)).toHaveLength(16);
    const at = /^16 shown, more follow: --at (\d+)/.exec(stderr)?.[1] ?? '';
    const next = await dump(file, '--at', at, '--limit', '1');
    expect(next.stdout).not.toContain('file header');
    expect(next.stdout).toContain(`TOKN at offset ${at}, record 8`);
  });

  test('reads only the beginning of a long payload', async () => {
    const file = await folder.write('long.h4mk', await recording([{ pts: 0, bytes: noise(2_000_000) }], {}, {}));
    const [core = 0] = offsetsOf(await readFile(file), 'CORE');
    const { stdout } = await dump(file, '--at', String(core), '--limit', '1');
    expect(stdout).toContain('crc         not checked');
    expect(stdout).toContain('… 1999936 more bytes');
    const json = jsonLines((await dump(file, '--at', String(core), '--limit', '1', '--json')).stdout);
    expect(json.at(-1)).toMatchObject({ offset: core + 12 + 64, size: 1_999_936, skipped: '1999936 more bytes' });
  });

  test('shows what is wrong beside the bytes, goes on, and exits 1', async () => {
    const bytes = await readFile(tiny);
    const [, , third = 0] = offsetsOf(bytes, 'TOKN');
    // Suite 0, and the flag that does not exist.
    const wrong = flipped(bytes, third + 12);
    wrong[third + 14] = 5;
    const { code, stdout, stderr } = await dump(await folder.write('wrong.h4mk', wrong), '--limit', '0');
    expect([code, stderr.startsWith('harmony4: H4_TOKN_SUITE')]).toEqual([1, true]);
    expect(stdout).toContain('suite       0  unknown');
    expect(stdout).toContain('flags       5  KEY reserved bits');
    expect(stdout).toContain('crc         DOES NOT MATCH');
    expect(stdout).toMatch(/^H4_TOKN_SUITE {2}TOKN has suite 0/m);
    expect(stdout).toContain('TAIL at offset');
    const json = await dump(folder.path('wrong.h4mk'), '--limit', '0', '--json');
    expect([json.code, jsonOf(json.stderr)['code']]).toEqual([1, 'H4_TOKN_SUITE']);
  });

  test('has words for every kind of chunk, whatever stands in it', async () => {
    const u64 = (...values: number[]): Buffer => {
      const bytes = Buffer.alloc(values.length * 8);
      for (const [i, value] of values.entries()) bytes.writeBigUInt64BE(BigInt(value), i * 8);
      return bytes;
    };
    const chunks = [
      encodeChunk('PROF', Buffer.concat([u64(9, 3, 2), noise(64), Buffer.alloc(5)])),
      encodeChunk('TIME', Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 9]), noise(40)])),
      encodeChunk('TIME', Buffer.from([2])),
      encodeChunk('SIGN', utf8Encode('line one\nline \x1b[2J two')),
      encodeChunk('ATTS', utf8Encode(`{"a":"${'x'.repeat(2000)}"}`)),
      encodeChunk('xxxx', noise(80)),
      encodeChunk('VERI', noise(5)),
      encodeChunk('SEEK', Buffer.from([0, 0])),
      encodeChunk('SEEK', Buffer.concat([Buffer.from([0, 0, 0, 1]), Buffer.alloc(16, 0xff), Buffer.alloc(3)])),
      encodeChunk('TILE', noise(10)),
      encodeChunk('TILE', Buffer.concat([Buffer.from([0, 0, 0, 9]), noise(60)])),
      encodeChunk('TOKN', noise(20)),
      encodeChunk('TOKN', Buffer.concat([Buffer.alloc(36), Buffer.from([0, 0, 0, 1]), Buffer.alloc(40), noise(28)])),
      encodeChunk('TAIL', Buffer.alloc(9, 7)),
      encodeChunk('SAFE', Buffer.alloc(0)),
    ];
    const file = await folder.write('zoo.h4mk', Buffer.concat([encodeHeader(), ...chunks]));
    const { code, stdout } = await dump(file, '--limit', '0');
    expect(code).toBe(1);
    for (const words of [
      'n           9  tree size',
      'count       2  records',
      'hash[1]',
      'type        1  RFC 3161',
      'zero        must be zero',
      'type        2  unknown',
      'line \\x1b[2J two',
      '… 1992 more bytes',
      'h4mk.md 1.2',
      'PTS 18446744073709551615 at offset 18446744073709551615',
      'blind',
      'state       7  unknown',
      'keymap',
    ]) {
      expect(stdout).toContain(words);
    }
    expect(stdout).not.toContain('\x1b');
    const items = jsonLines((await dump(file, '--limit', '0', '--json')).stdout);
    const sum = items.reduce((total, { size }) => total + Number(size), 0);
    expect(sum).toBe((await readFile(file)).length);
  });
});
