/** The end of a report for people: what was checked and how, whom the check believed, and how to repeat it. */
import type { TrustPolicy } from '../../container/trust/trust.js';
import { keyReference } from '../../utils/verification-key.js';
import { inputName } from '../input.js';
import { counted, printable } from '../text.js';
import type { TrustOptions } from '../trust-options.js';
import { type Markup, markup } from './markup.js';
import { configuredKeysOf } from './signers.js';
import type { Allowance } from './verdict.js';

/** What was asked, and how that was typed. */
export interface MethodOptions extends TrustOptions {
  readonly files: readonly string[];
  readonly recursive?: boolean;
  readonly allow: ReadonlySet<Allowance>;
  /** Whom the check believed. */
  readonly trust: TrustPolicy | undefined;
  readonly seen?: string;
  readonly keyFile?: readonly string[];
}

/** How many of the typed names the command that repeats the check shows. */
const MAX_TYPED = 20;

/** `command` is what the user types to start this program. */
export function methodSection(options: MethodOptions, command: string): Markup {
  const { allow } = options;
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
        Signatures: ${believed(options)}
      </li>
      <li>Accepted without being called a loss: ${allow.size === 0 ? 'nothing.' : `${[...allow].join(', ')}.`}</li>
    </ul>
    <h2>How to repeat this check</h2>
    <p>On any machine with this software. ${dependence(options)}</p>
    <pre><code>${commandLine(options, command)}</code></pre>
    <p>
      That a copy is the file of this report shows when its SHA-256, by any program (<code>sha256sum FILE</code>), is
      the one above. Keep this report where whoever keeps the file cannot change it.
    </p>
  </section> `;
}

/** Whether the same command comes to the same result elsewhere and later. */
function dependence({ trust, seen }: MethodOptions): string {
  const isTimed = ({ notBefore, notAfter, revokedAt }: TrustPolicy['keys'][number]): boolean =>
    [notBefore, notAfter, revokedAt].some((time) => time !== undefined);
  const reasons = [
    ...(trust?.maxAgeSeconds !== undefined || trust?.keys.some(isTimed) === true
      ? ['the time at which it is run']
      : []),
    ...(seen === undefined ? [] : ['what earlier checks had seen']),
  ];
  return reasons.length === 0
    ? 'The result does not depend on when or where it is run:'
    : `The result depends on ${reasons.join(' and on ')}:`;
}

/** Whom the check believed, in words. */
function believed({ trust, seen }: MethodOptions): string {
  if (trust === undefined) return 'none was checked, because no key was given.';
  const { threshold = 1, witnesses = [], quorum = 0, statementKeys = [], engines } = trust;
  const wanted =
    threshold > 1 ? `${threshold} of these keys` : trust.keys.length > 1 ? 'one of these keys' : 'this key';
  return [
    `checked with what was chosen before any file was looked at. Believed is what ${wanted} signed: ${configuredKeysOf(trust).join(', ')}.`,
    ...(witnesses.length > 0
      ? [`Witnesses: ${witnesses.map(keyReference).join(', ')}; ${quorum} must have seen it.`]
      : []),
    ...(statementKeys.length > 0 ? [`Statements count by: ${statementKeys.map(keyReference).join(', ')}.`] : []),
    ...(engines !== undefined ? [`Blocks may be made by ${counted(engines.length, 'engine')} only.`] : []),
    seen === undefined
      ? 'Nothing was known of earlier checks: an old copy would not be noticed.'
      : 'What earlier checks had seen was known: an older or a contradicting copy would have failed.',
  ].join(' ');
}

function commandLine(asked: MethodOptions, command: string): string {
  const { files, recursive = false, allow, key = [], policy, seen, keyFile = [] } = asked;
  const named = (option: string, values: readonly string[]): string[] =>
    values.flatMap((value) => [option, quoted(printable(value))]);
  const options = [
    ...named('--key', key),
    ...named('--policy', policy === undefined ? [] : [policy]),
    ...named('--seen', seen === undefined ? [] : [seen]),
    ...named('--key-file', keyFile),
    ...(recursive ? ['--recursive'] : []),
    ...(allow.size > 0 ? ['--allow', [...allow].join(',')] : []),
    ...['--report', 'REPORT.html'],
  ];
  const names = files.slice(0, MAX_TYPED).map((file) => quoted(file === '-' ? file : inputName(file)));
  const more = files.length > MAX_TYPED ? ` … and ${files.length - MAX_TYPED} more` : '';
  return `${command} verify ${[...options, ...names].join(' ')}${more}`;
}

/** For a shell: as it is, or in quotes. */
function quoted(word: string): string {
  return /^[\w./:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
