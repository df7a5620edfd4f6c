/**
 * The parameters of a request: query parameters, and fields of a form that stand before its file. Each is known, given once,
 * and valid, or the request is refused by name. Values are not repeated in messages: they could be what should not be seen.
 */
import { type FrameRate, parseFps } from '../tokenizers/frame-clock.js';
import { H4Error, isH4Error } from '../utils/error.js';

export interface Parameter<T> {
  /** What it has to be, for the message. */
  readonly expected: string;
  /** The value where the request does not have the parameter. */
  readonly otherwise: T;
  /** Undefined for a text that is no value. */
  readonly parse: (text: string) => T | undefined;
}

export type Parameters = Readonly<Record<string, Parameter<unknown>>>;
export type ValuesOf<P extends Parameters> = {
  readonly [Name in keyof P]: P[Name] extends Parameter<infer T> ? T : never;
};

export function integer<T extends number | undefined>(min: number, max: number, otherwise: T): Parameter<number | T> {
  return {
    expected: `a whole number from ${min} to ${max}`,
    otherwise,
    parse: (text) => {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

export function choice<const T extends string>(choices: readonly [T, ...T[]]): Parameter<T> {
  return {
    expected: choices.join(' or '),
    otherwise: choices[0],
    parse: (text) => choices.find((each) => each === text),
  };
}

export function frameRate(otherwise: FrameRate): Parameter<FrameRate> {
  return {
    expected: 'a rate from 1 to 240, such as 30, 29.97 or 30000/1001',
    otherwise,
    parse: (text) => {
      try {
        return parseFps(text);
      } catch (error) {
        if (isH4Error(error, 'H4_PARAM')) return undefined;
        throw error;
      }
    },
  };
}

export function hex(digits: number): Parameter<string | undefined> {
  return {
    expected: `${digits} hex digits`,
    otherwise: undefined,
    parse: (text) => (text.length === digits && /^[0-9a-f]*$/i.test(text) ? text.toLowerCase() : undefined),
  };
}

/** Any text; whoever asked for it checks it. */
export const text: Parameter<string | undefined> = {
  expected: 'text',
  otherwise: undefined,
  parse: (given) => given,
};

/** What a request gives, by name. A parameter that is given twice, in either place, is refused. */
export function gather(query: unknown, fields: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> {
  const given = new Map(fields);
  for (const [name, value] of Object.entries(query as Readonly<Record<string, string | readonly string[]>>)) {
    if (typeof value !== 'string' || given.has(name)) throw refusal(name, 'is given twice');
    given.set(name, value);
  }
  return given;
}

/** The values of all `parameters`. `H4_PARAM` names the first that is unknown or invalid, and what it has to be. */
export function readParameters<const P extends Parameters>(
  given: ReadonlyMap<string, string>,
  parameters: P,
): ValuesOf<P> {
  const names = Object.keys(parameters);
  for (const name of given.keys()) {
    if (!names.includes(name)) {
      throw refusal(name, `is not known here: there ${names.length === 0 ? 'are none' : `is ${names.join(', ')}`}`);
    }
  }
  const values = Object.entries(parameters).map(([name, { parse, otherwise, expected }]) => {
    const value = given.get(name);
    if (value === undefined) return [name, otherwise];
    const parsed = parse(value);
    if (parsed === undefined) throw refusal(name, `has to be ${expected}`);
    return [name, parsed];
  });
  return Object.fromEntries(values) as ValuesOf<P>;
}

/** The name comes from a stranger: quoted as JSON it stays on one line, and it is cut where no name of ours ends. */
function refusal(name: string, why: string): H4Error {
  const shown = name.slice(0, 64);
  return new H4Error('H4_PARAM', `The parameter ${JSON.stringify(shown)} ${why}`, { detail: { field: shown } });
}
