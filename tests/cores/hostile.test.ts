/**
 * The hostile cores, seen by a host that believes everything: each has its fault, and no other. What a careful host makes of
 * them is tested with the host.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { callCore, compileHostile, describeCompiled, type HostileCore } from '../support/cores.js';

const MIB = 2 ** 20;
const BLOCK = Buffer.from('an ordinary block');
const DIRECTIONS = ['compress', 'decompress'] as const;

const call = (library: string, name: string, input: Uint8Array = BLOCK) =>
  callCore(library, name, { input, ...(name.endsWith('_v2') ? { number: 2 * input.length } : {}) });

describeCompiled('hostile cores', () => {
  const folder = mkdtempSync(join(tmpdir(), 'harmony4-hostile-'));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const behaved: HostileCore[] = [
    'stored',
    'liar-fp',
    'wrong-id',
    'constructor',
    'flips',
    'sleeper',
    'crasher',
    'leaker',
    'grower',
  ];
  it.each(behaved)('%s restores an ordinary block, through either version', (name) => {
    const library = compileHostile(name, { abi: 12 });
    for (const suffix of ['', '_v2']) {
      const { output } = call(library, `compress${suffix}`);
      expect(call(library, `decompress${suffix}`, output).output.equals(BLOCK)).toBe(true);
    }
  });

  it('is compiled once for the same options, and anew for others', () => {
    const library = compileHostile('stored');
    expect(compileHostile('stored')).toBe(library);
    expect(compileHostile('stored', { abi: 2 })).not.toBe(library);
  });

  it('liar-fp and wrong-id say what they are told to', () => {
    const fingerprint = 'c0ffee'.padEnd(64, '0');
    expect(callCore(compileHostile('liar-fp', { fingerprint }), 'fp').output.toString('hex')).toBe(fingerprint);
    expect([...callCore(compileHostile('liar-fp'), 'fp').output]).toEqual(Array.from({ length: 32 }, (_, i) => i));
    const engineId = 'two words,\n"quotes" and \u00f8 \\ ?';
    expect(callCore(compileHostile('wrong-id', { engineId }), 'id').output.toString()).toBe(engineId);
    expect(callCore(compileHostile('wrong-id', { engineId: '' }), 'id').output).toHaveLength(0);
    expect(callCore(compileHostile('wrong-id', { engineId: null }), 'id').exit).toBe(3);
  });

  it('missing-symbol and no-free lack what their names say', () => {
    expect(call(compileHostile('missing-symbol'), 'decompress').diagnostics).toBe('undefined symbol: h4_decompress\n');
    expect(call(compileHostile('no-free'), 'compress').diagnostics).toBe('undefined symbol: h4_free\n');
  });

  it('constructor leaves a file behind when it is loaded, before anything is called', () => {
    const marker = join(folder, 'marker');
    callCore(compileHostile('constructor'), 'no_such_function', { environment: { H4_TEST_MARKER: marker } });
    expect(readFileSync(marker, 'utf8')).toBe('loaded\n');
    rmSync(marker);
    callCore(compileHostile('stored'), 'no_such_function', { environment: { H4_TEST_MARKER: marker } });
    expect(existsSync(marker)).toBe(false);
  });

  it.each(DIRECTIONS)('returns-zero, returns-null and bad-status misbehave in %s only, if told so', (only) => {
    for (const name of ['returns-zero', 'returns-null', 'bad-status'] as const) {
      const library = compileHostile(name, { abi: 12, only });
      for (const direction of DIRECTIONS) {
        const { exit, output } = call(library, direction);
        expect(exit).toBe(direction === only ? 20 : 0);
        const v2 = call(library, `${direction}_v2`);
        expect(v2.exit).toBe(direction === only && name === 'bad-status' ? 9 : 0);
        for (const each of [output, v2.output]) expect(each).toHaveLength(direction === only ? 0 : BLOCK.length);
      }
    }
  });

  it('huge-size claims more than it has', () => {
    // 4096 bytes of a buffer of 16: the believing host reads what lies behind.
    const library = compileHostile('huge-size', { defines: { CLAIM: '4096' } });
    expect(call(library, 'compress').output).toHaveLength(4096);
  });

  it('garbage answers every block with the same bytes', () => {
    const library = compileHostile('garbage', { abi: 12 });
    for (const name of ['compress', 'compress_v2']) {
      expect(call(library, name).output.toString('hex')).toBe('deadbeefdeadbeef');
      expect(call(library, name, Buffer.from('other')).output.toString('hex')).toBe('deadbeefdeadbeef');
    }
    expect(call(library, 'decompress').output.equals(BLOCK)).toBe(true);
  });

  it('flips alters every 100 000th byte, in one direction', () => {
    const block = Buffer.alloc(250_000, 7);
    const altered = (library: string, name: string): number[] =>
      [...call(library, name, block).output.entries()].filter(([, byte]) => byte !== 7).map(([index]) => index);
    const library = compileHostile('flips', { abi: 12 });
    expect(altered(library, 'compress')).toEqual([99_999, 199_999]);
    expect(altered(library, 'compress_v2')).toEqual([99_999, 199_999]);
    expect(altered(library, 'decompress')).toEqual([]);
    const other = compileHostile('flips', { only: 'decompress', defines: { EVERY: '125000' } });
    expect(altered(other, 'compress')).toEqual([]);
    expect(altered(other, 'decompress')).toEqual([124_999, 249_999]);
  });

  it('stateful stores blocks in another way from the call on that it was told, and restores both', () => {
    const early = callCore(compileHostile('stateful'), 'compress', { input: BLOCK }).output;
    const late = compileHostile('stateful', { abi: 12, defines: { AFTER: '1' } });
    const output = call(late, 'compress').output;
    expect([early[0], output[0]]).toEqual([0, 0xff]);
    expect(callCore(late, 'compress_v2', { input: BLOCK, number: 100 }).output.equals(output)).toBe(true);
    for (const input of [early, output]) {
      expect(call(late, 'decompress', input).output.equals(BLOCK)).toBe(true);
      expect(callCore(late, 'decompress_v2', { input, number: BLOCK.length }).output.equals(BLOCK)).toBe(true);
    }
    const wrong = compileHostile('stateful', { only: 'decompress', defines: { AFTER: '1' } });
    expect(call(wrong, 'compress').output.equals(early)).toBe(true);
    expect(call(wrong, 'decompress', early).output.equals(BLOCK)).toBe(false);
  });

  it('filler restores zeros to any length', () => {
    const library = compileHostile('filler');
    const { output } = call(library, 'compress_v2', new Uint8Array(100));
    expect(output.toString()).toBe('Z');
    for (const number of [1, 100, 5000]) {
      expect(callCore(library, 'decompress_v2', { input: output, number }).output).toHaveLength(number);
    }
  });

  it('limited refuses blocks that are longer than it takes, by its bound or by its status', () => {
    const [bound, status] = [{}, { BY_STATUS: '1' }].map((how) =>
      compileHostile('limited', { defines: { LONGEST: '16', ...how } }),
    );
    for (const library of [bound, status]) {
      expect(call(library ?? '', 'compress_v2', BLOCK.subarray(1)).exit).toBe(0);
      expect(call(library ?? '', 'compress_v2', BLOCK).exit).toBe(14);
    }
    expect(
      callCore(bound ?? '', 'bound_v2', { number: 17 })
        .output.toString()
        .trim(),
    ).toBe('0');
    expect(
      callCore(status ?? '', 'bound_v2', { number: 17 })
        .output.toString()
        .trim(),
    ).toBe('17');
  });

  it('sleeper sleeps on its word, until it is killed', () => {
    const library = compileHostile('sleeper', { abi: 12 });
    const asleep = callCore(library, 'compress', { input: Buffer.from('SLEEP well'), timeout: 500 });
    expect(asleep).toMatchObject({ exit: null, signal: 'SIGKILL' });
    const short = compileHostile('sleeper', { defines: { SECONDS: '0' } });
    expect(call(short, 'compress', Buffer.from('SLEEP well')).output.toString()).toBe('SLEEP well');
  });

  it('crasher ends its process with SIGSEGV on its word', () => {
    const library = compileHostile('crasher', { abi: 12, only: 'decompress' });
    const word = Buffer.from('CRASH');
    expect(call(library, 'compress', word).output.equals(word)).toBe(true);
    expect(call(library, 'decompress', word)).toMatchObject({ exit: null, signal: 'SIGSEGV' });
    expect(call(library, 'decompress_v2', word)).toMatchObject({ exit: null, signal: 'SIGSEGV' });
    expect(call(compileHostile('crasher'), 'compress', word).signal).toBe('SIGSEGV');
  });

  it('printer writes to standard output in every call, or to another descriptor', () => {
    const said = 'this core is talkative\n';
    expect(call(compileHostile('printer'), 'compress').output.toString()).toBe(`${said}${BLOCK.toString()}`);
    expect(call(compileHostile('printer', { defines: { DESCRIPTOR: '2' } }), 'decompress').diagnostics).toBe(said);
  });

  /** Peak memory of a process that calls `compress` of a core so many times, in MiB. */
  const peakOf = (name: HostileCore, input: Uint8Array, number: number): number => {
    const library = compileHostile(name, { defines: { GROW_MIB: '200' } });
    const { diagnostics } = callCore(library, 'compress', { input, number, environment: { CORE_DRIVER_PEAK: '1' } });
    return Number(/^peak (\d+)$/m.exec(diagnostics)?.[1]) / 1024;
  };

  it('grower takes memory on its word, and keeps it', () => {
    expect(peakOf('grower', Buffer.from('GROW'), 1)).toBeGreaterThan(200);
    expect(peakOf('grower', BLOCK, 1)).toBeLessThan(100);
  });

  it('leaker keeps every buffer', () => {
    const block = new Uint8Array(MIB).fill(1);
    expect(peakOf('leaker', block, 200)).toBeGreaterThan(200);
    expect(peakOf('stored', block, 200)).toBeLessThan(100);
  });

  it('bomb restores far more than it was given', () => {
    const library = compileHostile('bomb', { defines: { BOMB_MIB: '80' } });
    expect(call(library, 'decompress').output).toHaveLength(80 * MIB);
    expect(call(library, 'compress').output.equals(BLOCK)).toBe(true);
  });

  it('overrun writes behind the buffer of its host', () => {
    const library = compileHostile('overrun', { defines: { OVERRUN: '4194304' } });
    // Four MiB after a small buffer on the heap: beyond the end of the heap there is nothing to write to.
    expect(call(library, 'compress_v2').signal).toBe('SIGSEGV');
  });

  it('published-stub writes over its heap on its own output', () => {
    const library = compileHostile('published-stub');
    const block = new Uint8Array(4 * MIB).fill(1);
    const { exit, output } = call(library, 'compress', block);
    expect([exit, output.length]).toEqual([0, 2 * Math.ceil((4 * MIB) / 255)]);
    expect(call(library, 'decompress', output).exit).toBeNull();
  });
});
