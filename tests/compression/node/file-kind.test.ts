import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { assertSharedLibrary } from '../../../src/compression/node/file-kind.js';
import { concatBytes, utf8Encode } from '../../../src/utils/bytes.js';
import { buildCore, describeCompiled } from '../../support/cores.js';
import { refusal } from '../../utils/refusal.js';

const LINUX = { platform: 'linux', arch: 'x64' };
const WINDOWS = { platform: 'win32', arch: 'x64' };
const MAC = { platform: 'darwin', arch: 'arm64' };

/** An ELF file of one segment that is loaded. */
function elf({
  type = 3,
  machine = 62,
  is64 = true,
  isLittle = true,
  segmentBytes = 4096,
  length = 4096,
} = {}): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  const word = (at: number, value: number): void =>
    is64 ? view.setBigUint64(at, BigInt(value), isLittle) : view.setUint32(at, value, isLittle);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, isLittle ? 1 : 2, 1]);
  view.setUint16(16, type, isLittle);
  view.setUint16(18, machine, isLittle);
  word(is64 ? 32 : 28, 128);
  view.setUint16(is64 ? 54 : 42, is64 ? 56 : 32, isLittle);
  view.setUint16(is64 ? 56 : 44, 2, isLittle);
  view.setUint32(128, 6, isLittle);
  const second = 128 + (is64 ? 56 : 32);
  view.setUint32(second, 1, isLittle);
  word(second + (is64 ? 32 : 16), segmentBytes);
  return bytes;
}

describe('assertSharedLibrary()', () => {
  test.each([
    [elf(), LINUX],
    [elf({ machine: 183 }), { platform: 'linux', arch: 'arm64' }],
    [elf({ machine: 40, is64: false }), { platform: 'linux', arch: 'arm' }],
    [elf({ machine: 22, isLittle: false }), { platform: 'linux', arch: 's390x' }],
    [elf(), { platform: 'freebsd', arch: 'x64' }],
    [Uint8Array.of(0xcf, 0xfa, 0xed, 0xfe, 0, 0, 0, 0), MAC],
    [utf8Encode('MZ\0\0'), WINDOWS],
  ])('lets a library of the system pass', (bytes, host) => {
    expect(() => assertSharedLibrary(bytes, '/core', host)).not.toThrow();
  });

  test.each<[string, Uint8Array]>([
    ['an ELF library for arm64', elf({ machine: 183 })],
    ['an ELF library for machine 9999', elf({ machine: 9999 })],
    ["an ELF object file; link it with 'cc -shared'", elf({ type: 1 })],
    ['an ELF program', elf({ type: 2 })],
    ['the dump of a process that crashed (ELF core)', elf({ type: 4 })],
    ['an ELF library that was cut off after 4096 bytes', elf({ segmentBytes: 4097 })],
    ['an ELF library that was cut off after 200 bytes', elf({ length: 200 + 56 }).subarray(0, 200)],
    ['an ELF library that was cut off after 4096 bytes', elf({ is64: false, segmentBytes: 5000 })],
    ['a cut-off ELF file', elf().subarray(0, 63)],
    ['a Mach-O file (macOS)', Uint8Array.of(0xca, 0xfe, 0xba, 0xbe)],
    ['a PE file (Windows)', utf8Encode('MZ')],
    ["a static archive; link it into a shared library with 'cc -shared'", utf8Encode('!<arch>\n')],
    ['a ZIP archive', Uint8Array.of(0x50, 0x4b, 3, 4)],
    ['a gzip archive', Uint8Array.of(0x1f, 0x8b, 8)],
    ['a script', utf8Encode('#!/bin/sh\n')],
    ['a text file', utf8Encode('HARMONY4_CORE_PATH=\n')],
    ['no library of any known system', Uint8Array.of(0)],
    ['no library of any known system', concatBytes(utf8Encode('text'), Uint8Array.of(0xff))],
  ])('says that a file seems to be %s', (what, bytes) => {
    const error = refusal(() => assertSharedLibrary(bytes, '/cores/ø x.so', LINUX));
    expect(error.code).toBe('H4_CORE_LOAD');
    expect(error.message).toBe(
      `Cannot load the compression core /cores/ø x.so: it seems to be ${what}; ` +
        'needed is a shared library for linux on x64, or a WebAssembly module',
    );
  });

  test('an ELF library is none for other systems', () => {
    expect(refusal(() => assertSharedLibrary(elf(), '/core', MAC)).message).toContain(
      'needed is a shared library for darwin',
    );
    expect(refusal(() => assertSharedLibrary(elf(), '/core', WINDOWS)).code).toBe('H4_CORE_LOAD');
  });
});

describeCompiled('assertSharedLibrary() of a real library', () => {
  test('lets it pass, and none of its beginnings that would lack a segment', () => {
    const bytes = readFileSync(buildCore('stub.so'));
    expect(() => assertSharedLibrary(bytes, '/core')).not.toThrow();
    // The system's loader would map what is not there, and the process would die.
    for (let length = 0; length < bytes.length / 2; length++) {
      expect(refusal(() => assertSharedLibrary(bytes.subarray(0, length), '/core')).code).toBe('H4_CORE_LOAD');
    }
  });
});
