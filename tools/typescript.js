/**
 * Lets Node run the tools, which are TypeScript: `node --import ./tools/typescript.js tools/make-vectors.ts`. They import
 * from `src` as tests do; what runs is the build in `dist`.
 */
import { register } from 'node:module';

register('./typescript-hooks.js', import.meta.url);
