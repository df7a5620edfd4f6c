/** Verification keys for attestations, as they are given on the command line: the text of a key, or a file with such lines. */
import { H4Error } from '../../utils/error.js';
import type { VerificationKey } from '../../utils/verification-key.js';
import { readVerificationKeys } from '../key-lines.js';
import { printable } from '../text.js';

const STATEMENTS = /\/statements$/;

/** Whether `key` signs statements, by its name: it is the second key of KEY.pub. */
export function isStatementKey({ name }: VerificationKey): boolean {
  return STATEMENTS.test(name);
}

/** The keys for statements among those that are named. `H4_PARAM` where there is none: nothing could be proven by it. */
export async function readStatementKeys(texts: readonly string[]): Promise<VerificationKey[]> {
  const keys: VerificationKey[] = [];
  for (const text of texts) {
    const own = (await readVerificationKeys(text, '--key')).filter(isStatementKey);
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
