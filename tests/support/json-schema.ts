/**
 * The part of JSON Schema 2020-12 that the schemas of this project use. A keyword that is not known here is an error and not
 * skipped, so that a schema cannot promise what no test has looked at.
 */

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonMap = { readonly [key: string]: Json };

const isMap = (value: Json | undefined): value is JsonMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const asMap = (value: Json | undefined): JsonMap => {
  if (isMap(value)) return value;
  throw new Error(`A schema is an object, not ${JSON.stringify(value)}`);
};

const asList = (value: Json | undefined): readonly Json[] => {
  if (Array.isArray(value)) return value as readonly Json[];
  throw new Error(`Expected a list in the schema, not ${JSON.stringify(value)}`);
};

const asText = (value: Json): string => {
  if (typeof value === 'string') return value;
  throw new Error(`Expected a text in the schema, not ${JSON.stringify(value)}`);
};

const ANNOTATIONS: ReadonlySet<string> = new Set(['$schema', '$id', '$defs', 'title', 'description', 'then', 'else']);

const TYPES: Readonly<Record<string, (value: Json) => boolean>> = {
  object: isMap,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  integer: Number.isInteger,
  null: (value) => value === null,
};

/** What about `value` is not as `schema` says: a line for each fault, with the path to it. */
export const schemaFaults = (schema: unknown, value: unknown): string[] => {
  const root = asMap(schema as Json);
  // What has no form in JSON, such as undefined, must not reach the check.
  return faultsOf(root, JSON.parse(JSON.stringify(value)) as Json, '$', root);
};

const faultsOf = (schema: JsonMap, value: Json, path: string, root: JsonMap): string[] =>
  Object.entries(schema).flatMap(([keyword, wanted]) => keywordFaults(keyword, wanted, { schema, value, path, root }));

interface Place {
  readonly schema: JsonMap;
  readonly value: Json;
  readonly path: string;
  readonly root: JsonMap;
}

const keywordFaults = (keyword: string, wanted: Json, { schema, value, path, root }: Place): string[] => {
  const fault = (isRight: boolean): string[] =>
    isRight ? [] : [`${path} is ${JSON.stringify(value).slice(0, 100)}: ${keyword} ${JSON.stringify(wanted)}`];
  const under = (sub: Json, at: Json = value, where = path): string[] => faultsOf(asMap(sub), at, where, root);
  switch (keyword) {
    case '$ref':
      return under(resolved(root, asText(wanted)));
    case 'type':
      return fault(typeNamed(asText(wanted))(value));
    case 'const':
      return fault(value === wanted);
    case 'enum':
      return fault(asList(wanted).includes(value));
    case 'anyOf':
      return fault(asList(wanted).some((sub) => under(sub).length === 0));
    case 'allOf':
      return asList(wanted).flatMap((sub) => under(sub));
    case 'if': {
      const branch = schema[under(wanted).length === 0 ? 'then' : 'else'];
      return branch === undefined ? [] : under(branch);
    }
    case 'required':
      return isMap(value) ? fault(asList(wanted).every((key) => Object.hasOwn(value, asText(key)))) : [];
    case 'properties':
      return isMap(value)
        ? Object.entries(asMap(wanted)).flatMap(([key, sub]) => {
            const at = value[key];
            return at === undefined ? [] : under(sub, at, `${path}.${key}`);
          })
        : [];
    case 'additionalProperties': {
      const known = asMap(schema['properties']);
      return wanted === false && isMap(value)
        ? fault(Object.keys(value).every((key) => Object.hasOwn(known, key)))
        : [];
    }
    case 'items':
      return Array.isArray(value) ? asList(value).flatMap((item, i) => under(wanted, item, `${path}[${i}]`)) : [];
    case 'uniqueItems':
      return Array.isArray(value)
        ? fault(new Set(value.map((item) => JSON.stringify(item))).size === value.length)
        : [];
    case 'minItems':
      return Array.isArray(value) ? fault(value.length >= Number(wanted)) : [];
    case 'maxItems':
      return Array.isArray(value) ? fault(value.length <= Number(wanted)) : [];
    case 'pattern':
      return typeof value === 'string' ? fault(new RegExp(asText(wanted), 'u').test(value)) : [];
    case 'maxLength':
      return typeof value === 'string' ? fault(Array.from(value).length <= Number(wanted)) : [];
    case 'minimum':
      return typeof value === 'number' ? fault(value >= Number(wanted)) : [];
    case 'maximum':
      return typeof value === 'number' ? fault(value <= Number(wanted)) : [];
    default:
      if (ANNOTATIONS.has(keyword)) return [];
      throw new Error(`The keyword ${keyword} at ${path} is not known here`);
  }
};

const typeNamed = (name: string): ((value: Json) => boolean) => {
  const test = TYPES[name];
  if (test === undefined) throw new Error(`There is no type ${name} here`);
  return test;
};

const resolved = (root: JsonMap, reference: string): Json => {
  const [hash, ...path] = reference.split('/');
  if (hash !== '#') throw new Error(`Only references within the schema are known here, not ${reference}`);
  let at: Json = root;
  for (const key of path) {
    const next: Json | undefined = asMap(at)[key];
    if (next === undefined) throw new Error(`The schema has no ${reference}`);
    at = next;
  }
  return at;
};
