/**
 * What a check goes by beside the files: whom to believe, what to accept, what was seen before, keys of hidden blocks. All of it
 * is chosen and read before a recording is opened (spec/h4mk.md section 16).
 */
import type { Demands } from '../../container/check/demands.js';
import { H4Error } from '../../utils/error.js';
import type { Context } from '../context.js';
import { inputName } from '../input.js';
import { readKeyFile } from '../key-file.js';
import { type TrustOptions, readTrust } from '../trust-options.js';
import { assertNoRecording } from './documents.js';
import { SeenFile } from './seen-file.js';
import type { Allowance } from './verdict.js';

export interface BasisOptions extends TrustOptions {
  readonly requireSignature?: boolean;
  readonly allow?: ReadonlySet<Allowance>;
  readonly keyFile?: readonly string[];
  readonly seen?: string;
  /** Files that are written beside the memory of what was seen. */
  readonly manifest?: string;
  readonly report?: string;
}

export interface Basis {
  readonly demands: Demands;
  /** What the command line and the policy accept. */
  readonly allow: ReadonlySet<Allowance>;
  readonly seen: SeenFile | undefined;
}

/** What a content key has at least (spec/h4mk.md section 12). */
const MIN_CONTENT_KEY_BYTES = 32;

export async function readBasis(files: readonly string[], options: BasisOptions, context: Context): Promise<Basis> {
  const { allow = [], keyFile = [] } = options;
  const { trust, accept, now } = await readTrust(options, context);
  if (trust === undefined) assertNeedsNoKey(options);
  const contentKeys: Uint8Array[] = [];
  for (const file of keyFile)
    contentKeys.push(await readKeyFile(file, { minBytes: MIN_CONTENT_KEY_BYTES, hides: false }, context));
  const seen = await openSeen(files, options);
  return {
    allow: new Set([...allow, ...accept]),
    seen,
    demands: {
      ...(trust === undefined ? {} : { trust }),
      ...(now === undefined ? {} : { now }),
      ...(contentKeys.length === 0 ? {} : { contentKeys }),
    },
  };
}

function assertNeedsNoKey({ requireSignature = false, seen }: BasisOptions): void {
  if (!requireSignature && seen === undefined) return;
  throw new H4Error(
    'H4_PARAM',
    `Cannot use ${requireSignature ? '--require-signature' : '--seen'} without a key: say whom you believe with --key or ` +
      '--policy; what a file says of itself proves nothing',
  );
}

async function openSeen(
  files: readonly string[],
  { seen, manifest, report }: BasisOptions,
): Promise<SeenFile | undefined> {
  if (seen === undefined) return undefined;
  await assertNoRecording(seen, files);
  if (seen === manifest || seen === report) {
    throw new H4Error(
      'H4_PARAM',
      `Cannot remember in ${inputName(seen)} what was seen: a document of this check is written there; name another file`,
    );
  }
  return SeenFile.open(seen);
}
