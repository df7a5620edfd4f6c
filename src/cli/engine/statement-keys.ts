/** Verification keys for attestations, as they are given on the command line: the text of a key, or a file with such lines. */
import { readFile, stat } from 'node:fs/promises';
import { explain, systemFailure } from '../../storage/node/system-error.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import { parseVerificationKey, type VerificationKey } from '../../utils/verification-key.js';
import { printable } from '../text.js';

const MAX_FILE_BYTES = 64 * 1024;
const STATEMENTS = /\/statements$/;

/** The keys for statements among those that are named. `H4_PARAM` where there is none: nothing could be proven by it. */
export async function readStatementKeys(texts: readonly string[]): Promise<VerificationKey[]> {
  const keys: VerificationKey[] = [];
  for (const text of texts) {
    const found = (await linesOf(text)).map((line) => parseVerificationKey(line));
    const own = found.filter(({ name }) => STATEMENTS.test(name));
    if (own.length === 0) {
      throw new H4Error(
        'H4_PARAM',
        `--key ${printable(text)} names no key for statements: that is the second line of KEY.pub, whose name ends in /statements`,
      );
    }
    keys.push(...own);
  }
  return keys;
}

/** The lines of the file of this name, or else the text itself. */
async function linesOf(text: string): Promise<string[]> {
  try {
    const { size } = await stat(text);
    if (size > MAX_FILE_BYTES)
      throw new H4Error('H4_VKEY', `${printable(text)} is no file with keys: it has ${size} bytes`);
    const lines = (await readFile(text, 'utf8')).split(/\r?\n/u).map((line) => line.trim());
    return lines.filter((line) => line !== '' && !line.startsWith('#'));
  } catch (thrown) {
    if (isH4Error(thrown)) throw thrown;
    // A key looks like nothing that anybody calls a file.
    if (/\+[0-9a-f]{8}\+/u.test(text)) return [text];
    throw new H4Error('H4_IO', `Cannot read the keys in ${printable(text)}: ${explain(systemFailure(thrown))}`, {
      cause: thrown,
    });
  }
}
