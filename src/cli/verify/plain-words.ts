/**
 * What an outcome means for a person who must decide about evidence: what the check shows, and as prominently what it does
 * not show (spec/h4mk.md 16 and 21). No sentence here may promise more than the check holds.
 */
import type { VerificationReport } from '../../container/check/verify.js';
import type { ErrorCode } from '../../utils/error-codes.js';
import { counted } from '../text.js';
import type { Checked } from './checker.js';
import { cosignersOf, formatMoment, listed, signersOf } from './signers.js';
import { gapsInWords, recordsInWords, redactorsOf, states } from './record-words.js';
import { signingFaultOf } from './shortfall.js';
import { type Standing, standingOf } from './tally.js';
import { type Loss, isKeyWrong, lossesOf } from './verdict.js';

/** A heading, and what it means. */
export interface Statement {
  readonly title: string;
  readonly text: string;
}

/** Marks that say the same without colour. */
export const MARKS: Readonly<Record<Standing, string>> = {
  sound: '✓',
  loss: '!',
  untrusted: '≠',
  broken: '✗',
  unreadable: '?',
};

/** A few words, for a table. */
export function shortVerdict(checked: Checked): string {
  const { proven } = checked.report;
  switch (standingOf(checked)) {
    case 'sound':
      return proven ? 'proven' : 'undamaged';
    case 'loss':
      return proven ? 'proven, but not all' : 'undamaged, but not all';
    case 'untrusted':
      return proven ? 'signed, but not accepted' : 'undamaged, but not proven';
    case 'broken':
      return 'failed';
    case 'unreadable':
      return 'not checked';
  }
}

export function verdictOf(checked: Checked): Statement {
  const { report } = checked;
  switch (standingOf(checked)) {
    case 'sound':
      return { title: soundTitle(report), text: soundText(report) };
    case 'loss':
      return { title: lossTitle(report), text: lossText(report) };
    case 'untrusted':
      return untrustedStatement(report);
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

function soundTitle(report: VerificationReport): string {
  if (!report.proven) return 'Undamaged. Who made it is not proven.';
  const signers = listed(signersOf(report));
  if (report.state === 'OK_WITH_REDACTIONS') return redactedTitle(report);
  // What is accepted although it is not all of a recording is not called complete.
  return lossesOf(report).size === 0
    ? `Proven: complete, unchanged and signed by ${signers}.`
    : `Proven as far as it goes: unchanged and signed by ${signers}.`;
}

function redactedTitle(report: VerificationReport): string {
  const removed = `the content of ${counted(report.redacted, 'record')} removed`;
  return `Proven: complete and signed by ${listed(signersOf(report))}, with ${removed}.`;
}

function lossTitle(report: VerificationReport): string {
  if (report.state === 'OK_WITH_REDACTIONS') return redactedTitle(report);
  return report.proven
    ? `Proven as far as it goes: signed by ${listed(signersOf(report))}, but not all of a recording.`
    : 'Undamaged as far as it goes, but not all of a recording. Who made it is not proven.';
}

function soundText(report: VerificationReport): string {
  const allowed = [...lossesOf(report)].map((loss) => lossSentence(loss, report));
  const accepted = allowed.length === 0 ? [] : [...allowed, 'Whoever ran this check chose to accept that.'];
  const first = 'Everything in the file agrees with everything else: no accident has changed it.';
  return [report.proven ? provenSentence(report) : first, ...accepted, ...extent(report)].join(' ');
}

/** What complete means, where it is said; and when nothing was recorded. */
function extent(report: VerificationReport): readonly string[] {
  const { state, proven, gap_count: count } = report;
  const isComplete = proven && (state === 'OK' || state === 'OK_WITH_REDACTIONS');
  const [first] = gapsInWords(report);
  const more =
    count > 1 ? ` There ${count === 2 ? 'is 1 more such stretch' : `are ${count - 1} more such stretches`}.` : '';
  return [
    ...(isComplete ? ['Complete means without a missing record up to the signed end.'] : []),
    ...(first === undefined ? [] : [`There is ${first}.${more}`]),
  ];
}

function lossText(report: VerificationReport): string {
  const first = 'What is there agrees with everything else that is there: no accident has changed it.';
  return [
    report.proven ? provenSentence(report) : first,
    ...[...lossesOf(report)].map((loss) => lossSentence(loss, report)),
    ...extent(report),
  ].join(' ');
}

function provenSentence(report: VerificationReport): string {
  const { state, signed_size: size } = report;
  const signers = listed(signersOf(report));
  const what = state === 'OK_PENDING' ? `Each of the first ${counted(size, 'record')}` : 'Each record that is there';
  const witnesses = cosignersOf(report).map(
    ({ name, time }) => `${listed([name])} had seen it by ${formatMoment(time)}`,
  );
  const seen = witnesses.length === 0 ? '' : ` According to witnesses, ${witnesses.join('; ')}.`;
  return (
    `${what} is the one that the holder of the key of ${signers} signed: since then nobody has changed it, moved it ` +
    `to another place or put another one in between.${seen}`
  );
}

/** Why a sound file is not accepted, by the first code that says so. */
const UNTRUSTED: Readonly<Partial<Record<ErrorCode, Statement>>> = {
  H4_SIGN_MISSING: {
    title: 'Not proven. The file is undamaged, and nobody has signed it.',
    text: 'This check was told whom to believe, and asks for their signature. A signature may never have been there, or somebody may have removed it.',
  },
  H4_SIGN_UNTRUSTED: {
    title: 'Not proven. The file is undamaged, and it is not signed by anybody whom this check believes.',
    text: 'There are signatures in it, by other keys or not in force. In whose name they are proves nothing: anybody can sign in any name with a key of their own.',
  },
  H4_SIGN_QUORUM: {
    title: 'Not proven. The file is undamaged and signed, but too few witnesses have seen it.',
    text: 'This check asks for witnesses beside the signature, because without them nothing tells when it was made and whether everybody was shown the same.',
  },
  H4_ROLLBACK: {
    title: 'Not accepted. The file is signed, but it is older than what has been seen before.',
    text: 'More of this recording has been there, signed by the same key. What has come since then is missing in this copy.',
  },
  H4_EQUIVOCATION: {
    title: 'Not accepted. The file is signed, and it contradicts what has been seen before.',
    text: 'Two different histories of one recording are signed with one key. One of them is false, and the holder of the key, or a thief of it, has signed both. Keep both copies.',
  },
};

function untrustedStatement(report: VerificationReport): Statement {
  if (isKeyWrong(report)) return keyWrongStatement(report);
  const fault = signingFaultOf(report);
  for (const { code } of report.errors) {
    const statement = UNTRUSTED[code];
    if (statement === undefined) continue;
    if (fault === undefined) return statement;
    if (code === 'H4_SIGN_QUORUM') return { ...statement, text: `Of the signature: ${fault.words}. ${statement.text}` };
    if (code !== 'H4_SIGN_UNTRUSTED') return statement;
    return {
      title: 'Not proven. The file is undamaged and signed, but not as this check asks for.',
      text: `Of the signature: ${fault.words}. Under what this check was told to believe, that is not enough.`,
    };
  }
  return {
    title: 'Not accepted. The file is undamaged, but it is not what the policy of this check asks for.',
    text: 'The findings say what the policy asks for.',
  };
}

function keyWrongStatement(report: VerificationReport): Statement {
  const signed =
    report.checkpoint === null ? 'Who made it is not proven.' : `It is signed by ${listed(signersOf(report))}.`;
  return {
    title: `Undamaged, but the content key that was given does not fit. ${signed}`,
    text: 'What is masked or encrypted was not looked at inside: that needs the key with which it was made. Nothing is wrong with the file itself.',
  };
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
        `and whether whoever removed it was allowed to, this check cannot tell.${redactionSentence(report)}`
      );
    case 'warnings':
      return 'There are warnings; they stand under the findings.';
  }
}

function redactionSentence(report: VerificationReport): string {
  const { proven, redacted, unexplained, unexplained_count: open, still_there_count: there } = report;
  const by = redactorsOf(report);
  const who = `${listed(by)} ${states(by)}`;
  const kept = there === 0 ? '' : ` Of ${counted(there, 'record')} ${who} the same, though the content is there.`;
  if (by.length === 0 || open >= redacted) {
    return `${proven ? ' Nobody whom this check believes states why.' : ''}${kept}`;
  }
  if (open === 0) return ` ${who} that it was removed, and why.${kept}`;
  const which = recordsInWords(unexplained, open, report);
  return ` ${who} that of ${redacted - open}, and why. Of ${counted(open, 'record')} (${which}) nobody whom this check believes states why.${kept}`;
}
