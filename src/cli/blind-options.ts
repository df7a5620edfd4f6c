/**
 * What makes a recording fit to be redacted later (h4mk.md 10): a blind for every block, so that nobody can tell by trying
 * whether a guess of removed content is right. The seed of the blinds is secret; without it every blind still stands in the
 * recording, until its block is redacted.
 */
import type { Command } from 'commander';
import { H4Error } from '../utils/error.js';
import type { Context } from './context.js';
import { readKeyFile } from './key-file.js';

export interface BlindChoice {
  readonly redactable?: boolean;
  readonly blindSeedFile?: string;
}

const SEED_BYTES = 32;

export function addBlindOptions(command: Command): Command {
  return command
    .option('--redactable', 'give every block a blind: nobody can guess what is redacted later')
    .option('--blind-seed-file <FILE>', 'with --redactable: the secret that blinds are made from (default: random)');
}

/**
 * The seed of the blinds, or undefined: no blinds. A seed of one's own is refused where every recording of the same settings has
 * the same file_id (`hasUid` is false): they would share their blinds, and one recording would betray those of another.
 */
export async function readBlindSeed(
  { redactable = false, blindSeedFile }: BlindChoice,
  hasUid: boolean,
  context: Context,
): Promise<Uint8Array | undefined> {
  if (!redactable && blindSeedFile !== undefined) {
    throw new H4Error('H4_PARAM', 'Cannot use --blind-seed-file without --redactable: it is the seed of the blinds');
  }
  if (!redactable) return undefined;
  if (blindSeedFile === undefined) return context.io.randomBytes(SEED_BYTES);
  if (!hasUid) {
    throw new H4Error(
      'H4_PARAM',
      'Blinds from a seed that is used again can be read from another recording: with --blind-seed-file use --signable',
    );
  }
  return readKeyFile(blindSeedFile, { minBytes: SEED_BYTES, hides: true }, context);
}
