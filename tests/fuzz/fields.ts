/** Where the numbers of a chunk stand (spec/h4mk.md sections 4, 7, 9 and 11), for mutations that aim. */
import { viewOf } from '../../src/utils/bytes.js';
import type { Random } from './random.js';

export interface Field {
  readonly at: number;
  readonly width: 1 | 2 | 4 | 8;
}

const fields = (width: Field['width'], ...places: readonly number[]): Field[] => places.map((at) => ({ at, width }));

const HEADS: Readonly<Record<string, readonly Field[]>> = {
  TOKN: [...fields(1, 0, 1, 2, 3), ...fields(2, 4, 6), ...fields(8, 8, 16, 24), ...fields(4, 32, 36, 40, 44, 48)],
  TILE: [...fields(1, 0, 1), ...fields(2, 2), ...fields(4, 4), ...fields(8, 8), ...fields(1, 16, 17, 47)],
  SEEK: fields(4, 0),
  TAIL: [...fields(8, ...Array.from({ length: 16 }, (_, i) => 8 * i)), ...fields(1, 8, 9, 15), ...fields(4, 128)],
  PROF: [...fields(8, 0, 8, 16), ...fields(4, 24)],
  TIME: [...fields(1, 0, 1, 40), ...fields(4, 8)],
  VERI: fields(4, 0),
};

/** Repeated parts: where the first stands, how long each is, and the fields in it. */
const TABLES: Readonly<
  Record<string, { readonly start: number; readonly bytes: number; readonly at: readonly Field[] }>
> = {
  TOKN: { start: 80, bytes: 12, at: fields(4, 0, 4, 8) },
  TILE: { start: 48, bytes: 16, at: fields(8, 0, 8) },
  SEEK: { start: 4, bytes: 16, at: fields(8, 0, 8) },
  PROF: { start: 24, bytes: 32, at: fields(4, 0) },
};

export const hasFields = (tag: string): boolean => tag in HEADS;

/** A field of a chunk of this tag and size, or undefined where it is too short to have any. */
export const pickField = (tag: string, size: number, random: Random): Field | undefined => {
  const table = TABLES[tag];
  const rows = table === undefined ? 0 : Math.floor((size - table.start) / table.bytes);
  let chosen: Field | undefined;
  if (table !== undefined && rows > 0 && random.chance(0.3)) {
    const { at, width } = random.pick(table.at);
    chosen = { at: table.start + random.below(rows) * table.bytes + at, width };
  } else {
    chosen = random.pick(HEADS[tag] ?? fields(4, 0));
  }
  return chosen.at + chosen.width <= size ? chosen : undefined;
};

const MAXIMA = [
  2n ** 7n,
  2n ** 8n,
  2n ** 15n,
  2n ** 16n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n,
  2n ** 64n,
];

/** An interesting value in place of `old`; `offsets` are those of the chunks of the file. */
const otherValue = (old: bigint, offsets: readonly number[], random: Random): bigint => {
  switch (random.below(8)) {
    case 0:
      return 0n;
    case 1:
      return old + BigInt(random.pick([1, -1, 2, -2, 255, -256, 4096]));
    case 2:
      return random.pick(MAXIMA) - BigInt(random.below(3));
    case 3:
    case 4:
      return BigInt(offsets.length === 0 ? 8 : random.pick(offsets) + random.pick([0, 0, 0, 1, 12]));
    case 5:
      return old ^ (1n << BigInt(random.below(64)));
    case 6:
      return BigInt(random.below(16));
    default:
      return BigInt(random.u32()) * (random.chance(0.3) ? BigInt(random.u32()) : 1n);
  }
};

export const readField = (bytes: Uint8Array, { at, width }: Field): bigint => {
  let value = 0n;
  for (let i = 0; i < width; i++) value = (value << 8n) | BigInt(bytes[at + i] ?? 0);
  return value;
};

/** Puts another value into a field. `bytes` are written to. */
export const mutateField = (bytes: Uint8Array, field: Field, offsets: readonly number[], random: Random): void => {
  const bits = BigInt(8 * field.width);
  const value = BigInt.asUintN(Number(bits), otherValue(readField(bytes, field), offsets, random));
  const view = viewOf(bytes);
  for (let i = 0; i < field.width; i++) {
    view.setUint8(field.at + i, Number((value >> BigInt(8 * (field.width - 1 - i))) & 0xffn));
  }
};
