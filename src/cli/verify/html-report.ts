/**
 * The result of a check as one HTML file for people who must decide: the verdict first, then what that shows and, as
 * prominently, what it does not. Nothing in the file is fetched or run: it reads the same offline, on paper and in ten years.
 */
import type { ByteSink } from '../../container/io/io.js';
import { utf8Encode } from '../../utils/bytes.js';
import { formatBytes } from '../byte-counts.js';
import type { Context } from '../context.js';
import { counted } from '../text.js';
import { VERSION } from '../version.js';
import type { Checked } from './checker.js';
import { type MethodOptions, methodSection } from './html-method.js';
import { type DetailOptions, fileDetails, verdictBox } from './html-section.js';
import { STYLE } from './html-style.js';
import { type Markup, markup } from './markup.js';
import { type Facts, notShown, shown } from './plain-meaning.js';
import { MARKS, type Statement, shortVerdict } from './plain-words.js';
import { cosignersOf } from './signers.js';
import { Spool } from './spool.js';
import { type Tally, standingOf } from './tally.js';
import { tallyLine } from './tally-view.js';

export class HtmlReport {
  readonly #sink: ByteSink;
  readonly #options: MethodOptions;
  readonly #context: Context;
  /** Lines of the table that stands before all sections, and the sections. */
  readonly #rows = new Spool();
  readonly #sections = new Spool();
  /** The only file so far, which needs no table. */
  #first: { readonly name: string; readonly checked: Checked } | undefined;
  #count = 0;
  #signatures = 0;
  #isProven = true;
  #isWitnessed = true;
  #isComplete = true;

  constructor(sink: ByteSink, options: MethodOptions, context: Context) {
    this.#sink = sink;
    this.#options = options;
    this.#context = context;
  }

  /** `name` is as the file was named or found. */
  async add(name: string, checked: Checked): Promise<void> {
    this.#count++;
    this.#first ??= { name, checked };
    this.#signatures += checked.report.signature_count;
    const standing = standingOf(checked);
    this.#isProven &&= checked.report.proven && (standing === 'sound' || standing === 'loss');
    this.#isWitnessed &&= cosignersOf(checked.report).length > 0;
    this.#isComplete &&= checked.report.state === 'OK' || checked.report.state === 'OK_WITH_REDACTIONS';
    const id = `file-${this.#count}`;
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
      ${verdictBox(checked)} ${fileDetails(id, name, checked, this.#detailOptions)}
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
      const details = fileDetails('file-1', only.name, only.checked, this.#detailOptions);
      await this.#write(markup`<section class="details">
        <h2>The file</h2>
        ${details}
      </section>`);
    }
    await this.#write(
      markup`${methodSection(this.#options, this.#context.io.command)}</main>${this.#footer()}</body></html>\n`,
    );
  }

  get #detailOptions(): DetailOptions {
    return { command: this.#context.io.command, trust: this.#options.trust };
  }

  /** Removes what was gathered. */
  async close(): Promise<void> {
    await Promise.all([this.#rows.close(), this.#sections.close()]);
  }

  async #writeTable(tally: Tally): Promise<void> {
    const { broken, untrusted, unreadable, loss } = tally.counts;
    const standing =
      broken > 0 ? 'broken' : untrusted > 0 ? 'untrusted' : unreadable > 0 ? 'unreadable' : loss > 0 ? 'loss' : 'sound';
    const verdict =
      standing === 'sound'
        ? this.#isProven
          ? 'All are proven: signed by whom this check believes, and unchanged.'
          : 'All are undamaged.'
        : [
            ...(broken > 0 ? [`${counted(broken, 'file')} failed and must not be relied on.`] : []),
            ...(untrusted > 0
              ? [`${counted(untrusted, 'file')} ${untrusted === 1 ? 'is' : 'are'} undamaged, but not accepted.`]
              : []),
            ...(unreadable > 0 ? [`${counted(unreadable, 'file')} could not be checked.`] : []),
            ...(loss > 0 ? [`${counted(loss, 'file')} ${loss === 1 ? 'is' : 'are'} not all of a recording.`] : []),
          ].join(' ');
    const origin = this.#isProven
      ? ''
      : tally.proven > 0
        ? ` Who made them is proven of ${counted(tally.proven, 'file')}.`
        : ' Who made the files is not proven.';
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
        ${list(shown(tally.counts, tally.hasUnhashed, tally.proven))}
      </section>
      <section>
        <h2>What it does <em>not</em> show</h2>
        ${list(notShown(this.#facts))}
      </section>
    </div> `;
  }

  get #facts(): Facts {
    return {
      proven: this.#isProven,
      signatures: this.#signatures,
      hasKeys: this.#options.trust !== undefined,
      isWitnessed: this.#isWitnessed,
      isComplete: this.#isComplete,
      hasContentKeys: (this.#options.keyFile ?? []).length > 0,
    };
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
