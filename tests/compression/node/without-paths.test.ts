import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withoutPaths } from '../../../src/compression/node/without-paths.js';

/** Elsewhere than where the tests run. */
const temporaryFolder = resolve('/nowhere');

describe('withoutPaths()', () => {
  const full = resolve('core');

  test.each([
    ['Compression core not found: core. Check it', 'Compression core not found: (path). Check it'],
    [
      'Cannot load the compression core core: it is a folder',
      'Cannot load the compression core (path): it is a folder',
    ],
    ['Cannot load the compression core: its process died', 'Cannot load the compression core: its process died'],
    ["ENOENT: no such file or directory, open 'core'", "ENOENT: no such file or directory, open '(path)'"],
    [`Cannot read "core", in full ${full}`, 'Cannot read "(path)", in full (path)'],
    [
      'The core is not the one: core files differ, try another core',
      'The core is not the one: core files differ, try another core',
    ],
    [`${full}: cannot open`, '(path): cannot open'],
    [`${full}.bak and ${full}s and /mnt${full} are others`, `${full}.bak and ${full}s and /mnt${full} are others`],
  ])('of a bare name that is a word as well: %j', (message, expected) => {
    expect(withoutPaths(message, { corePath: 'core', temporaryFolder })).toBe(expected);
  });

  test.each([
    ['Compression core not found: ./core.so. Check it', 'Compression core not found: (path). Check it'],
    [`dlopen(${resolve('core.so')}) failed`, 'dlopen((path)) failed'],
    ['(./core.so.)', '((path).)'],
    ['in /srv/./core.so, in ../core.so, in ./core.so.1', 'in /srv/./core.so, in ../core.so, in ./core.so.1'],
  ])('of a relative path: %j', (message, expected) => {
    expect(withoutPaths(message, { corePath: './core.so', temporaryFolder })).toBe(expected);
  });

  test.each([
    ["open '/a b/ø.so': /a b/ø.so", "open '(path)': (path)"],
    ['/a b/ø.so', '(path)'],
    ['no /a b/ø.sø, no /x/a b/ø.so, no /a b/ø.so-1', 'no /a b/ø.sø, no /x/a b/ø.so, no /a b/ø.so-1'],
  ])('of a path with blanks and other letters: %j', (message, expected) => {
    expect(withoutPaths(message, { corePath: '/a b/ø.so', temporaryFolder })).toBe(expected);
  });

  test('of several: the longest first, and what lies in a folder keeps its name only', () => {
    const paths = { corePath: '/srv/h4/core.so', temporaryFolder: '/srv', equivalentsPath: '/srv/h4' };
    expect(withoutPaths('/srv/h4/core.so, /srv/h4, /srv/x/core.so, /srv', paths)).toBe(
      '(path), (path), (path)/x/core.so, (path)',
    );
  });

  test('of the folder for private copies, also where it is that of the system', () => {
    const copy = `${tmpdir()}/harmony4-core-x/core.so: cannot map`;
    expect(withoutPaths(copy, {})).toBe('(path)/harmony4-core-x/core.so: cannot map');
    expect(withoutPaths('Cannot put a copy into /var/run: full', { temporaryFolder: '/var/run' })).toBe(
      'Cannot put a copy into (path): full',
    );
  });

  test('of a path whose letters mean something to a pattern', () => {
    const corePath = '/opt/a+b(c)[d]{e}^$|?*.so';
    expect(withoutPaths(`found ${corePath}, not /opt/aab`, { corePath })).toBe('found (path), not /opt/aab');
  });
});
