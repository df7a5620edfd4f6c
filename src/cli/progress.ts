/** A line on a terminal's stderr that says how far a command is. Anywhere else it says nothing, and costs nothing. */
import { formatBytes } from './byte-counts.js';
import type { Context } from './context.js';
import { shortened } from './text.js';

const INTERVAL_MS = 100;
/** No line for what is over at once. */
const DELAY_MS = 300;
const ERASE_LINE = '\r\x1b[K';

export interface ProgressOptions {
  /** What is going on: `exporting clip.mp4`, printable. */
  readonly label: string;
  /** How many bytes there will be, where that is known. */
  readonly total?: number;
  readonly enabled: boolean;
}

export class Progress {
  readonly #context: Context;
  readonly #options: ProgressOptions;
  readonly #isShown: boolean;
  readonly #started: number;
  #drawn: number;
  #isOnScreen = false;

  constructor(context: Context, options: ProgressOptions) {
    this.#context = context;
    this.#options = options;
    this.#isShown = options.enabled && context.err.isTerminal && !context.json;
    this.#started = context.io.now();
    this.#drawn = this.#started + DELAY_MS - INTERVAL_MS;
  }

  /** `bytes` are done so far. */
  update(bytes: number): void {
    if (!this.#isShown) return;
    const now = this.#context.io.now();
    if (now - this.#drawn < INTERVAL_MS) return;
    this.#drawn = now;
    this.#isOnScreen = true;
    const { err } = this.#context;
    err.raw(ERASE_LINE + shortened(this.#text(bytes, now - this.#started), err.columns - 1));
  }

  /** Removes the line, so that what follows starts where it stood. */
  clear(): void {
    if (this.#isOnScreen) this.#context.err.raw(ERASE_LINE);
    this.#isOnScreen = false;
  }

  #text(bytes: number, elapsedMs: number): string {
    const { label, total } = this.#options;
    const perSecond = (bytes / Math.max(elapsedMs, 1)) * 1000;
    const rate = `${formatBytes(Math.round(perSecond))}/s`;
    if (total === undefined || total === 0) return `${formatBytes(bytes)}  ${rate}  ${label}`;
    const percent = Math.floor((Math.min(bytes, total) / total) * 100);
    const left = perSecond > 0 ? Math.ceil(Math.max(0, total - bytes) / perSecond) : 0;
    const remaining = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')} left`;
    return `${String(percent).padStart(3)} %  ${formatBytes(bytes)} of ${formatBytes(total)}  ${rate}  ${remaining}  ${label}`;
  }
}
