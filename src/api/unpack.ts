/**
 * A recording in, the bytes of one track out, while it arrives. A block is written only after all rules have been checked up
 * to its end, and the whole only counts if the recording is whole: what is cut off, redacted or a slice is refused, at the
 * latest at its end, because nobody would see from the bytes that some are missing.
 */
import type { EngineSet } from '../compression/api/engine-set.js';
import type { EngineInfo } from '../compression/api/engine.js';
import { decodeBlock } from '../container/read/block.js';
import { createIterableFeed } from '../container/source/feed.js';
import { isLoss } from '../container/check/findings.js';
import type { ByteSink } from '../container/io/io.js';
import { isMediaMode } from '../container/format/layout.js';
import type { MetaLedger } from '../container/format/meta.js';
import { H4MKStreamReader } from '../container/read/stream-reader.js';
import { equalBytes, fromHex } from '../utils/bytes.js';
import { H4Error } from '../utils/error.js';
import { createSha256 } from '../utils/sha256.js';
import { nextTurn } from './patience.js';

export interface UnpackOptions {
  readonly engines: EngineSet;
  /** Default: the seek track. */
  readonly track: number | undefined;
  /** Called before the first byte is written, with the engine that decodes. */
  readonly onEngine: (use: EngineUse) => void;
}

export interface EngineUse {
  readonly info: EngineInfo;
  /** Whether it is another build than the one the recording names, by the operator's list. */
  readonly isEquivalent: boolean;
}

/** Writes the bytes of the track and commits the sink. Aborting it after a failure is up to its owner. */
export async function unpackTrack(
  pieces: AsyncIterable<Uint8Array>,
  sink: ByteSink,
  { engines, track: wanted, onEngine }: UnpackOptions,
): Promise<void> {
  const reader = new H4MKStreamReader(createIterableFeed(pieces), { engines });
  const hash = createSha256();
  let bytes = 0;
  let isFirst = true;
  for await (const record of reader.records()) {
    const info = reader.metas?.info;
    if (info === undefined || !isMediaMode(record.tokn.mode) || record.tokn.track !== (wanted ?? info.seekTrack))
      continue;
    if (isFirst) {
      const { engine, isEquivalent } = engines.match(info.compression.engine_id, info.compression.fingerprint);
      onEngine({ info: engine.info(), isEquivalent });
      isFirst = false;
    }
    const block = await decodeBlock(record, info, engines);
    hash.update(block.bytes);
    bytes += block.bytes.length;
    await sink.write(block.bytes);
    await nextTurn();
  }
  assertWhole(reader);
  if (wanted !== undefined && reader.metas?.hasTrack(wanted) !== true) {
    throw new H4Error('H4_PARAM', `The recording has no track ${wanted}`, { detail: { field: 'track' } });
  }
  assertSource(reader.metas, bytes, hash.digest());
  await sink.commit();
}

function assertWhole(reader: H4MKStreamReader): void {
  const { exit_code, format, warnings } = reader.report();
  if (exit_code === 0) return;
  const loss = warnings.find(isLoss);
  throw new H4Error(
    loss?.code ?? 'H4_TRUNCATED',
    loss?.message ?? `The recording is not whole (${format}): it has no end`,
    loss === undefined ? {} : { detail: { offset: loss.offset } },
  );
}

/** Commitments are of what the engine has made; that it was undone rightly is told by the hash of the source alone. */
function assertSource(metas: MetaLedger | undefined, bytes: number, digest: Uint8Array): void {
  const { tracks = [], source } = metas ?? {};
  if (tracks.length !== 1 || tracks[0]?.kind !== 'opaque' || source?.sha256 === undefined) return;
  if ((source.bytes ?? bytes) === bytes && equalBytes(fromHex(source.sha256), digest)) return;
  throw new H4Error(
    'H4_COMMIT_MISMATCH',
    'The bytes do not have the length and SHA-256 that the recording says they had',
  );
}
