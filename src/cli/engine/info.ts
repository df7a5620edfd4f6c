/** `harmony4 engine info`: what may be said to anybody of the engine that the environment configures. Never where it lies. */
import type { Context } from '../context.js';
import { coreSettings, withEngines } from '../engines.js';
import { EXIT } from '../exit.js';
import { printable } from '../text.js';
import { type AddVerb, JSON_OPTION } from '../verb.js';
import { coreExamples } from './core-examples.js';
import { describeLevel } from './seal-level.js';

export const addInfo: AddVerb = (program, context, done) => {
  program
    .command('info')
    .summary('show the engine that is configured')
    .description(
      'Loads and seals the engine that the environment configures, and shows its public metadata: what META of a recording ' +
        'says, and what the service answers. Without HARMONY4_CORE_PATH it is the reference engine.',
    )
    .option(...JSON_OPTION)
    .addHelpText('after', coreExamples(context, ['engine info', '* engine info', '* engine info --json']))
    .action(async () => done(await info(context)));
};

/** Prints the metadata of the engine. Resolves to 0; a core that is refused ends the command with its code. */
export async function info(context: Context): Promise<number> {
  const { pins } = coreSettings(context);
  return withEngines(context, async (engines) => {
    const { info: about, declared } = await engines.load();
    const { out, json } = context;
    if (json) {
      await out.json(about);
      return EXIT.done;
    }
    const { engine, engine_id, fingerprint, deterministic, identity_safe, opaque } = about;
    await out.field('engine', engine);
    await out.field('engine_id', printable(engine_id));
    await out.field('fingerprint', fingerprint);
    if (declared?.fingerprint !== undefined && declared.fingerprint !== fingerprint) {
      await out.field('', `it declares ${declared.fingerprint}, which proves nothing; what counts is measured`);
    }
    await out.field('seal level', describeLevel(about, pins));
    await out.field('properties', describeProperties({ deterministic, identity_safe, opaque }));
    return EXIT.done;
  });
}

function describeProperties(properties: Readonly<Record<string, boolean>>): string {
  return Object.entries(properties)
    .map(([name, has]) => (has ? name : `not ${name}`))
    .join(', ');
}
