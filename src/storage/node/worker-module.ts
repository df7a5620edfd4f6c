/**
 * Where the code of the worker threads lies. A worker loads compiled JavaScript: beside this module in `dist`. Tests
 * import this module as TypeScript from `src`, and the workers they start come from the `dist` that was built before.
 */

/** The URL of the compiled module `name`. */
export function workerModule(name: string): URL {
  const self = import.meta.url;
  return self.endsWith('.ts') ? new URL(`../../../dist/storage/node/${name}.js`, self) : new URL(`./${name}.js`, self);
}
