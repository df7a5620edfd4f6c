/** Shared libraries as cores: those of the repository, and hostile ones. Everything here is compiled and really loaded. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Core, compressedCap } from '../../../src/compression/core.js';
import { type NativeCoreOptions, openNativeCore } from '../../../src/compression/node/native-core.js';
import {
  type HostileCore,
  type HostileOptions,
  buildCore,
  compileHostile,
  describeCompiled,
} from '../../support/cores.js';
import { refusal } from '../../utils/refusal.js';
import { lcgBytes } from '../lcg.js';

const FINGERPRINT = 'cd'.repeat(32);
const block = lcgBytes(1, 1000);
const opened: Core[] = [];

const openPath = (path: string, options: Partial<NativeCoreOptions> = {}): Core => {
  const core = openNativeCore(readFileSync(path), { path, fingerprint: FINGERPRINT, ...options });
  opened.push(core);
  return core;
};
const openHostile = (name: HostileCore, options: HostileOptions = {}): Core => openPath(compileHostile(name, options));

afterAll(() => {
  for (const core of opened) core.close();
});

const descriptors = (): number => readdirSync('/proc/self/fd').length;

describeCompiled('openNativeCore()', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'harmony4 øf native cores-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  /** A library from C source of a test's own. */
  const compile = (name: string, source: string): string => {
    const path = join(scratch, `${name}.so`);
    writeFileSync(`${path}.c`, source);
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', path, `${path}.c`]);
    return path;
  };

  test('says what the core says of itself, and takes what it does not say for undeclared', () => {
    const said = openHostile('liar-fp', { engineId: 'core-1', fingerprint: 'ef'.repeat(32) });
    expect(said.declared).toEqual({ engineId: 'core-1', fingerprint: 'ef'.repeat(32) });
    expect(openHostile('stored', { engineId: null }).declared).toEqual({});
    expect(openHostile('stored', { engineId: 'x'.repeat(128) }).declared.engineId).toHaveLength(128);
    const nothing = compile(
      'null-id',
      `${STORED_V1} void *h4_engine_id(void) { return 0; } void *h4_engine_fp(void) { return 0; }`,
    );
    expect(openPath(nothing).declared).toEqual({});
  });

  test('prefers version 2 where all of it is exported, and takes version 1 where a part of it is not', () => {
    expect(openHostile('stored', { abi: 1 }).abi).toBe('v1');
    expect(openHostile('stored', { abi: 2 }).abi).toBe('v2');
    expect(openHostile('stored', { abi: 12 }).abi).toBe('v2');
    expect(openPath(compile('partly-v2', `${STORED_V1} int h4_compress_v2(void) { return 9; }`)).abi).toBe('v1');
  });

  test.each<[string, HostileCore, HostileOptions, string]>([
    ['no h4_free', 'no-free', {}, 'h4_free'],
    ['no h4_free in version 2', 'no-free', { abi: 2 }, 'h4_free'],
    ['no h4_decompress', 'missing-symbol', {}, 'h4_decompress'],
    ['no h4_decompress_v2', 'missing-symbol', { abi: 2 }, 'h4_decompress_v2'],
  ])('refuses a core with %s, by the name of the symbol', (_, name, options, symbol) => {
    const error = refusal(() => openHostile(name, options));
    expect(error.code).toBe('H4_CORE_SYMBOL');
    expect(error.message).toMatch(new RegExp(`^undefined symbol: ${symbol} \\(`, 'u'));
    expect(error.detail).toEqual({ symbol });
  });

  test('refuses a library that is no core at all', () => {
    const error = refusal(() => openPath(compile('nothing', 'int nothing;')));
    expect([error.code, error.detail]).toEqual(['H4_CORE_SYMBOL', { symbol: 'h4_compress' }]);
  });

  test.each(['', 'an id', 'id\nINFO sealed', 'x'.repeat(129), 'kärn'])('refuses the id %j of a core', (engineId) => {
    const error = refusal(() => openHostile('wrong-id', { engineId }));
    expect(error.code).toBe('H4_CORE_LOAD');
    expect(error.message).toContain('it says that its id is "');
    expect(error.message).not.toContain('\n');
  });

  test('reads an id up to its NUL and no byte further, even at the end of what is mapped', () => {
    const source = `
      #include <sys/mman.h>
      #include <string.h>
      ${STORED_V1}
      const char *h4_engine_id(void) {
        char *page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        munmap(page + 4096, 4096);
        return strcpy(page + 4096 - 5, "edge");
      }`;
    expect(openPath(compile('edge', source)).declared.engineId).toBe('edge');
  });

  test('runs no function before all symbols are resolved', () => {
    const source = '#include <stdlib.h>\nvoid h4_compress(void) {} const char *h4_engine_id(void) { abort(); }';
    expect(refusal(() => openPath(compile('aborts', source))).code).toBe('H4_CORE_SYMBOL');
  });

  test('says which library of others a core needs that is not there', () => {
    const path = compile('needs', `${STORED_V1} void h4_nowhere(void); void use(void) { h4_nowhere(); }`);
    const error = refusal(() => openPath(path));
    expect(error.code).toBe('H4_CORE_LOAD');
    expect(error.message).toContain(path);
    expect(error.message).toContain('undefined symbol: h4_nowhere');
  });

  test.runIf(isGlibc())('has a core run its own functions where this process has others of the same name', () => {
    // Node exports a crc32, of zlib. The one that was measured answers 7.
    const source = `
      #include <stdlib.h>
      unsigned long crc32(unsigned long crc, const void *p, unsigned n) { return 7; }
      size_t h4_compress(const void *in, size_t n, void **out) {
        *out = malloc(8);
        *(unsigned char *)*out = (unsigned char)crc32(0, in, n);
        return 1;
      }
      size_t h4_decompress(const void *in, size_t n, void **out) { return 0; }
      void h4_free(void *p) { free(p); }`;
    for (const place of ['memory', 'copy'] as const) {
      expect([...openPath(compile(`crc32-${place}`, source), { place }).compress(block)]).toEqual([7]);
    }
  });

  describe.each(['memory', 'copy'] as const)('placed by way of %s', (place) => {
    test('loads two different cores at once, and each stays itself', () => {
      const [a, b] = [compileHostile('stored'), buildCore('stub.so')].map((path) => openPath(path, { place }));
      expect([a?.declared.engineId, b?.declared.engineId]).toEqual(['h4test-stored', 'h4stub-rle-v1']);
      expect(a?.compress(new Uint8Array(300))).toHaveLength(300);
      expect(b?.compress(new Uint8Array(300))).toHaveLength(4);
    });

    test('loads another core after one was closed, also under the same descriptor', () => {
      const ids: (string | undefined)[] = [];
      for (const engineId of ['one', 'two', 'three', 'four']) {
        const core = openPath(compileHostile('stored', { engineId }), { place });
        ids.push(core.declared.engineId);
        core.close();
      }
      expect(ids).toEqual(['one', 'two', 'three', 'four']);
    });

    test.runIf(process.platform === 'linux')('gives the descriptor back, unless the library cannot be unloaded', () => {
      const stays = compile(`stays-${place}`, `${STORED_V1} const char *h4_engine_id(void) { return "stays"; }`);
      execFileSync('cc', ['-shared', '-fPIC', '-Wl,-z,nodelete', '-o', stays, `${stays}.c`]);
      const before = descriptors();
      for (let i = 0; i < 3; i++) openPath(compileHostile('stored'), { place }).close();
      expect(descriptors()).toBe(before);
      for (let i = 0; i < 3; i++) openPath(stays, { place }).close();
      // Each is still loaded under the name of its descriptor: closed, that name would lead the next core to this one.
      expect(descriptors()).toBe(before + 3);
      expect(openPath(compileHostile('stored'), { place }).declared.engineId).toBe('h4test-stored');
    });

    test('leaves nothing behind after a refusal', () => {
      const needing = compile(
        `needing-${place}`,
        `${STORED_V1} void h4_nowhere(void); void use(void) { h4_nowhere(); }`,
      );
      const before = descriptors();
      for (let i = 0; i < 3; i++) {
        refusal(() => openPath(compileHostile('no-free'), { place, temporaryFolder: scratch }));
        refusal(() => openPath(needing, { place, temporaryFolder: scratch }));
      }
      expect(descriptors()).toBe(before);
      expect(readdirSync(scratch).filter((name) => !/\.(so|c)$/u.test(name))).toEqual([]);
    });

    test('runs what was measured, whatever lies at the path by then', () => {
      const path = join(scratch, `swapped-${place}.so`);
      writeFileSync(path, readFileSync(compileHostile('stored', { engineId: 'measured' })));
      const measured = readFileSync(path);
      writeFileSync(path, readFileSync(compileHostile('stored', { engineId: 'swapped-in' })));
      expect(openNativeCore(measured, { path, fingerprint: FINGERPRINT, place }).declared.engineId).toBe('measured');
    });
  });

  describe.each([1, 2] as const)('version %d', (abi) => {
    const failed = (core: Core): [string, string] => {
      const { code, message } = refusal(() => core.compress(block));
      return [code, message];
    };

    test.each<[string, HostileCore, HostileOptions, string]>([
      ['says 0', 'returns-zero', {}, abi === 1 ? 'it failed' : 'it says that the result is empty'],
      ['gives nothing', 'returns-null', {}, abi === 1 ? 'it failed' : 'it says that the result is empty'],
      [
        'says that it made 2^64-1 bytes',
        'huge-size',
        {},
        abi === 1 ? 'at most 67536 are allowed' : 'it wrote 18446744073709552000 bytes',
      ],
      ['says one byte too many', 'huge-size', { defines: { CLAIM: String(compressedCap(1000) + 1) } }, '67537'],
      ['answers with a status that is none', 'bad-status', {}, abi === 1 ? 'it failed' : 'the unknown status -1'],
    ])('compress() refuses a core that %s', (_, name, options, why) => {
      const [code, message] = failed(openHostile(name, { abi, ...options }));
      expect(code).toBe('H4_ENGINE_BAD_OUTPUT');
      expect(message).toMatch(/^The core h4test-[a-z-]+ made no block of 1000 bytes: /u);
      expect(message).toContain(why);
      expect(message).not.toContain('/');
    });

    test.each<[string, HostileCore, HostileOptions]>([
      ['says 0', 'returns-zero', {}],
      ['gives nothing', 'returns-null', {}],
      ['claims everything', 'huge-size', {}],
      ['claims a byte more', 'huge-size', { defines: { CLAIM: '1001' } }],
      ['claims a byte less', 'huge-size', { defines: { CLAIM: '999' } }],
      ['fails oddly', 'bad-status', {}],
    ])('decompress() refuses a core that %s', (_, name, options) => {
      const core = openHostile(name, { abi, only: 'decompress', ...options });
      const error = refusal(() => core.decompress(core.compress(block), 1000));
      expect(error.code).toBe('H4_ENGINE_OUTPUT');
      expect(error.detail).toEqual({ engine_id: `h4test-${name}`, expected: 1000 });
      expect(error.message).not.toContain('/');
    });

    test('does not believe the last length again where a core says none', () => {
      const core = openHostile('returns-null', { abi, only: 'decompress' });
      const before = openHostile('stored', { abi });
      expect(before.decompress(block, 1000)).toEqual(block);
      expect(refusal(() => core.decompress(block, 1000)).code).toBe('H4_ENGINE_OUTPUT');
    });

    test('a result is fresh memory of exactly its length, and no later call touches it', () => {
      const core = openHostile('stored', { abi });
      const results = [core.compress(block), core.decompress(block, 1000)];
      for (let i = 0; i < 50; i++) core.decompress(core.compress(lcgBytes(i, 1000)), 1000);
      for (const result of results) {
        expect(result.buffer.byteLength).toBe(1000);
        expect(result).toEqual(block);
      }
    });

    test('reads a shared or resizable array from a copy', () => {
      // Writes to its input, which no core may do: of a copy nobody sees it.
      const scribble = compile(
        `scribbles-${abi}`,
        abi === 1
          ? STORED_V1.replace('memcpy(*out, in, n);', 'memcpy(*out, in, n); *(char *)in ^= 1;')
          : STORED_V2.replace('memcpy(out, in, n);', 'memcpy(out, in, n); *(char *)in ^= 1;'),
      );
      const core = openPath(scribble);
      expect(core.abi).toBe(`v${abi}`);
      const shared = new Uint8Array(new SharedArrayBuffer(1000));
      const resizable = new Uint8Array(Reflect.construct(ArrayBuffer, [1000, { maxByteLength: 5000 }]) as ArrayBuffer);
      for (const bytes of [shared, resizable]) {
        bytes.set(block);
        expect(core.compress(bytes)).toEqual(block);
        expect(core.decompress(bytes, 1000)).toEqual(block);
        expect(Buffer.compare(bytes, block)).toBe(0);
      }
    });

    test('answers nothing after close()', () => {
      const core = openHostile('stored', { abi });
      core.close();
      core.close();
      expect(refusal(() => core.compress(block)).code).toBe('H4_STATE');
      expect(refusal(() => core.decompress(block, 1000)).code).toBe('H4_STATE');
    });

    test('works in a core that leaks, and in one that prints elsewhere', () => {
      for (const core of [
        openHostile('leaker', { abi }),
        openHostile('printer', { abi, defines: { DESCRIPTOR: '1000' } }),
      ]) {
        for (let i = 0; i < 10; i++) expect(core.decompress(core.compress(block), 1000)).toEqual(block);
      }
    });
  });

  test('version 1: every buffer is given back, whatever came of the call', () => {
    const path = compile(
      'counting',
      `
      #include <stdlib.h>
      static int out = 0;
      static size_t give(size_t n, void **p, size_t claim) { *p = malloc(n); out++; return claim; }
      /* The first byte of the input is what is claimed; 255 means how many buffers are out. */
      size_t h4_compress(const void *in, size_t n, void **p) {
        unsigned char wish = *(const unsigned char *)in;
        size_t length = give(256, p, wish == 254 ? (size_t)1 << 60 : wish);
        if (wish == 255) { *(unsigned char *)*p = (unsigned char)out; return 1; }
        return length;
      }
      size_t h4_decompress(const void *in, size_t n, void **p) { return give(256, p, *(const unsigned char *)in); }
      void h4_free(void *p) { free(p); out--; }`,
    );
    const core = openPath(path);
    core.compress(Uint8Array.of(5));
    refusal(() => core.compress(Uint8Array.of(0)));
    refusal(() => core.compress(Uint8Array.of(254)));
    core.decompress(Uint8Array.of(9), 9);
    refusal(() => core.decompress(Uint8Array.of(9), 8));
    refusal(() => core.decompress(Uint8Array.of(0), 8));
    // The one that carries the answer.
    expect([...core.compress(Uint8Array.of(255))]).toEqual([1]);
  });

  test('version 1: the last address is not believed again where a core gives none', () => {
    const path = compile(
      'forgets',
      `#include <stdlib.h>
      static int calls = 0;
      size_t h4_compress(const void *in, size_t n, void **p) { if (calls++ == 0) *p = calloc(1, 64); return 64; }
      size_t h4_decompress(const void *in, size_t n, void **p) { return 0; }
      static int frees = 0;
      void h4_free(void *p) { if (frees++ == 0) free(p); else abort(); }`,
    );
    const core = openPath(path);
    expect(core.compress(block)).toEqual(new Uint8Array(64));
    expect(refusal(() => core.compress(block)).code).toBe('H4_ENGINE_BAD_OUTPUT');
  });

  test('version 1: a bomb is refused by the size it has, and none of it is copied', () => {
    const core = openHostile('bomb');
    const before = process.memoryUsage().arrayBuffers;
    const error = refusal(() => core.decompress(block, 1000));
    expect(error.code).toBe('H4_ENGINE_OUTPUT');
    expect(error.message).toContain('it restored 536870912');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024);
  });

  test('version 2: a bomb is cut at the length that was declared', () => {
    const bomb = new Uint8Array(1024 * 1024);
    const core = openPath(buildCore('geo.so'));
    const compressed = core.compress(bomb);
    expect(compressed.length).toBeLessThan(10_000);
    const error = refusal(() => core.decompress(compressed, 1000));
    expect(error.code).toBe('H4_ENGINE_OUTPUT');
    expect(error.message).toContain('with h4geo-v1 from');
  });

  describe('version 2, room for the result', () => {
    const source = (bound: string, compress: string): string => `
      #include <stddef.h>
      #include <string.h>
      size_t h4_bound_v2(size_t n) { return ${bound}; }
      int h4_compress_v2(const unsigned char *in, size_t n, unsigned char *out, size_t cap, size_t *len) { ${compress} }
      int h4_decompress_v2(const void *in, size_t n, void *out, size_t cap, size_t *len) { return 2; }
      void h4_free(void *p) {}`;

    test('a bound of 0 is a block that is too long for the core', () => {
      const error = refusal(() => openPath(compile('bound0', source('0', 'return 0;'))).compress(block));
      expect(error.code).toBe('H4_ENGINE_INPUT');
      expect(error.message).toContain('takes no block of 1000 bytes');
    });

    test('so is a status of 4, and no other status', () => {
      const error = refusal(() => openPath(compile('status4', source('n', 'return 4;'))).compress(block));
      expect(error.code).toBe('H4_ENGINE_INPUT');
      expect(error.detail).toMatchObject({ length: 1000 });
      for (const status of [1, 2, 3, 5]) {
        const core = openPath(compile(`status${status}`, source('n', `return ${status};`)));
        expect(refusal(() => core.compress(block)).code).toBe('H4_ENGINE_BAD_OUTPUT');
      }
    });

    test('a status of 4 from decompress is a block that does not come back', () => {
      const core = openPath(compile('status4d', source('n', 'return 0;').replace('return 2;', 'return 4;')));
      expect(refusal(() => core.decompress(block, 10)).code).toBe('H4_ENGINE_OUTPUT');
    });

    test.each(['(size_t)-1', '(size_t)1 << 40'])('a bound of %s is cut at the cap', (bound) => {
      const core = openPath(
        compile(`bound${bound.length}`, source(bound, 'memcpy(out, &cap, 8); *len = 8; return 0;')),
      );
      expect(Buffer.from(core.compress(block)).readBigUInt64LE()).toBe(BigInt(compressedCap(1000)));
    });

    test('holds nothing of earlier blocks', () => {
      // Writes the first byte of its input over the first of 1000 that it claims, and all of them if that is 1.
      const body = 'if (in[0] == 1) memset(out, 1, 1000); else out[0] = in[0]; *len = 1000; return 0;';
      const core = openPath(compile('stale', source('1000', body)));
      expect(core.compress(new Uint8Array(1000).fill(1))).toEqual(new Uint8Array(1000).fill(1));
      expect(core.compress(new Uint8Array(1000).fill(2))).toEqual(
        Uint8Array.from({ length: 1000 }, (_, i) => (i === 0 ? 2 : 0)),
      );
    });

    test('holds nothing of earlier blocks in the other direction either', () => {
      const core = openPath(
        compile(
          'silent',
          source('1000', 'memset(out, 1, 1000); *len = 1000; return 0;').replace('return 2;', '*len = cap; return 0;'),
        ),
      );
      core.compress(block);
      expect(core.decompress(block, 900)).toEqual(new Uint8Array(900));
    });

    test('holds nothing of a call that failed', () => {
      const late = source('1000', 'if (in[0] == 1) { memset(out, 7, 1000); return 3; } *len = 1000; return 0;');
      const core = openPath(compile('failed', late));
      core.compress(Uint8Array.of(2));
      expect(refusal(() => core.compress(Uint8Array.of(1))).message).toContain('not enough memory (status 3)');
      expect(core.compress(Uint8Array.of(2))).toEqual(new Uint8Array(1000));
    });

    test('is given back after a very large block', () => {
      const core = openPath(compile('large', source('n', 'memcpy(out, in, n); *len = n; return 0;')));
      const large = lcgBytes(3, 20 * 1024 * 1024);
      expect(Buffer.compare(core.compress(large), large)).toBe(0);
      expect(core.compress(block)).toEqual(block);
    });
  });
});

const STORED_V2 = `
  #include <stddef.h>
  #include <string.h>
  static int copy(const void *in, size_t n, void *out, size_t cap, size_t *len) { memcpy(out, in, n); *len = n; return 0; }
  size_t h4_bound_v2(size_t n) { return n; }
  int h4_compress_v2(const void *in, size_t n, void *out, size_t cap, size_t *len) { return copy(in, n, out, cap, len); }
  int h4_decompress_v2(const void *in, size_t n, void *out, size_t cap, size_t *len) { return copy(in, n, out, cap, len); }
  void h4_free(void *p) {}`;

const STORED_V1 = `
  #include <stdlib.h>
  #include <string.h>
  static size_t copy(const void *in, size_t n, void **out) { *out = malloc(n); memcpy(*out, in, n); return n; }
  size_t h4_compress(const void *in, size_t n, void **out) { return copy(in, n, out); }
  size_t h4_decompress(const void *in, size_t n, void **out) { return copy(in, n, out); }
  void h4_free(void *p) { free(p); }`;

function isGlibc(): boolean {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime !== undefined;
}
