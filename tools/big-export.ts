/**
 * Exports a long generated stream into a sink that keeps nothing, and prints how much memory that took: it must not grow with
 * the length. `npm run bench:20gib`, or shorter with `-- --gib 1` or `-- --mib 64`; `--json` prints one object. It is compiled
 * before it runs, because a compiler in the same process would be the larger part of what is measured.
 */
import { parseArgs } from 'node:util';
import { storedEngine } from 'harmony4/compression';
import { H4MKBuilder, type RecordingSummary } from 'harmony4/container';
import { createDiscardSink } from 'harmony4/storage';
import { VideoTransportTokenizer } from 'harmony4/tokenizers';

const MIB = 2 ** 20;
const PIECE_BYTES = MIB;
/** A stamp in every so many bytes, so that no two pieces are the same. */
const STAMP_EVERY = 4096;
const PROGRESS_BYTES = 1024 * MIB;

interface ExportResult {
  readonly media_bytes: number;
  readonly file_bytes: number;
  readonly records: number;
  readonly seconds: number;
  readonly mib_per_second: number;
  readonly peak_rss_mib: number;
  /** Resident after the first tenth and at the end: equal but for noise where memory does not follow the length. */
  readonly rss_mib_at_a_tenth: number;
  readonly rss_mib_at_end: number;
}

const residentMiB = (): number => Math.round(process.memoryUsage.rss() / MIB);

/** A stream that is made while it is read, in one buffer that is used again and again. */
function* generate(bytes: number, onPiece: (done: number) => void): Generator<Uint8Array, void> {
  const piece = new Uint8Array(PIECE_BYTES).map((_, i) => (i * 167) ^ (i >> 8));
  const view = new DataView(piece.buffer);
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    for (let stamp = 0; stamp < PIECE_BYTES; stamp += STAMP_EVERY) view.setFloat64(stamp, at + stamp);
    yield piece.subarray(0, Math.min(PIECE_BYTES, bytes - at));
    onPiece(Math.min(at + PIECE_BYTES, bytes));
  }
}

const exportStream = async (
  tokenizer: VideoTransportTokenizer,
  stream: Iterable<Uint8Array>,
): Promise<RecordingSummary> => {
  const track = { id: 0, kind: 'opaque', ...tokenizer.metadata() } as const;
  const builder = await H4MKBuilder.create(createDiscardSink(), { engine: storedEngine, tracks: [track] });
  for await (const { token, bytes, durationMicros } of tokenizer.encode(stream)) {
    const key = token.isKey;
    const tokens = [{ pts: token.ptsMicros, duration: durationMicros, key, size: bytes.length }];
    await builder.addBlock({ track: 0, tokens, bytes });
  }
  return builder.close();
};

const measure = async (bytes: number, blockSize: number, onProgress: (done: number) => void): Promise<ExportResult> => {
  let atTenth = residentMiB();
  const onPiece = (done: number): void => {
    if (done <= bytes / 10) atTenth = residentMiB();
    if (done % PROGRESS_BYTES === 0) onProgress(done);
  };
  const started = performance.now();
  const summary = await exportStream(new VideoTransportTokenizer({ blockSize }), generate(bytes, onPiece));
  const seconds = (performance.now() - started) / 1000;
  return {
    media_bytes: bytes,
    file_bytes: summary.bytes,
    records: summary.size,
    seconds: Math.round(seconds * 10) / 10,
    mib_per_second: Math.round(bytes / MIB / seconds),
    peak_rss_mib: Math.round(process.resourceUsage().maxRSS / 1024),
    rss_mib_at_a_tenth: atTenth,
    rss_mib_at_end: residentMiB(),
  };
};

const render = (result: ExportResult): string =>
  [
    `${(result.media_bytes / 1024 ** 3).toFixed(2)} GiB of media, ${result.records} records, ${result.file_bytes} bytes of container`,
    `${result.seconds} s, ${result.mib_per_second} MiB/s`,
    `resident: peak ${result.peak_rss_mib} MiB, ${result.rss_mib_at_a_tenth} MiB after a tenth, ${result.rss_mib_at_end} MiB at the end`,
  ].join('\n');

const { values } = parseArgs({
  options: {
    gib: { type: 'string', default: '20' },
    mib: { type: 'string' },
    'block-kib': { type: 'string', default: '512' },
    json: { type: 'boolean', default: false },
  },
});
const total = values.mib === undefined ? Number(values.gib) * 1024 * MIB : Number(values.mib) * MIB;
if (!Number.isSafeInteger(total) || total < 1) throw new RangeError('--gib and --mib take a number above 0');

const result = await measure(total, Number(values['block-kib']) * 1024, (done) => {
  if (!values.json) console.error(`${done / 1024 ** 3} GiB, resident ${residentMiB()} MiB`);
});
console.log(values.json ? JSON.stringify(result) : render(result));
