/**
 * `verify --follow`: checks a recording while it is written, and says at each point up to which it is sound. It ends when the
 * writer closes the recording, when something is broken, or when the user has seen enough.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Demands } from '../../container/check/demands.js';
import { type ByteFeed, createIterableFeed } from '../../container/source/feed.js';
import { createLimits } from '../../container/format/limits.js';
import type { VerificationReport } from '../../container/check/report.js';
import { createStreamRun } from '../../container/check/verify.js';
import { FollowFeed, type GrowingBytes } from '../../storage/follow.js';
import { openGrowingUrl } from '../../storage/http/growing.js';
import { openGrowingBytes } from '../../storage/node/growing-bytes.js';
import { toHex } from '../../utils/bytes.js';
import { formatBytes } from '../byte-counts.js';
import type { Context } from '../context.js';
import { EXIT } from '../exit.js';
import { STDIN, inputName, readStdin, resultName } from '../input.js';
import { readableBytes } from '../media-input.js';
import { Progress } from '../progress.js';
import { isRemote } from '../remote.js';
import { ClosedPipe } from '../render.js';
import { counted, printable } from '../text.js';
import type { SeenFile } from './seen-file.js';
import { signerIn } from './signers.js';

export interface FollowVerbOptions {
  readonly progress: boolean;
  readonly demands: Demands;
  /** Where what is signed is remembered as it grows. */
  readonly seen: SeenFile | undefined;
  /** End after so many seconds in which nothing new has come. */
  readonly idleSeconds?: number;
}

const LOCAL_POLL_MS = 200;
const REMOTE_POLL_MS = 2000;

/** Checks FILE as it grows. Resolves to the report of what there was when it ended. */
export async function followFile(
  file: string,
  options: FollowVerbOptions,
  context: Context,
): Promise<VerificationReport> {
  const { signal, http = {} } = context.io;
  if (file === STDIN) {
    const arriving = createIterableFeed(readableBytes(readStdin(context), inputName(file)));
    return follow(file, () => arriving, options, context);
  }
  const isFar = isRemote(file);
  const growing = isFar ? openGrowingUrl(file, { ...http, signal }) : await openGrowingBytes(file);
  try {
    return await follow(file, (tell) => feedOf(growing, tell, isFar, options, context), options, context);
  } finally {
    await growing.close();
  }
}

/** Tells how much is sound. Resolves to whether more is worth waiting for: somebody listens, and nothing is contradicted. */
type Tell = (bytes: number) => Promise<boolean>;

function feedOf(
  growing: GrowingBytes,
  tell: Tell,
  isFar: boolean,
  { idleSeconds = Infinity }: FollowVerbOptions,
  { io }: Context,
): ByteFeed {
  let lastNews = io.now();
  let known = 0;
  let isHeard = true;
  const pause = async (): Promise<boolean> => {
    if (!isHeard || io.now() - lastNews > idleSeconds * 1000) return false;
    // The user may see enough meanwhile: what was read so far is what there is to report then.
    return sleep(isFar ? REMOTE_POLL_MS : LOCAL_POLL_MS, true, { signal: io.signal }).catch(() => false);
  };
  return new FollowFeed(growing, {
    pause,
    onCaughtUp: async (bytes) => {
      if (bytes === known) return;
      known = bytes;
      lastNews = io.now();
      isHeard = await tell(bytes);
    },
  });
}

/** Ends where the user stops it, even in the middle of reading. */
function untilStopped(feed: ByteFeed, signal: AbortSignal): ByteFeed {
  return {
    size: feed.size,
    async next() {
      try {
        return signal.aborted ? undefined : await feed.next();
      } catch (error) {
        if (signal.aborted) return undefined;
        throw error;
      }
    },
  };
}

async function follow(
  file: string,
  feedFor: (tell: Tell) => ByteFeed,
  options: FollowVerbOptions,
  context: Context,
): Promise<VerificationReport> {
  const { out, json, io } = context;
  const progress = new Progress(context, { label: `following ${inputName(file)}`, enabled: options.progress });
  // What may be secret in an address is told nobody.
  const name = resultName(file);
  const tell: Tell = async (bytes) => {
    progress.clear();
    const { records = 0, root } = run.result ?? {};
    try {
      if (json) {
        await out.json({ event: 'sound', file: name, bytes, records, root: root === undefined ? null : toHex(root) });
      } else {
        await out.line(`${counted(records, 'record')}, ${formatBytes(bytes)}: sound so far`);
      }
      const isContradicted = await tellSigned();
      await out.flush();
      return !isContradicted;
    } catch (error) {
      if (!(error instanceof ClosedPipe)) throw error;
      return false;
    }
  };
  let signedSize = 0;
  /** Tells and remembers what is signed now and was not before. Resolves to whether it contradicts what was seen before. */
  const tellSigned = async (): Promise<boolean> => {
    if ((run.result?.newest?.size ?? 0) <= signedSize) return false;
    const { checkpoint, exit_code, errors } = run.report(received());
    // What is old now may still become new; another history stays another one, and is not waited for.
    if (errors.some(({ code }) => code === 'H4_EQUIVOCATION')) return true;
    if (checkpoint === null || exit_code === EXIT.failed) return false;
    signedSize = checkpoint.size;
    options.seen?.remember(checkpoint, { isLinked: true });
    await options.seen?.save();
    if (json) await out.json({ event: 'signed', file: name, ...checkpoint });
    else {
      const signer = printable(signerIn(checkpoint.origin));
      await out.line(`signed by ${signer}: the first ${counted(signedSize, 'record')}, root ${checkpoint.root}`);
    }
    return false;
  };
  const feed = untilStopped(feedFor(tell), io.signal);
  const { run, received } = createStreamRun(feed, createLimits({}), options.demands);
  try {
    // A broken recording does not become whole by growing.
    while ((await run.step()) && run.findings.errorCount === 0) progress.update(run.offset);
    return run.report(received());
  } finally {
    progress.clear();
  }
}
