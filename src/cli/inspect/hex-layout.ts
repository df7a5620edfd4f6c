/**
 * The fields of fixed places of every chunk, written down as tables beside those of the specification: name, kind, size,
 * and what the value means in words.
 */
import { MODE } from '../../container/format/layout.js';
import { type TimeScale, formatTime, originalMicros } from '../durations.js';

/** Section of the specification for each tag. */
const SECTIONS: Readonly<Record<string, string>> = {
  TOKN: '4',
  CORE: '3',
  SAFE: '3',
  META: '5',
  VOID: '10',
  TILE: '7',
  SIGN: '8.1',
  SEEK: '9.1',
  VERI: '9.2',
  TAIL: '9.3',
  TIME: '8.4',
  ATTS: '15',
  PROF: '11',
};

export function sectionOf(tag: string): string {
  return SECTIONS[tag] ?? '1.2';
}

/** `zero4`: four bytes that must be zero. */
type Kind = 'u8' | 'u16' | 'u32' | 'u64' | 'zero1' | 'zero4' | 'zero7' | 'hash';

export const SIZE_OF: Readonly<Record<Kind, number>> = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  zero1: 1,
  zero4: 4,
  zero7: 7,
  hash: 32,
};

/** The value of a field in words. */
type Words = (value: bigint, scale: TimeScale) => string;

/** Where no words are given, a number speaks for itself, and a hash needs none. */
export type FieldRow = readonly [name: string, kind: Kind, words?: Words];

const MODE_NAMES = new Map<bigint, string>(Object.entries(MODE).map(([name, mode]) => [BigInt(mode), name]));
const STATE_NAMES: readonly string[] = ['live', 'final', 'slice'];

const flagWords = (flags: bigint): string =>
  [
    ...((flags & 1n) === 1n ? ['KEY'] : []),
    ...((flags & 2n) === 2n ? ['BLIND'] : []),
    ...(flags > 3n ? ['reserved bits'] : []),
  ].join(' ') || 'none';

const isSafe = (value: bigint): boolean => value <= BigInt(Number.MAX_SAFE_INTEGER);

const time: Words = (value, scale) =>
  isSafe(value) ? `${value}  ${formatTime(originalMicros(Number(value), scale))}` : `${value}  beyond 2^53`;
const orNone = (value: bigint): string => (value === 0n ? '0  none' : String(value));
const trackWords = (value: bigint): string => (value === 0xffffn ? '65535  no track' : String(value));

export const TOKN_ROWS: readonly FieldRow[] = [
  ['suite', 'u8', (value) => (value === 1n ? '1  SHA-256' : `${value}  unknown`)],
  ['mode', 'u8', (value) => `${value}  ${MODE_NAMES.get(value) ?? 'unknown'}`],
  ['flags', 'u8', (value) => `${value}  ${flagWords(value)}`],
  ['zero', 'zero1'],
  ['track', 'u16', trackWords],
  ['epoch', 'u16'],
  ['seq', 'u64'],
  ['pts', 'u64', time],
  ['pos', 'u64'],
  ['back', 'u32'],
  ['count', 'u32', (value) => `${value}  tokens`],
  ['raw', 'u32', (value) => `${value}  bytes`],
  ['size', 'u32', (value) => `${value}  bytes`],
  ['commit', 'hash'],
];

export const TILE_ROWS: readonly FieldRow[] = [
  ['level', 'u8'],
  ['zero', 'zero1'],
  ['width', 'u16'],
  ['zero', 'zero4'],
  ['index', 'u64'],
  ['keymap', 'hash', (value) => `${value.toString(2).replaceAll('0', '').length} bits set`],
];

export const TAIL_ROWS: readonly FieldRow[] = [
  ['self', 'u64'],
  ['state', 'u8', (value) => `${value}  ${STATE_NAMES[Number(value)] ?? 'unknown'}`],
  ['zero', 'zero7'],
  ['records', 'u64'],
  ['meta', 'u64'],
  ...['seek', 'veri', 'sign', 'prev'].map((name): FieldRow => [name, 'u64', orNone]),
  ...Array.from({ length: 8 }, (_, level): FieldRow => [`tile[${level}]`, 'u64', orNone]),
  ['root', 'hash'],
];

export const PROF_ROWS: readonly FieldRow[] = [
  ['n', 'u64', (value) => `${value}  tree size`],
  ['a', 'u64', (value) => `${value}  first record`],
  ['count', 'u64', (value) => `${value}  records`],
];

export const TIME_ROWS: readonly FieldRow[] = [
  ['type', 'u8', (value) => (value === 1n ? '1  RFC 3161' : `${value}  unknown`)],
  ['zero', 'zero7'],
  ['imprint', 'hash'],
];

export const VERI_ROWS: readonly FieldRow[] = [['sha256', 'hash']];

export const SEEK_ROWS: readonly FieldRow[] = [['count', 'u32', (value) => `${value}  entries`]];

/** One token of a TOKN: i32 delta, u32 duration, u32 with the key bit on top of the size. */
export function tokenWords(view: DataView): string {
  const sized = view.getUint32(8);
  const key = sized >= 2 ** 31 ? ', key' : '';
  return `+${view.getInt32(0)}, lasts ${view.getUint32(4)}, ${sized % 2 ** 31} bytes${key}`.replace('+-', '-');
}

/** A locator of a TILE or an entry of SEEK: u64 PTS, u64 offset. */
export function placeWords(view: DataView, scale: TimeScale): string {
  const pts = view.getBigUint64(0);
  const when = isSafe(pts) ? formatTime(originalMicros(Number(pts), scale)) : `PTS ${pts}`;
  return `${when} at offset ${view.getBigUint64(8)}`;
}

/** The value of a field in words: what its row says, or the number. */
export function valueWords([, kind, words]: FieldRow, value: bigint, scale: TimeScale): string {
  if (words !== undefined) return words(value, scale);
  if (kind === 'hash') return '';
  if (kind.startsWith('zero')) return value === 0n ? '' : 'must be zero';
  return String(value);
}
