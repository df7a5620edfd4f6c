/**
 * `POST /compress` and `POST /compress/decompress`. Both stream: a block is read, worked on and written before the next one is
 * read, and whoever does not read the answer is not read either. With `?format=raw` there is one block, held whole.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ZERO_UID } from '../../container/format/meta.js';
import { toHex } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { AnswerSink } from '../answer-sink.js';
import type { ServiceDeps } from '../deps.js';
import { packOpaque } from '../pack.js';
import { logFailure } from '../plugins/answers.js';
import { toH4Error } from '../problem.js';
import { choice, frameRate, gather, hex, integer, readParameters } from '../parameters.js';
import { type EngineUse, unpackTrack } from '../unpack.js';
import { BARE_TYPE, type Upload, openUpload, readWhole } from '../upload.js';
import { WorkGate, gatedEngine, gatedEngines } from '../work-gate.js';

/** A recording. Nobody has registered a type for it; this one is documented. */
export const CONTAINER_TYPE = 'application/vnd.h4mk';

const KiB = 1024;
const FORMAT = choice(['container', 'raw']);
const PACK = {
  format: FORMAT,
  block_size: integer(64 * KiB, 8 * KiB * KiB, 512 * KiB),
  gop: integer(1, 600, 30),
  fps_hint: frameRate([30, 1]),
  uid: hex(32),
};
const UNPACK = { format: FORMAT, track: integer(0, 65_535, undefined) };

const UID_BYTES = 16;

export function addCompressRoutes(app: FastifyInstance, deps: ServiceDeps): void {
  const { engine, limits, randomBytes, signingKey } = deps;
  const gate = new WorkGate(limits.heavyRequests, Infinity);
  const room = new WorkGate(limits.openRequests, 0);

  app.post('/compress', async (request, reply) => {
    const { upload, given, isRaw } = await openRequest(request);
    if (isRaw) {
      readParameters(given, { format: FORMAT });
      const gone = goneSignal(reply);
      const block = await room.run(
        async () => gatedEngine(engine.engine, gate, gone).compress(await readWhole(upload, limits.maxRawBytes)),
        gone,
      );
      nameEngine(reply, { info: engine.info, isEquivalent: false });
      return reply.header('X-Compressed-Size', block.length).type(BARE_TYPE).send(asBuffer(block));
    }
    const { block_size: blockSize, gop, fps_hint: fpsHint, uid } = readParameters(given, PACK);
    // A service that has a key makes recordings that can be signed later.
    const ownUid = signingKey === undefined ? ZERO_UID : toHex(randomBytes(UID_BYTES));
    return stream(request, reply, 'X-Compressed-Size', async (sink, gone) => {
      nameEngine(reply, { info: engine.info, isEquivalent: false });
      void reply.type(CONTAINER_TYPE).header('Content-Disposition', attachment('recording.h4mk'));
      const plan = { engine: gatedEngine(engine.engine, gate, gone), blockSize, gop, fpsHint, uid: uid ?? ownUid };
      await packOpaque(upload.pieces(limits.maxUploadBytes), sink, plan);
    });
  });

  app.post('/compress/decompress', async (request, reply) => {
    const { upload, given, isRaw } = await openRequest(request);
    if (isRaw) {
      const raw = { format: FORMAT, raw_length: integer(0, limits.maxRawBytes, undefined) };
      const { raw_length: rawLength } = readParameters(given, raw);
      if (rawLength === undefined) {
        const message = 'The parameter "raw_length" is missing: a bare block does not say how long it was';
        throw new H4Error('H4_PARAM', message, { detail: { field: 'raw_length' } });
      }
      const gone = goneSignal(reply);
      const bytes = await room.run(async () => {
        const block = await readWhole(upload, limits.maxRawBytes);
        return gatedEngine(engine.engine, gate, gone).decompress(block, rawLength);
      }, gone);
      nameEngine(reply, { info: engine.info, isEquivalent: false });
      return reply.header('X-Decompressed-Size', bytes.length).type(BARE_TYPE).send(asBuffer(bytes));
    }
    const { track } = readParameters(given, UNPACK);
    return stream(request, reply, 'X-Decompressed-Size', async (sink, gone) => {
      void reply.type(BARE_TYPE).header('Content-Disposition', attachment('original.bin'));
      const onEngine = (use: EngineUse): void => nameEngine(reply, use);
      const engines = gatedEngines(engine.engines, gate, gone);
      await unpackTrack(upload.pieces(limits.maxUploadBytes), sink, { engines, track, onEngine });
    });
  });

  async function openRequest(request: FastifyRequest): Promise<{
    readonly upload: Upload;
    readonly given: ReadonlyMap<string, string>;
    readonly isRaw: boolean;
  }> {
    const upload = await openUpload(request, limits);
    const given = gather(request.query, upload.fields);
    return { upload, given, isRaw: given.get('format') === 'raw' };
  }

  /** Lets `work` write the answer if there is room for another request. The room is free again when all is written. */
  async function stream(
    request: FastifyRequest,
    reply: FastifyReply,
    sizeHeader: string,
    work: (sink: AnswerSink, gone: AbortSignal) => Promise<void>,
  ): Promise<FastifyReply> {
    const sink = new AnswerSink(limits);
    const gone = goneSignal(reply);
    gone.addEventListener('abort', () => sink.fail(gone.reason as Error), { once: true });
    room
      .run(() => work(sink, gone), gone)
      .catch((error: unknown) => {
        // Nobody else hears of it: the client sees a connection that breaks.
        if (sink.isStreaming) logFailure(request.log, toH4Error(error));
        sink.fail(error as Error);
      });
    const answer = await sink.answer;
    switch (answer.kind) {
      case 'whole':
        return reply.header(sizeHeader, answer.bytes.length).send(asBuffer(answer.bytes));
      case 'stream':
        return reply.send(answer.stream);
    }
  }
}

/** Aborted when the connection is closed, before or after the answer is complete. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const abort = (): void => controller.abort(new H4Error('H4_CANCELLED', 'The client has gone'));
  if (reply.raw.destroyed) abort();
  else reply.raw.once('close', abort);
  return controller.signal;
}

/** Whose blocks these are. Another build than the one named counts only by the operator's list, and is not passed over. */
function nameEngine(reply: FastifyReply, { info, isEquivalent }: EngineUse): void {
  void reply.headers({ 'X-Harmony4-Engine': info.engine_id, 'X-Harmony4-Engine-Fingerprint': info.fingerprint });
  if (isEquivalent) void reply.header('X-Harmony4-Engine-Equivalent', 'true');
}

/** RFC 6266. The names are ours: one that a client sends is not repeated to others. */
function attachment(name: string): string {
  return `attachment; filename="${name}"; filename*=UTF-8''${encodeURIComponent(name)}`;
}

/** The same memory: what fastify sends has to be a Buffer. */
function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}
