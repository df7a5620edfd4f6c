/** From the arguments of `verify` to what is checked, one after another, in the order in which it is told. */
import { stat } from 'node:fs/promises';
import { H4Error } from '../../utils/error.js';
import { STDIN, inputName, resultName } from '../input.js';
import { isRemote } from '../remote.js';
import { findFiles, isFolder } from './file-finder.js';

export interface Target {
  /** The path to open, or what else the user has typed. */
  readonly file: string;
  /** What the results call it: the same, but for an address, in which something may be secret. */
  readonly name: string;
  /** What a manifest calls it: relative to the only folder that was named, if that is so, with `/` between names. */
  readonly relative: string;
  /** A regular file, which any thread can open. Anything else is opened where the streams are. */
  readonly isRegular: boolean;
  /** Why there is nothing to open: a folder that cannot be read, or that holds no H4MK file. */
  readonly error?: H4Error;
}

/** Refuses a folder without `--recursive`, before anything is read. */
export async function assertNoFolders(files: readonly string[], command: string): Promise<void> {
  for (const file of files) {
    if (file === STDIN || isRemote(file) || !(await isFolder(file))) continue;
    const name = inputName(file);
    throw new H4Error(
      'H4_PARAM',
      `Cannot check ${name}: it is a folder; to check all H4MK files below it: ${command} verify --recursive ${name}`,
    );
  }
}

export async function* targetsOf(
  files: readonly string[],
  options: { readonly recursive: boolean },
): AsyncGenerator<Target, void> {
  for (const file of files) {
    const stats = file === STDIN || isRemote(file) ? undefined : await stat(file).catch(() => undefined);
    if (options.recursive && stats?.isDirectory() === true) yield* targetsBelow(file, files.length === 1);
    else {
      const name = resultName(file);
      yield { file, name, relative: name, isRegular: stats?.isFile() === true };
    }
  }
}

async function* targetsBelow(folder: string, isOnly: boolean): AsyncGenerator<Target, void> {
  let count = 0;
  for await (const { path, relative, error } of findFiles(folder)) {
    count++;
    // What is no regular file is refused by whoever opens it, instead of being waited for, like a pipe that was named.
    yield {
      file: path,
      name: path,
      relative: isOnly ? relative || '.' : path,
      isRegular: true,
      ...(error === undefined ? {} : { error }),
    };
  }
  if (count > 0) return;
  // Success without a single file would look like the success of a check.
  const error = new H4Error('H4_PARAM', `Cannot check ${inputName(folder)}: there are no H4MK files below it`);
  yield { file: folder, name: folder, relative: folder, isRegular: true, error };
}
