/** The look of a report: one sheet inside the file, for light and dark screens, narrow ones, and paper. */
import { markup } from './markup.js';

export const STYLE = markup`
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --muted: #57606a; --line: #c9d1d9; --tint: #f4f6f8;
  --sound: #116329; --loss: #7a4b00; --broken: #a40e26; --unreadable: #4b535c;
  --content: #7fa7d9; --meta: #e5c76b; --void: #d6d9dd; --index: #8fc9c0; --sign: #c3a6e8;
  --other: #e3e6ea; --unread: #f3b0b0; --pattern: #1b1f24;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0f1318; --ink: #e6edf3; --muted: #a2acb7; --line: #3a434d; --tint: #181e25;
    --sound: #5bd06d; --loss: #e6b450; --broken: #ff8b82; --unreadable: #b4bdc7;
    --content: #2f5f9e; --meta: #6d5614; --void: #3c434b; --index: #1f625a; --sign: #5b3f86;
    --other: #2a3138; --unread: #7a2b2b; --pattern: #e6edf3;
  }
}
@media print {
  :root {
    color-scheme: light;
    --paper: #ffffff; --ink: #000000; --muted: #444444; --line: #999999; --tint: #ffffff;
    --sound: #0b4d1e; --loss: #5e3a00; --broken: #8a0a1e; --unreadable: #333333;
    --content: #7fa7d9; --meta: #e5c76b; --void: #d6d9dd; --index: #8fc9c0; --sign: #c3a6e8;
    --other: #e3e6ea; --unread: #f3b0b0; --pattern: #000000;
  }
  @page { margin: 18mm 16mm; }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 "Segoe UI", "Helvetica Neue", Roboto, "Noto Sans", "DejaVu Sans", Arial, sans-serif;
  overflow-wrap: anywhere;
}
h1 { font-size: 1.7rem; line-height: 1.25; margin: .2rem 0 1.25rem; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1.08rem; margin: 1.75rem 0 .5rem; }
p { margin: .5rem 0; }
a { color: inherit; }
code, pre { font-family: Consolas, Menlo, "Noto Sans Mono", "DejaVu Sans Mono", monospace; font-size: .88em; }
pre {
  background: var(--tint); border: 1px solid var(--line); border-radius: .3rem; padding: .7rem .9rem;
  white-space: pre-wrap;
}
pre code { font-size: 1em; }
.kicker, .small, figcaption, caption { color: var(--muted); font-size: .9rem; }
.kicker { margin: 0; }
.verdict {
  border: 1px solid var(--line); border-left: .6rem solid var(--tone); border-radius: .3rem;
  background: var(--tint); padding: .9rem 1.1rem; margin: 0 0 1.25rem;
}
.verdict p { margin: .4rem 0 0; }
.verdict .title { font-size: 1.25rem; line-height: 1.35; font-weight: 700; margin: 0; }
.mark { color: var(--tone); font-weight: 700; }
.sound { --tone: var(--sound); }
.loss { --tone: var(--loss); }
.broken, .untrusted { --tone: var(--broken); }
.unreadable { --tone: var(--unreadable); }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1.25rem; margin-top: 1.5rem; }
.pair > section {
  border: 1px solid var(--line); border-top: .3rem solid var(--ink); border-radius: .3rem; padding: .2rem 1.1rem .8rem;
}
.pair h2 { margin: .8rem 0 .5rem; }
.pair ul, .plain { padding-left: 1.15rem; margin: .5rem 0; }
.pair li, .plain li { margin: .6rem 0; }
table { width: 100%; border-collapse: collapse; margin: .75rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .2rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .9rem .4rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
thead th { color: var(--muted); font-size: .9rem; }
.facts th { width: 15rem; color: var(--muted); font-weight: 400; }
.parts th[scope="row"] { font-weight: 400; }
th.number, td.number { text-align: right; white-space: nowrap; overflow-wrap: normal; }
th:last-child, td:last-child { padding-right: 0; }
td.verdict-cell { white-space: nowrap; overflow-wrap: normal; }
.finding { border-left: .3rem solid var(--tone); padding: .1rem 0 .1rem .9rem; margin: 1.1rem 0; }
.finding h4 { margin: 0; font-size: 1rem; }
figure { margin: .75rem 0; }
figure svg { display: block; width: 100%; height: auto; }
.swatch { width: .9em; height: .9em; vertical-align: -.08em; margin-right: .2em; }
.frame { stroke: var(--muted); stroke-width: 1; }
rect.frame:not([fill]) { fill: none; }
.content { fill: var(--content); }
.meta { fill: var(--meta); }
.void { fill: var(--void); }
.index { fill: var(--index); }
.sign { fill: var(--sign); }
.other { fill: var(--other); }
.unread { fill: var(--unread); }
.ink { stroke: var(--pattern); stroke-width: 1; fill: none; opacity: .75; }
.dot { fill: var(--pattern); opacity: .75; }
.marker { fill: var(--broken); }
.file { border-top: 2px solid var(--line); margin-top: 3rem; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: .75rem; }
@media screen and (max-width: 44rem) {
  body { padding: 1.25rem .9rem 3rem; }
  .pair { grid-template-columns: 1fr; }
  .facts tr { display: block; padding: .35rem 0; border-bottom: 1px solid var(--line); }
  .facts th, .facts td { display: block; width: auto; border: 0; padding: 0; }
  .files thead { position: absolute; clip-path: inset(50%); }
  .files tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  .files th, .files td { display: block; border: 0; padding: 0; text-align: left; }
  .files td[data-label]::before { content: attr(data-label) ": "; color: var(--muted); }
}
@media print {
  :root { font-size: 9.5pt; }
  body { padding: 0; max-width: none; line-height: 1.4; }
  h2 { margin-top: 1.5rem; }
  h1, h2, h3, h4, caption { break-after: avoid; }
  .verdict, .pair, .finding, figure, tr, li { break-inside: avoid; }
  .details { break-before: page; }
  .file { break-before: page; border-top: 0; margin-top: 0; }
}
`;
