import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** Refuses to begin where the environment would change what is tested. */
const globalSetup = ['tests/setup/no-core.ts'];
const platformAlias = (name: 'node' | 'web') => ({ '#platform': here(`src/utils/platform/${name}/platform.ts`) });

export default defineConfig({
  test: {
    // The primitives run the same tests behind either door; everything above them runs behind Node's.
    projects: [
      {
        resolve: { alias: platformAlias('node') },
        test: {
          ...{ name: 'node', include: ['tests/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 120_000 },
          globalSetup,
        },
      },
      {
        resolve: { alias: platformAlias('web') },
        test: { name: 'web', include: ['tests/utils/**/*.test.ts'], testTimeout: 60_000, globalSetup },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/globals.d.ts'],
      thresholds: {
        'src/utils/**/*.ts': { lines: 100, branches: 100 },
        'src/tokenizers/**/*.ts': { lines: 100, branches: 100 },
        'src/container/**/*.ts': { lines: 100, branches: 95 },
      },
      reporter: ['text-summary', 'json-summary', 'html'],
    },
  },
});
