/**
 * What an HTTP source needs of the world: the few parts of `fetch` that it uses, and timers. Both are injectable, so that
 * a browser, Node and a program with a transport of its own serve alike; the defaults are the global ones.
 */

export interface HttpRequest {
  readonly method: 'GET';
  readonly headers: Readonly<Record<string, string>>;
  readonly redirect: 'manual' | 'follow';
  readonly cache: 'no-store';
  readonly credentials: 'same-origin';
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** `opaqueredirect` where the platform does not show a redirect to programs, as browsers do not. */
  readonly type: string;
  /** The address that answered, after redirects that the platform followed itself. */
  readonly url: string;
  readonly headers: { get(name: string): string | null };
  readonly body: HttpBody | null;
}

export interface HttpBody {
  getReader(): HttpBodyReader;
}

export interface HttpBodyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(reason?: unknown): Promise<void>;
}

export type HttpFetch = (url: string, request: HttpRequest) => Promise<HttpResponse>;

export interface Timers {
  /** Calls `callback` once after so many milliseconds, and gives what `clear` needs to prevent it. */
  set(callback: () => void, milliseconds: number): unknown;
  clear(timer: unknown): void;
}

export const globalFetch: HttpFetch = (url, request) => fetch(url, request);

export const globalTimers: Timers = {
  set: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clear: (timer) => clearTimeout(timer),
};
