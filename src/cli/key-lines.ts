/**
 * Verification keys as they are given on a command line: the text of a key, or the name of a file with a key on each line,
 * as `KEY.pub` is one. A signing key in their place is refused, and no message repeats it.
 */
import { utf8Decode } from '../utils/bytes.js';
import { H4Error, isH4Error } from '../utils/error.js';
import { type VerificationKey, parseVerificationKey } from '../utils/verification-key.js';
import { readSmallFile } from './small-file.js';
import { printable } from './text.js';

const MAX_FILE_BYTES = 64 * 1024;

/** A key looks like nothing that anybody calls a file. */
const KEY_TEXT = /^[^+]*\+[0-9a-f]{8}\+/u;

const SECRET = /^\s*["']?private\+key\+/iu;

/** The keys that `text`, the value of `option`, names: at least one. */
export async function readVerificationKeys(text: string, option: string): Promise<VerificationKey[]> {
  assertNoSecret(text, option);
  if (KEY_TEXT.test(text)) return [parseVerificationKey(text.trim())];
  const name = printable(text);
  const lines = await linesOf(text, name);
  const keys = lines.map(({ line, number }) => keyIn(line, `${name}, line ${number}`));
  if (keys.length > 0) return keys;
  throw new H4Error('H4_VKEY', `${name} is no file with keys: it holds none; name a file such as KEY.pub`);
}

/** Refuses a secret that stands where every user of the machine can read it, in the list of processes and in the history. */
export function assertNoSecret(text: string, option: string): void {
  if (!SECRET.test(text)) return;
  throw new H4Error(
    'H4_PARAM',
    `Cannot use what was given as ${option}: it is a signing key, and belongs into no command line. Others may have read it ` +
      'there: make a new one with keygen, and give its public half here, which stands in KEY.pub',
  );
}

interface Line {
  readonly line: string;
  readonly number: number;
}

async function linesOf(file: string, name: string): Promise<Line[]> {
  const content = await readSmallFile(file, MAX_FILE_BYTES, `the keys in ${name}`);
  if (content.length > MAX_FILE_BYTES) {
    throw new H4Error('H4_VKEY', `${name} is no file with keys: it has more than ${MAX_FILE_BYTES} bytes`);
  }
  const text = utf8Decode(content, { code: 'H4_VKEY', what: name });
  const lines = text.split(/\r?\n/u).map((line, i) => ({ line: line.trim(), number: i + 1 }));
  return lines.filter(({ line }) => line !== '' && !line.startsWith('#'));
}

function keyIn(line: string, place: string): VerificationKey {
  try {
    return parseVerificationKey(line);
  } catch (cause) {
    throw isH4Error(cause) ? new H4Error(cause.code, `${place}: ${cause.message}`, { cause }) : cause;
  }
}
