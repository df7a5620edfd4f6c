/** The program of a core's process: what its parent sends over `CHANNEL_FD`, and nothing else, tells it what to do. */
import { BlockingChannel } from './blocking-channel.js';
import { serveCore } from './core-service.js';
import { CHANNEL_FD } from './frames.js';
import { harden } from './hardening.js';

await serveCore(new BlockingChannel(CHANNEL_FD, CHANNEL_FD), ({ parentPid }) => harden(parentPid));
// A core may have started what would keep this process alive.
process.exit(0);
