/**
 * Test material that lies beside the project, in `../shared`, and is absent from a plain clone. Tests that need it stand
 * in `describeShared`, so that a run without it says so instead of passing quietly.
 */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';

const path = fileURLToPath(new URL('../../../shared', import.meta.url));

/** The absolute path of `../shared`, or undefined where it is absent. */
export const sharedPath: string | undefined = existsSync(path) ? path : undefined;

/** `describe` for tests that read files below `shared`, which is passed to `fn`. */
export function describeShared(name: string, fn: (shared: string) => void): void {
  const title = sharedPath === undefined ? `${name} (skipped: ../shared is absent)` : name;
  describe.skipIf(sharedPath === undefined)(title, () => {
    if (sharedPath === undefined) {
      it.skip('needs the files of ../shared');
    } else {
      fn(sharedPath);
    }
  });
}
