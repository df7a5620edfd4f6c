/**
 * A program with an isolated core, for tests that end it: `parent.js CORE ACT`. It writes a line for each process that it
 * starts, and what came of its calls.
 */

import { Buffer } from 'node:buffer';
import process from 'node:process';
import { setInterval, setTimeout } from 'node:timers';
import { IsolatedEngine } from '../../../../../dist/compression/node/isolation/isolated-engine.js';

const [, , path, act] = process.argv;
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const text = (value) => Buffer.from(value);
const sealed = new Set();

const settings = { pins: {}, fallback: 'refuse', isolation: 'process', verify: 'always' };
const { core } = await IsolatedEngine.start(path, settings, (event) => {
  if (event.type === 'process-start') say({ pid: event.pid });
  if (event.type === 'seal-pass' && sealed.add(sealed.size).size === 4) say({ sealed: 4 });
});

switch (act) {
  case 'ends':
    // Without having closed its engine, and with nothing else to do.
    await core.compress(text('good'));
    say({ done: true });
    break;
  case 'exits':
    await core.compress(text('good'));
    process.exit(0);
    break;
  case 'waits':
    setInterval(() => undefined, 1000);
    break;
  case 'hangs':
    setInterval(() => undefined, 1000);
    core.compress(text('SLEEP')).catch(() => undefined);
    core.decompress(text('SLEEP'), 5).catch(() => undefined);
    setTimeout(() => say({ hanging: true }), 300);
    break;
  default:
    say({ unknown: act });
}
