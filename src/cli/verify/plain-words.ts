/**
 * What an outcome means for a person who must decide about evidence: what the check shows, and as prominently what it does
 * not show (spec/h4mk.md 16 and 21). No sentence here may promise more than the check holds.
 */
import type { VerificationReport } from '../../container/verify.js';
import { counted } from '../text.js';
import type { Checked } from './checker.js';
import { type Standing, standingOf } from './tally.js';
import { type Loss, lossesOf } from './verdict.js';

/** A heading, and what it means. */
export interface Statement {
  readonly title: string;
  readonly text: string;
}

/** Marks that say the same without colour. */
export const MARKS: Readonly<Record<Standing, string>> = { sound: '✓', loss: '!', broken: '✗', unreadable: '?' };

/** A few words, for a table. */
export function shortVerdict(checked: Checked): string {
  switch (standingOf(checked)) {
    case 'sound':
      return 'undamaged';
    case 'loss':
      return 'undamaged, but not all';
    case 'broken':
      return 'failed';
    case 'unreadable':
      return 'not checked';
  }
}

export function verdictOf(checked: Checked): Statement {
  const { report } = checked;
  const origin = report.proven ? '' : ' Who made it is not proven.';
  switch (standingOf(checked)) {
    case 'sound':
      return { title: `Undamaged.${origin}`, text: soundText(report) };
    case 'loss':
      return { title: `Undamaged as far as it goes, but not all of a recording.${origin}`, text: lossText(report) };
    case 'broken':
      return {
        title: 'Failed. This file must not be relied on.',
        text:
          'What the file says of itself does not agree with what is in it, or it is no H4MK file that this software can ' +
          'check. This check cannot tell whether that is an accident or somebody’s work.',
      };
    case 'unreadable':
      return { title: 'Not checked.', text: 'The file could not be read. Nothing can be said about it.' };
  }
}

function soundText(report: VerificationReport): string {
  const allowed = [...lossesOf(report)].map((loss) => lossSentence(loss, report));
  const accepted = allowed.length === 0 ? [] : [...allowed, 'Whoever ran this check chose to accept that.'];
  return ['Everything in the file agrees with everything else: no accident has changed it.', ...accepted].join(' ');
}

function lossText(report: VerificationReport): string {
  return [
    'What is there agrees with everything else that is there: no accident has changed it.',
    ...[...lossesOf(report)].map((loss) => lossSentence(loss, report)),
  ].join(' ');
}

function lossSentence(loss: Loss, report: VerificationReport): string {
  switch (loss) {
    case 'slice':
      return 'It is a slice, some records of a longer recording; nothing is said about the others.';
    case 'prefix':
      return 'It has no end: it is still being written, or it was cut off. What would come next is not here.';
    case 'pending':
      return 'Its newest records are not covered by a signature yet.';
    case 'redacted':
      return (
        `The content of ${counted(report.redacted, 'record')} was removed. The file keeps its size and time; what it was, ` +
        'and whether whoever removed it was allowed to, this check cannot tell.'
      );
    case 'warnings':
      return 'There are warnings; they stand under the findings.';
  }
}

/** What the check shows about files of these outcomes. */
export function shown(counts: Readonly<Record<Standing, number>>, hasUnhashed: boolean): readonly Statement[] {
  const statements: Statement[] = [];
  const isMixed = counts.broken + counts.unreadable > 0;
  if (counts.sound + counts.loss > 0) {
    statements.push(
      {
        title: isMixed
          ? 'No accident has changed what is in a file that is called undamaged.'
          : 'No accident has changed what is there.',
        text:
          'Every byte was read, and every checksum, hash, number and index in it was computed again. A failing disk or an ' +
          'error in transmission would have shown' +
          (hasUnhashed
            ? '. Whether parts are gone would not, in a file of the older form without a hash of the whole (VERI).'
            : ', and so would an interrupted copy.'),
      },
      {
        title: isMixed ? 'Such a file is in order within itself.' : 'It is in order within itself.',
        text:
          'The parts stand where the file says and in the order it says. Where records are numbered, none is missing ' +
          'between two others unless the file itself says so. Files of the older form have no numbered records: of ' +
          'these, only the checksums of the parts and, where there is one, the hash of the whole are compared.',
      },
    );
  }
  if (counts.broken > 0) {
    statements.push({
      title: 'Where a check failed, the file is not as a correct writer leaves it.',
      text: 'The findings say what does not agree, and where. Other parts may be good; whether they are, another copy can show.',
    });
  }
  if (counts.unreadable > 0) {
    statements.push({ title: 'Nothing about what could not be read.', text: 'Such files are named, and that is all.' });
  }
  return statements;
}

/** What no outcome of this check shows. */
export function notShown(facts: { readonly proven: boolean; readonly signatures: number }): readonly Statement[] {
  const origin: readonly Statement[] = [
    {
      title: 'Who made it.',
      text:
        'No key was given to this check. Without the key of somebody you trust, nothing is known about where a file comes from' +
        `${facts.signatures > 0 ? `; ${counted(facts.signatures, 'signature')} in it ${facts.signatures === 1 ? 'was' : 'were'} not checked and ${facts.signatures === 1 ? 'counts' : 'count'} for nothing here` : ''}.`,
    },
    {
      title: 'That nobody changed it on purpose.',
      text:
        'Whoever can write the file can change its content, compute every checksum and hash again, and it passes. Only a ' +
        'signature, or a hash that was kept elsewhere at the time, tells such a change.',
    },
  ];
  return [
    ...(facts.proven ? [] : origin),
    {
      title: 'That what it shows happened.',
      text: 'No check of a file can tell, with or without a signature, whether a scene was real, staged, or filmed from a screen.',
    },
    {
      title: 'When it was recorded.',
      text: 'The times in a file are what its writer put there. This check compares them with each other, not with the world.',
    },
    {
      title: 'That this is all there is.',
      text:
        'A shorter version that was closed in the same way passes, too. There may be newer or other recordings, and nothing is ' +
        'said about times at which nothing was recorded.',
    },
    {
      title: 'What is in it.',
      text: 'Pictures and sound were neither played nor judged, and what is masked or encrypted was not opened: its stored form was checked.',
    },
  ];
}
