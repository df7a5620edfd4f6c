/** The service as it is deployed: the built program in a process of its own, configured by its environment. */
import type { ChildProcess } from 'node:child_process';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { type Ended, ended, start } from '../cli/support/process.js';

export interface ServiceProcess {
  readonly child: ChildProcess;
  readonly origin: string;
  /** What it said when it began to listen. */
  readonly greeting: Readonly<Record<string, unknown>>;
  readonly ended: Promise<Ended>;
  /** Ends it, and gives what it wrote. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<Ended>;
}

const environment = (env: Readonly<Record<string, string>>): NodeJS.ProcessEnv => {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(HARMONY4_|PORT$|NODE_OPTIONS$)/.test(name));
  return { ...Object.fromEntries(inherited), ...env };
};

/** Starts the service on a free port. Rejects with all it wrote if it ends before it listens. */
export async function startService(env: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
  const child = start(['serve', '--json'], { env: environment({ PORT: '0', ...env }) });
  child.stdin?.end();
  const end = ended(child);
  const greeting = await new Promise<Record<string, unknown>>((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (piece: Buffer) => {
      text += piece.toString();
      if (text.includes('\n')) resolve(JSON.parse(text) as Record<string, unknown>);
    });
    void end.then(({ code, stderr }) => reject(new Error(`ended with ${String(code)}: ${stderr}`)));
  });
  return {
    child,
    greeting,
    ended: end,
    origin: String(greeting['url']),
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return end;
    },
  };
}

/**
 * Runs the service until it ends by itself, with a port on which nobody else listens, and knocks at that port all the time:
 * `opened` says how often somebody was there.
 */
export async function refusedService(
  env: Readonly<Record<string, string>>,
): Promise<Ended & { readonly opened: number }> {
  const port = await freePort();
  const child = start(['serve', '--json'], { env: environment({ PORT: String(port), ...env }) });
  child.stdin?.end();
  const end = ended(child);
  let isOver = false;
  void end.then(() => (isOver = true));
  let opened = 0;
  const isRunning = (): boolean => !isOver;
  while (isRunning()) if (await isOpen(port)) opened++;
  return { ...(await end), opened };
}

/** Whether somebody listens on the port. */
function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // With a pause: knocking must not keep the service from starting.
    socket.once('error', () => setTimeout(() => resolve(false), 5));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
