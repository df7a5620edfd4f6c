/** `harmony4 serve`: the HTTP service, until it is told to stop. */
import { type ServiceSettings, readServiceSettings } from '../../api/settings.js';
import type { EngineInfo } from '../../compression/api/engine.js';
import type { SigningKey } from '../../utils/signing-key.js';
import type { Context } from '../context.js';
import { EXIT, printWarning } from '../exit.js';
import { integer } from '../options.js';
import { readSigningKeyFile } from '../signing-key-file.js';
import { type AddVerb, JSON_OPTION, examples } from '../verb.js';
import { VERSION } from '../version.js';

export interface ServeOptions {
  readonly host?: string;
  readonly port?: number;
  readonly check?: boolean;
}

export const addServe: AddVerb = (program, context, done) => {
  program
    .command('serve')
    .summary('the HTTP service')
    .description(
      'Compresses, decompresses and attests over HTTP. It is configured by the environment; the compression core is sealed before ' +
        'the port opens, and a core that is not what was pinned keeps it closed. SIGTERM or Ctrl-C ends the service when the ' +
        'requests that run are answered. The log goes to stderr, one JSON object per line.',
    )
    .option('--host <HOST>', 'where to listen, instead of HARMONY4_HOST (default: 127.0.0.1)')
    .option('--port <PORT>', 'instead of PORT (default: 8000; 0: any that is free)', integer(0, 65_535))
    .option('--check', 'read the settings, seal the core and end, without listening')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `${examples(context, ['serve --check', 'serve --port 0 --check --json'])}
  $ HARMONY4_CORE_PATH=missing.so ${context.io.command} serve --check   # exits 4

Without --check it runs until it is stopped. Its routes and all variables: docs/reference/http.md.`,
    )
    .action(async (options: ServeOptions) => done(await serve(options, context)));
};

/** Runs the service until the signal of the context. Resolves to 0 when it has ended as it was told. */
export async function serve(options: ServeOptions, context: Context): Promise<number> {
  const { io } = context;
  // Only now: every other command would pay for loading it.
  const { createLogger, sealEngine, startServer } = await import('../../api/server.js');
  const settings = readServiceSettings({
    ...io.env,
    ...(options.host === undefined ? {} : { HARMONY4_HOST: options.host }),
    ...(options.port === undefined ? {} : { PORT: String(options.port) }),
  });
  const signingKey = await readKey(settings, context);
  const logger = createLogger(settings.logLevel, io.stderr);
  // A refusal is told by the command in any case: on a terminal, where the log goes as well, it stands there once.
  const logsRefusal = !context.err.isTerminal;
  if (options.check === true) {
    const engine = await sealEngine(settings.core, logger, undefined, logsRefusal);
    await engine.close();
    await tell(context, { event: 'checked', ...engineFields(engine.info) }, engine.info);
    return EXIT.done;
  }
  const server = await startServer({
    settings,
    logger,
    logsRefusal,
    version: VERSION,
    now: () => (io.utcMicros?.() ?? 0) / 1000,
    randomBytes: io.randomBytes,
    ...(signingKey === undefined ? {} : { signingKey }),
  });
  try {
    const { info } = server.engine;
    await tell(context, { event: 'listening', url: server.url, ...engineFields(info) }, info);
    await context.out.flush();
    await aborted(io.signal);
  } finally {
    await server.stop();
  }
  return EXIT.done;
}

async function readKey({ signingKeyPath }: ServiceSettings, context: Context): Promise<SigningKey | undefined> {
  if (signingKeyPath === undefined) return undefined;
  const { key, warning } = await readSigningKeyFile(signingKeyPath);
  if (warning !== undefined) await printWarning(context, 'H4_SIGNING_KEY', warning);
  return key;
}

type EngineFields = Pick<EngineInfo, 'engine_id' | 'fingerprint' | 'sealed' | 'seal_level'>;

function engineFields({ engine_id, fingerprint, sealed, seal_level }: EngineInfo): EngineFields {
  return { engine_id, fingerprint, sealed, seal_level };
}

async function tell(
  { out, json }: Context,
  fields: { readonly event: string; readonly url?: string } & EngineFields,
  { engine, engine_id, seal_level }: EngineInfo,
): Promise<void> {
  if (json) return out.json(fields);
  await out.line(fields.url === undefined ? 'the service can start' : `listening on ${fields.url}`);
  await out.field('engine', `${engine} (${engine_id})`);
  await out.field('seal level', `${seal_level} of 3`);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
