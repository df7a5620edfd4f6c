/** Examples of commands that need a core: in front of the command stands the variable that configures it. */
import type { Context } from '../context.js';

/** Lines that begin with `* ` are run with a core. */
export function coreExamples({ io }: Context, lines: readonly string[]): string {
  const shown = lines.map((line) =>
    line.startsWith('* ')
      ? `  $ HARMONY4_CORE_PATH=./geo.wasm ${io.command} ${line.slice(2)}`
      : `  $ ${io.command} ${line}`,
  );
  return `\nExamples:\n${shown.join('\n')}`;
}
