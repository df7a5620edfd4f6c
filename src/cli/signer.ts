/** The key with which a command signs checkpoints, and the history that stands beside it. */
import { type CheckpointSigner, createCheckpointSigner } from '../container/sign/checkpoint-signer.js';
import type { SigningHistory } from '../container/sign/history-guard.js';
import type { SigningKey } from '../utils/signing-key.js';
import type { Context } from './context.js';
import { type SignerOptions, readSigner } from './signer-option.js';
import { openSigningHistory } from './signing-history.js';

export interface Signer {
  readonly key: SigningKey;
  readonly history: SigningHistory;
  /** For one recording. `H4_SIGNING_KEY` if the key signs no checkpoints. */
  createCheckpointSigner(): CheckpointSigner;
}

export const SIGNING_HISTORY_OPTION = [
  '--signing-history <FILE>',
  'where what KEY has signed is kept, so that it never signs two histories (default: KEY.history)',
] as const;

export interface CheckpointSignerChoice extends SignerOptions {
  readonly signingHistory?: string | undefined;
}

/** What a result says of its signatures. */
export interface SignedBy {
  /** `NAME+<key ID>` */
  readonly key: string;
  readonly checkpoints: number;
}

/** The signer that `--signer` names, undefined without it. */
export async function openSigner(options: CheckpointSignerChoice, context: Context): Promise<Signer | undefined> {
  const key = await readSigner(options, context);
  if (key === undefined || options.signer === undefined) return undefined;
  const history = await openSigningHistory(options.signer, options.signingHistory);
  return {
    key,
    history,
    createCheckpointSigner: () => createCheckpointSigner({ signer: key, history }),
  };
}

export function signedBy({ name, keyId, count }: CheckpointSigner): SignedBy {
  return { key: `${name}+${keyId}`, checkpoints: count };
}
