/**
 * The fields of a chunk for `inspect --hex`: name, place, value in words. Nothing is refused here, because a dump is wanted
 * most where a field is wrong; whether a chunk keeps the rules is told by the parsers of the container.
 */
import {
  BLIND_BYTES,
  HASH_BYTES,
  LOCATOR_BYTES,
  SEEK_ENTRY_BYTES,
  TILE_HEAD_BYTES,
  TOKEN_BYTES,
  TOKN_HEAD_BYTES,
} from '../../container/format/layout.js';
import type { TimeScale } from '../durations.js';
import {
  type FieldRow,
  PROF_ROWS,
  SEEK_ROWS,
  SIZE_OF,
  TAIL_ROWS,
  TILE_ROWS,
  TIME_ROWS,
  TOKN_ROWS,
  VERI_ROWS,
  placeWords,
  tokenWords,
  valueWords,
} from './hex-layout.js';

export interface HexField {
  readonly name: string;
  /** Place within the payload. */
  readonly at: number;
  readonly size: number;
  /** The value in words; empty where the bytes say it all. */
  readonly value: string;
}

/** A field that stands for many: only said how many are left out. */
export interface SkippedFields {
  readonly at: number;
  readonly size: number;
  readonly what: string;
}

export type HexItem = HexField | SkippedFields;

export interface HexOptions {
  /** Repeated fields and bytes of opaque content are shown up to here. */
  readonly maxRepeats: number;
  readonly maxContentBytes: number;
  readonly scale: TimeScale;
}

/** The fields of a payload of `size` bytes, of which at least the first ones are in `bytes`. */
export function* payloadFields(
  tag: string,
  bytes: Uint8Array,
  size: number,
  options: HexOptions,
): Generator<HexItem, void> {
  switch (tag) {
    case 'TOKN':
      return yield* toknFields(bytes, size, options);
    case 'TILE':
      return yield* tileFields(bytes, size, options);
    case 'TAIL':
      return yield* withRest(TAIL_ROWS, bytes, size, options);
    case 'SEEK':
      return yield* seekFields(bytes, size, options);
    case 'PROF':
      return yield* profFields(bytes, size, options);
    case 'TIME':
      return yield* withRest(TIME_ROWS, bytes, size, options);
    case 'VERI':
      return yield* withRest(VERI_ROWS, bytes, size, options);
    default:
      return yield* content(contentName(tag), { at: 0, bytes, end: size }, options);
  }
}

const contentName = (tag: string): string => {
  if (tag === 'META' || tag === 'ATTS') return 'json';
  return tag === 'SIGN' ? 'note' : 'bytes';
};

/** The rows that fit; a payload that is too short shows what there is. Gives the place after them. */
function* rows(table: readonly FieldRow[], bytes: Uint8Array, { scale }: HexOptions): Generator<HexField, number> {
  let at = 0;
  for (const row of table) {
    const [name, kind] = row;
    const size = SIZE_OF[kind];
    if (at + size > bytes.length) break;
    const value = BigInt(`0x${Buffer.from(bytes.subarray(at, at + size)).toString('hex')}`);
    yield { name, at, size, value: valueWords(row, value, scale) };
    at += size;
  }
  return at;
}

function* withRest(
  table: readonly FieldRow[],
  bytes: Uint8Array,
  size: number,
  options: HexOptions,
): Generator<HexItem, void> {
  const at = yield* rows(table, bytes, options);
  yield* content('bytes', { at, bytes, end: size }, options);
}

/** A stretch of a payload up to `end`, of which `bytes` may hold only the beginning. */
interface Stretch {
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly end: number;
}

/** Fields of one size, one after the other, up to the limit of repeats; then what is left of the stretch. */
function* repeated(
  name: string,
  each: number,
  { at, bytes, end }: Stretch,
  options: HexOptions,
  words: (view: DataView) => string,
): Generator<HexItem, void> {
  const count = Math.max(0, Math.floor((end - at) / each));
  const shown = Math.min(count, options.maxRepeats, Math.floor((bytes.length - at) / each));
  for (let i = 0; i < shown; i++) {
    const place = at + i * each;
    const view = new DataView(bytes.buffer, bytes.byteOffset + place, each);
    yield { name: `${name}[${i}]`, at: place, size: each, value: words(view) };
  }
  if (shown < count) yield { at: at + shown * each, size: (count - shown) * each, what: `${count - shown} more` };
  yield* content('bytes', { at: at + count * each, bytes, end }, options);
}

/** Opaque bytes, with those that are printable beside them. */
function* content(name: string, { at, bytes, end }: Stretch, options: HexOptions): Generator<HexItem, void> {
  const shown = Math.max(0, Math.min(end - at, options.maxContentBytes, bytes.length - at));
  if (shown > 0) yield { name, at, size: shown, value: 'ascii' };
  if (at + shown < end) yield { at: at + shown, size: end - at - shown, what: `${end - at - shown} more bytes` };
}

const noWords = (): string => '';

function* toknFields(bytes: Uint8Array, size: number, options: HexOptions): Generator<HexItem, void> {
  const at = yield* rows(TOKN_ROWS, bytes, options);
  if (at < TOKN_HEAD_BYTES) return yield* content('bytes', { at, bytes, end: size }, options);
  const count = new DataView(bytes.buffer, bytes.byteOffset).getUint32(36);
  const tableEnd = Math.min(size, at + TOKEN_BYTES * count);
  yield* repeated('token', TOKEN_BYTES, { at, bytes, end: tableEnd }, options, tokenWords);
  const name = size - tableEnd === BLIND_BYTES ? 'blind' : 'bytes';
  yield* content(name, { at: tableEnd, bytes, end: size }, options);
}

function* tileFields(bytes: Uint8Array, size: number, options: HexOptions): Generator<HexItem, void> {
  const at = yield* rows(TILE_ROWS, bytes, options);
  if (at < TILE_HEAD_BYTES) return yield* content('bytes', { at, bytes, end: size }, options);
  const width = new DataView(bytes.buffer, bytes.byteOffset).getUint16(2);
  const hashesAt = Math.min(size, at + LOCATOR_BYTES * width);
  const place = (view: DataView): string => placeWords(view, options.scale);
  yield* repeated('locator', LOCATOR_BYTES, { at, bytes, end: hashesAt }, options, place);
  yield* repeated('hash', HASH_BYTES, { at: hashesAt, bytes, end: size }, options, noWords);
}

function* seekFields(bytes: Uint8Array, size: number, options: HexOptions): Generator<HexItem, void> {
  const at = yield* rows(SEEK_ROWS, bytes, options);
  const place = (view: DataView): string => placeWords(view, options.scale);
  yield* repeated('entry', SEEK_ENTRY_BYTES, { at, bytes, end: size }, options, place);
}

function* profFields(bytes: Uint8Array, size: number, options: HexOptions): Generator<HexItem, void> {
  const at = yield* rows(PROF_ROWS, bytes, options);
  yield* repeated('hash', HASH_BYTES, { at, bytes, end: size }, options, noWords);
}
