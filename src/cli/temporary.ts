/** Temporary folders: private to the user, and gone with whoever made them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { explain, systemFailure } from '../storage/node/system-error.js';
import { H4Error } from '../utils/error.js';

export interface TemporaryFolder {
  /** The path of a file in it. */
  file(name: string): string;
  remove(): Promise<void>;
}

/** Makes an empty folder where the system keeps such things. `H4_WRITE` if it cannot. */
export async function createTemporaryFolder(): Promise<TemporaryFolder> {
  const parent = tmpdir();
  try {
    const folder = await mkdtemp(join(parent, 'harmony4-'));
    return {
      file: (name) => join(folder, name),
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  } catch (thrown) {
    throw new H4Error(
      'H4_WRITE',
      `Cannot make a temporary folder in ${parent} (set TMPDIR to choose another place): ${explain(systemFailure(thrown))}`,
      { cause: thrown },
    );
  }
}
