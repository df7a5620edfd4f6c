/**
 * Bytes in, a recording out: what `harmony4 export -` writes from the same bytes with the same parameters. The bytes are not
 * looked into; extracting the track gives them back. Memory is one block.
 */
import type { CompressionEngine } from '../compression/api/engine.js';
import { H4MKBuilder, type RecordingSummary } from '../container/write/builder.js';
import type { ByteSink } from '../container/io/io.js';
import type { FrameRate } from '../tokenizers/frame-clock.js';
import { OPAQUE_MEDIA_TYPE, sniffMediaType } from '../tokenizers/media-type.js';
import { VideoTransportTokenizer } from '../tokenizers/video-transport.js';
import { toHex } from '../utils/bytes.js';
import { createSha256 } from '../utils/sha256.js';
import { nextTurn } from './patience.js';

export interface PackOptions {
  readonly engine: CompressionEngine;
  readonly blockSize: number;
  readonly gop: number;
  readonly fpsHint: FrameRate;
  readonly uid: string;
}

const TRACK = 0;

/** Writes the recording and commits the sink. Aborting it after a failure is up to its owner. */
export async function packOpaque(
  pieces: AsyncIterable<Uint8Array>,
  sink: ByteSink,
  { engine, blockSize, gop, fpsHint, uid }: PackOptions,
): Promise<RecordingSummary> {
  const tokenizer = new VideoTransportTokenizer({ blockSize, gop, fpsHint });
  const track = { id: TRACK, kind: 'opaque', ...tokenizer.metadata() } as const;
  const builder = await H4MKBuilder.create(sink, { engine, tracks: [track], uid });
  const hash = createSha256();
  let bytes = 0;
  let mediaType: string | undefined;
  for await (const block of tokenizer.encode(pieces)) {
    if (bytes === 0) mediaType = sniffMediaType(block.bytes);
    hash.update(block.bytes);
    bytes += block.bytes.length;
    const { ptsMicros: pts, isKey: key } = block.token;
    const token = { pts, key, duration: block.durationMicros, size: block.bytes.length };
    await builder.addBlock({ track: TRACK, tokens: [token], bytes: block.bytes });
    await nextTurn();
  }
  const source = { bytes, sha256: toHex(hash.digest()), media_type: mediaType ?? OPAQUE_MEDIA_TYPE };
  return builder.close({ source });
}
