/**
 * The H4MK files below a folder, one at a time and in an order that depends on their names alone. Links to folders are not
 * followed, so that no link can lead in a circle; a link to a file is, because it is a name of that file. Memory is the
 * list of names of one folder per level.
 */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { explain, systemFailure } from '../../storage/node/system-error.js';
import { H4Error } from '../../utils/error.js';

export interface Found {
  /** The folder as it was given, and the way from there. */
  readonly path: string;
  /** The way from the folder, with `/` between names on every system. */
  readonly relative: string;
  /** Set for a folder whose names cannot be read. */
  readonly error?: H4Error;
}

/** A camera's card may have been formatted by a system that writes names in capitals. */
const EXTENSION = /\.h4mk$/i;

/** Every `*.h4mk` below `folder`, hidden ones included, and every folder that cannot be read (`H4_IO`). */
export async function* findFiles(folder: string, below = ''): AsyncGenerator<Found, void> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (thrown) {
    const message = `Cannot list the files in ${folder}: ${explain(systemFailure(thrown))}`;
    yield { path: folder, relative: below, error: new H4Error('H4_IO', message, { cause: thrown }) };
    return;
  }
  // By code units: the same on every machine, whatever its language.
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = join(folder, entry.name);
    const relative = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) {
      yield* findFiles(path, relative);
    } else if (EXTENSION.test(entry.name) && !(entry.isSymbolicLink() && (await isFolder(path)))) {
      // Whatever else has the name, a pipe or a link to nowhere, is told when it cannot be opened.
      yield { path, relative };
    }
  }
}

/** Whether there is a folder at `path` or where the link at `path` leads. */
export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}
