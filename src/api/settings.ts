/**
 * How the service is configured: the environment, which is handed in, as one value. Whatever would open the service wider
 * than its operator has said is refused here, before anything listens.
 */
import { type CoreSettings, type Environment, readCoreSettings } from '../compression/settings.js';
import { H4Error } from '../utils/error.js';
import type { ServiceLimits } from './limits.js';
import { isLoopbackName } from './plugins/guard.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface ServiceSettings {
  readonly core: CoreSettings;
  readonly host: string;
  /** 0: any port that is free. */
  readonly port: number;
  /** Whether nobody outside this machine can reach `host`. */
  readonly isLoopback: boolean;
  /** Names besides those of the loopback interface, in lower case, with or without a port. */
  readonly hosts: readonly string[];
  readonly logLevel: LogLevel;
  readonly limits: Partial<ServiceLimits>;
  /** A file; whoever starts the service reads it. */
  readonly signingKeyPath?: string;
}

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 8000;
const MAX_PORT = 65_535;

/** `H4_PARAM`, or a code of `readCoreSettings`, names the variable at fault. */
export function readServiceSettings(env: Environment): ServiceSettings {
  const host = valueOf(env, 'HARMONY4_HOST') ?? DEFAULT_HOST;
  const isLoopback = isLoopbackName(host.toLowerCase());
  const isOpen = readAuth(env) === 'off';
  if (!isLoopback && !isOpen) {
    throw refusal(
      'HARMONY4_HOST',
      `${JSON.stringify(host)} can be reached from other machines, and this version has no access tokens yet: anybody there could ` +
        'use the service. Listen on 127.0.0.1, or set HARMONY4_AUTH=off if something in front of it decides who may',
    );
  }
  const maxUploadBytes = readBytes(env, 'HARMONY4_MAX_UPLOAD');
  const signingKeyPath = valueOf(env, 'HARMONY4_SIGNING_KEY');
  return {
    core: readCoreSettings(env, { isolation: 'process' }),
    host,
    port: readPort(env),
    isLoopback,
    hosts: readHosts(env),
    logLevel: readLogLevel(env),
    limits: maxUploadBytes === undefined ? {} : { maxUploadBytes },
    ...(signingKeyPath === undefined ? {} : { signingKeyPath }),
  };
}

function readAuth(env: Environment): 'off' | undefined {
  const auth = valueOf(env, 'HARMONY4_AUTH');
  if (auth === undefined || auth === 'off') return auth;
  throw refusal(
    'HARMONY4_AUTH',
    `${JSON.stringify(auth)} is not known: this version has 'off' only, tokens come later`,
  );
}

function readPort(env: Environment): number {
  const text = valueOf(env, 'PORT');
  if (text === undefined) return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (port <= MAX_PORT) return port;
  throw refusal('PORT', `${JSON.stringify(text)} is no port: it has to be a whole number from 0 to ${MAX_PORT}`);
}

const HOST_FORM = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/;

function readHosts(env: Environment): readonly string[] {
  const hosts = (valueOf(env, 'HARMONY4_HOSTS') ?? '')
    .split(',')
    .map((host) => host.trim().toLowerCase())
    .filter((host) => host !== '');
  const wrong = hosts.find((host) => !HOST_FORM.test(host));
  if (wrong === undefined) return hosts;
  throw refusal(
    'HARMONY4_HOSTS',
    `${JSON.stringify(wrong)} is no name: list names as in 'archive.example.org,media:8000'`,
  );
}

function readLogLevel(env: Environment): LogLevel {
  const text = valueOf(env, 'HARMONY4_LOG_LEVEL') ?? 'info';
  const level = LOG_LEVELS.find((each) => each === text);
  if (level !== undefined) return level;
  throw refusal(
    'HARMONY4_LOG_LEVEL',
    `${JSON.stringify(text)} is no level: it has to be one of ${LOG_LEVELS.join(', ')}`,
  );
}

const FACTORS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

function readBytes(env: Environment, name: string): number | undefined {
  const text = valueOf(env, name);
  if (text === undefined) return undefined;
  const [, digits, unit = ''] = /^(\d{1,15})\s*(?:([kmgt])(?:i?b)?)?$/i.exec(text.trim()) ?? [];
  const bytes = Number(digits) * (FACTORS[unit.toLowerCase()] ?? 1);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw refusal(name, `${JSON.stringify(text)} is not a number of bytes: write 1073741824, 512MiB or 20GiB`);
}

/** Empty is unset, as templates write it. */
function valueOf(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === '' ? undefined : value;
}

function refusal(name: string, why: string): H4Error {
  return new H4Error('H4_PARAM', `${name}: ${why}`, { detail: { field: name } });
}
