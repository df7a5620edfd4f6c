/** The version of this software, from the package's own description: there is no second place to forget. */
import { readFileSync } from 'node:fs';

const description: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

const versionOf = (value: unknown): string =>
  typeof value === 'object' && value !== null && 'version' in value && typeof value.version === 'string'
    ? value.version
    : 'unknown';

export const VERSION: string = versionOf(description);
