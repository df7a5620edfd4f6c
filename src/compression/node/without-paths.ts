/**
 * Messages without the paths of this machine, for logs that others read, and for counters. Errors of the system quote a path
 * as it was typed; those of child processes, which have another working directory, hold it in full.
 */
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';

export interface KnownPaths {
  readonly corePath?: string;
  readonly temporaryFolder?: string;
  readonly equivalentsPath?: string;
}

const PLACEHOLDER = '(path)';
/** A full stop ends a sentence, unless the name goes on behind it. */
const NAME_ENDS = String.raw`(?![\p{L}\p{N}_-]|[.~@+][\p{L}\p{N}_])`;
const NAME_BEGINS = String.raw`(?<![\p{L}\p{N}_.~@+-])`;
const RELATIVE_BEGINS = String.raw`(?<![\p{L}\p{N}_.~@+\/\\-])`;
/** A bare name may be a word of the message: it is the file only where our messages, and those of the system, put one. */
const BARE_BEGINS = String.raw`(?<=['"]|: |\bcompression core )`;
const BARE_ENDS = String.raw`(?=['":]|[.,;](?:\s|$)|$)`;

/** What lies in one of the folders keeps its name below it. */
export function withoutPaths(message: string, paths: KnownPaths): string {
  const { corePath, temporaryFolder = tmpdir(), equivalentsPath } = paths;
  const known = [corePath, equivalentsPath, temporaryFolder].filter((path) => path !== undefined);
  const full = known.map((path) => resolve(path)).sort(longestFirst);
  const typed = known.filter((path) => resolve(path) !== path).sort(longestFirst);
  const patterns = [
    ...full.map((path) => NAME_BEGINS + literal(path) + NAME_ENDS),
    ...typed.map((path) =>
      /[\\/]/.test(path) ? RELATIVE_BEGINS + literal(path) + NAME_ENDS : BARE_BEGINS + literal(path) + BARE_ENDS,
    ),
  ];
  return patterns.reduce((text, pattern) => text.replace(new RegExp(pattern, 'gu'), PLACEHOLDER), message);
}

function longestFirst(a: string, b: string): number {
  return b.length - a.length;
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
}
