/**
 * The result of a check as one HTML file for people who must decide: the verdict first, then what that shows and, as
 * prominently, what it does not. Nothing in the file is fetched or run: it reads the same offline, on paper and in ten years.
 */
import type { ByteSink } from '../../container/io/io.js';
import { utf8Encode } from '../../utils/bytes.js';
import { formatBytes } from '../byte-counts.js';
import type { Context } from '../context.js';
import { inputName } from '../input.js';
import { counted } from '../text.js';
import { VERSION } from '../version.js';
import type { Checked } from './checker.js';
import { fileDetails, verdictBox } from './html-section.js';
import { STYLE } from './html-style.js';
import { type Markup, markup } from './markup.js';
import { MARKS, type Statement, notShown, shortVerdict, shown } from './plain-words.js';
import { Spool } from './spool.js';
import { type Tally, standingOf } from './tally.js';
import { tallyLine } from './tally-view.js';
import type { Allowance } from './verdict.js';

export interface HtmlReportOptions {
  /** What was checked, as it was typed. */
  readonly files: readonly string[];
  readonly recursive?: boolean;
  readonly allow: ReadonlySet<Allowance>;
}

/** How many of the typed names the command that repeats the check shows. */
const MAX_TYPED = 20;

export class HtmlReport {
  readonly #sink: ByteSink;
  readonly #options: HtmlReportOptions;
  readonly #context: Context;
  /** Lines of the table that stands before all sections, and the sections. */
  readonly #rows = new Spool();
  readonly #sections = new Spool();
  /** The only file so far, which needs no table. */
  #first: { readonly name: string; readonly checked: Checked } | undefined;
  #count = 0;
  #signatures = 0;
  #isProven = true;

  constructor(sink: ByteSink, options: HtmlReportOptions, context: Context) {
    this.#sink = sink;
    this.#options = options;
    this.#context = context;
  }

  /** `name` is as the file was named or found. */
  async add(name: string, checked: Checked): Promise<void> {
    this.#count++;
    this.#first ??= { name, checked };
    this.#signatures += checked.report.signature_count;
    this.#isProven &&= checked.report.proven;
    const id = `file-${this.#count}`;
    const { command } = this.#context.io;
    const standing = standingOf(checked);
    const { report } = checked;
    const row = markup`<tr class="${standing}">
      <th scope="row"><a href="#${id}">${name}</a></th>
      <td class="verdict-cell"><span class="mark" aria-hidden="true">${MARKS[standing]}</span> ${shortVerdict(checked)}</td>
      <td class="number" data-label="size">${checked.failure === undefined ? formatBytes(report.bytes) : '–'}</td>
      <td class="number" data-label="errors">${report.error_count}</td>
      <td class="number" data-label="warnings">${report.warning_count}</td>
    </tr> `;
    const section = markup`<section class="file" id="${id}">
      <h2>${name}</h2>
      ${verdictBox(checked)} ${fileDetails(id, name, checked, command)}
    </section> `;
    await this.#rows.append(row.text);
    await this.#sections.append(section.text);
  }

  async finish(tally: Tally): Promise<void> {
    const { files, recursive = false } = this.#options;
    const only = !recursive && files.length === 1 ? this.#first : undefined;
    const title = only === undefined ? `Check of ${counted(tally.files, 'file')}` : `Check of ${only.name}`;
    await this.#write(documentStart(title));
    if (only === undefined) await this.#writeTable(tally);
    else await this.#write(verdictBox(only.checked));
    await this.#write(this.#meaning(tally));
    if (only === undefined) await this.#copy(this.#sections);
    else {
      const details = fileDetails('file-1', only.name, only.checked, this.#context.io.command);
      await this.#write(markup`<section class="details">
        <h2>The file</h2>
        ${details}
      </section>`);
    }
    await this.#write(markup`${this.#method()}</main>${this.#footer()}</body></html>\n`);
  }

  /** Removes what was gathered. */
  async close(): Promise<void> {
    await Promise.all([this.#rows.close(), this.#sections.close()]);
  }

  async #writeTable(tally: Tally): Promise<void> {
    const { broken, unreadable, loss } = tally.counts;
    const standing = broken > 0 ? 'broken' : unreadable > 0 ? 'unreadable' : loss > 0 ? 'loss' : 'sound';
    const verdict =
      standing === 'sound'
        ? 'All are undamaged.'
        : [
            ...(broken > 0 ? [`${counted(broken, 'file')} failed and must not be relied on.`] : []),
            ...(unreadable > 0 ? [`${counted(unreadable, 'file')} could not be checked.`] : []),
            ...(loss > 0 ? [`${counted(loss, 'file')} ${loss === 1 ? 'is' : 'are'} not all of a recording.`] : []),
          ].join(' ');
    const origin = this.#isProven ? '' : ' Who made the files is not proven.';
    await this.#write(markup`<div class="verdict ${standing}">
        <p class="title"><span class="mark" aria-hidden="true">${MARKS[standing]}</span> ${verdict}${origin}</p>
        <p>${tallyLine(tally)}.</p>
      </div>
      <h2>All files</h2>
      <table class="files">
        <caption>Each name leads to what was found.</caption>
        <thead>
          <tr>
            <th scope="col">file</th>
            <th scope="col">verdict</th>
            <th scope="col" class="number">size</th>
            <th scope="col" class="number">errors</th>
            <th scope="col" class="number">warnings</th>
          </tr>
        </thead>
        <tbody>`);
    await this.#copy(this.#rows);
    await this.#write(markup`</tbody></table>`);
  }

  #meaning(tally: Tally): Markup {
    const list = (statements: readonly Statement[]): Markup =>
      markup`<ul>
        ${statements.map(({ title, text }) => markup`<li><strong>${title}</strong> ${text}</li> `)}
      </ul>`;
    return markup`<div class="pair">
      <section>
        <h2>What this check shows</h2>
        ${list(shown(tally.counts, tally.hasUnhashed))}
      </section>
      <section>
        <h2>What it does <em>not</em> show</h2>
        ${list(notShown({ proven: this.#isProven, signatures: this.#signatures }))}
      </section>
    </div> `;
  }

  #method(): Markup {
    const { allow } = this.#options;
    return markup`<section>
      <h2>What was checked, and how</h2>
      <ul class="plain">
        <li>
          Every byte was read, in order, as far as the file makes sense. The SHA-256 of the whole file was taken over the
          bytes of that same reading.
        </li>
        <li>The frame: each part has the length, the place and the checksum (CRC-32) that it states.</li>
        <li>
          The records: each has the next number, begins where the one before ended, and its content hashes to the
          commitment (SHA-256) in its header.
        </li>
        <li>
          The hash tree over all records (RFC 6962), every index, and the hash of the whole were computed again and
          compared with what is stored.
        </li>
        <li>
          Slices carry proofs for the records that they hold; files of the older form have checksums and one hash, and
          no records.
        </li>
        <li>
          Signatures:
          ${this.#isProven ? 'checked with the keys that were given.' : 'none was checked, because no key was given.'}
        </li>
        <li>Accepted without being called a loss: ${allow.size === 0 ? 'nothing.' : `${[...allow].join(', ')}.`}</li>
      </ul>
      <h2>How to repeat this check</h2>
      <p>On any machine with this software. The result does not depend on when or where it is run:</p>
      <pre><code>${this.#commandLine()}</code></pre>
      <p>
        That a copy is the file of this report shows when its SHA-256, by any program (<code>sha256sum FILE</code>), is
        the one above. Keep this report where whoever keeps the file cannot change it.
      </p>
    </section> `;
  }

  #commandLine(): string {
    const { files, recursive = false, allow } = this.#options;
    const options = [
      ...(recursive ? ['--recursive'] : []),
      ...(allow.size > 0 ? ['--allow', [...allow].join(',')] : []),
      ...['--report', 'REPORT.html'],
    ];
    const names = files.slice(0, MAX_TYPED).map((file) => quoted(file === '-' ? file : inputName(file)));
    const more = files.length > MAX_TYPED ? ` … and ${files.length - MAX_TYPED} more` : '';
    return `${this.#context.io.command} verify ${[...options, ...names].join(' ')}${more}`;
  }

  #footer(): Markup {
    const micros = this.#context.io.utcMicros?.();
    const date =
      micros === undefined
        ? ''
        : `, ${new Date(micros / 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC by the clock of the machine that ran it`;
    return markup`<footer>
      <p class="small">
        Made by harmony4 ${VERSION}${date}. This page needs no network, holds no script, and is not signed: it is worth
        what you know about who gave it to you.
      </p>
    </footer>`;
  }

  async #write(piece: Markup): Promise<void> {
    await this.#sink.write(utf8Encode(piece.text));
  }

  async #copy(spool: Spool): Promise<void> {
    for await (const piece of spool.pieces()) await this.#sink.write(piece);
  }
}

function documentStart(title: string): Markup {
  return markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<meta name="generator" content="harmony4 ${VERSION}"/>
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<p class="kicker">HarmonyØ4: report of a check</p>
<h1>${title}</h1>
</header>
<main>
`;
}

/** For a shell: as it is, or in quotes. */
function quoted(word: string): string {
  return /^[\w./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
