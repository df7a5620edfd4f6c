#!/usr/bin/env node
/** The program `harmony4`: gives `run` the process it runs in, and the process the exit code. */
import { randomBytes } from 'node:crypto';
import { basename, relative } from 'node:path';
import { Interruption } from './exit.js';
import { limitMemory } from './memory.js';
import { run } from './run.js';

limitMemory();

const controller = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  // Once: whoever insists is obeyed at once, by the default action of the second signal.
  process.once(signal, () => controller.abort(new Interruption(signal)));
}
for (const stream of [process.stdout, process.stderr]) {
  // Every write reports its own failure; this event is the same news a second time.
  stream.on('error', () => undefined);
}

/** What the user typed, as far as the process can tell: the name of a link, or the built file in a checkout. */
function commandOf(script: string): string {
  if (basename(script) !== 'main.js') return basename(script);
  return script.includes('node_modules') ? 'harmony4' : `node ${relative(process.cwd(), script)}`;
}

process.exitCode = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  now: () => performance.now(),
  utcMicros: () => Date.now() * 1000,
  randomBytes,
  signal: controller.signal,
  command: commandOf(process.argv[1] ?? 'harmony4'),
});
