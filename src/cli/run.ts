/**
 * The command line from arguments to exit code. Nothing here or below ends the process, reads its arguments or writes to
 * its streams by itself: everything comes in through `io`, so that a test runs what a shell runs.
 */
import { Command, CommanderError } from 'commander';
import { H4Error } from '../utils/error.js';
import { addClip } from './commands/clip.js';
import { addDemo } from './commands/demo.js';
import { addEngine } from './commands/engine.js';
import { addExport } from './commands/export.js';
import { addExtract } from './commands/extract.js';
import { addInspect } from './commands/inspect.js';
import { addKeygen } from './commands/keygen.js';
import { addMask, addUnmask } from './commands/mask.js';
import { addRecover } from './commands/recover.js';
import { addRedact } from './commands/redact.js';
import { addSeek } from './commands/seek.js';
import { addServe } from './commands/serve.js';
import { addSign } from './commands/sign.js';
import { addUpgrade } from './commands/upgrade.js';
import { addVerify } from './commands/verify.js';
import { type CliIo, type Context, createContext } from './context.js';
import { EXIT, failureOf, printFailure } from './exit.js';
import { addMissingVerbs, assertVerbExists } from './not-yet.js';
import { ClosedPipe } from './render.js';
import type { AddVerb } from './verb.js';
import { VERSION } from './version.js';

const ADD_BY_NAME: Readonly<Record<string, AddVerb>> = {
  inspect: addInspect,
  verify: addVerify,
  seek: addSeek,
  export: addExport,
  extract: addExtract,
  clip: addClip,
  redact: addRedact,
  recover: addRecover,
  upgrade: addUpgrade,
  mask: addMask,
  unmask: addUnmask,
  keygen: addKeygen,
  sign: addSign,
  serve: addServe,
  engine: addEngine,
  demo: addDemo,
};
const VERB_NAMES = Object.keys(ADD_BY_NAME);

/** Runs one command line, without the names of interpreter and script. Resolves to the exit code; never rejects. */
export async function run(argv: readonly string[], io: CliIo): Promise<number> {
  const context = createContext(io, { json: wantsJson(argv) });
  let exitCode: number = EXIT.done;
  const command = (): Promise<void> =>
    runCommand(argv, context, (code) => {
      exitCode = code;
    });
  for (const step of [command, () => context.out.flush()]) {
    try {
      await step();
    } catch (thrown) {
      exitCode = await conclude(thrown, exitCode, verbOf(argv), context);
    }
  }
  await context.err.flush().catch(() => undefined);
  return exitCode;
}

async function runCommand(argv: readonly string[], context: Context, done: (exitCode: number) => void): Promise<void> {
  const program = createProgram(context, done);
  if (argv.length > 0) {
    await program.parseAsync(argv, { from: 'user' });
  } else {
    program.outputHelp({ error: true });
    done(EXIT.usage);
  }
}

/** Whether --json stands among the options. The parser is not asked, because its own errors depend on it. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).includes('--json');
}

/** The command whose help explains a usage error. Like --json it is found without the parser, which only says what is wrong. */
function verbOf([first]: readonly string[]): string | undefined {
  return VERB_NAMES.find((name) => name === first);
}

/** Tells what was thrown, unless there is nothing to tell, and gives the exit code. */
async function conclude(
  thrown: unknown,
  exitCode: number,
  verb: string | undefined,
  context: Context,
): Promise<number> {
  if (thrown instanceof ClosedPipe) return thrown.isIncomplete ? EXIT.io : exitCode;
  // Help and version end the parser like an error.
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return exitCode;
  const failure = failureOf(thrown, context.io.signal, context.io.command, verb);
  // What was found stands before what went wrong. Where neither can be written, the exit code still tells.
  await context.out.flush().catch(() => undefined);
  await printFailure(context, failure).catch(() => undefined);
  return failure.exit_code;
}

function createProgram(context: Context, done: (exitCode: number) => void): Command {
  const { command } = context.io;
  const program = new Command('harmony4')
    .description('HarmonyØ4: recordings that can be searched and checked, to the last byte.')
    .version(`harmony4 ${VERSION}`, '-V, --version', 'the version of this software')
    .helpOption('-h, --help', 'this text')
    .helpCommand(false)
    .configureOutput({
      // Gathered, so that a closed pipe is noticed where all output is written.
      writeOut: (text) => void context.out.line(text.trimEnd()),
      writeErr: (text) => void context.err.line(text.trimEnd()),
      getOutHelpWidth: () => context.out.columns,
      getErrHelpWidth: () => context.err.columns,
      // Errors are thrown, and told by `printFailure`.
      outputError: () => undefined,
    })
    .exitOverride()
    .addHelpText(
      'after',
      `\n'${command} COMMAND --help' explains a command and shows examples. Start with '${command} demo'.`,
    );
  for (const add of [...Object.values(ADD_BY_NAME), addHelp]) add(program, context, done);
  addMissingVerbs(program);
  return program;
}

/** `help COMMAND`; the parser's own one answers an unknown command with the general help. */
const addHelp: AddVerb = (program) => {
  program
    .command('help')
    .summary('explain a command')
    .argument('[COMMAND]', 'the command to explain')
    .action((name?: string) => {
      assertVerbExists(name ?? '');
      const verb = name === undefined ? program : program.commands.find((each) => each.name() === name);
      if (verb === undefined) {
        const names = [...VERB_NAMES, 'help'].join(', ');
        throw new H4Error('H4_PARAM', `There is no command '${name ?? ''}': the commands are ${names}`);
      }
      verb.outputHelp();
    });
};
