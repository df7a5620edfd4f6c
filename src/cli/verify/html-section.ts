/** The part of a report about one file: what it is, what fills it, what was found in it, and what to do. */
import type { Finding } from '../../container/check/findings.js';
import type { TrustPolicy } from '../../container/trust/trust.js';
import { circumstancesOf } from './report-view.js';
import { meaningOf, nextStepFor } from '../advice.js';
import { formatExactBytes } from '../byte-counts.js';
import { formatTime } from '../durations.js';
import { counted } from '../text.js';
import type { Checked } from './checker.js';
import { describeStatement, evidenceFields } from './evidence-view.js';
import { fileBar } from './file-bar.js';
import { type Markup, markup } from './markup.js';
import { MARKS, verdictOf } from './plain-words.js';
import { standingOf } from './tally.js';
import { gapFields, removalFields } from './record-words.js';
import { stateLine, verdictLine } from './verdict.js';

/** More findings than this are counted. */
const MAX_SHOWN = 20;

/** The verdict in a box. */
export function verdictBox(checked: Checked): Markup {
  const { title, text } = verdictOf(checked);
  const standing = standingOf(checked);
  const line = checked.failure === undefined ? verdictLine(checked.report) : checked.failure.code;
  return markup`<div class="verdict ${standing}">
    <p class="title"><span class="mark" aria-hidden="true">${MARKS[standing]}</span> ${title}</p>
    <p>${text}</p>
    <p class="small"><code>${line}</code></p>
  </div> `;
}

export interface DetailOptions {
  /** What the user types to start this program. */
  readonly command: string;
  /** Whom the check believed. */
  readonly trust: TrustPolicy | undefined;
}

/** Everything else about the file. `id` is unique in the document. */
export function fileDetails(id: string, name: string, checked: Checked, { command, trust }: DetailOptions): Markup {
  const { report, portrait } = checked;
  return markup`<h3>Which file</h3>
    ${factsTable(name, checked, trust)}
    ${statementsOf(checked, trust)}
    ${
      portrait === undefined
        ? ''
        : markup`<h3>What fills it</h3>
            ${fileBar(id, report, portrait)}`
    }
    <h3>Findings</h3>
    ${findingsOf(checked, command)}`;
}

function factsTable(
  name: string,
  { report, sha256, portrait, failure }: Checked,
  trust: TrustPolicy | undefined,
): Markup {
  const row = (title: string, value: string | Markup | undefined): Markup =>
    value === undefined
      ? markup``
      : markup`<tr>
          <th scope="row">${title}</th>
          <td>${value}</td>
        </tr> `;
  const code = (text: string | null | undefined): Markup | undefined =>
    text === null || text === undefined ? undefined : markup`<code>${text}</code>`;
  if (failure !== undefined)
    return markup`<table class="facts">
      <tbody>
        ${row('name', name)}
      </tbody>
    </table>`;
  const of = report.tree_size > report.records ? ` of ${report.tree_size}` : '';
  const redacted = report.redacted > 0 ? `, ${report.redacted} of them redacted` : '';
  const span = portrait?.span;
  const isLegacy = report.format === 'H4MK v1 legacy';
  const rows = [
    row('name', name),
    row('size', formatExactBytes(report.bytes)),
    row('SHA-256 of the whole file', code(sha256)),
    row('format', report.format),
    row('state', stateLine(report)),
    row('records', isLegacy ? undefined : `${report.records}${of}${redacted}`),
    row('tracks', isLegacy || portrait === undefined ? undefined : String(portrait.tracks)),
    row('time, as the file states it', span && `${formatTime(span.startMicros)} to ${formatTime(span.endMicros)}`),
    // What is stated has a part of its own.
    ...[...evidenceFields({ ...report, statements: [] }, trust), ...gapFields(report)].map(({ label, value }) =>
      row(label, value),
    ),
    row('identity (file_id)', code(report.file_id)),
    row('root of the hash tree', code(report.root)),
  ];
  return markup`<table class="facts">
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

/** What was removed, and who says why. */
function statementsOf({ report, failure }: Checked, trust: TrustPolicy | undefined): Markup {
  const { redacted, statements, statement_count: count } = report;
  if (failure !== undefined || (redacted === 0 && statements.length === 0)) return markup``;
  const removed =
    redacted === 0 ? 'Nothing was removed.' : `The content of ${counted(redacted, 'record')} was removed.`;
  const more = count - Math.min(statements.length, MAX_SHOWN);
  return markup`<h3>What was removed, and who says why</h3>
    <p>${removed}${statements.length === 0 ? ' No statement says by whom or why.' : ''}</p>
    <ul class="plain">
      ${removalFields(report).map(({ value }) => markup`<li>${value}</li> `)}
      ${statements.slice(0, MAX_SHOWN).map((statement) => markup`<li>${describeStatement(statement, trust)}</li> `)}
    </ul>
    ${more > 0 ? markup`<p>And ${counted(more, 'more statement')}; <code>--json</code> lists them.</p>` : ''}`;
}

function findingsOf({ report, failure }: Checked, command: string): Markup {
  if (failure !== undefined) {
    return markup`<div class="finding broken">
      <h4>${failure.code}</h4>
      <p>${failure.message}</p>
      ${failure.next === undefined ? '' : markup`<p><strong>What to do:</strong> ${failure.next}</p>`}
    </div>`;
  }
  if (report.errors.length + report.warnings.length === 0) return markup`<p>None.</p>`;
  const told = new Set<string>();
  const one = (kind: 'error' | 'warning', { code, offset, message }: Finding): Markup => {
    const next = nextStepFor(code, command, circumstancesOf(report, offset));
    const isNew = next !== undefined && !told.has(next);
    if (isNew) told.add(next);
    return markup`<div class="finding ${kind === 'error' ? 'broken' : 'loss'}">
      <h4>${kind === 'error' ? 'Error' : 'Warning'} <code>${code}</code> at offset ${offset}</h4>
      <p>${meaningOf(code)}</p>
      <p class="small">${message}</p>
      ${isNew ? markup`<p><strong>What to do:</strong> ${next}</p>` : ''}
    </div> `;
  };
  const list = (kind: 'error' | 'warning', findings: readonly Finding[], count: number): Markup => {
    const more = count - Math.min(findings.length, MAX_SHOWN);
    return markup`${findings.slice(0, MAX_SHOWN).map((finding) => one(kind, finding))}${more > 0 ? markup`<p>And ${counted(more, `more ${kind}`)}; <code>--json</code> lists them.</p>` : ''}`;
  };
  return markup`${list('error', report.errors, report.error_count)}${list('warning', report.warnings, report.warning_count)}`;
}
