/**
 * The times of the blocks of a legacy file. It states those of its keyframes, in SEEK; those between are not in the file.
 * The original numbered blocks and gave block i the time i * trunc(1 000 000 / fps_hint), which is what its token streams
 * show at 29.97 frames per second; every SEEK it wrote agrees with that. So a block between two entries is that many frames
 * after the first of them, and never after the second.
 */
import { MAX_U53 } from '../../utils/u64.js';
import { misplacedSeekEntry } from './legacy-grammar.js';
import type { LegacyMeta } from './legacy-meta.js';
import type { SeekEntry, SeekTable } from '../format/seek.js';

const MICROS_PER_SECOND = 1_000_000;

/** How long a block lasts, in microseconds, as the original computed it: in float64. Undefined where META does not say. */
export const legacyFrameMicros = ({ json }: LegacyMeta): number | undefined => {
  const fps = json['fps_hint'];
  if (typeof fps !== 'number' || !(fps > 0)) return undefined;
  const micros = Math.trunc(MICROS_PER_SECOND / fps);
  return micros >= 1 && Number.isSafeInteger(micros) ? micros : undefined;
};

/** Blocks from one keyframe to the next, where META says so. */
export const legacyGop = ({ json }: LegacyMeta): number | undefined => {
  const { gop } = json;
  return typeof gop === 'number' && Number.isSafeInteger(gop) && gop >= 1 ? gop : undefined;
};

export interface LegacyTime {
  /** Microseconds. Without `fps_hint` that of the last keyframe: nothing tells how much later the block is. */
  readonly pts: number;
  /** Whether SEEK names the block; without a SEEK, whether it begins a group as META counts them. */
  readonly key: boolean;
}

/** Asked for all blocks of a file in order. */
export class LegacyTimes {
  readonly #seek: SeekTable | undefined;
  readonly #frameMicros: number;
  readonly #gop: number;
  #nextEntry = 0;
  #anchor = { index: 0, pts: 0 };

  constructor(seek: SeekTable | undefined, meta: LegacyMeta) {
    this.#seek = seek;
    this.#frameMicros = legacyFrameMicros(meta) ?? 0;
    // Without a frame rate all blocks have one time, and only one keyframe may have that.
    this.#gop = this.#frameMicros === 0 ? Infinity : (legacyGop(meta) ?? Infinity);
  }

  /** The time of block `index`, which starts at `pos` of the decompressed blocks. */
  at(index: number, pos: number): LegacyTime {
    const next = this.#next();
    if (next !== undefined && next.offset < pos) throw misplacedSeekEntry(next.offset);
    if (next?.offset === pos) {
      this.#nextEntry++;
      this.#anchor = { index, pts: next.pts };
      return { pts: next.pts, key: true };
    }
    const pts = this.#anchor.pts + (index - this.#anchor.index) * this.#frameMicros;
    const key = this.#seek === undefined && index % this.#gop === 0;
    return { pts: Math.min(pts, next?.pts ?? MAX_U53), key };
  }

  /** After the last block: refuses an entry that led to none. */
  end(): void {
    const next = this.#next();
    if (next !== undefined) throw misplacedSeekEntry(next.offset);
  }

  #next(): SeekEntry | undefined {
    const seek = this.#seek;
    return seek !== undefined && this.#nextEntry < seek.length ? seek.entry(this.#nextEntry) : undefined;
  }
}
