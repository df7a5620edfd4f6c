/**
 * What is done to a file: single bytes, numbers at places that matter, whole chunks, JSON, notes, runs. A mutation is a
 * function of a draft and its own random numbers, so that a case can be made again with some of its steps left out.
 */
import { CHUNK_HEADER_BYTES, HEADER_BYTES } from '../../src/container/format/layout.js';
import { concatBytes, viewOf } from '../../src/utils/bytes.js';
import { type Draft, type Part, clone, encodePart, owned } from './draft.js';
import { hasFields, mutateField, pickField } from './fields.js';
import { mutateJson } from './json-mutations.js';
import type { Random } from './random.js';
import { DERIVED, type Derived, derive, repairFraming, repairOrder, repairRecords } from './repair.js';

export interface MutationContext {
  readonly random: Random;
  /** The chunks of any file of the corpus. */
  readonly others: () => Part[];
}

export type Mutation = (draft: Draft, context: MutationContext) => void;

const TAGS = [
  ...['TOKN', 'CORE', 'SAFE', 'META', 'VOID', 'TILE', 'SIGN', 'SEEK', 'VERI', 'TAIL', 'TIME', 'ATTS', 'PROF'],
  ...['xabc', 'NEWS', 'x\u0000\u0000\u0000', 'tokn', '\u007f\u007f\u007f\u007f'],
] as const;

const offsetsOf = (draft: Draft): number[] => {
  let at = HEADER_BYTES;
  const offsets = draft.parts.map(({ payload }) => {
    const offset = at;
    at += CHUNK_HEADER_BYTES + payload.length;
    return offset;
  });
  return [...offsets, at];
};

/** One part, each tag equally likely: a large file is not only records. */
const pickPart = (parts: readonly Part[], random: Random): Part | undefined => {
  if (parts.length === 0) return undefined;
  if (random.chance(0.4)) return random.pick(parts);
  const tag = random.pick([...new Set(parts.map((part) => part.tag))]);
  return random.pick(parts.filter((part) => part.tag === tag));
};

const withTags = (parts: readonly Part[], ...tags: readonly string[]): Part[] =>
  parts.filter((part) => tags.includes(part.tag));

const flipBits: Mutation = (draft, { random }) => {
  const bytes = draft.bytes.slice();
  for (let i = random.pick([1, 1, 1, 2, 8]); i > 0 && bytes.length > 0; i--) {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  }
  draft.bytes = bytes;
};

const setBytes: Mutation = (draft, { random }) => {
  const bytes = draft.bytes.slice();
  const at = random.below(bytes.length);
  const size = random.pick([1, 1, 2, 4, 8, 40]);
  if (random.chance(0.5)) bytes.fill(random.pick([0, 1, 0x20, 0x7f, 0x80, 0xff]), at, at + size);
  else bytes.set(random.bytes(Math.min(size, bytes.length - at)), at);
  draft.bytes = bytes;
};

const deleteBytes: Mutation = (draft, { random }) => {
  const { bytes } = draft;
  const at = random.below(bytes.length);
  draft.bytes = concatBytes(bytes.subarray(0, at), bytes.subarray(at + random.pick([1, 2, 12, 100])));
};

const insertBytes: Mutation = (draft, { random }) => {
  const { bytes } = draft;
  const at = random.below(bytes.length + 1);
  const size = random.pick([1, 2, 12, 100]);
  const added = random.chance(0.5) ? bytes.slice(at, at + size) : random.bytes(size);
  draft.bytes = concatBytes(bytes.subarray(0, at), added, bytes.subarray(at));
};

const truncate: Mutation = (draft, { random }) => {
  const { bytes } = draft;
  const offsets = offsetsOf(draft);
  const edge = random.pick(offsets) + random.pick([0, 0, 1, 4, 8, 11, 12, 13]);
  draft.bytes = bytes.slice(0, random.chance(0.5) ? edge : random.below(bytes.length + 1));
};

/** What a crash leaves: a cut, with the TAIL of another place or of this one behind it. */
const cutBeforeTail: Mutation = (draft, { random }) => {
  const { bytes, parts } = { bytes: draft.bytes, parts: draft.parts };
  const tails = withTags(parts, 'TAIL');
  const cut = bytes.subarray(0, random.below(bytes.length + 1));
  if (tails.length === 0) {
    draft.bytes = cut.slice();
    return;
  }
  const tail = clone(random.pick(tails));
  const payload = owned(tail);
  // A TAIL is found only where it says that it stands.
  if (random.chance(0.8) && payload.length >= 8) viewOf(payload).setBigUint64(0, BigInt(cut.length));
  delete tail.crc;
  draft.bytes = concatBytes(cut, encodePart(tail));
  draft.repaired = true;
};

const append: Mutation = (draft, { random }) => {
  const { bytes } = draft;
  const end = random.pick([1, 5, 11, 12, 13, 200]);
  draft.bytes = concatBytes(bytes, random.chance(0.5) ? random.bytes(end) : bytes.slice(0, end));
};

const changeHeader: Mutation = (draft, { random }) => {
  const header = draft.pieces.header.slice();
  header[random.below(HEADER_BYTES)] = random.pick([0, 1, 2, 0x48, 0xff]);
  draft.pieces.header = header;
};

const changeField: Mutation = (draft, { random }) => {
  const offsets = offsetsOf(draft);
  const part = pickPart(
    draft.parts.filter(({ tag }) => hasFields(tag)),
    random,
  );
  const field = part === undefined ? undefined : pickField(part.tag, part.payload.length, random);
  if (part !== undefined && field !== undefined) mutateField(owned(part), field, offsets, random);
};

const changePayload: Mutation = (draft, { random }) => {
  const part = pickPart(draft.parts, random);
  if (part === undefined) return;
  const { payload } = part;
  const at = random.below(payload.length + 1);
  switch (random.below(5)) {
    case 0:
      part.payload = payload.slice(0, at);
      break;
    case 1:
      part.payload = concatBytes(payload, random.bytes(random.pick([1, 12, 16, 32])));
      break;
    case 2:
      part.payload = concatBytes(payload.subarray(0, at), random.bytes(random.pick([1, 12, 16])), payload.subarray(at));
      break;
    case 3:
      owned(part).fill(random.pick([0, 0, 0xff, 0x41]), at, at + random.pick([1, 16, 1000]));
      break;
    default:
      if (payload.length > 0) owned(part)[random.below(payload.length)] = random.u32();
  }
};

const changeSize: Mutation = (draft, { random }) => {
  const part = pickPart(draft.parts, random);
  if (part === undefined) return;
  const size = part.payload.length;
  const changed = random.pick([
    0,
    1,
    size + 1,
    size - 1,
    size + 12,
    160,
    2 ** 16,
    2 ** 26,
    2 ** 26 + 1,
    2 ** 31,
    2 ** 32 - 1,
  ]);
  part.size = Math.max(0, changed);
};

const changeTag: Mutation = (draft, { random }) => {
  const part = pickPart(draft.parts, random);
  if (part !== undefined) part.tag = random.pick(TAGS);
};

const changeCrc: Mutation = (draft, { random }) => {
  const part = pickPart(draft.parts, random);
  if (part !== undefined) part.crc = random.pick([0, random.u32()]);
};

/** Where a unit begins and how many chunks it has: a record is TOKN and payload, often moved as one. */
const pickUnit = (parts: readonly Part[], random: Random): { readonly at: number; readonly count: number } => {
  const part = pickPart(parts, random);
  const at = part === undefined ? 0 : parts.indexOf(part);
  return { at, count: part?.tag === 'TOKN' && random.chance(0.7) ? 2 : random.pick([1, 1, 1, 3, 7]) };
};

const deleteParts: Mutation = (draft, { random }) => {
  const { at, count } = pickUnit(draft.parts, random);
  draft.parts.splice(at, count);
};

const duplicateParts: Mutation = (draft, { random }) => {
  const { at, count } = pickUnit(draft.parts, random);
  const copies = draft.parts.slice(at, at + count).map(clone);
  draft.parts.splice(random.chance(0.6) ? at + count : random.below(draft.parts.length + 1), 0, ...copies);
};

const moveParts: Mutation = (draft, { random }) => {
  const { at, count } = pickUnit(draft.parts, random);
  const moved = draft.parts.splice(at, count);
  draft.parts.splice(random.below(draft.parts.length + 1), 0, ...moved);
};

const swapParts: Mutation = (draft, { random }) => {
  const { parts } = draft;
  const [a, b] = [random.below(parts.length), random.below(parts.length)];
  const [left, right] = [parts[a], parts[b]];
  if (left === undefined || right === undefined) return;
  parts[a] = right;
  parts[b] = left;
};

const spliceParts: Mutation = (draft, { random, others }) => {
  const foreign = others();
  const { at, count } = pickUnit(foreign, random);
  const place = random.below(draft.parts.length + 1);
  draft.parts.splice(place, random.chance(0.5) ? count : 0, ...foreign.slice(at, at + count).map(clone));
  draft.foreign = true;
};

/** The beginning of this file, and the end of another one. */
const crossOver: Mutation = (draft, { random, others }) => {
  const foreign = others();
  const cut = random.below(draft.parts.length + 1);
  draft.parts.splice(cut, Infinity, ...foreign.slice(random.below(foreign.length + 1)).map(clone));
  draft.foreign = true;
};

const insertUnknown: Mutation = (draft, { random }) => {
  const payload = random.bytes(random.pick([0, 1, 12, 172, 5000]));
  const part: Part = { tag: random.pick(TAGS), payload };
  draft.parts.splice(random.below(draft.parts.length + 1), 0, part);
};

const redact: Mutation = (draft, { random }) => {
  const part = random.pick([...withTags(draft.parts, 'CORE', 'SAFE', 'META'), { tag: '', payload: new Uint8Array(0) }]);
  part.tag = 'VOID';
  part.payload = new Uint8Array(random.chance(0.5) ? part.payload.length : 0);
  delete part.crc;
  draft.repaired = true;
};

const changeJson: Mutation = (draft, { random }) => {
  const parts = withTags(draft.parts, 'META', 'SAFE', 'ATTS');
  // Record 0 decides about most; JSON of later records is looked at less often.
  const part = random.chance(0.4) ? parts[0] : pickPart(parts, random);
  if (part !== undefined) part.payload = mutateJson(part.payload, random);
};

const changeNote: Mutation = (draft, { random }) => {
  const part = pickPart(withTags(draft.parts, 'SIGN'), random);
  if (part === undefined) return;
  const lines = new TextDecoder().decode(part.payload).split('\n');
  const at = random.below(lines.length);
  const line = lines[at] ?? '';
  switch (random.below(6)) {
    case 0:
      lines.splice(at, 1);
      break;
    case 1:
      lines.splice(at, 0, ...new Array<string>(random.pick([1, 2, 101])).fill(line));
      break;
    case 2:
      lines[1] = random.pick(['0', '1', '-1', '01', '2', '99999999999999999999', '9007199254740992', '1e3', '']);
      break;
    case 3:
      lines[at] = line.slice(0, random.below(line.length + 1));
      break;
    case 4:
      lines[at] = `${line.slice(0, 3)}${random.pick(['/', ' ', '\u2014', '\r', '\u0000', '=', '+'])}${line.slice(3)}`;
      break;
    default:
      lines.splice(at, 0, '');
  }
  part.payload = new TextEncoder().encode(lines.join('\n'));
};

const changeRuns: Mutation = (draft, { random }) => {
  const part = pickPart(withTags(draft.parts, 'CORE'), random);
  if (part === undefined) return;
  const payload = owned(part);
  const pair = 2 * random.below(payload.length >> 1);
  switch (random.below(6)) {
    case 0:
      if (payload.length > 1) payload[pair + 1] = random.pick([0, 1, 255]);
      break;
    case 1:
      part.payload = payload.slice(0, Math.max(0, payload.length - 1));
      break;
    case 2: {
      const bomb = new Uint8Array(2 * random.pick([1, 100, 100, 4000])).fill(255);
      part.payload = concatBytes(payload.subarray(0, pair), bomb, payload.subarray(pair));
      break;
    }
    case 3:
      part.payload = concatBytes(payload.subarray(0, pair), payload.subarray(pair + 2));
      break;
    case 4:
      part.payload = new Uint8Array(0);
      break;
    default:
      if (payload.length > 0) payload[random.below(payload.length)] = random.below(256);
  }
};

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  ...{ flipBits, setBytes, deleteBytes, insertBytes, truncate, cutBeforeTail, append, changeHeader },
  ...{ changeField, changePayload, changeSize, changeTag, changeCrc },
  ...{ deleteParts, duplicateParts, moveParts, swapParts, spliceParts, crossOver, insertUnknown, redact },
  ...{ changeJson, changeNote, changeRuns },
};

const mending =
  (mend: (draft: Draft, random: Random) => void): Mutation =>
  (draft, { random }) => {
    mend(draft, random);
    draft.repaired = true;
  };

/** In the order in which each makes sense. */
export const REPAIRS: Readonly<Record<string, Mutation>> = {
  framing: mending(repairFraming),
  records: mending(repairRecords),
  order: mending(repairOrder),
  derived: mending((draft) => derive(draft, new Set(DERIVED))),
  /** All but one kind of derived chunk: only that one is wrong. */
  almostDerived: mending((draft, random) => {
    const left: Derived = random.pick(DERIVED);
    derive(draft, new Set(DERIVED.filter((tag) => tag !== left)));
  }),
};
