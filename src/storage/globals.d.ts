/**
 * What storage may use beyond the globals of the other neutral tiers: requests, their cancellation, and timers. Present in
 * every current browser and in Node. They are declared here and not one folder up, because only storage does I/O.
 */

import type { HttpRequest, HttpResponse } from './http/transport.js';

declare global {
  class AbortController {
    readonly signal: AbortSignal;
    abort(reason?: unknown): void;
  }

  class URL {
    constructor(url: string, base?: string);
    href: string;
    readonly origin: string;
    readonly protocol: string;
    readonly host: string;
    readonly pathname: string;
    username: string;
    password: string;
    hash: string;
  }

  /** The Latin-1 characters of `binary` as base64. */
  function btoa(binary: string): string;

  function fetch(url: string, request: HttpRequest): Promise<HttpResponse>;

  function setTimeout(callback: () => void, milliseconds: number): unknown;
  function clearTimeout(timer: unknown): void;
}
