import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLimits } from '../../../src/container/format/limits.js';
import { MAX_NOTE_BYTES, parseNote } from '../../../src/container/format/note.js';
import { concatBytes, toBase64, toHex, utf8Decode, utf8Encode } from '../../../src/utils/bytes.js';
import { H4Error } from '../../../src/utils/error.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { chunkOf } from '../../support/container.js';
import { KEY_NAME, checkpointText, originOf, signatureLine } from '../../support/notes.js';
import { describeShared } from '../../support/shared.js';
import { refusal } from '../../utils/refusal.js';

const fileId = sha256(Uint8Array.of(1));
const root = sha256(Uint8Array.of(2));
const text = checkpointText({ fileId, size: 23, root });

const codeOf = (note: string | Uint8Array): string =>
  refusal(() => parseNote(typeof note === 'string' ? utf8Encode(note) : note)).code;

describe('parseNote()', () => {
  test('gives the three lines and every signature', () => {
    const cosignature = Uint8Array.from({ length: 76 }, (_, i) => i);
    const note = utf8Encode(`${text}\n${signatureLine()}${signatureLine('witness.example/w1', cosignature)}`);
    expect(parseNote(note)).toEqual({
      text: utf8Encode(text),
      origin: { line: originOf(fileId), name: KEY_NAME, fileIdHex: toHex(fileId) },
      size: 23,
      root,
      signatures: [
        { name: KEY_NAME, keyId: '01020304', signature: Uint8Array.of(5) },
        { name: 'witness.example/w1', keyId: '00010203', signature: cosignature.subarray(4) },
      ],
      extensions: 0,
    });
  });

  test('keeps the very bytes that were signed, and copies nothing', () => {
    const note = utf8Encode(`${text}\n${signatureLine()}`);
    const signed = parseNote(note).text;
    expect(signed.buffer).toBe(note.buffer);
    expect(utf8Decode(signed)).toBe(text);
  });

  test('ignores extension lines, which are signed all the same', () => {
    const extended = `${text}ext 1\n\u2014 not a signature\n`;
    const note = parseNote(utf8Encode(`${extended}\n${signatureLine()}`));
    expect(note.extensions).toBe(2);
    expect(utf8Decode(note.text)).toBe(extended);
  });

  test('splits at the last blank line', () => {
    const note = parseNote(utf8Encode(`${text}\n${signatureLine('inner')}\n${signatureLine('outer')}`));
    expect(note.signatures.map(({ name }) => name)).toEqual(['outer']);
    expect(note.extensions).toBe(2);
    expect(utf8Decode(note.text)).toBe(`${text}\n${signatureLine('inner')}`);
  });

  test('splits three newlines after the second', () => {
    const note = parseNote(utf8Encode(`${text}\n\n${signatureLine()}`));
    expect(utf8Decode(note.text)).toBe(`${text}\n`);
    expect(note.extensions).toBe(1);
  });

  test('a name may hold anything but white space and "+"', () => {
    for (const name of ['ø', 'a/b', '\u2014', '\u007f']) {
      expect(parseNote(utf8Encode(`${text}\n${signatureLine(name)}`)).signatures[0]?.name).toBe(name);
    }
    for (const name of ['', 'a b', 'a+b', 'a\u00a0b', 'a\u2003b', 'a\u2028b']) {
      expect(codeOf(`${text}\n${signatureLine(name)}`), JSON.stringify(name)).toBe('H4_SIGN_NOTE');
    }
  });

  test('reads sizes from 0 to 2^53-1', () => {
    for (const size of [0, 1, 10, Number.MAX_SAFE_INTEGER]) {
      const note = utf8Encode(`${checkpointText({ fileId, size, root })}\n${signatureLine()}`);
      expect(parseNote(note).size).toBe(size);
    }
  });

  test('a size that no file here can have is refused for its size', () => {
    for (const size of ['9007199254740992', '18446744073709551616', '9'.repeat(400)]) {
      expect(codeOf(`${checkpointText({ fileId, size, root })}\n${signatureLine()}`)).toBe('H4_SIGN_SIZE');
    }
  });

  test.each(['', '007', '00', '+7', '-7', ' 7', '7 ', '0x7', '7.0', '1e3', '٧'])(
    'a size of "%s" is refused',
    (size) => {
      expect(codeOf(`${checkpointText({ fileId, size, root })}\n${signatureLine()}`)).toBe('H4_SIGN_NOTE');
    },
  );

  test('a root that is not 32 bytes in strict base64 is refused', () => {
    const base64 = toBase64(root);
    for (const wrong of [
      '',
      toBase64(root.subarray(1)),
      `${base64}AAAA`,
      base64.slice(0, -1),
      `${base64.slice(0, -2)}B=`,
    ]) {
      expect(codeOf(`${originOf(fileId)}\n23\n${wrong}\n\n${signatureLine()}`), wrong).toBe('H4_SIGN_NOTE');
    }
  });

  test('an origin that is not a name, "/" and 64 lowercase hex digits is refused for its origin', () => {
    const hex = toHex(fileId);
    for (const origin of [
      '',
      hex,
      `/${hex}`,
      `a/${hex.toUpperCase()}`,
      `a/${hex.slice(1)}`,
      `a/0${hex}`,
      `a/${hex} `,
    ]) {
      expect(codeOf(`${origin}\n23\n${toBase64(root)}\n\n${signatureLine()}`), origin).toBe('H4_SIGN_ORIGIN');
    }
  });

  test('fewer than three lines are refused', () => {
    expect(codeOf(`${originOf(fileId)}\n23\n\n${signatureLine()}`)).toBe('H4_SIGN_NOTE');
    expect(codeOf(`\n\n${signatureLine()}`)).toBe('H4_SIGN_NOTE');
  });

  test.each([
    ['nothing', ''],
    ['one newline', '\n'],
    ['only newlines', '\n\n'],
    ['no blank line', text + signatureLine()],
    ['no signature', `${text}\n`],
    ['a last line without newline', `${text}\n${signatureLine().slice(0, -1)}`],
    ['another byte for the last newline', `${text}\n\u2014 ${KEY_NAME} AQIDBAUGx`],
    ['a blank line at the end', `${text}\n${signatureLine()}\n`],
    ['a hyphen for the dash', `${text}\n- ${KEY_NAME} AQIDBAU=\n`],
    ['no name', `${text}\n\u2014 AQIDBAU=\n`],
    ['two spaces', `${text}\n\u2014  ${KEY_NAME} AQIDBAU=\n`],
    ['something after the signature', `${text}\n\u2014 ${KEY_NAME} AQIDBAU= x\n`],
    ['a signature that is no base64', `${text}\n\u2014 ${KEY_NAME} AQID*AU=\n`],
    ['a signature without padding', `${text}\n\u2014 ${KEY_NAME} AQIDBAU\n`],
    ['a key ID without signature', `${text}\n${signatureLine(KEY_NAME, Uint8Array.of(1, 2, 3, 4))}`],
    ['a carriage return', `${text}\r\n${signatureLine()}`],
    ['a tab in an extension', `${text}\t\n\n${signatureLine()}`],
    ['a zero byte', `${text}\0\n\n${signatureLine()}`],
  ])('%s is refused', (_what, note) => {
    expect(codeOf(note)).toBe('H4_SIGN_NOTE');
  });

  test('says what it lacks', () => {
    expect(refusal(() => parseNote(utf8Encode(text + signatureLine()))).message).toContain('no blank line');
    expect(refusal(() => parseNote(new Uint8Array(0))).message).toContain('no blank line');
  });

  test('bytes that are not UTF-8 are refused on either side of the blank line', () => {
    const bad = Uint8Array.of(0xff);
    const newline = Uint8Array.of(0x0a);
    const signature = utf8Encode(signatureLine());
    expect(codeOf(concatBytes(utf8Encode(text), bad, newline, newline, signature))).toBe('H4_SIGN_NOTE');
    expect(codeOf(concatBytes(utf8Encode(`${text}\n`), bad, signature))).toBe('H4_SIGN_NOTE');
    expect(codeOf(concatBytes(bad, utf8Encode(`${text}\n`), signature))).toBe('H4_SIGN_NOTE');
  });

  test('65 536 bytes are a note, one more is none', () => {
    const filled = (bytes: number): string => {
      const rest = bytes - utf8Encode(`${text}\n\n${signatureLine()}`).length;
      return `${text}${'x'.repeat(rest)}\n\n${signatureLine()}`;
    };
    expect(utf8Encode(filled(MAX_NOTE_BYTES))).toHaveLength(MAX_NOTE_BYTES);
    expect(parseNote(utf8Encode(filled(MAX_NOTE_BYTES))).extensions).toBe(1);
    expect(codeOf(filled(MAX_NOTE_BYTES + 1))).toBe('H4_SIGN_NOTE');
  });

  test('more signature lines than the limit are a refusal of kind limit', () => {
    const note = utf8Encode(`${text}\n${signatureLine().repeat(101)}`);
    const error = refusal(() => parseNote(note));
    expect(error).toMatchObject({ code: 'H4_LIMIT_NOTES', kind: 'limit' });
    expect(error.message).toContain('101');
    expect(parseNote(note, createLimits({ maxNoteLines: 101 })).signatures).toHaveLength(101);
  });

  test('any bytes are a note or an H4Error', () => {
    const piece = fc.constantFrom(
      '\n',
      '\n\n',
      '\u2014 ',
      ' ',
      '/',
      '23',
      'a',
      toHex(fileId),
      toBase64(root),
      'AQIDBAU=',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.array(piece).map((pieces) => utf8Encode(pieces.join(''))),
        ),
        (bytes) => {
          try {
            expect(parseNote(bytes).signatures.length).toBeGreaterThan(0);
          } catch (error) {
            expect(error).toBeInstanceOf(H4Error);
          }
        },
      ),
    );
  });

  test('a note that has lost a byte at the end is none', () => {
    const note = utf8Encode(`${text}\n${signatureLine()}`);
    for (let length = 0; length < note.length; length++) {
      expect(() => parseNote(note.subarray(0, length))).toThrow(H4Error);
    }
  });
});

describeShared('the notes of the samples', (shared) => {
  const samples = JSON.parse(readFileSync(`${shared}/samples/samples.json`, 'utf8')) as {
    vkey: string;
    witness_vkey: string;
  };
  const [, keyId] = samples.vkey.split('+');
  const [witness, witnessId] = samples.witness_vkey.split('+');

  test('name their file, its size and the keys that signed', () => {
    const file = readFileSync(`${shared}/samples/late.h4mk`);
    const notes = [0, 1, 2].map((n) => parseNote(chunkOf(file, 'SIGN', n).payload));
    expect(notes.map(({ size }) => size)).toEqual([11, 23, 23]);
    expect(new Set(notes.map(({ origin }) => origin.name))).toEqual(new Set([KEY_NAME]));
    expect(notes.map(({ signatures }) => signatures.map((one) => `${one.name} ${one.keyId}`))).toEqual([
      [`${KEY_NAME} ${keyId}`],
      [`${KEY_NAME} ${keyId}`, `${witness} ${witnessId}`],
      [`${KEY_NAME} ${keyId}`, `${witness} ${witnessId}`],
    ]);
    expect(notes[2]?.signatures.map(({ signature }) => signature.length)).toEqual([64, 8 + 64]);
  });
});

describeShared('checkpoints of other logs', (shared) => {
  const log = JSON.parse(readFileSync(`${shared}/vectors/tlog_tiles_tessera.json`, 'utf8')) as Record<string, unknown>;

  test('are notes, but their origin names no recording', () => {
    const notes = stringsOf(log).filter((value) => value.includes('\n\n\u2014 '));
    expect(notes.length).toBeGreaterThan(10);
    for (const note of notes) {
      expect(codeOf(note)).toBe('H4_SIGN_ORIGIN');
      const [, ...rest] = note.split('\n');
      const adopted = parseNote(utf8Encode([originOf(fileId), ...rest].join('\n')));
      expect([adopted.size.toString(), toBase64(adopted.root)]).toEqual(rest.slice(0, 2));
    }
  });
});

/** Every string anywhere in a JSON value. */
const stringsOf = (value: unknown): string[] => {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : [];
};
