/** The ways to check a whole file that is in the cache of the system. */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { type ByteSource, verifyContainer } from 'harmony4/container';
import { openFileSource } from 'harmony4/storage/node';
import type { Media } from './media.js';
import { readMcap } from './read-back.js';

export type VerifierName = 'h4mk' | 'h4mk-threaded' | 'openssl' | 'mcap';

/** Throws unless the file is sound and whole. */
export type Verifier = (path: string, media: Media) => Promise<void>;

export const verifiers: Readonly<Record<VerifierName, Verifier>> = {
  h4mk: (path, media) => verifyH4mk(path, media, withoutHashing),
  'h4mk-threaded': (path, media) => verifyH4mk(path, media, (source) => source),
  openssl: async (path) => {
    await opensslDigest(path);
  },
  mcap: async (path, media) => {
    let messages = 0;
    await readMcap(path, () => messages++);
    if (messages !== media.blocks) {
      throw new Error(`${path} has ${messages} messages instead of ${media.blocks}`);
    }
  },
};

async function verifyH4mk(path: string, media: Media, view: (source: ByteSource) => ByteSource): Promise<void> {
  const source = await openFileSource(path);
  try {
    assertSound(await verifyContainer(view(source)), media);
  } finally {
    await source.close();
  }
}

/** META, scopes and the end record come on top of the blocks. */
const OTHER_RECORDS = 3;

export function assertSound(report: Awaited<ReturnType<typeof verifyContainer>>, media: Media): void {
  const records = media.blocks + OTHER_RECORDS;
  if (report.state !== 'NOT_SIGNED' || report.exit_code !== 0 || report.records !== records) {
    throw new Error(`Expected ${records} sound records, found ${report.records} with state ${report.state}`);
  }
}

/** The same file seen as a source that cannot hash: one thread has to do it all. */
function withoutHashing(source: ByteSource): ByteSource {
  return {
    size: source.size,
    read: (start, end, signal) => source.read(start, end, signal),
    close: () => source.close(),
  };
}

const execute = promisify(execFile);

/** The hash that `openssl dgst` prints. */
async function opensslDigest(path: string): Promise<string> {
  const { stdout } = await execute('openssl', ['dgst', '-sha256', '-r', path]);
  return stdout.slice(0, 64);
}

/** Throws unless `openssl` has hashed the whole file. */
export async function assertOpensslHashes(path: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  if ((await opensslDigest(path)) !== hash.digest('hex')) {
    throw new Error(`openssl does not print the SHA-256 of ${path}`);
  }
}
