/**
 * A file behind an HTTP server that somebody is still writing: how far it may be read is told by its sidecar, `<address>.tail`
 * (spec/h4mk.md section 9.3). Without one, what the server has now is all that is known.
 */

import type { ByteSource } from '../../container/io/io.js';
import { isH4Error } from '../../utils/error.js';
import type { Growth, GrowingBytes } from '../follow.js';
import { type HttpSource, openHttpSource } from '../http-range.js';
import { TAIL_CHUNK_BYTES, isFinalTail, tailCopyOf } from '../tail-copy.js';
import { parseAddress } from './address.js';
import type { HttpOptions } from './settings.js';

const NOT_FOUND: ReadonlySet<unknown> = new Set([404, 410]);

export function openGrowingUrl(url: string, options: HttpOptions = {}): GrowingBytes {
  const { name } = parseAddress(url);
  // The name ends where a query begins, and a query often is a signature that goes with it.
  const sidecarUrl = url.replace(/(?=[?#]|$)/, '.tail');
  let source: HttpSource | undefined;
  /** How much was there while no sidecar was. The first one may speak of less: it can come between the two requests. */
  let unpromised = 0;

  /** All of a small file, or undefined where there is none. */
  const readSidecar = async (): Promise<Uint8Array | undefined> => {
    let file: HttpSource | undefined;
    try {
      file = await openHttpSource(sidecarUrl, options);
      return await file.read(0, Math.min(file.size, TAIL_CHUNK_BYTES + 1));
    } catch (error) {
      if (isH4Error(error) && NOT_FOUND.has(error.detail['status'])) return undefined;
      throw error;
    } finally {
      await file?.close();
    }
  };

  return {
    name,
    async look(): Promise<Growth> {
      const bytes = await readSidecar();
      if (bytes !== undefined) {
        const { end, isFinal } = tailCopyOf(bytes, `${name}.tail`);
        return { end: Math.max(end, unpromised), isFinal };
      }
      const whole = await openHttpSource(url, options);
      try {
        unpromised = whole.size;
        return { end: whole.size, isFinal: await endsInFinalTail(whole) };
      } finally {
        await whole.close();
      }
    },
    async read(start, end) {
      if (source === undefined || source.size < end) {
        await source?.close();
        source = await openHttpSource(url, { ...options, growing: true, size: end });
      }
      return source.read(start, end);
    },
    close: () => source?.close() ?? Promise.resolve(),
  };
}

async function endsInFinalTail(source: ByteSource): Promise<boolean> {
  if (source.size < TAIL_CHUNK_BYTES) return false;
  return isFinalTail(await source.read(source.size - TAIL_CHUNK_BYTES, source.size), source.size);
}
