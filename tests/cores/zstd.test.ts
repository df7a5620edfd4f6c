/** Zstandard as a core: exact, the same bytes every time, and strict about what it takes for its own output. */

import { describe, expect, it } from 'vitest';
import { buildCore, callCore, describeCompiled } from '../support/cores.js';

const MIB = 2 ** 20;
const REFUSED_V1 = 20;
const [CAPACITY, CORRUPT, PARAM] = [11, 12, 14];

const text = (length: number): Buffer => Buffer.alloc(length, 'level 3, one frame, no checksum; ');
const noise = (length: number): Uint8Array => {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 24);
};

describeCompiled(
  'the zstd core',
  () => {
    const library = (): string => buildCore('zstd.so');
    const v1 = (name: string, input: Uint8Array) => callCore(library(), name, { input });
    const v2 = (name: string, input: Uint8Array, number: number) => callCore(library(), name, { input, number });
    const bound = (length: number): number =>
      Number(callCore(library(), 'bound_v2', { number: length }).output.toString());

    it('is named after the version of the library and the level', () => {
      expect(callCore(library(), 'id').output.toString()).toMatch(/^h4zstd-1\.\d+\.\d+-l3$/);
    });

    it('restores what it wrote, through either version of the interface', () => {
      for (const block of [Buffer.of(0), text(1000), noise(1), noise(70_000), text(3 * MIB), new Uint8Array(5 * MIB)]) {
        const one = v1('compress', block).output;
        const two = v2('compress_v2', block, bound(block.length)).output;
        expect(one.equals(two)).toBe(true);
        expect(one.length).toBeLessThanOrEqual(bound(block.length));
        expect(v1('decompress', one).output.equals(block)).toBe(true);
        expect(v2('decompress_v2', one, block.length).output.equals(block)).toBe(true);
      }
    });

    it('writes one frame with the content size, without checksum and dictionary', () => {
      const frame = v1('compress', text(1000)).output;
      expect(frame.readUInt32LE(0)).toBe(0xfd2fb528);
      // Frame header descriptor, RFC 8878 3.1.1.1: two bytes of content size, single segment; bits 2 to 0 are zero.
      expect(frame[4]).toBe(0b0110_0000);
      expect(frame.readUInt16LE(5)).toBe(1000 - 256);
    });

    it('has a bound that is enough for noise, and none for nothing or for more than 64 MiB', () => {
      expect(v2('compress_v2', noise(MIB), bound(MIB)).exit).toBe(0);
      expect(bound(64 * MIB)).toBeLessThanOrEqual(2 * 64 * MIB + 64 * 1024);
      expect([bound(0), bound(64 * MIB + 1)]).toEqual([0, 0]);
    });

    it('refuses a block above 64 MiB: it would not restore it', () => {
      expect(v1('compress', new Uint8Array(64 * MIB)).exit).toBe(0);
      expect(v1('compress', new Uint8Array(64 * MIB + 1)).exit).toBe(REFUSED_V1);
      expect(v2('compress_v2', new Uint8Array(64 * MIB + 1), 65 * MIB).exit).toBe(PARAM);
    });

    it('says when the capacity is too small, in both directions', () => {
      const block = noise(5000);
      const frame = v1('compress', block).output;
      expect(v2('compress_v2', block, frame.length - 1).exit).toBe(CAPACITY);
      expect(v2('decompress_v2', frame, block.length - 1).exit).toBe(CAPACITY);
      expect(v2('decompress_v2', frame, block.length + 1).output.equals(block)).toBe(true);
    });

    describe('refuses', () => {
      const frame = (): Buffer => v1('compress', text(1000)).output;
      const edited = (edit: (bytes: Buffer) => void): Buffer => {
        const bytes = Buffer.from(frame());
        edit(bytes);
        return bytes;
      };
      const cases: Record<string, () => Buffer> = {
        'a frame that is cut off': () => frame().subarray(0, -1),
        'a byte after the frame': () => Buffer.concat([frame(), Buffer.of(0)]),
        'a second frame': () => Buffer.concat([frame(), frame()]),
        'another magic number': () => edited((bytes) => bytes.writeUInt8(0xa8, 0)),
        // A whole frame of version 0.7, "A", which Debian's build of the library still reads.
        'a frame of an older format': () => Buffer.from('27b52ffd200140000141c00000', 'hex'),
        'a skippable frame': () => Buffer.from('502a4d180400000041424344', 'hex'),
        'a skippable frame before a frame': () => Buffer.concat([Buffer.from('502a4d180000000000', 'hex'), frame()]),
        'three bytes': () => frame().subarray(0, 3),
        // Without single segment and content size: a window descriptor, then one raw last block "A".
        'a frame that does not say its size': () => Buffer.from('28b52ffd000009000041', 'hex'),
        'a frame of nothing': () => Buffer.from('28b52ffd2000010000', 'hex'),
        // Content size in eight bytes, single segment: 64 MiB + 1, and the largest number there is.
        'a claim above 64 MiB': () => Buffer.from('28b52ffde00100000400000000010000', 'hex'),
        'an absurd claim': () => Buffer.from('28b52ffde0fdffffffffffffff010000', 'hex'),
        'a wrong content size': () => edited((bytes) => bytes.writeUInt16LE(1001 - 256, 5)),
        'a dictionary': () => edited((bytes) => bytes.writeUInt8(0b0110_0001, 4)),
      };
      for (const [what, make] of Object.entries(cases)) {
        it(what, () => {
          const input = make();
          expect(v1('decompress', input).exit).toBe(REFUSED_V1);
          expect(v2('decompress_v2', input, 2000).exit).toBe(CORRUPT);
        });
      }

      it('nothing that those cases share with a good frame', () => {
        expect(
          v1(
            'decompress',
            edited(() => undefined),
          ).exit,
        ).toBe(0);
        // The same frame as "a frame that does not say its size", with its size.
        expect(v1('decompress', Buffer.from('28b52ffd200109000041', 'hex')).output.toString()).toBe('A');
      });
    });

    it('neither crashes nor hangs on a frame with any one byte altered', () => {
      const block = Buffer.concat([text(300), noise(40)]);
      const frame = v1('compress', block).output;
      for (let i = 0; i < frame.length; i++) {
        const altered = Buffer.from(frame);
        altered[i] = (altered[i] ?? 0) ^ 0x55;
        const { exit, output } = v2('decompress_v2', altered, block.length);
        expect([0, CAPACITY, CORRUPT], `byte ${i}`).toContain(exit);
        expect(output.length).toBeLessThanOrEqual(block.length);
      }
    });
  },
  'zstd.so',
);
