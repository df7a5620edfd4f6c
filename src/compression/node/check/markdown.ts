/** A check's report as a page that the author of a core can publish. It says what was tried, and what that does not show. */
import type { CoreReport } from './check-core.js';
import { sealingLines } from './next-step.js';
import type { Evidence, Figure, RequirementResult } from './requirement.js';

export interface PageFacts {
  /** Name of the core's file, without the folders that it lies in. */
  readonly file: string;
  /** Of this software. */
  readonly version: string;
  /** Microseconds since 1970, UTC; absent: the page has no date. */
  readonly utcMicros?: number;
}

const WORDS = { pass: 'PASS', fail: 'FAIL', skip: 'SKIP' } as const;

export function formatReport(report: CoreReport, facts: PageFacts): string {
  const parts = [
    `# Check of ${code(facts.file)}`,
    verdictOf(report),
    tableOf(['', ''], identityOf(report, facts)),
    '## Requirements',
    tableOf(['verdict', 'requirement', 'evidence'], report.requirements.map(requirementRow)),
    ...(report.figures.length === 0 ? [] : figuresOf(report.figures)),
    ...nextStepOf(report, facts),
    '## What this does not show',
    'A check finds faults; it cannot show that there are none. Arguments that the contract excludes were not tried. The libraries ' +
      'that a core is linked with at run time are not part of its fingerprint. Speeds are those of one machine at one time; ' +
      'what travels are the ratios. A core runs in the processes that try it: one that was made to deceive a check is not found ' +
      'for certain, nor is one that reads or writes files and leaves none open.',
    ...limitsOf(report.requirements),
  ];
  return `${parts.join('\n\n')}\n`;
}

function limitsOf(requirements: readonly RequirementResult[]): string[] {
  const evidenceOf = (wanted: RequirementResult['id']): Evidence =>
    requirements.find(({ id, verdict }) => id === wanted && verdict !== 'fail')?.evidence ?? {};
  const { blocks } = evidenceOf('agreement');
  return [
    ...(blocks === undefined
      ? []
      : [`Both builds agreed on ${String(blocks)} blocks; a difference in rarer blocks is not excluded.`]),
    ...(evidenceOf('memcheck')['version_1_was_tried'] === false
      ? ['Version 1 of the interface, which it exports as well, was not tried.']
      : []),
  ];
}

function verdictOf({ passed, quick, requirements }: CoreReport): string {
  const count = (verdict: RequirementResult['verdict']): number =>
    requirements.filter((each) => each.verdict === verdict).length;
  const counts = `${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped`;
  const sentence = `**${passed ? 'PASS' : 'FAIL'}**: ${counts}.`;
  return quick
    ? `${sentence}\n\nThis was a quick check, with far fewer trials: **it is not a certification.**`
    : sentence;
}

function identityOf(report: CoreReport, { version, utcMicros }: PageFacts): string[][] {
  const { engine_id, fingerprint, bytes, kind, abi, platform, node, other } = report;
  return [
    ['engine id', engine_id === null ? 'unknown' : code(engine_id)],
    ['fingerprint (SHA-256 of the file)', code(fingerprint)],
    ['file', `${kind}, ${bytes} bytes`],
    ['interface', abi === null ? 'unknown' : `version ${abi.slice(1)}`],
    ...(other === null
      ? []
      : [
          [
            'compared with',
            `${other.engine_id === null ? 'unknown' : code(other.engine_id)}, ${code(other.fingerprint)}`,
          ],
        ]),
    ['checked by', `harmony4 ${version}, Node ${node}, ${platform}`],
    ...(utcMicros === undefined ? [] : [['checked at', new Date(Math.floor(utcMicros / 1000)).toISOString()]]),
  ];
}

/** Whoever reads the page has the core somewhere else. */
function nextStepOf(report: CoreReport, { file }: PageFacts): string[] {
  const lines = sealingLines(report, `/path/to/${printableName(file)}`);
  if (lines.length === 0) return [];
  return [
    '## Next step',
    'These settings seal the core, so that it runs as the bytes that were checked here or not at all:',
    fenced(lines),
  ];
}

/** A name cannot end the block of code that it stands in: it has no line of its own. */
function printableName(file: string): string {
  return file.replace(/\s+/g, ' ');
}

function fenced(lines: readonly string[]): string {
  return ['```sh', ...lines, '```'].join('\n');
}

function requirementRow({ verdict, title, reason, evidence, call }: RequirementResult): string[] {
  const said = reason === undefined ? '' : `${escaped(reason)}. `;
  const where =
    call === undefined
      ? ''
      : ` Input: ${call.bytes} bytes, SHA-256 ${code(call.sha256)}${call.raw_length === null ? '' : `, to ${call.raw_length} bytes`}.`;
  return [WORDS[verdict], title, `${said}${escaped(describeEvidence(evidence))}${where}`.trim()];
}

/** `blocks 4818, bytes 37748736`. */
export function describeEvidence(evidence: Evidence): string {
  return Object.entries(evidence)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name.replaceAll('_', ' ')} ${String(value)}`)
    .join(', ');
}

function figuresOf(figures: readonly Figure[]): string[] {
  const rows = figures.map((figure) => [
    escaped(figure.name),
    String(figure.bytes),
    percent(figure.compressed_bytes, figure.bytes),
    percent(figure.reference_bytes, figure.bytes),
    String(figure.compress_mb_s),
    `${figure.compress_speedup}`,
    String(figure.decompress_mb_s),
    `${figure.decompress_speedup}`,
  ]);
  const columns = ['block', 'bytes', 'size', 'size, reference', 'compress MB/s', 'x', 'decompress MB/s', 'x'];
  return [
    '## Figures',
    'Nothing is demanded here. Sizes are parts of the original; x is how many times as fast as the reference engine on the same ' +
      'block in the same run; speeds are 10^6 bytes of the original per second, through this software.',
    tableOf(columns, rows),
  ];
}

export function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

function tableOf(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Names and messages come from files and cores of others: they make neither cells nor markup. */
function escaped(text: string): string {
  return text.replace(/[\\`*_[\]<>|]/g, '\\$&').replace(/\s+/g, ' ');
}

function code(text: string): string {
  return `\`${text.replace(/[`|\s]+/g, ' ')}\``;
}
