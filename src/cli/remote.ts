/**
 * FILE as an http or https address. A remote file is read by ranges, and never whole unless the user says so: a full check
 * of a large one, or any use of one whose server answers no ranges, needs --allow-full-read.
 */
import { Readable } from 'node:stream';
import { type ByteSource, canHashSource, type HashingSource } from '../container/io/io.js';
import { createCachedSource } from '../storage/cached.js';
import type { HttpStatistics } from '../storage/http/client.js';
import { openHttpDownload } from '../storage/http/download.js';
import { type HttpSource, openHttpSource } from '../storage/http-range.js';
import { H4Error, isH4Error } from '../utils/error.js';
import { formatBytes } from './byte-counts.js';
import type { Context } from './context.js';
import type { InputOptions } from './input.js';
import { openSpooled } from './spool.js';
import { counted } from './text.js';

/** What a command may read whole without asking. */
const MAX_WHOLE_BYTES = 64 * 1024 * 1024;

export function isRemote(file: string): boolean {
  return /^https?:\/\//i.test(file);
}

/** Opens the file at `url`, which `name` stands for in messages. Whoever opens it closes it. */
export async function openRemote(
  url: string,
  name: string,
  context: Context,
  { wholeFile = false, allowFullRead = false }: InputOptions,
): Promise<ByteSource> {
  const { signal, http = {} } = context.io;
  // No browser is asked for leave here, so that the server can say by itself that the file has changed.
  const options = { ifMatch: true, ...http, signal };
  let source: HttpSource;
  try {
    source = await openHttpSource(url, options);
  } catch (error) {
    if (!isH4Error(error, 'H4_HTTP_RANGE') || error.detail['ignored'] !== true) throw error;
    if (allowFullRead) return openDownloaded(url, name, context, options);
    const message = `Cannot read parts of ${name}: its server ignores ranges; read it whole with --allow-full-read`;
    throw new H4Error('H4_HTTP_RANGE', message, { detail: error.detail, cause: error });
  }
  if (wholeFile && !allowFullRead && source.size > MAX_WHOLE_BYTES) {
    await source.close();
    throw withoutLeave(name, source.size);
  }
  return withReport(createCachedSource(source), source, context);
}

/** Refuses to go on with a remote file of which more would be read than anybody has allowed, once that is known. */
export function assertLeave(file: string, name: string, source: ByteSource, allowFullRead: boolean): void {
  if (isRemote(file) && !allowFullRead && source.size > MAX_WHOLE_BYTES) throw withoutLeave(name, source.size);
}

function withoutLeave(name: string, bytes: number): H4Error {
  return new H4Error(
    'H4_PARAM',
    `Cannot read all of ${name} without leave: that is ${formatBytes(bytes)} from its server; ` +
      'allow it with --allow-full-read, or download the file first',
  );
}

/** Reads the whole file once, into a temporary one. */
async function openDownloaded(
  url: string,
  name: string,
  context: Context,
  options: Parameters<typeof openHttpDownload>[1],
): Promise<ByteSource> {
  const download = openHttpDownload(url, options);
  const source = await openSpooled(() => Readable.from(download.pieces(), { objectMode: false }), name, context);
  return withReport(source, download, context);
}

/** Tells on a terminal, when the source is closed, what reading it has cost. */
function withReport(source: ByteSource, statistics: HttpStatistics, { io, err, json }: Context): ByteSource {
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await source.close();
    if (!err.isTerminal || json) return;
    await err.line(`read ${formatBytes(statistics.bytes)} in ${counted(statistics.requests, 'request')}`);
  };
  const reading: ByteSource = {
    size: source.size,
    read: (start, end, signal = io.signal) => source.read(start, end, signal),
    close: () => (closing ??= close()),
  };
  if (!canHashSource(source)) return reading;
  const hashing: HashingSource = {
    ...reading,
    sha256: (start, end, signal = io.signal) => source.sha256(start, end, signal),
  };
  return hashing;
}
