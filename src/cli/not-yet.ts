/**
 * Commands that this version does not have yet. Whoever has read of one is told so in a sentence, instead of being left to
 * look for a typing error.
 */
import type { Command } from 'commander';
import { H4Error } from '../utils/error.js';

const VERBS: ReadonlySet<string> = new Set(['doctor', 'token', 'tokens']);

/** Adds the verbs that are not there yet. No help shows them. */
export function addMissingVerbs(program: Command): void {
  for (const verb of VERBS) {
    program
      .command(verb, { hidden: true })
      .helpOption(false)
      .argument('[ARGUMENTS...]')
      .allowUnknownOption()
      .action(() => assertVerbExists(verb));
  }
}

/** Refuses a verb that is not there yet; says nothing about any other. */
export function assertVerbExists(verb: string): void {
  if (VERBS.has(verb)) throw new H4Error('H4_PARAM', `This version does not have the command '${verb}' yet`);
}
