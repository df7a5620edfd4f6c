/**
 * The body of a request as pieces of bytes: the part `file` of a form, or the bare body. It is never held whole here, and
 * reading it is what lets the client send more. A body that ends before its end is a failure, not a short file.
 */
import { Readable } from 'node:stream';
import type { Multipart } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { concatBytes } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import type { ServiceLimits } from './limits.js';
import { waitFor } from './patience.js';

export const BARE_TYPE = 'application/octet-stream';
export const FILE_PART = 'file';

export const HOW_TO_SEND = `send the bytes as ${BARE_TYPE}, or as the part '${FILE_PART}' of multipart/form-data`;

export interface Upload {
  /** The fields of the form that stand before the file; they count like query parameters. */
  readonly fields: ReadonlyMap<string, string>;
  /** All bytes, once. `H4_UPLOAD_LIMIT` as soon as there are more than `maxBytes`. */
  pieces(maxBytes: number): AsyncGenerator<Uint8Array, void>;
}

/** What a form may hold beside the file. Its headers come on top. */
const FORM_LIMITS = {
  fileSize: Number.MAX_SAFE_INTEGER,
  files: 1,
  fields: 16,
  fieldSize: 1024,
  fieldNameSize: 64,
  headerPairs: 32,
  // What parts there are is said by an error of ours, so one more than allowed has to come through.
  parts: 18,
};

/** Finds the bytes of a request. `H4_MEDIA_TYPE` if it has none, `H4_PARAM` for a form without a file. */
export async function openUpload(request: FastifyRequest, limits: ServiceLimits): Promise<Upload> {
  if (request.isMultipart()) return openForm(request, limits);
  if (!(request.body instanceof Readable)) {
    throw new H4Error('H4_MEDIA_TYPE', `The request has no body: ${HOW_TO_SEND}`);
  }
  const { body } = request;
  return {
    fields: new Map(),
    async *pieces(maxBytes) {
      assertDeclaredLength(request, maxBytes);
      yield* limited(readPieces(body, request, limits), maxBytes);
    },
  };
}

async function openForm(request: FastifyRequest, limits: ServiceLimits): Promise<Upload> {
  const parts = request.parts({ limits: FORM_LIMITS })[Symbol.asyncIterator]();
  const fields = new Map<string, string>();
  for (;;) {
    const part = await nextPart(parts, request, limits);
    if (part === undefined) {
      throw new H4Error('H4_PARAM', `The form has no part '${FILE_PART}': ${HOW_TO_SEND}`, {
        detail: { field: FILE_PART },
      });
    }
    const name = part.fieldname;
    if (part.type === 'field') {
      if (typeof part.value !== 'string' || part.valueTruncated || fields.has(name)) {
        throw new H4Error('H4_PARAM', `The field '${name}' of the form is too long, not text, or given twice`, {
          detail: { field: name },
        });
      }
      fields.set(name, part.value);
      continue;
    }
    if (name !== FILE_PART) {
      throw new H4Error('H4_PARAM', `The form has a file '${name}': ${HOW_TO_SEND}`, { detail: { field: name } });
    }
    const { file } = part;
    return {
      fields,
      async *pieces(maxBytes) {
        yield* limited(readPieces(file, request, limits), maxBytes);
        const rest = await nextPart(parts, request, limits);
        if (rest !== undefined) {
          // It could have changed what has been written already.
          const message = `The part '${rest.fieldname}' follows the file: it has to stand before it`;
          throw new H4Error('H4_PARAM', message, { detail: { field: rest.fieldname } });
        }
      },
    };
  }
}

async function nextPart(
  parts: AsyncIterator<Multipart>,
  request: FastifyRequest,
  limits: ServiceLimits,
): Promise<Multipart | undefined> {
  try {
    const next: IteratorResult<Multipart, unknown> = await waitFor(parts.next(), limits.idleMillis, () =>
      stalled(limits),
    );
    return next.done === true ? undefined : next.value;
  } catch (thrown) {
    throw uploadFailure(thrown, request);
  }
}

async function* readPieces(
  stream: Readable,
  request: FastifyRequest,
  limits: ServiceLimits,
): AsyncGenerator<Uint8Array, void> {
  // Giving up must not destroy the stream: the connection would go with it, before the client hears why.
  const pieces = stream.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array, unknown>;
  const { idleMillis, minBytesPerSecond } = limits;
  // Only the time that we wait for the sender counts, and none of what it waits for us.
  let patience = idleMillis;
  try {
    for (;;) {
      const since = performance.now();
      const next = await waitFor(pieces.next(), patience, () => stalled(limits));
      if (next.done === true) return;
      const earned = (next.value.length / minBytesPerSecond) * 1000;
      patience = Math.min(idleMillis, Math.max(0, patience - (performance.now() - since)) + earned);
      yield next.value;
    }
  } catch (thrown) {
    throw uploadFailure(thrown, request);
  } finally {
    // Not waited for: behind a piece that does not come it would wait for ever. It lets go of the stream, for `drain`.
    void pieces.return?.();
  }
}

async function* limited(pieces: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    yield piece;
  }
}

/** All bytes at once, for what has to be held whole: at most `maxBytes`, and nothing is allocated before it is there. */
export async function readWhole(upload: Upload, maxBytes: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of upload.pieces(maxBytes)) pieces.push(piece);
  return concatBytes(...pieces);
}

/** The length that a client announces spares both sides the transfer; whoever announces none is counted. */
function assertDeclaredLength({ headers }: FastifyRequest, maxBytes: number): void {
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
}

/** Lets the rest of a refused body come in and go, up to a limit, so that its sender gets to read the answer. */
export function drain({ raw }: FastifyRequest, { drainedBytes }: ServiceLimits): void {
  if (raw.readableEnded || raw.destroyed) return;
  let bytes = 0;
  raw.unpipe();
  raw.on('data', (piece: Uint8Array) => {
    bytes += piece.length;
    if (bytes > drainedBytes) raw.destroy();
  });
  raw.on('error', () => undefined);
  raw.resume();
}

function tooLarge(maxBytes: number): H4Error {
  return new H4Error('H4_UPLOAD_LIMIT', `The body is larger than ${maxBytes} bytes`, { detail: { limit: maxBytes } });
}

function stalled({ idleMillis, minBytesPerSecond }: ServiceLimits): H4Error {
  return new H4Error(
    'H4_UPLOAD_STALLED',
    `The body stopped coming: for ${idleMillis / 1000} seconds there was less than ${minBytesPerSecond} bytes per second of it`,
  );
}

function uploadFailure(thrown: unknown, { raw }: FastifyRequest): H4Error {
  if (thrown instanceof H4Error) return thrown;
  if (raw.destroyed && !raw.complete) {
    return new H4Error('H4_CANCELLED', 'The client has gone before the body was complete', { cause: thrown });
  }
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new H4Error('H4_PARAM', `The body is no complete form: ${reason}`, {
    detail: { field: 'body' },
    cause: thrown,
  });
}
