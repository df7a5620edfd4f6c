/**
 * A core that runs in processes of its own. A crash, a hang or a leak of it costs the one call that caused it; and blocks
 * that come from files, which an attacker may have written, are restored in other processes than those that compress, so
 * that the memory which they spoil is not that of a recording. It is no sandbox: code that an attacker got to run has the
 * rights of the user who runs the engine.
 *
 * Every process seals its core by itself, with the fingerprint that was measured first: a file that was replaced since is
 * refused before any of it runs, and nothing takes the place of the core.
 */
import { resolve } from 'node:path';
import { H4Error } from '../../../utils/error.js';
import type { CompressionEngine, EngineInfo } from '../../api/engine.js';
import type { Declared } from '../../core.js';
import { compressedWithoutCore, restoredWithoutCore } from '../../core-compression.js';
import { assertEngineId, assertFingerprint, coreInfo } from '../../seal.js';
import type { CoreSettings } from '../../settings.js';
import { readCoreFile } from '../core-file.js';
import type { EngineLane, OnEngineEvent } from '../events.js';
import type { StartedCore } from '../load-engine.js';
import { withoutPaths } from '../without-paths.js';
import { type BlockCall, closedError } from './block-call.js';
import { EngineProcess } from './engine-process.js';
import { KeepAlive } from './keep-alive.js';
import { Lane } from './lane.js';
import { DEFAULT_ISOLATION_LIMITS, type IsolationLimits } from './limits.js';
import type { CoreSetup, SealReport } from './messages.js';
import { coreWorker } from './worker-module.js';

export interface IsolationOptions extends Partial<IsolationLimits> {
  /** The compiled program of the processes. */
  readonly entry?: URL;
}

export class IsolatedEngine implements CompressionEngine {
  readonly #path: string;
  readonly #settings: CoreSettings;
  readonly #onEvent: OnEngineEvent;
  readonly #limits: IsolationLimits;
  readonly #entry: URL;
  readonly #measured: { readonly fingerprint: string; readonly bytes: number };
  readonly #keepAlive = new KeepAlive();
  readonly #lanes: Readonly<Record<EngineLane, Lane>>;
  /** What the first process said of its core. Every later one has to say the same. */
  #declared: Declared | undefined;
  #info: EngineInfo;
  #hasPrinted = false;
  #closing: Promise<void> | undefined;

  /**
   * Resolves when the core is sealed in both lanes; rejects with the codes of the seal, and then no process is left. `onEvent`
   * is told of every process that was sealed; the measurement made here is for the caller to report.
   */
  static async start(
    path: string,
    settings: CoreSettings,
    onEvent: OnEngineEvent,
    options: IsolationOptions = {},
  ): Promise<StartedCore> {
    const { bytes, fingerprint, warnings } = await readCoreFile(path);
    assertFingerprint(fingerprint, settings.pins);
    // The processes have another working directory.
    const core = new IsolatedEngine(resolve(path), settings, onEvent, options, { fingerprint, bytes: bytes.length });
    const declared = await core.#open();
    return { core, measured: { size: bytes.length, method: 'file' }, declared, warnings };
  }

  private constructor(
    path: string,
    settings: CoreSettings,
    onEvent: OnEngineEvent,
    { entry = coreWorker(), ...limits }: IsolationOptions,
    measured: { readonly fingerprint: string; readonly bytes: number },
  ) {
    this.#path = path;
    this.#settings = settings;
    this.#onEvent = onEvent;
    this.#limits = { ...DEFAULT_ISOLATION_LIMITS, ...limits };
    this.#entry = entry;
    this.#measured = measured;
    this.#info = coreInfo(measured.fingerprint, undefined, settings.pins);
    this.#lanes = { compress: this.#makeLane('compress'), decompress: this.#makeLane('decompress') };
  }

  /** An empty block stays empty and never reaches a process. */
  async compress(bytes: Uint8Array): Promise<Uint8Array> {
    const empty = compressedWithoutCore(bytes, this.#info);
    if (empty !== undefined) return empty;
    return this.#submit('compress', bytes, bytes.length);
  }

  async decompress(bytes: Uint8Array, rawLength: number): Promise<Uint8Array> {
    const empty = restoredWithoutCore(bytes, rawLength, this.#info);
    if (empty !== undefined) return empty;
    return this.#submit('decompress', bytes, rawLength);
  }

  info(): EngineInfo {
    return this.#info;
  }

  /** Resolves when no process is left. Calls that run are waited for, up to `closeMillis`; those that wait fail with `H4_STATE`. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #open(): Promise<Declared> {
    this.#keepAlive.hold();
    try {
      // Both at once, as a start is mostly waiting; and both to their end, so that no process is forgotten.
      const outcomes = await Promise.allSettled(Object.values(this.#lanes).map((lane) => lane.open()));
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      return this.#declared ?? {};
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      this.#keepAlive.release();
    }
  }

  async #close(): Promise<void> {
    this.#keepAlive.hold();
    await Promise.all(Object.values(this.#lanes).map((lane) => lane.close()));
    this.#keepAlive.close();
  }

  #submit(lane: EngineLane, bytes: Uint8Array, rawLength: number): Promise<Uint8Array> {
    if (this.#closing !== undefined) return Promise.reject(closedError(this.#info.engine_id));
    return new Promise((resolve, reject) => {
      this.#keepAlive.hold();
      const call: BlockCall = {
        lane,
        bytes,
        rawLength,
        resolve: (block) => {
          this.#keepAlive.release();
          resolve(block);
        },
        reject: (error) => {
          this.#keepAlive.release();
          reject(error);
        },
      };
      this.#lanes[lane].submit(call);
    });
  }

  #makeLane(name: EngineLane): Lane {
    return new Lane({
      lane: name,
      limits: this.#limits,
      onEvent: this.#onEvent,
      engineId: () => this.#info.engine_id,
      withoutPath: (message) => withoutPaths(message, { ...this.#settings, corePath: this.#path }),
      makeProcess: (lane, onLost) =>
        new EngineProcess({
          lane,
          onLost,
          setup: this.#setup(),
          limits: this.#limits,
          entry: this.#entry,
          accept: (report) => this.#accept(report),
          onPrinted: () => this.#warnOfPrinting(),
        }),
    });
  }

  #setup(): CoreSetup {
    const { pins, temporaryFolder, verify } = this.#settings;
    return {
      path: this.#path,
      pins: { ...pins, fingerprint: this.#measured.fingerprint },
      isChecked: verify === 'always',
      parentPid: process.pid,
      ...(temporaryFolder === undefined ? {} : { temporaryFolder: resolve(temporaryFolder) }),
    };
  }

  /** A process has measured and loaded by itself; whether it was the same thing is decided here, and not by it. */
  #accept({ fingerprint, bytes, declared }: SealReport): void {
    const { pins } = this.#settings;
    assertFingerprint(fingerprint, { fingerprint: this.#measured.fingerprint });
    assertEngineId(declared.engineId, pins);
    const first = (this.#declared ??= declared);
    const isSame = declared.engineId === first.engineId && declared.fingerprint === first.fingerprint;
    if (bytes !== this.#measured.bytes || !isSame) {
      throw new H4Error(
        'H4_CORE_MISMATCH',
        'A process has loaded a core of the same fingerprint that says something else of itself than the first: ' +
          'do not use this core',
        { detail: { fingerprint } },
      );
    }
    this.#info = coreInfo(fingerprint, declared.engineId, pins);
    this.#onEvent({ type: 'seal-pass', info: this.#info });
  }

  #warnOfPrinting(): void {
    if (this.#hasPrinted) return;
    this.#hasPrinted = true;
    const message = 'The compression core, or its process, prints. Its output is thrown away; a core has to be silent';
    this.#onEvent({ type: 'warning', message });
  }
}
