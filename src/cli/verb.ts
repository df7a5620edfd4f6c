/** The shape of a command's module: it adds its verb, options and help to the program, and reports how it ended. */
import type { Command } from 'commander';
import type { Context } from './context.js';

export type AddVerb = (program: Command, context: Context, done: (exitCode: number) => void) => void;

export const JSON_OPTION = ['--json', 'results and errors as JSON, one object per line'] as const;
export const FULL_READ_OPTION = [
  '--allow-full-read',
  'read all of a large remote file, or from a server without ranges',
] as const;
export const NO_PROGRESS_OPTION = ['--no-progress', 'no progress line on the terminal'] as const;

/** The part of a help text that shows what to type. */
export function examples(context: Context, lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${context.io.command} ${line}`).join('\n')}`;
}
