/** `harmony4 engine`: which engine runs here, what can be shown of it, and whether a core is fit to be one. */
import { H4Error } from '../../utils/error.js';
import { addAttest } from '../engine/attest.js';
import { addCheck } from '../engine/check.js';
import { addInfo } from '../engine/info.js';
import { addList } from '../engine/list.js';
import { EXIT } from '../exit.js';
import { printable } from '../text.js';
import { type AddVerb, examples } from '../verb.js';

const ADD_BY_NAME: Readonly<Record<string, AddVerb>> = {
  info: addInfo,
  list: addList,
  attest: addAttest,
  check: addCheck,
};

export const addEngine: AddVerb = (program, context, done) => {
  const engine = program
    .command('engine')
    .summary('show, attest and check compression engines')
    .description(
      'Blocks are compressed by an engine: one that is built in, or a core, a library that HARMONY4_CORE_PATH names and ' +
        'that HARMONY4_ENGINE_ID and HARMONY4_ENGINE_FP pin.',
    )
    .usage('COMMAND [options]')
    .argument('[COMMAND]')
    .allowExcessArguments()
    .allowUnknownOption()
    .addHelpText(
      'after',
      `${examples(context, ['engine info', 'engine list', 'engine attest'])}

All of them take --json, and --help explains each.`,
    )
    .action((name?: string) => {
      if (name !== undefined) {
        const names = Object.keys(ADD_BY_NAME).join(', ');
        throw new H4Error('H4_PARAM', `There is no command 'engine ${printable(name)}': the commands are ${names}`);
      }
      engine.outputHelp({ error: true });
      done(EXIT.usage);
    });
  for (const add of Object.values(ADD_BY_NAME)) add(engine, context, done);
};
