/**
 * A file behind an HTTP server that somebody is still writing: how far it may be read is told by its sidecar, `<address>.tail`
 * (spec/h4mk.md section 9.3). Without one, what the server has now is all that is known.
 */

import type { ByteSource } from '../../container/io/io.js';
import { isH4Error } from '../../utils/error.js';
import type { Growth, GrowingBytes } from '../follow.js';
import { type HttpSource, openHttpSource } from '../http-range.js';
import { TAIL_CHUNK_BYTES, type TailCopy, isFinalTail, tailCopyOf } from '../tail-copy.js';
import { parseAddress } from './address.js';
import type { HttpOptions } from './settings.js';

/** Stores that do not let everybody know what is missing answer 403. If nothing at all may be read, the file will say so. */
const NOT_THERE: ReadonlySet<unknown> = new Set([403, 404, 410]);

export function openGrowingUrl(url: string, options: HttpOptions = {}): GrowingBytes {
  const { name } = parseAddress(url);
  // The name ends where a query begins, and a query often is a signature that goes with it.
  const sidecarUrl = url.replace(/(?=[?#]|$)/, '.tail');
  let source: HttpSource | undefined;
  /** How much was there while no sidecar was. The first one may speak of less: it can come between the two requests. */
  let unpromised = 0;

  /** The newest sidecar, or undefined where there is none, or something else under its name. */
  const readSidecar = async (): Promise<TailCopy | undefined> => {
    let file: HttpSource | undefined;
    try {
      // One request, because it may be another one at the next.
      file = await openHttpSource(sidecarUrl, { ...options, growing: true, size: TAIL_CHUNK_BYTES });
      return tailCopyOf(await file.read(0, TAIL_CHUNK_BYTES), `${name}.tail`);
    } catch (error) {
      if (!isH4Error(error)) throw error;
      const { changed, status } = error.detail;
      // Shorter than a sidecar, or not what was asked for.
      const isOther = changed === true || error.code === 'H4_TAIL_LAYOUT' || error.code === 'H4_HTTP_RANGE';
      if (isOther || NOT_THERE.has(status)) return undefined;
      throw error;
    } finally {
      await file?.close();
    }
  };

  /** What is there, without a sidecar; what was there before, if it has just grown between two requests. */
  const lookAtFile = async (): Promise<Growth> => {
    let whole: HttpSource | undefined;
    try {
      whole = await openHttpSource(url, options);
      const growth = { end: whole.size, isFinal: await endsInFinalTail(whole) };
      unpromised = growth.end;
      return growth;
    } catch (error) {
      if (!isH4Error(error) || error.detail['changed'] !== true) throw error;
      return { end: unpromised, isFinal: false };
    } finally {
      await whole?.close();
    }
  };

  return {
    name,
    async look(): Promise<Growth> {
      const sidecar = await readSidecar();
      if (sidecar === undefined) return lookAtFile();
      return { end: Math.max(sidecar.end, unpromised), isFinal: sidecar.isFinal };
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
