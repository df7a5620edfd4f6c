/**
 * Hidden blocks opened with node:crypto and the text of the specification (sections 4 and 12), and with nothing of this
 * project: whoever has file and key can do without this software.
 */
import { createDecipheriv, createHash, createHmac, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { storedEngine } from '../../src/compression/api/stored.js';
import { H4MKBuilder } from '../../src/container/write/builder.js';
import { createMemorySink } from '../../src/storage/memory.js';
import { lcgBytes } from '../compression/lcg.js';
import { describeShared } from '../support/shared.js';

interface ByHand {
  readonly seq: number;
  readonly mode: number;
  readonly text: Buffer;
}

const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};

/** The hidden blocks of a file. Throws where a key commitment or a tag is not as it should be. */
const openByHand = (file: Buffer, ikm: Buffer): ByHand[] => {
  const found: ByHand[] = [];
  const salts = new Map<number, Buffer>();
  let fileId: Buffer = Buffer.alloc(0);
  let tokn: Buffer = Buffer.alloc(0);
  for (let at = 8; at < file.length;) {
    const tag = file.toString('latin1', at, at + 4);
    const payload = file.subarray(at + 12, at + 12 + file.readUInt32BE(at + 4));
    at += 12 + payload.length;
    if (tag === 'TOKN') {
      tokn = payload;
      const entry = tokn.subarray(0, 80 + 12 * tokn.readUInt32BE(36));
      if (fileId.length === 0) fileId = createHash('sha256').update(Buffer.of(0)).update(entry).digest();
      continue;
    }
    if (tag === 'META') {
      const meta = JSON.parse(payload.toString()) as { keys?: { epoch: number; salt: string; commit: string }[] };
      for (const { epoch, salt, commit } of meta.keys ?? []) {
        const saltBytes = Buffer.from(salt, 'hex');
        const ours = Buffer.from(hkdfSync('sha256', ikm, saltBytes, 'h4mk/v1/commit', 32)).toString('hex');
        if (ours !== commit) throw new Error(`the key is not that of epoch ${epoch}`);
        salts.set(epoch, saltBytes);
      }
    }
    const mode = tokn[1] ?? 0;
    if (tag !== 'SAFE' || (mode !== 1 && mode !== 2)) continue;
    const seq = Number(tokn.readBigUInt64BE(8));
    const salt = salts.get(tokn.readUInt16BE(6));
    if (salt === undefined) throw new Error('the epoch is not listed');
    const info = (label: string): Buffer => Buffer.concat([Buffer.from(label), fileId, u64(Math.floor(seq / 2 ** 20))]);
    if (mode === 1) {
      const key = Buffer.from(hkdfSync('sha256', ikm, salt, info('h4mk/v1/mask'), 32));
      const cipher = createDecipheriv('aes-256-ctr', key, Buffer.concat([u64(seq), u64(0)]));
      found.push({ seq, mode, text: cipher.update(payload) });
      continue;
    }
    const keys = Buffer.from(hkdfSync('sha256', ikm, salt, info('h4mk/v1/encrypt'), 64));
    const table = tokn.subarray(80, 80 + 12 * tokn.readUInt32BE(36));
    const bound = Buffer.concat([fileId, tokn.subarray(0, 48), table]);
    const decipher = createDecipheriv('aes-256-gcm', keys.subarray(0, 32), payload.subarray(0, 12));
    decipher.setAAD(bound).setAuthTag(payload.subarray(-16));
    const text = Buffer.concat([decipher.update(payload.subarray(12, -16)), decipher.final()]);
    const nonce = createHmac('sha256', keys.subarray(32)).update(u64(bound.length)).update(bound).update(text).digest();
    expect(payload.subarray(0, 12).equals(nonce.subarray(0, 12))).toBe(true);
    found.push({ seq, mode, text });
  }
  return found;
};

const KEY = lcgBytes(1, 40);
const blockBytes = (i: number): Uint8Array => lcgBytes(10 + i, 100 + 37 * i);

const recording = async (mode: 'mask' | 'encrypt', blinded: boolean): Promise<Buffer> => {
  const sink = createMemorySink();
  const builder = await H4MKBuilder.create(sink, {
    engine: storedEngine,
    tracks: [{ id: 0, kind: 'opaque' }],
    secrecy: { mode, key: KEY, salt: lcgBytes(2, 32) },
    ...(blinded ? { blindSeed: lcgBytes(3, 32) } : {}),
  });
  for (let i = 0; i < 5; i++) {
    // A new epoch in the middle, of the other mode.
    if (i === 3)
      await builder.changeKey({ mode: mode === 'mask' ? 'encrypt' : 'mask', key: KEY, salt: lcgBytes(4, 32) });
    const bytes = blockBytes(i);
    const tokens = [
      { pts: 1000 * i, duration: 500, key: i % 2 === 0, size: 60 },
      { pts: 1000 * i + 500, duration: 500, size: bytes.length - 60 },
    ];
    await builder.addBlock({ track: 0, tokens, bytes });
  }
  await builder.close();
  return Buffer.from(sink.bytes());
};

describe('a recording of this writer', () => {
  test.each([
    { mode: 'encrypt', blinded: false, modes: [2, 2, 2, 1, 1] },
    { mode: 'mask', blinded: false, modes: [1, 1, 1, 2, 2] },
    { mode: 'encrypt', blinded: true, modes: [2, 2, 2, 1, 1] },
  ] as const)('with mode $mode, blinds $blinded, opens by hand', async ({ mode, blinded, modes }) => {
    const file = await recording(mode, blinded);
    const found = openByHand(file, Buffer.from(KEY));
    expect(found.map((each) => each.mode)).toEqual(modes);
    expect(found.map(({ seq }) => seq)).toEqual([2, 3, 4, 6, 7]);
    found.forEach(({ text }, i) => expect(text.equals(blockBytes(i))).toBe(true));
    for (let i = 0; i < 5; i++) expect(file.includes(Buffer.from(blockBytes(i).subarray(0, 30)))).toBe(false);
  });

  test('does not open with another key, nor when a byte has been changed', async () => {
    const file = await recording('encrypt', false);
    expect(() => openByHand(file, Buffer.alloc(40))).toThrow('not that of epoch 0');
    const at = file.indexOf('SAFE', file.indexOf('SAFE') + 4) + 12;
    file[at] = (file[at] ?? 0) ^ 1;
    expect(() => openByHand(file, Buffer.from(KEY))).toThrow();
  });
});

describeShared('the shared sample', (shared) => {
  test('private.h4mk opens by hand to the texts beside it', () => {
    const { ikm_hex: ikm, plain } = JSON.parse(readFileSync(join(shared, 'samples', 'samples.json'), 'utf8')) as {
      readonly ikm_hex: string;
      readonly plain: Readonly<Record<string, string>>;
    };
    const found = openByHand(readFileSync(join(shared, 'samples', 'private.h4mk')), Buffer.from(ikm, 'hex'));
    expect(found).toHaveLength(3);
    expect(Object.fromEntries(found.map(({ seq, text }) => [String(seq), text.toString()]))).toEqual(plain);
  });
});
