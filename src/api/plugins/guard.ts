/**
 * Who may speak to a service on a loopback port: any web page in a browser of this machine can reach it. A page that has
 * pointed its own name at the loopback address (DNS rebinding) is known by the Host header, which names the page; one
 * that sends a form across sites, by Origin or Sec-Fetch-Site, which browsers set and pages cannot.
 */
import { isIP } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { H4Error } from '../../utils/error.js';

export interface GuardOptions {
  /** Names under which the service is reached besides those of the loopback interface, with or without a port. */
  readonly hosts: readonly string[];
  /** Whether nobody outside this machine can reach the service. Else it may be addressed by any number: numbers have no DNS. */
  readonly isLoopback: boolean;
}

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

export function addGuard(app: FastifyInstance, options: GuardOptions): void {
  app.addHook('onRequest', (request, _reply, done) => {
    try {
      assertHost(request, options);
      assertOrigin(request, options);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
}

/** `localhost`, `127.x.x.x` and `[::1]`, as they stand in a Host header without its port. */
export function isLoopbackName(name: string): boolean {
  return name === 'localhost' || (isIP(name) === 4 && name.startsWith('127.')) || name === '::1' || name === '[::1]';
}

function assertHost({ headers }: FastifyRequest, options: GuardOptions): void {
  const host = headers.host ?? '';
  const name = nameOf(host);
  const isNumber = isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
  if (isLoopbackName(name) || isListed(host, options.hosts) || (isNumber && !options.isLoopback)) return;
  throw new H4Error(
    'H4_HOST',
    `This service does not go by the name ${JSON.stringify(name.slice(0, 255))}: its operator can list names in HARMONY4_HOSTS`,
  );
}

function assertOrigin({ method, headers }: FastifyRequest, { hosts }: GuardOptions): void {
  if (SAFE_METHODS.has(method)) return;
  const { origin } = headers;
  const isCrossSite = headers['sec-fetch-site'] === 'cross-site';
  if (!isCrossSite && (origin === undefined || isOwnOrigin(origin, headers.host ?? '', hosts))) return;
  throw new H4Error('H4_ORIGIN', 'A page of another site has sent this request: only pages of this service may');
}

/** `null` is the origin of pages that hide theirs. The scheme is not compared: a proxy in front may speak another one. */
function isOwnOrigin(origin: string, host: string, hosts: readonly string[]): boolean {
  const of = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1];
  return of !== undefined && (of.toLowerCase() === host.toLowerCase() || isListed(of, hosts));
}

function isListed(host: string, hosts: readonly string[]): boolean {
  const [full, name] = [host.toLowerCase(), nameOf(host)];
  return hosts.some((listed) => listed === full || listed === name);
}

/** Without the port, in lower case. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '');
}
