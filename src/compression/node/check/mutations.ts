/** Damaged blocks, made from sound ones: what an attacker, a bad disk or a wrong engine may hand to a decoder. */

import type { Random } from './random.js';

export interface SoundBlock {
  readonly name: string;
  readonly rawLength: number;
  readonly compressed: Uint8Array;
}

export interface DamagedBlock {
  readonly label: string;
  /** Not empty: an empty one never reaches a core. */
  readonly bytes: Uint8Array;
  readonly rawLength: number;
}

type Damage = (bytes: Uint8Array, random: Random, others: readonly SoundBlock[]) => Uint8Array;

const MAX_RAW_LENGTH = 1024 * 1024;
const EXTREMES: readonly bigint[] = [0n, 1n, 0x7fn, 0xffn, 0xffffn, 0x7fff_ffffn, 0xffff_ffffn, 0x7fff_ffff_ffff_ffffn];

/** Damage number `index`: a function of its arguments alone. */
export function damaged(index: number, sound: readonly SoundBlock[], random: Random): DamagedBlock {
  const block = sound[random.below(sound.length)];
  if (block === undefined) throw new RangeError('There is no sound block to damage');
  const names = Object.keys(DAMAGES) as (keyof typeof DAMAGES)[];
  const name = names[index % names.length] ?? 'flip';
  const bytes = DAMAGES[name](block.compressed, random, sound);
  return {
    label: `${name}, damage ${index} of ${block.name}`,
    bytes: bytes.length === 0 ? Uint8Array.of(random.below(256)) : bytes,
    rawLength: random.below(4) === 0 ? otherLength(block.rawLength, random) : block.rawLength,
  };
}

function otherLength(rawLength: number, random: Random): number {
  const lengths = [1, rawLength - 1, rawLength + 1, 2 * rawLength, rawLength >> 1, random.below(MAX_RAW_LENGTH)];
  return Math.min(Math.max(1, lengths[random.below(lengths.length)] ?? 1), MAX_RAW_LENGTH);
}

function changed(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice();
  change(copy);
  return copy;
}

/** Heads decide more than tails do: every other place is near the beginning. */
const placeIn = (bytes: Uint8Array, random: Random): number =>
  random.below(2) === 0 ? random.below(bytes.length) : random.below(Math.min(bytes.length, 16));

const joined = (...parts: readonly Uint8Array[]): Uint8Array => {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
};

const noise = (length: number, random: Random): Uint8Array => Uint8Array.from({ length }, () => random.below(256));

const DAMAGES = {
  flip: (bytes, random) =>
    changed(bytes, (copy) => {
      const at = placeIn(copy, random);
      copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
    }),
  cut: (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  overwrite: (bytes, random) =>
    changed(bytes, (copy) => {
      for (let left = 1 + random.below(8); left > 0; left--) copy[placeIn(copy, random)] = random.below(256);
    }),
  // A number that is a length to somebody, as large as it can be.
  number: (bytes, random) =>
    changed(bytes, (copy) => {
      const value = EXTREMES[random.below(EXTREMES.length)] ?? 0n;
      const [size, start, isLittle] = [1 << random.below(4), placeIn(copy, random), random.below(2) === 0];
      for (let i = 0; i < size && start + i < copy.length; i++) {
        copy[start + i] = Number((value >> BigInt(8 * (isLittle ? i : size - 1 - i))) & 0xffn);
      }
    }),
  behead: (bytes, random) => bytes.slice(1 + random.below(Math.min(bytes.length, 16))),
  extend: (bytes, random) => joined(bytes, noise(1 + random.below(64), random)),
  splice: (bytes, random, others) => {
    const other = others[random.below(others.length)]?.compressed ?? bytes;
    return joined(bytes.subarray(0, random.below(bytes.length)), other.subarray(random.below(other.length)));
  },
  repeat: (bytes, random) => {
    const at = random.below(bytes.length);
    return joined(bytes.subarray(0, at), bytes.subarray(at >> 1));
  },
  noise: (_, random) => noise(1 + random.below(512), random),
} satisfies Readonly<Record<string, Damage>>;
