/**
 * An http or https address: what is sent to, what is sent along, and what it may be called. User name, password and query
 * often are secrets (a signed link has its signature in the query): messages never contain them.
 */

import { H4Error } from '../../utils/error.js';

export interface Address {
  /** Without user name, password and fragment: `fetch` refuses the first two, and no server sees the third. */
  readonly href: string;
  readonly origin: string;
  readonly isSecure: boolean;
  /** For messages: without user name, password, query and fragment. */
  readonly name: string;
  /** The value of an `Authorization` header, if the address has a user name or password. */
  readonly authorization: string | undefined;
}

/** `H4_PARAM` for what is no http or https address. What does not parse is not repeated in the message. */
export function parseAddress(text: string): Address {
  const url = parsed(text);
  if (url === undefined) throw new H4Error('H4_PARAM', 'Cannot read an address that is no valid URL');
  if (!isHttp(url)) {
    throw new H4Error(
      'H4_PARAM',
      `Cannot read an address of the kind '${url.protocol}': only http: and https: are read`,
    );
  }
  return addressOf(url);
}

/**
 * Where a redirect from `from` leads. `H4_IO` where it must not be followed: away from http, or from https to http, which
 * would let anybody on the way read and change what comes.
 */
export function redirected(from: Address, location: string | null): Address {
  const url = location === null ? undefined : parsed(location, from.href);
  if (url === undefined) throw refused(from, 'without saying where to');
  if (!isHttp(url)) throw refused(from, `to an address of the kind '${url.protocol}'`);
  const to = addressOf(url);
  if (from.isSecure && !to.isSecure) throw refused(from, 'from https to http, which is not safe');
  // Credentials that a server writes into an address are not ours to use.
  return { ...to, authorization: undefined };
}

/** What messages call `text`; what does not parse is called an address and nothing else. */
export function addressName(text: string): string {
  const url = parsed(text);
  return url === undefined ? 'an address' : nameOf(url);
}

/** A message of the platform, without the query of any address in it. */
export function withoutQueries(message: string): string {
  return message.replace(/\?\S*/g, '');
}

function addressOf(url: URL): Address {
  const name = nameOf(url);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  url.hash = '';
  const authorization = username === '' && password === '' ? undefined : basic(username, password);
  return { href: url.href, origin: url.origin, isSecure: url.protocol === 'https:', name, authorization };
}

function nameOf(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

function isHttp({ protocol }: URL): boolean {
  return protocol === 'http:' || protocol === 'https:';
}

function parsed(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

/** RFC 7617, with the character set that its section 2.1 recommends. */
function basic(username: string, password: string): string {
  const bytes = new TextEncoder().encode(`${unescaped(username)}:${unescaped(password)}`);
  return `Basic ${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))}`;
}

/** A `%` that escapes nothing stands for itself. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function refused(from: Address, why: string): H4Error {
  return new H4Error('H4_IO', `Cannot read ${from.name}: the server redirects ${why}`);
}
