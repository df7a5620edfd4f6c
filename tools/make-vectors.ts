/**
 * Writes `spec/vectors`, or with `--check` compares it with what would be written: `npm run vectors [-- --check]`. Everything
 * comes from constants, so that a second run gives the same bytes.
 */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bookText, describeVectors, makeVectors } from './vectors.js';

const root = fileURLToPath(new URL('../spec/vectors', import.meta.url));
const FOLDERS = ['v1', 'broken'] as const;

const stored = (path: string): Uint8Array | undefined => {
  try {
    return new Uint8Array(readFileSync(join(root, path)));
  } catch {
    return undefined;
  }
};

/** What differs between the folder and the files that should be in it. */
const differences = (files: ReadonlyMap<string, Uint8Array>): string[] => {
  const faults: string[] = [];
  for (const [path, bytes] of files) {
    const found = stored(path);
    if (found === undefined) faults.push(`${path} is missing`);
    else if (Buffer.compare(found, bytes) !== 0) faults.push(`${path} has other bytes`);
  }
  for (const folder of FOLDERS) {
    for (const name of readdirSync(join(root, folder))) {
      if (!files.has(`${folder}/${name}`)) faults.push(`${folder}/${name} is made by nobody`);
    }
  }
  return faults;
};

const vectors = await makeVectors();
const book = bookText(await describeVectors(vectors));
const files = new Map([...vectors, ['vectors.json', new TextEncoder().encode(book)] as const]);

if (process.argv.includes('--check')) {
  const faults = differences(files);
  for (const fault of faults) console.error(fault);
  console.log(faults.length === 0 ? `All ${files.size} files are as they should be` : `${faults.length} differences`);
  process.exitCode = faults.length === 0 ? 0 : 1;
} else {
  for (const folder of FOLDERS) mkdirSync(join(root, folder), { recursive: true });
  for (const [path, bytes] of files) writeFileSync(join(root, path), bytes);
  const total = [...files.values()].reduce((sum, bytes) => sum + bytes.length, 0);
  console.log(`Wrote ${files.size} files, ${total} bytes, to spec/vectors`);
}
