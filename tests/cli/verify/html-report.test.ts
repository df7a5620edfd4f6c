import { readFile, readdir } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { markup } from '../../../src/cli/verify/markup.js';
import { toHex } from '../../../src/utils/bytes.js';
import { sha256 } from '../../../src/utils/sha256.js';
import { describeShared } from '../../support/shared.js';
import { type Element, elementsOf, parseMarkup, textOf } from '../support/markup.js';
import {
  TEN_BLOCKS,
  flipped,
  noise,
  offsetsOf,
  ownTemporaryFolder,
  recording,
  temporaryFolder,
} from '../support/files.js';
import { cli } from '../support/harness.js';

const folder = temporaryFolder();
ownTemporaryFolder(folder);
let [sound, live, broken, many] = ['', '', '', ''];

beforeAll(async () => {
  const whole = await recording(TEN_BLOCKS, {}, {});
  sound = await folder.write('sound.h4mk', whole);
  live = await folder.write('live.h4mk', await recording(TEN_BLOCKS));
  broken = await folder.write('broken.h4mk', flipped(whole, (offsetsOf(whole, 'CORE')[3] ?? 0) + 50));
  const long = await recording(
    Array.from({ length: 60 }, (_, i) => ({ pts: i, bytes: noise(50, i + 1) })),
    {},
    {},
  );
  many = await folder.write('many.h4mk', flipped(long, ...offsetsOf(long, 'CORE').map((offset) => offset + 20)));
});

interface Page {
  readonly code: number;
  readonly html: string;
  readonly root: Element;
  readonly text: string;
}

async function report(...argv: readonly string[]): Promise<Page> {
  const out = folder.path('report.html');
  const { code } = await cli(['verify', '--report', out, '--force', ...argv]);
  const html = await readFile(out, 'utf8');
  const root = parseMarkup(html);
  return { code, html, root, text: textOf(root) };
}

const named = (root: Element, name: string): Element[] => [...elementsOf(root)].filter((each) => each.name === name);
const titles = (root: Element): string[] =>
  [...elementsOf(root)].filter(({ name }) => /^h[1-4]$/.test(name)).map(textOf);

/** What must hold of every report, whatever is in it. */
function expectSober({ root, html }: Page): void {
  const all = [...elementsOf(root)];
  const names = new Set(all.map(({ name }) => name));
  for (const active of [
    'script',
    'iframe',
    'object',
    'embed',
    'link',
    'img',
    'form',
    'base',
    'foreignObject',
    'image',
  ]) {
    expect(names.has(active)).toBe(false);
  }
  const ids = all.flatMap(({ attributes }) => attributes['id'] ?? []);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { name, attributes } of all) {
    for (const [key, value] of Object.entries(attributes)) {
      expect(key).not.toMatch(/^on|^style$|^src/);
      if (key === 'href') expect(ids).toContain(value.slice(1));
      if (value.includes('url(')) expect(ids).toContain(/^url\(#([\w-]+)\)$/.exec(value)?.[1]);
      if (key === 'aria-labelledby') for (const id of value.split(' ')) expect(ids).toContain(id);
    }
    if (name === 'th') expect(['row', 'col']).toContain(attributes['scope']);
    if (name === 'svg') expect(attributes['aria-hidden'] ?? attributes['aria-labelledby']).toBeDefined();
  }
  expect(textOf(named(root, 'style')[0] ?? root)).not.toMatch(/url\(|@import/);
  expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  const levels = all.flatMap(({ name }) => /^h([1-6])$/.exec(name)?.[1] ?? []).map(Number);
  expect(levels[0]).toBe(1);
  expect(levels.filter((level) => level === 1)).toHaveLength(1);
  for (const [i, level] of levels.entries()) expect(level - (levels[i - 1] ?? 0)).toBeLessThanOrEqual(1);
}

describe('verify --report about one file', () => {
  test('says the verdict first, then what that shows and what it does not', async () => {
    const page = await report(sound);
    expectSober(page);
    expect(page.code).toBe(0);
    expect(titles(page.root)).toEqual([
      `Check of ${sound}`,
      'What this check shows',
      'What it does not show',
      'The file',
      'Which file',
      'What fills it',
      'Findings',
      'What was checked, and how',
      'How to repeat this check',
    ]);
    const { text } = page;
    expect(text.indexOf('Undamaged. Who made it is not proven.')).toBeLessThan(text.indexOf('What this check shows'));
    for (const sentence of [
      'Who made it. No key was given to this check.',
      'That nobody changed it on purpose.',
      'That what it shows happened.',
      'When it was recorded.',
      'That this is all there is.',
      'Findings None.',
    ]) {
      expect(text).toContain(sentence);
    }
  });

  test('identifies the file, and says how to repeat the check', async () => {
    const bytes = await readFile(sound);
    const { root, text } = await report(sound, '--allow', 'prefix,slice');
    const facts = named(root, 'tr').map(textOf);
    expect(facts).toContain(`SHA-256 of the whole file ${toHex(sha256(bytes))}`);
    expect(facts).toContain(`name ${sound}`);
    expect(facts).toContain('records 13');
    expect(facts).toContain('tracks 1');
    expect(facts).toContain('time, as the file states it 0:00:00.000 to 0:00:00.400');
    expect(facts.find((row) => row.startsWith('root of the hash tree '))).toMatch(/ [0-9a-f]{64}$/);
    expect(text).toContain(`harmony4 verify --allow slice,prefix --report REPORT.html ${sound}`);
    expect(text).toContain('Accepted without being called a loss: slice, prefix.');
  });

  test('draws what fills the file, and says the same in words', async () => {
    const { root } = await report(broken);
    const [svg] = named(root, 'svg');
    expect(textOf(named(svg ?? root, 'desc')[0] ?? root)).toMatch(/% Records: .*; findings at offset \d+/);
    expect(named(svg ?? root, 'path').filter(({ attributes }) => attributes['class'] === 'marker')).toHaveLength(2);
    const drawn = named(svg ?? root, 'rect').filter(({ attributes }) => attributes['fill'] !== undefined);
    const end = drawn.map(({ attributes: { x, width } }) => Number(x) + Number(width)).at(-1);
    expect(end).toBeCloseTo(720, 1);
    const rows = named(root, 'table').find(({ attributes }) => attributes['class'] === 'parts');
    expect(textOf(rows ?? root)).toContain('Descriptions 2 449 bytes');
  });

  test('tells findings with their meaning and what to do, and counts those beyond the first', async () => {
    const page = await report(many);
    expectSober(page);
    expect(page.code).toBe(1);
    expect(page.text).toContain('Failed. This file must not be relied on.');
    expect(page.text).toMatch(/Error H4_CRC_MISMATCH at offset \d+ The payload of a chunk does not have the CRC/);
    expect(page.text.match(/What to do: The file is not as it was written/g)).toHaveLength(1);
    expect(page.text).toMatch(/And \d+ more errors; --json lists them/);
    expect(page.text).not.toContain('No accident has changed');
  });

  test('says of a recording without an end what is missing', async () => {
    const page = await report(live);
    expectSober(page);
    expect(page.code).toBe(3);
    expect(page.text).toContain('Undamaged as far as it goes, but not all of a recording. Who made it is not proven.');
    expect(page.text).toContain('It has no end: it is still being written, or it was cut off.');
    const accepted = await report(live, '--allow', 'prefix');
    expect(accepted.code).toBe(0);
    expect(accepted.text).toContain('It has no end');
    expect(accepted.text).toContain('Whoever ran this check chose to accept that.');
  });

  test('is about a file that cannot be read, too', async () => {
    const page = await report(folder.path('missing'));
    expectSober(page);
    expect(page.code).toBe(4);
    expect(page.text).toContain('Not checked. The file could not be read.');
    expect(page.text).toContain('H4_IO Cannot open');
  });

  test('holds a date only if it is given a clock', async () => {
    const out = folder.path('dated.html');
    await cli(['verify', '--report', out, sound], { utcMicros: () => 1_700_000_000_123_456 });
    expect(await readFile(out, 'utf8')).toContain('2023-11-14 22:13:20 UTC by the clock of the machine');
    expect((await report(sound)).html).not.toContain('UTC');
  });
});

describe('verify --report about several files', () => {
  test('begins with a table that leads to a section for each', async () => {
    const page = await report(sound, live, broken, folder.path('missing'));
    expectSober(page);
    expect(page.code).toBe(1);
    const [table] = named(page.root, 'table');
    const rows = named(table ?? page.root, 'tr').map((row) => textOf(row).replace(/[\d.]+ KiB/, 'N KiB'));
    expect(rows).toEqual([
      'file verdict size errors warnings',
      `${sound} ✓ undamaged N KiB 0 0`,
      `${live} ! undamaged, but not all N KiB 0 0`,
      `${broken} ✗ failed N KiB 3 0`,
      `${folder.path('missing')} ? not checked – 1 0`,
    ]);
    expect(page.text).toContain(
      '1 file failed and must not be relied on. 1 file could not be checked. 1 file is not all of a recording.',
    );
    expect(page.text).toContain('No accident has changed what is in a file that is called undamaged.');
    expect(titles(page.root)).toContain(sound);
    expect(page.root.name).toBe('html');
  });

  test('says it in one sentence where all is well, or one thing is not', async () => {
    expect((await report(sound, sound)).text).toContain('✓ All are undamaged. Who made the files is not proven.');
    expect((await report(live, live)).text).toContain('! 2 files are not all of a recording.');
    expect((await report(sound, folder.path('missing'))).text).toContain('? 1 file could not be checked.');
  });

  test('shows the beginning of a long command line', async () => {
    const { text } = await report(...Array.from({ length: 25 }, () => sound));
    expect(text).toContain(`${sound} … and 5 more`);
  });
});

describe('text from outside', () => {
  const NAMES = [
    '<script>alert(1)</script>.h4mk',
    '"onload="x" \'y\' &amp; <b>.h4mk',
    'evil\u202egpj.h4mk',
    'line\nbreak\x1b[31m.h4mk',
    "it's $(touch x).h4mk",
  ];

  test.each(NAMES)('is harmless in a report: %j', async (name) => {
    const path = await folder.write(name.replaceAll('/', '∕'), await readFile(sound));
    for (const files of [[path], [path, sound]]) {
      const page = await report(...files);
      expectSober(page);
      // eslint-disable-next-line no-control-regex -- that there are none is what is tested
      expect(page.html).not.toMatch(/[\u202a-\u202e\u2066-\u2069\x00-\x09\x0b-\x1f\x7f]/);
      expect(page.html).not.toContain('<script');
      expect(titles(page.root).some((title) => title.includes('h4mk'))).toBe(true);
    }
  });

  test('is quoted where it is part of a command', async () => {
    const path = await folder.write("it's $(touch x).h4mk", await readFile(sound));
    expect((await report(path)).text).toContain(`'${folder.path("it'\\''s $(touch x).h4mk")}'`);
  });
});

describe('markup', () => {
  test('spells out what would act on a reader instead of being read', () => {
    expect(markup`<p>${'a\u202eb\x1b[31m\n'}</p>`.text).toBe('<p>a\\u{202e}b\\x1b[31m\\n</p>');
  });

  test('escapes every value but markup', () => {
    const inner = markup`<b>${'<&>"\''}</b>`;
    expect(markup`<p title="${'"x"'}">${inner}${[1, inner, undefined]}\n</p>`.text).toBe(
      '<p title="&quot;x&quot;"><b>&lt;&amp;&gt;&quot;&#39;</b>1<b>&lt;&amp;&gt;&quot;&#39;</b>\n</p>',
    );
  });
});

describe('the look of a report', () => {
  const luminance = (hex: string): number => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
      const value = parseInt(hex.slice(at, at + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a: string, b: string): number => {
    const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (light + 0.05) / (dark + 0.05);
  };

  test('has enough contrast in light, in the dark and on paper', async () => {
    const style = textOf(named((await report(sound)).root, 'style')[0] ?? (await report(sound)).root);
    const themes = Array.from(style.matchAll(/:root \{([^}]*--paper[^}]*)\}/g), ([, body = '']) =>
      Object.fromEntries(
        Array.from(body.matchAll(/--(\w+): (#[0-9a-f]{6})/g), ([, key = '', value = '']) => [key, value]),
      ),
    );
    expect(themes).toHaveLength(3);
    for (const theme of themes) {
      for (const text of ['ink', 'muted', 'sound', 'loss', 'broken', 'unreadable']) {
        for (const ground of ['paper', 'tint']) {
          expect([text, ground, contrast(theme[text] ?? '', theme[ground] ?? '') >= 4.5]).toEqual([text, ground, true]);
        }
      }
    }
  });
});

describeShared('reports about the samples', (shared) => {
  test('are sober for every sample, sound or broken, and say of signatures that they count for nothing', async () => {
    const folders = [`${shared}/samples`, `${shared}/samples/broken`];
    for (const path of folders) {
      for (const name of (await readdir(path)).filter((each) => each.endsWith('.h4mk'))) {
        const page = await report(`${path}/${name}`);
        expectSober(page);
        expect([name, page.text.includes('not proven') || page.code === 1]).toEqual([name, true]);
      }
    }
    expect((await report(`${shared}/samples/signed.h4mk`)).text).toMatch(
      /\d+ signed checkpoints? in it (was|were) not checked/,
    );
    expect((await report(`${shared}/samples/redacted.h4mk`)).text).toContain('The content of 2 records was removed.');
    expect((await report(`${shared}/samples/slice.h4mk`)).text).toContain('It is a slice, some records');
    expect((await report(`${shared}/samples/legacy.h4mk`)).text).not.toContain('records 0');
  });
});
