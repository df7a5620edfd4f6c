/**
 * `harmony4 export IN -o OUT --live`: a recording that can be read while it grows and that survives a crash. It grows under
 * its own name, and whatever goes wrong, what is on the disk stays there: the failure says how much of it is durable.
 */
import type { CompressionEngine } from '../../compression/api/engine.js';
import type { MaskSpec } from '../../container/secrecy/block-secrets.js';
import type { CheckpointSigner } from '../../container/sign/checkpoint-signer.js';
import { createLiveFileSink, type LiveFileSink } from '../../storage/node/live-file.js';
import type { FrameRate } from '../../tokenizers/frame-clock.js';
import { toHex } from '../../utils/bytes.js';
import { H4Error, isH4Error } from '../../utils/error.js';
import type { Context } from '../context.js';
import type { CommandEngines } from '../engines.js';
import { Interruption, printWarning } from '../exit.js';
import { STDIN, inputName } from '../input.js';
import type { Signer } from '../signer.js';
import { STDOUT, isSameFile, withoutProgramAdvice } from '../output.js';
import { type LiveInput, openLiveInput } from './live-input.js';
import { runLiveLoop } from './live-loop.js';
import { createLiveNews } from './live-news.js';
import { type Acknowledged, LiveRecorder, type LiveResult, type ResumedRecording } from './live-recorder.js';
import { resumeLive } from './live-resume.js';

export interface LiveExportOptions {
  readonly output: string;
  readonly force: boolean;
  /** Go on with OUT if it is there, instead of refusing it. */
  readonly resume: boolean;
  readonly blockSize: number;
  readonly gop: number;
  /** Absent: blocks have the time at which they arrived. */
  readonly frameRate?: FrameRate;
  /** Of the command: a recording goes on with the engine that began it. */
  readonly engines: CommandEngines;
  readonly engineFor: (head: Uint8Array) => { readonly engine: CompressionEngine; readonly mediaType: string };
  readonly uid?: string;
  /** How blocks are hidden. A recording that is gone on with needs its key again. */
  readonly secrecy?: MaskSpec;
  /** Absent: what is redacted later may be guessed. */
  readonly blindSeed?: Uint8Array;
  readonly signer?: Signer;
  readonly indexRecords: number;
  readonly indexSeconds: number;
  readonly progress: boolean;
}

interface RecordOptions extends Omit<LiveExportOptions, 'signer'> {
  readonly signer?: CheckpointSigner;
}

const UID_BYTES = 16;

/** Records IN until it ends or the user ends it, and closes the recording. */
export async function exportLive(file: string, options: LiveExportOptions, context: Context): Promise<LiveResult> {
  const { output } = options;
  if (output === STDOUT) {
    throw new H4Error('H4_PARAM', 'Cannot record live to standard output: a crash would lose it; name a file with -o');
  }
  if (file !== STDIN && (await isSameFile(output, file))) {
    throw new H4Error('H4_PARAM', `Cannot write ${output}: it is the file that is read; choose another name for -o`);
  }
  const { signer, ...others } = options;
  // What it records can be read while it grows.
  const signing = signer === undefined ? {} : { signer: signer.createCheckpointSigner() };
  const input = await openLiveInput(file, context);
  try {
    const tools = { ...others, ...signing };
    const opened = await (options.resume ? resumeLive(output, tools, context) : undefined);
    const sink =
      opened?.sink ??
      (await createLiveFileSink(output, { overwrite: options.force || options.resume }).catch((error: unknown) => {
        throw withoutProgramAdvice(error);
      }));
    return await record(input, sink, file, { ...tools, ...opened?.settings }, context, opened?.resumed);
  } finally {
    await input.close();
  }
}

async function record(
  input: LiveInput,
  sink: LiveFileSink,
  file: string,
  options: RecordOptions,
  context: Context,
  resumed: ResumedRecording | undefined,
): Promise<LiveResult> {
  const { io } = context;
  const news = createLiveNews(context, { label: `recording ${inputName(file)}`, progress: options.progress });
  const started = io.now();
  const startedUtcMicros = io.utcMicros?.();
  const recorder = new LiveRecorder(sink, {
    ...options,
    uid: options.uid ?? toHex(io.randomBytes(UID_BYTES)),
    elapsedMicros: () => Math.floor((io.now() - started) * 1000),
    ...(startedUtcMicros === undefined ? {} : { startedUtcMicros }),
    onPoint: (point) => news.point(point),
    ...(resumed === undefined ? {} : { resumed }),
  });
  try {
    await runLiveLoop(input.pieces(), recorder, { indexMs: options.indexSeconds * 1000, signal: io.signal });
    // A file that has changed meanwhile is not what its name says; what was recorded of it is hashed all the same.
    const result = await recorder.close((await input.isUnchanged()) ? input.name : undefined);
    news.clear();
    if (io.signal.reason instanceof Interruption) {
      const { message } = io.signal.reason;
      await printWarning(context, 'H4_CANCELLED', `${message}; the recording ends there and is closed`);
    }
    return result;
  } catch (error) {
    news.clear();
    await sink.abort();
    throw asLiveFailure(error, recorder.acknowledged, options.output, io.command);
  }
}

/** The same error, and what has become of the recording. */
function asLiveFailure(error: unknown, durable: Acknowledged | undefined, output: string, command: string): unknown {
  if (!isH4Error(error)) return error;
  const detail = {
    ...error.detail,
    durable_records: durable?.records ?? 0,
    durable_bytes: durable?.bytes ?? 0,
  };
  const message = `${error.message}. The recording was not closed: ${fateOf(error, durable, output, command)}`;
  return new H4Error(error.code, message, { detail, cause: error });
}

function fateOf(error: H4Error, durable: Acknowledged | undefined, output: string, command: string): string {
  if (error.code === 'H4_LOCKED' && durable !== undefined) {
    return `${durable.records} records were durable, and are wherever the file is now, unless it was deleted`;
  }
  const state =
    durable === undefined
      ? `no index point of ${output} had become durable`
      : `${output} is durable up to record ${durable.records - 1} (${durable.bytes} bytes)`;
  return `${state}; '${command} recover ${output} -o NEW' brings back everything that is whole`;
}
