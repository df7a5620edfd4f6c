/** `spec/engine.md` against the header, the table of error codes and itself: what an author of a core copies must be true. */

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/utils/error-codes.js';
import { ENGINE_ID_FORM } from '../../src/compression/seal.js';

const at = (path: string) => new URL(`../../${path}`, import.meta.url);
const page = readFileSync(at('spec/engine.md'), 'utf8');
const header = readFileSync(at('cores/include/h4_engine.h'), 'utf8');

/** One blank wherever there is white space. */
const flat = (text: string): string => text.replace(/\s+/g, ' ').trim();
/** The header without comments, and without what a prototype says to a linker. */
const declarations = flat(header.replace(/\/\*[^]*?\*\//g, ' ').replace(/\bH4_API\b|H4_NAME\(\w+\)/g, ' ')).replace(
  / ;/g,
  ';',
);
const prototypes = [...page.matchAll(/^```c\n([^]*?)^```$/gm)]
  .flatMap(([, block = '']) => block.split('\n'))
  .filter((line) => line !== '')
  .map(flat);

describe('spec/engine.md', () => {
  it('numbers its rules without gaps, each once, and refers to none that is not there', () => {
    const rules = [...page.matchAll(/^\*\*E(\d+)\./gm)].map(([, number]) => Number(number));
    expect(rules).toEqual(Array.from(rules, (_, i) => i + 1));
    expect(rules.length).toBeGreaterThan(50);
    for (const [, number] of page.matchAll(/\bE(\d+)\b/g)) expect(Number(number)).toBeLessThanOrEqual(rules.length);
  });

  it('has the prototypes of the header, all of them but h4_alloc', () => {
    expect(prototypes).toHaveLength(8);
    for (const prototype of prototypes) expect(declarations).toContain(prototype);
    const named = [...declarations.matchAll(/\b(h4_\w+)\([^()]*\);/g)].map(([, name]) => name);
    const here = prototypes.map((line) => /\b(h4_\w+)\(/.exec(line)?.[1]);
    expect(named.sort()).toEqual([...here, 'h4_alloc'].sort());
  });

  it('has the status codes of the header', () => {
    const rows = [...page.matchAll(/^\| (\d) +\| `(H4_\w+)`/gm)].map(([, value, name]) => `${name} = ${value}`);
    expect(declarations).toContain(`enum { ${rows.join(', ')} };`);
    expect(rows).toHaveLength(5);
  });

  it('has the bounds and the form of an id that the header and the code have', () => {
    expect(header).toContain('#define H4_MAX_COMPRESSED(in_len) (2 * (size_t)(in_len) + (size_t)64 * 1024)');
    expect(page).toContain(`\`2 * n + ${64 * 1024}\``);
    const [, form] = /matches `(\[[^`]+)`/.exec(page) ?? [];
    expect(ENGINE_ID_FORM.source).toBe(`^${form}$`);
  });

  it('names error codes that exist, and lists every code of cores and engines', () => {
    const codes = new Set(page.match(/\bH4_(?:CORE|ENGINE)_[A-Z_]+\b/g));
    for (const code of codes) expect(Object.keys(ERROR_CODES)).toContain(code);
    const listed = [...page.matchAll(/^\| (H4_\w+) +\|/gm)].map(([, code]) => code);
    const known = Object.keys(ERROR_CODES).filter((code) => /^H4_(?:CORE|ENGINE)_/.test(code));
    expect(listed.sort()).toEqual(known.sort());
  });

  it('has contents and links that lead somewhere', () => {
    const anchors = [...page.matchAll(/^## (.*)$/gm)].map(
      ([, title = '']) =>
        `#${title
          .toLowerCase()
          .replace(/[^a-z0-9 ]/g, '')
          .replaceAll(' ', '-')}`,
    );
    expect([...page.matchAll(/\]\((#[^)]+)\)/g)].map(([, anchor]) => anchor)).toEqual(anchors);
    for (const [, link = ''] of page.matchAll(/\]\(([^#)]+)\)/g)) {
      expect(existsSync(new URL(link, at('spec/engine.md'))), link).toBe(true);
    }
  });
});
