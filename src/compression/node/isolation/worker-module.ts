/**
 * Where the code of the processes lies. They run compiled JavaScript: beside this module in `dist`. Tests import this module as
 * TypeScript from `src`, and the processes they start come from the `dist` that was built before.
 */

/** The URL of the compiled module that a process runs. */
export function coreWorker(): URL {
  const self = import.meta.url;
  return self.endsWith('.ts')
    ? new URL('../../../../dist/compression/node/isolation/core-worker.js', self)
    : new URL('./core-worker.js', self);
}
