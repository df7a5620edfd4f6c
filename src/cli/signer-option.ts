/** The key with which a command signs, as it is named on the command line. */
import { H4Error } from '../utils/error.js';
import type { SigningKey } from '../utils/signing-key.js';
import type { Context } from './context.js';
import { readSigningKey } from './signing-key-file.js';

export const PASSPHRASE_FILE_OPTION = ['--passphrase-file <FILE>', 'the file with the passphrase of KEY'] as const;

export interface SignerOptions {
  /** A file, as keygen makes it. */
  readonly signer?: string | undefined;
  readonly passphraseFile?: string | undefined;
}

/** The key of `--signer`, undefined without it. Warns where others may read its files. */
export async function readSigner(
  { signer, passphraseFile }: SignerOptions,
  context: Context,
): Promise<SigningKey | undefined> {
  if (signer !== undefined) return readSigningKey(signer, context, { passphraseFile });
  if (passphraseFile === undefined) return undefined;
  throw new H4Error('H4_PARAM', 'Cannot use --passphrase-file without --signer: it is the passphrase of that key');
}
