/**
 * What a check shows and, as prominently, what it does not show, for a person who must decide about evidence (spec/h4mk.md 16
 * and 21). It is about all files of a check together; what came out for one of them is said by `verdictOf`.
 */
import { counted } from '../text.js';
import type { Statement } from './plain-words.js';
import type { Standing } from './tally.js';

/** What the check shows about files of these outcomes, `proven` of which are proven. */
export function shown(
  counts: Readonly<Record<Standing, number>>,
  hasUnhashed: boolean,
  proven: number,
): readonly Statement[] {
  const statements: Statement[] = [];
  const isMixed = counts.broken + counts.unreadable + counts.untrusted > 0;
  if (proven > 0) {
    const which = proven < counts.sound + counts.loss || isMixed ? 'Of a file that is called proven, it' : 'It';
    statements.push(
      {
        title: `${which} comes from the holder of the key.`,
        text:
          'The records were signed by a key that this check was told to believe before it looked at any file. Nobody without ' +
          'that key can make such a signature.',
      },
      {
        title: 'What is there was not changed or put in another order.',
        text:
          'The signature covers the content of every record up to the signed number, its time, its place and its description, ' +
          'and that none is missing between two others unless the file itself says so. A recording that is called complete has no missing record and a signed end: nothing was cut off.',
      },
    );
  }
  if (counts.sound + counts.loss + counts.untrusted > 0) {
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
  if (counts.untrusted > 0) {
    statements.push({
      title: 'Where a file is not accepted, something that was asked for is not there.',
      text: 'It is undamaged; but whether it is what it claims to be, this check could not prove to whoever ran it.',
    });
  }
  if (counts.unreadable > 0) {
    statements.push({ title: 'Nothing about what could not be read.', text: 'Such files are named, and that is all.' });
  }
  return statements;
}

/** What is known of all files together. */
export interface Facts {
  /** Each is proven, as far as it goes. */
  readonly proven: boolean;
  readonly signatures: number;
  /** Whether the check was told whom to believe. */
  readonly hasKeys: boolean;
  /** Each has been seen by a witness whom the check believes. */
  readonly isWitnessed: boolean;
  /** Each is signed up to its end. */
  readonly isComplete: boolean;
  /** Whether keys of masked and encrypted blocks were given. */
  readonly hasContentKeys: boolean;
}

/** What no outcome of this check shows. */
export function notShown(facts: Facts): readonly Statement[] {
  const unsigned: Statement = {
    title: 'Who made a file that is not called proven.',
    text: 'No signature in it counts for whoever ran this check. In whose name a signature is proves nothing.',
  };
  const origin: readonly Statement[] = [
    facts.hasKeys
      ? unsigned
      : {
          title: 'Who made it.',
          text:
            'No key was given to this check. Without the key of somebody you trust, nothing is known about where a file comes from' +
            `${facts.signatures > 0 ? `; ${counted(facts.signatures, 'signed checkpoint')} in it ${facts.signatures === 1 ? 'was' : 'were'} not checked and ${facts.signatures === 1 ? 'counts' : 'count'} for nothing here` : ''}.`,
        },
    {
      title: 'That nobody changed it on purpose.',
      text:
        'Whoever can write the file can change its content, compute every checksum and hash again, and it passes. Only a ' +
        'signature, or a hash that was kept elsewhere at the time, tells such a change.',
    },
  ];
  return [
    ...(facts.proven ? provenLimits(facts) : origin),
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
        (facts.proven && facts.isComplete
          ? 'The recording is there up to its signed end. '
          : facts.proven
            ? 'An older copy, or another part of the same recording, passes, too. '
            : 'A shorter version that was closed in the same way passes, too. ') +
        'There may be newer or other recordings. A time at which nothing was recorded is no missing record: such stretches of a ' +
        'second or more are named with the file.',
    },
    {
      title: 'What is in it.',
      text:
        'Pictures and sound were neither played nor judged' +
        (facts.hasContentKeys
          ? '. What is masked or encrypted was opened only where a key that was given opens it.'
          : ', and what is masked or encrypted was not opened: its stored form was checked.'),
    },
  ];
}

/** What even a signature by the right key leaves open. */
function provenLimits({ isWitnessed }: Facts): readonly Statement[] {
  return [
    {
      title: 'Who held the key.',
      text:
        'A signature shows which key was used, and not by whom. Whoever has got hold of the key can sign whatever they like; only ' +
        'what witnesses had seen before keeps its worth then.',
    },
    isWitnessed
      ? {
          title: 'That the witnesses knew what they saw.',
          text: 'They say when a signature was there, by their own clocks. They have neither seen nor judged the recording.',
        }
      : {
          title: 'When it was signed.',
          text: 'No witness whom this check believes has seen the signature: it may have been made at any time before this check.',
        },
  ];
}
