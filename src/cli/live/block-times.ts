/**
 * When the blocks of a live recording are presented. A frame rate that the user gave counts, as in any export. Without
 * one the place of a live block in time is when it arrived: its PTS is the arrival of its first byte, and its duration how
 * long the rest took to arrive. When the next one will come is not known when it is written.
 */
import { type FrameRate, createFrameClock } from '../../tokenizers/frame-clock.js';
import type { CollectedBlock } from './block-collector.js';

export interface BlockTime {
  readonly pts: number;
  readonly duration: number;
}

/** Gives the time of each block in turn; PTS always increase. */
export type TimeBlock = (block: CollectedBlock) => BlockTime;

/** @param blocks how many there are already */
export function frameTimes(rate: FrameRate, blocks = 0): TimeBlock {
  const clock = createFrameClock(rate);
  let index = blocks;
  return () => {
    const time = { pts: clock.ptsMicros(index), duration: clock.durationMicros(index) };
    index++;
    return time;
  };
}

/** @param startPts when the clock that blocks are told by began */
export function arrivalTimes(startPts = 0): TimeBlock {
  let next = startPts;
  return ({ firstMicros, lastMicros }) => {
    // Several blocks may arrive in one piece, and a clock may be coarse.
    const pts = Math.max(startPts + firstMicros, next);
    next = pts + 1;
    return { pts, duration: Math.max(0, startPts + lastMicros - pts) };
  };
}
