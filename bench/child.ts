/**
 * The process of one contender. It does one repetition whenever it is told to, so that contenders can take turns, and its
 * peak memory is that of this task alone.
 */

import { createTask, type Counts, type TaskSpec } from './task.js';

export type Request = 'run' | 'finish';

export interface Repetition {
  readonly seconds: number;
  /** Of all threads of this process. */
  readonly cpuSeconds: number;
  /** The most memory that was resident up to now. */
  readonly peakBytes: number;
  readonly counts: Counts;
}

export type Reply =
  | ({ readonly kind: 'done' } & Repetition)
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly message: string };

// What the parent has written, which is this package.
const task = createTask(JSON.parse(process.argv[2] ?? '') as TaskSpec);

process.on('message', (request: Request) => {
  answer(request).then(send, (thrown: unknown) => {
    send({ kind: 'failed', message: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) });
  });
});

async function answer(request: Request): Promise<Reply> {
  if (request === 'finish') {
    await task.check?.();
    return { kind: 'finished' };
  }
  await task.prepare?.();
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const counts = await task.run();
  const seconds = (performance.now() - start) / 1e3;
  const cpu = process.cpuUsage(cpuBefore);
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  return { kind: 'done', seconds, cpuSeconds: (cpu.user + cpu.system) / 1e6, peakBytes, counts: counts ?? {} };
}

function send(reply: Reply): void {
  process.send?.(reply);
}
