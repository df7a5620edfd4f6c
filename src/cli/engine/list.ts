/** `harmony4 engine list`: every engine whose blocks can be decoded here. */
import type { EngineInfo } from '../../compression/api/engine.js';
import { equivalentsOf } from '../../compression/api/equivalents.js';
import type { LoadedEngine } from '../../compression/node/load-engine.js';
import type { Context } from '../context.js';
import { isCore, withEngines } from '../engines.js';
import { EXIT } from '../exit.js';
import { formatTable } from '../table.js';
import { printable } from '../text.js';
import { type AddVerb, JSON_OPTION } from '../verb.js';
import { coreExamples } from './core-examples.js';

export const addList: AddVerb = (program, context, done) => {
  program
    .command('list')
    .summary('list the engines that can decode here')
    .description(
      'Lists the engines whose blocks can be decoded here: those that are built in, the configured core, and other builds ' +
        'that the file HARMONY4_ENGINE_EQUIVALENTS holds to be the same as one of them.',
    )
    .option(...JSON_OPTION)
    .addHelpText('after', coreExamples(context, ['engine list', '* engine list', '* engine list --json']))
    .action(async () => done(await list(context)));
};

interface Entry {
  readonly engine_id: string;
  readonly fingerprint: string;
  readonly source: 'built in' | 'core' | 'equivalent';
  /** The engine that decodes for an equivalent. */
  readonly decoded_by: { readonly engine_id: string; readonly fingerprint: string } | null;
}

/** Prints a line for each engine, or a JSON object. */
export async function list(context: Context): Promise<number> {
  return withEngines(context, async (engines) => {
    const entries = entriesOf(await engines.load());
    if (context.json) {
      for (const entry of entries) await context.out.json(entry);
      return EXIT.done;
    }
    const columns = ['engine id', 'fingerprint', 'source'].map((title) => ({ title }));
    const rows = entries.map(({ engine_id, fingerprint, source, decoded_by }) => [
      printable(engine_id),
      fingerprint,
      decoded_by === null
        ? source
        : `${source} of ${printable(decoded_by.engine_id)} ${decoded_by.fingerprint.slice(0, 12)}…`,
    ]);
    for (const line of formatTable(columns, rows)) await context.out.line(line);
    return EXIT.done;
  });
}

/** What is at hand goes before an equivalent of it; an equivalent is listed once, with the first engine that is one. */
function entriesOf({ engines, equivalents }: LoadedEngine): Entry[] {
  const entries: Entry[] = engines.infos.map((info) => ({
    ...identityOf(info),
    source: isCore(info) ? 'core' : 'built in',
    decoded_by: null,
  }));
  for (const info of engines.infos) {
    const decoded_by = identityOf(info);
    const start = { engineId: info.engine_id, fingerprint: info.fingerprint };
    for (const { engineId: engine_id, fingerprint } of equivalentsOf(start, equivalents)) {
      const isListed = entries.some((entry) => entry.engine_id === engine_id && entry.fingerprint === fingerprint);
      if (!isListed) entries.push({ engine_id, fingerprint, source: 'equivalent', decoded_by });
    }
  }
  return entries;
}

function identityOf({ engine_id, fingerprint }: EngineInfo): Pick<Entry, 'engine_id' | 'fingerprint'> {
  return { engine_id, fingerprint };
}
