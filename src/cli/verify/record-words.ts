/**
 * Records and times of a report in words: what was removed, who says so, and when nothing was recorded (spec/h4mk.md 10 and 16).
 * A statement that explains some removals explains no other, so that each record is named with what is known of it.
 */
import type { VerificationReport } from '../../container/check/verify.js';
import { formatTime, originalMicros } from '../durations.js';
import { counted } from '../text.js';
import type { EvidenceField } from './evidence-view.js';
import { listed } from './signers.js';

/** More runs of records and more stretches than these are counted. */
const MAX_RUNS = 12;
const MAX_GAPS = 10;

/** What was removed, and what somebody says was and is there. */
export function removalFields(report: VerificationReport): readonly EvidenceField[] {
  const { redacted, redacted_records, unexplained, unexplained_count, still_there, still_there_count } = report;
  const open = new Set(unexplained);
  const explained = redacted_records.flatMap(({ seq }) => (open.has(seq) ? [] : [seq]));
  const stated = redacted - unexplained_count;
  const by = redactorsOf(report);
  const removed = (count: number, records: readonly number[]): string =>
    `${counted(count, 'record')}${inBrackets(recordsInWords(records, count, report))} removed`;
  return [
    ...(unexplained_count === 0
      ? []
      : [
          {
            label: 'removed',
            value: `${removed(unexplained_count, unexplained)}, and nobody you believe says why`,
          },
        ]),
    ...(stated <= 0 || by.length === 0
      ? []
      : [{ label: 'removed', value: `${removed(stated, explained)}, as ${listed(by)} ${states(by)}` }]),
    ...(still_there_count === 0 ? [] : [{ label: 'still there', value: stillThere(still_there, report) }]),
  ];
}

function stillThere(records: readonly number[], report: VerificationReport): string {
  const count = report.still_there_count;
  const by = redactorsOf(report);
  const which = inBrackets(recordsInWords(records, count, { ...report, timebase: null }));
  return (
    `${counted(count, 'record')}${which} still there, though ${listed(by)} ${states(by)} that ` +
    `${count === 1 ? 'it was' : 'they were'} removed`
  );
}

/** Who has signed a believed statement that records of this recording were removed. */
export function redactorsOf({ statements }: VerificationReport): readonly string[] {
  return [...new Set(statements.flatMap(({ records, verified }) => (records === undefined ? [] : verified)))];
}

export const states = (names: readonly string[]): string => (names.length === 1 ? 'states' : 'state');

const inBrackets = (words: string): string => (words === '' ? '' : ` (${words})`);

/** `8-13, 0:00:00.266-0:00:00.466; 30`: neighbouring records together, with their times where they are known. */
export function recordsInWords(
  records: readonly number[],
  count: number,
  { redacted_records, timebase, shift }: Pick<VerificationReport, 'redacted_records' | 'timebase' | 'shift'>,
): string {
  const known = new Map(timebase === null ? [] : redacted_records.map((record) => [record.seq, record]));
  const runs: { first: number; last: number }[] = [];
  for (const seq of records) {
    const run = runs.at(-1);
    if (run !== undefined && run.last === seq - 1) run.last = seq;
    else runs.push({ first: seq, last: seq });
  }
  const shown = runs.slice(0, MAX_RUNS);
  const words = shown.map(({ first, last }) => {
    const which = first === last ? String(first) : `${first}-${last}`;
    let [from, to] = [Infinity, -Infinity];
    for (let seq = first; seq <= last; seq++) {
      from = Math.min(from, known.get(seq)?.from_pts ?? Infinity);
      to = Math.max(to, known.get(seq)?.to_pts ?? -Infinity);
    }
    return timebase === null || from > to
      ? which
      : `${which}, ${[from, to].map((pts) => formatTime(originalMicros(pts, { timebase, shift }))).join('-')}`;
  });
  const more = count - shown.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  return `${words.join('; ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** When nothing was recorded, although no record is missing. */
export function gapFields(report: VerificationReport): readonly EvidenceField[] {
  const shown = gapsInWords(report).map((value) => ({ label: 'gap', value }));
  const more = report.gap_count - shown.length;
  return more > 0 ? [...shown, { label: 'gap', value: `and ${more} more; --json lists up to 100` }] : shown;
}

export function gapsInWords({ gaps, timebase, shift }: VerificationReport): readonly string[] {
  if (timebase === null) return [];
  const time = (pts: number): string => formatTime(originalMicros(pts, { timebase, shift }));
  return gaps
    .slice(0, MAX_GAPS)
    .map(
      ({ track, from_pts, to_pts }) =>
        `no content of track ${track} from ${time(from_pts)} to ${time(to_pts)}: none was recorded, or its times were set so`,
    );
}
