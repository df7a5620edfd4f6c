/**
 * What a process of a core does: it seals and loads the core by itself, with the fingerprint that was measured before the
 * first process was started, and then answers one request after the other until its parent is gone.
 */
import { H4Error } from '../../../utils/error.js';
import type { ErrorCode } from '../../../utils/error-codes.js';
import type { EngineInfo } from '../../api/engine.js';
import type { Core } from '../../core.js';
import { wrongBlock } from '../../round-trip.js';
import { loadSealedCore } from '../sealed-core.js';
import type { BlockingChannel, Request } from './blocking-channel.js';
import { FRAME_KIND } from './frames.js';
import { type CoreSetup, decodeSetup, encodeMessage } from './messages.js';

/** Resolves when the parent has closed its end. */
export async function serveCore(
  channel: BlockingChannel,
  prepare: (setup: CoreSetup) => void | Promise<void>,
): Promise<void> {
  const start = channel.receive();
  if (start === undefined) return;
  if (start.kind !== FRAME_KIND.start) throw new H4Error('H4_STATE', 'The first request has to be the setup');
  const service = await load(channel, start, prepare);
  if (service === undefined) return;
  for (let request = channel.receive(); request !== undefined; request = channel.receive()) {
    answer(channel, request, service);
  }
  service.close();
}

async function load(
  channel: BlockingChannel,
  { sequence, payload }: Request,
  prepare: (setup: CoreSetup) => void | Promise<void>,
): Promise<CoreService | undefined> {
  const setup = decodeSetup(payload);
  try {
    await prepare(setup);
    const { core, info, bytes, openAnother } = await loadSealedCore(setup.path, setup);
    const checker = setup.isChecked ? await openAnother() : undefined;
    const report = { fingerprint: info.fingerprint, bytes, declared: core.declared };
    channel.send(FRAME_KIND.ready, sequence, encodeMessage(report));
    return new CoreService(core, info, checker);
  } catch (error) {
    channel.send(FRAME_KIND.refused, sequence, refusalOf(error, 'H4_CORE_LOAD'));
    return undefined;
  }
}

function answer(channel: BlockingChannel, request: Request, service: CoreService): void {
  const { kind, sequence, payload, rawLength } = request;
  let result: Uint8Array;
  try {
    result = kind === FRAME_KIND.compress ? service.compress(payload) : service.decompress(payload, rawLength);
  } catch (error) {
    channel.send(FRAME_KIND.refused, sequence, refusalOf(error, 'H4_ENGINE_CRASHED'));
    return;
  }
  channel.send(FRAME_KIND.result, sequence, result);
}

function refusalOf(error: unknown, otherwise: ErrorCode): Uint8Array {
  const message = error instanceof Error ? error.message : String(error);
  return encodeMessage({ code: error instanceof H4Error ? error.code : otherwise, message: message.slice(0, 1000) });
}

class CoreService {
  readonly #core: Core;
  readonly #info: EngineInfo;
  /** A second instance of the core, if blocks are checked. */
  readonly #checker: Core | undefined;

  constructor(core: Core, info: EngineInfo, checker: Core | undefined) {
    this.#core = core;
    this.#info = info;
    this.#checker = checker;
  }

  /**
   * With the check, the block is restored here, by another instance of the core, and only the compressed block crosses the pipe.
   * That does not bring decompression back to where it was kept away from: what is restored was made by this very process
   * a moment ago. What the other process is for are blocks that come from files. And a core that wanted to deceive the check
   * could do so wherever it were made; it finds cores that compute wrongly.
   */
  compress(bytes: Uint8Array): Uint8Array {
    const checker = this.#checker;
    if (checker === undefined) return this.#core.compress(bytes);
    // Neither instance gets what is compared or handed out: a core that writes to its argument is found.
    const compressed = this.#core.compress(new Uint8Array(bytes));
    let restored: Uint8Array;
    try {
      restored = checker.decompress(new Uint8Array(compressed), bytes.length);
    } catch (cause) {
      throw wrongBlock(this.#info, bytes.length, 'it does not decode what it has just made', cause);
    }
    if (Buffer.compare(restored, bytes) !== 0) {
      throw wrongBlock(this.#info, bytes.length, 'what it has just made decodes to other bytes');
    }
    return compressed;
  }

  decompress(bytes: Uint8Array, rawLength: number): Uint8Array {
    return this.#core.decompress(bytes, rawLength);
  }

  close(): void {
    this.#core.close();
    this.#checker?.close();
  }
}
