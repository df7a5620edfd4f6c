/** Changes to JSON: to its values, its keys, and to the text itself where no value could say it. */
import type { Random } from './random.js';

type Json = unknown;
interface Slot {
  readonly owner: Record<string, Json> | Json[];
  readonly key: string;
}

/** Every place in `value` that holds something, with who holds it. */
const slotsOf = (value: Json, found: Slot[] = []): Slot[] => {
  if (typeof value !== 'object' || value === null || found.length > 500) return found;
  const owner = value as Record<string, Json>;
  for (const key of Object.keys(owner)) {
    found.push({ owner, key });
    slotsOf(owner[key], found);
  }
  return found;
};

const KEYS = [
  ...['compression', 'h4mk', 'keys', 'tracks', 'end', 'totals', 'shift', 'uid', 'v', 'timebase', 'seek_track'],
  ...['engine', 'engine_id', 'fingerprint', 'id', 'kind', 'epoch', 'salt', 'commit', 'source', 'clock', 'masked'],
  ...['encryption', 'payloadType', 'payload', 'signatures', 'sealed', 'seal_level', '__proto__', 'constructor', ''],
] as const;

const SCALARS: readonly Json[] = [
  ...[null, true, false, 0, -1, 1, 255, 65_534, 65_535, 65_536, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e308, 0.5],
  ...['', 'a', '0', 'video', 'stored-v1', 'h4ref-geo-v1', 'geometric-reference', '\u0000', '\u00d8', 'x'.repeat(129)],
  ...['0'.repeat(32), 'f'.repeat(64), 'A=='],
];

const anyValue = (random: Random, depth = 0): Json => {
  if (depth > 3 || random.chance(0.7)) return random.pick(SCALARS);
  const length = random.below(4);
  if (random.chance(0.5)) return Array.from({ length }, () => anyValue(random, depth + 1));
  return Object.fromEntries(Array.from({ length }, () => [random.pick(KEYS), anyValue(random, depth + 1)]));
};

const changeValue = (value: Json, random: Random): void => {
  const slots = slotsOf(value);
  if (slots.length === 0) return;
  const { owner, key } = random.pick(slots);
  const target = owner as Record<string, Json>;
  const old = target[key];
  switch (random.below(8)) {
    case 0:
      if (Array.isArray(owner)) owner.splice(Number(key), 1);
      else Reflect.deleteProperty(owner, key);
      break;
    case 1:
      target[random.pick(KEYS)] = old;
      break;
    case 2:
      if (Array.isArray(owner)) owner.push(structuredClone(old));
      else target[key] = [old];
      break;
    case 3:
      target[key] = typeof old === 'number' ? old + random.pick([-1, 1, 0.5, 2 ** 32]) : anyValue(random);
      break;
    case 4:
      target[key] = typeof old === 'string' ? changeText(old, random) : anyValue(random);
      break;
    case 5: {
      const other = random.pick(slots);
      target[key] = structuredClone((other.owner as Record<string, Json>)[other.key]);
      break;
    }
    case 6:
      target[random.chance(0.5) ? random.pick(KEYS) : `x${random.u32()}`] = anyValue(random);
      break;
    default:
      target[key] = anyValue(random);
  }
};

const changeText = (text: string, random: Random): string => {
  const at = random.below(text.length + 1);
  switch (random.below(4)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.toUpperCase();
    case 2:
      return `${text.slice(0, at)}${random.pick(['/', '\u0000', '\u2028', '0', 'g', '\n'])}${text.slice(at)}`;
    default:
      return text + text;
  }
};

/** Inserted into the text where a value begins: what `JSON.stringify` would never write. */
const SNIPPETS = [
  ...['NaN', 'Infinity', '-0', '1e400', '01', '1.', '9007199254740993', '123456789012345678901234567890', '-', 'nul'],
  ...['"\\ud800"', '"\\udc00\\ud800"', '"\\x"', '"\t"', '"', '{', '[', ']', '}', ',', '/**/', '"\\u0000"'],
] as const;

const changeSource = (text: string, random: Random): string => {
  const colons = [...text.matchAll(/:/g)].map(({ index }) => index + 1);
  const at = colons.length > 0 ? random.pick(colons) : random.below(text.length + 1);
  switch (random.below(6)) {
    case 0: {
      const rest = text.slice(at).replace(/^("[^"]*"|[^,}\]]*)/, '');
      return text.slice(0, at) + random.pick(SNIPPETS) + rest;
    }
    case 1: {
      // The same key twice, with the same value or another one.
      const pair = /"[^"]*":("[^"]*"|[\d.]+|true|false|null)/.exec(text);
      if (pair === null) return `${text}${text}`;
      const copy = random.chance(0.5) ? pair[0] : pair[0].replace(/:.*/, ':null');
      return `${text.slice(0, pair.index)}${copy},${text.slice(pair.index)}`;
    }
    case 2: {
      const depth = random.pick([5, 31, 32, 33, 100, 20_000]);
      const nest = random.chance(0.5) ? ['[', ']'] : ['{"a":', '}'];
      const deep = `${(nest[0] ?? '').repeat(depth)}1${(nest[1] ?? '').repeat(depth)}`;
      return text.replace(/^\{/, `{"deep":${deep},`);
    }
    case 3:
      return random.pick([` ${text}`, `${text}\n`, `\ufeff${text}`, `${text}x`, `[${text}]`, '', 'null', '[]', '{}']);
    case 4: {
      const place = random.below(text.length + 1);
      return text.slice(0, place) + random.pick(SNIPPETS) + text.slice(place);
    }
    default:
      return text.replace(/^\{/, `{"long":"${'y'.repeat(random.pick([300, 70_000, 1_100_000]))}",`);
  }
};

/** A changed copy of a payload that should be JSON; whatever it is, something comes of it. */
export const mutateJson = (payload: Uint8Array, random: Random): Uint8Array => {
  let text = new TextDecoder().decode(payload);
  if (random.chance(0.7)) {
    try {
      const value: Json = JSON.parse(text);
      const changes = random.weighted([
        [6, 1],
        [2, 2],
        [1, 5],
      ]);
      for (let i = 0; i < changes; i++) changeValue(value, random);
      text = JSON.stringify(random.chance(0.9) ? value : sorted(value));
    } catch {
      text = changeSource(text, random);
    }
  } else {
    text = changeSource(text, random);
  }
  return new TextEncoder().encode(text);
};

const sorted = (value: Json): Json => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? 1 : -1)));
};
