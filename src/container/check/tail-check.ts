/** The fields of a TAIL against what the file really holds (spec/h4mk.md section 9.3): the same for streams and slices. */
import type { Findings } from './findings.js';
import type { Tail } from '../format/tail.js';

/** What a TAIL should say; offsets are 0 where there is no such chunk. */
export type TailFields = Omit<Tail, 'state' | 'root'>;

/** Notes all fields that differ, in one error. */
export const checkTailFields = (tail: Tail, expected: TailFields, offset: number, findings: Findings): void => {
  const wrong: string[] = [];
  const compare = (field: string, found: number, right: number): void => {
    if (found !== right) wrong.push(`${field} is ${found} instead of ${right}`);
  };
  for (const field of ['self', 'records', 'meta', 'seek', 'veri', 'sign', 'prev'] as const) {
    compare(field, tail[field], expected[field]);
  }
  for (const [level, found] of tail.tiles.entries()) compare(`tile[${level}]`, found, expected.tiles[level] ?? 0);
  if (wrong.length > 0) {
    findings.error('H4_TAIL_FIELD', offset, `TAIL does not describe this file: ${wrong.join(', ')}`);
  }
};
