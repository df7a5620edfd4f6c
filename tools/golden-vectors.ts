/** The golden files of `spec/vectors/v1`: one per feature of the format, all from fixed inputs. */
import { GeometricReferenceCompressor } from '../src/compression/reference.js';
import { storedEngine } from '../src/compression/api/stored.js';
import { H4MKBuilder, type RecordingOptions } from '../src/container/write/builder.js';
import { MODE, VERI_BYTES } from '../src/container/format/layout.js';
import { type TrackInfo, ZERO_UID, recordZeroJson } from '../src/container/format/meta.js';
import { type RecordInput, RecordWriter, type SignCheckpoint } from '../src/container/write/record-writer.js';
import { type MemorySink, createMemorySink } from '../src/storage/memory.js';
import { concatBytes, toHex } from '../src/utils/bytes.js';
import { canonicalJsonBytes } from '../src/utils/canonical-json.js';
import type { JsonObject } from '../src/utils/json-value.js';
import { sha256 } from '../src/utils/sha256.js';
import { ENCRYPTION_BYTES, hide, keyEpoch, signNote } from './vector-keys.js';
import { FileKit, ascii, piece, u64s } from './vector-kit.js';

/** Not zero: recordings with it may be signed. */
export const UID = '00112233445566778899aabbccddeeff';
const MS = 1000;

const OPAQUE: readonly TrackInfo[] = [{ id: 0, kind: 'opaque', name: 'pages' }];
const VIDEO: TrackInfo = {
  ...{
    id: 0,
    kind: 'video',
    codec: 'avc1.4d401f',
    timescale: 90_000,
    width: 320,
    height: 180,
    fps_hint: [25, 1],
    gop: 3,
  },
};
const AUDIO: TrackInfo = {
  id: 1,
  kind: 'audio',
  codec: 'mp4a.40.2',
  timescale: 48_000,
  sample_rate: 48_000,
  channels: 2,
};

/** Media bytes that say where they belong. */
const text = (label: string, size: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, i) => label.charCodeAt(i % label.length));

const json = (value: unknown): Uint8Array => canonicalJsonBytes(value as JsonObject);

type Write = (builder: H4MKBuilder) => Promise<unknown>;

/** A recording written with the builder. `close` is left out where the recording is still running. */
const built = async (options: Partial<RecordingOptions>, ...steps: readonly Write[]): Promise<FileKit> => {
  const sink = createMemorySink();
  const builder = await H4MKBuilder.create(sink, { engine: storedEngine, tracks: OPAQUE, ...options });
  for (const step of steps) await step(builder);
  return FileKit.of(await contentOf(sink));
};

/** What a sink has so far, whether or not the recording was closed. */
const contentOf = async (sink: MemorySink): Promise<Uint8Array> => {
  // A closed recording has committed its sink.
  await sink.commit().catch(() => undefined);
  return sink.bytes();
};

const close: Write = (builder) => builder.close();

const page =
  (pts: number, content: string): Write =>
  (builder) =>
    builder.addBlock({
      track: 0,
      tokens: [{ pts: pts * MS, duration: 500 * MS, key: true, size: content.length }],
      bytes: ascii(content),
    });

/** A group of pictures in decode order: I P B. B is shown between the two, or before I where the group is open. */
const pictures =
  (start: number, sizes: readonly [number, number, number], shown: 'closed' | 'open' = 'closed'): Write =>
  (builder) =>
    builder.addBlock({
      track: 0,
      tokens: (shown === 'closed' ? [0, 80, 40] : [0, 40, -40]).map((at, i) => ({
        ...{ pts: (start + at) * MS, duration: 40 * MS, key: i === 0, size: sizes[i] ?? 0 },
      })),
      bytes: concatBytes(text('I', sizes[0]), text('P', sizes[1]), text('B', sizes[2])),
    });

const sound =
  (start: number): Write =>
  (builder) =>
    builder.addBlock({
      track: 1,
      tokens: [0, 1, 2].map((i) => ({ pts: start * MS + i * 21_333, duration: 21_333, key: true, size: 7 + i })),
      bytes: text('aac', 24),
    });

export const minimal = (): Promise<FileKit> =>
  built({}, page(0, 'first page'), page(500, 'second page, longer'), page(1000, 'third'), close);

const empty = (): Promise<FileKit> => built({}, close);

const twoTrackSteps: readonly Write[] = [
  pictures(80, [60, 21, 9]),
  sound(100),
  pictures(240, [71, 0, 13], 'open'),
  sound(164),
  pictures(360, [55, 34, 2], 'open'),
  sound(228),
];

const twoTracks = (): Promise<FileKit> => built({ tracks: [VIDEO, AUDIO], shift: 80 * MS }, ...twoTrackSteps, close);

/** 512 records: the end record completes the second full tile, so that level 1 alone has an unfinished one. */
export const many = (): Promise<FileKit> => {
  const steps = Array.from({ length: 509 }, (_, i): Write => {
    const track = i % 3 === 2 ? 1 : 0;
    const key = track === 1 || i % 4 === 0;
    const token = { pts: i * 10 * MS, duration: 10 * MS, key, size: i % 5 };
    return (builder) => builder.addBlock({ track, tokens: [token], bytes: text(String(i), i % 5) });
  });
  const tracks: readonly TrackInfo[] = [
    { id: 0, kind: 'data' },
    { id: 1, kind: 'data' },
  ];
  return built({ tracks }, ...steps, close);
};

const liveSteps: readonly Write[] = [page(0, 'running'), page(500, 'still running'), (builder) => builder.indexPoint()];

export const live = (): Promise<FileKit> => built({ uid: UID }, ...liveSteps);

/** A recording that has begun, and no more. */
export const startedOnly = (): Promise<FileKit> => built({ uid: UID }, (builder) => builder.indexPoint());

/** The power went while the record after the index point was written. */
const crashed = async (): Promise<Uint8Array> => {
  const kit = await built({ uid: UID }, ...liveSteps, page(1000, 'the last words'));
  return kit.bytes().slice(0, -5);
};

/** The same, between header and payload. */
const lonely = async (): Promise<Uint8Array> => {
  const kit = await built({ uid: UID }, ...liveSteps, page(1000, 'the last words'));
  return kit.remove(kit.record(4).payload).bytes();
};

const noTail = async (): Promise<FileKit> => {
  const kit = await minimal();
  return kit.remove(kit.chunk('TAIL'));
};

/** Blocks for which the reference engine chooses each of its methods. */
const geo = (): Promise<FileKit> => {
  const blocks = [
    ascii('stored: nothing here repeats'),
    new Uint8Array(700).fill(9),
    Uint8Array.from({ length: 300 }, (_, i) => i),
    Uint8Array.from({ length: 300 }, (_, i) => (i % 2) * 100 + (i >> 1)),
    Uint8Array.from({ length: 300 }, (_, i) => (i % 3) * 70 + Math.floor(i / 3)),
    Uint8Array.from({ length: 300 }, (_, i) => (i % 4) * 60 + (i >> 2)),
    new Uint8Array(0),
  ];
  const steps = blocks.map(
    (bytes, i): Write =>
      (builder) =>
        builder.addBlock({ track: 0, tokens: [{ pts: i * MS, key: true, size: bytes.length }], bytes }),
  );
  return built({ engine: new GeometricReferenceCompressor() }, ...steps, close);
};

export const lateTracks = (): Promise<FileKit> =>
  built(
    { tracks: [VIDEO] },
    pictures(0, [8, 4, 2]),
    (builder) => builder.addTracks([AUDIO]),
    sound(10),
    pictures(120, [7, 5, 3]),
    close,
  );

const described = (): Promise<FileKit> =>
  built({ timebase: [1, 90_000] }, page(0, 'from a file'), (builder) =>
    builder.close({
      source: {
        name: 'gate 3.mp4',
        bytes: 11,
        sha256: toHex(sha256(ascii('from a file'))),
        media_type: 'video/mp4',
      },
      clock: { utc_us: 1_750_000_000_000_000, at_pts: 0, source: 'gps' },
    }),
  );

/** Chunks and keys that this version does not know: they are skipped, and change nothing. */
const unknown = async (): Promise<FileKit> => {
  const kit = await minimal();
  kit.insertBefore(kit.chunk('TOKN', 2), piece('xnot', ascii('for somebody else')));
  kit.insertBefore(kit.chunk('SEEK'), piece('x\u0020 \u007e'), piece('NEWS', ascii('reserved, but harmless')));
  const meta = JSON.parse(new TextDecoder().decode(kit.record(0).payload.payload)) as Record<string, unknown>;
  kit.setPayload(0, json({ ...meta, 'x.example/camera': { serial: 17 } }));
  return kit.mend();
};

const notCanonical = async (): Promise<FileKit> => {
  const kit = await minimal();
  return kit.setPayload(1, ascii('{ "scope" : "container+transport-only" }')).mend();
};

const sign: SignCheckpoint = (checkpoint) => signNote(checkpoint);

/** Two checkpoints, the first of them in an index point. */
export const signed = (): Promise<FileKit> =>
  built(
    { tracks: [VIDEO, AUDIO], uid: UID, shift: 80 * MS },
    ...twoTrackSteps.slice(0, 4),
    (builder) => builder.indexPoint({ sign }),
    ...twoTrackSteps.slice(4),
    (builder) => builder.close({ sign }),
  );

export const timeStampOf = (signPayload: Uint8Array): Uint8Array =>
  concatBytes(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), sha256(signPayload), Uint8Array.of(0x30, 0x03, 0x02, 0x01, 0x07));

export const attestation = (signatures: readonly unknown[]): Uint8Array =>
  json({ payloadType: 'application/vnd.in-toto+json', payload: 'e30=', signatures });

/** A signed recording to which a time stamp and an attestation were added after it had been closed. */
export const evidence = async (): Promise<FileKit> => {
  const kit = await signed();
  kit.pieces.push(
    piece('TIME', timeStampOf(kit.chunk('SIGN', -1).payload)),
    piece('ATTS', attestation([{ keyid: '', sig: 'AAAA' }])),
    piece('TAIL', kit.chunk('TAIL', -1).payload.slice()),
  );
  return kit.reseal();
};

/** Writes records one by one, for what the builder would not write. */
export const written = async (
  inputs: readonly RecordInput[],
  options: { readonly tracks?: readonly TrackInfo[]; readonly uid?: string; readonly keys?: boolean } = {},
): Promise<FileKit> => {
  const { tracks = OPAQUE, uid = ZERO_UID, keys = false } = options;
  const sink = createMemorySink();
  const writer = new RecordWriter(sink, { seekTrack: 0 });
  const zero = recordZeroJson({
    ...{ compression: storedEngine.info(), uid, seekTrack: 0, tracks },
    ...(keys ? { keys: [keyEpoch(0)] } : {}),
  });
  await writer.record({ mode: MODE.meta, pts: 0, payload: json(zero) });
  for (const input of inputs) await writer.record(input);
  await writer.close();
  return FileKit.of(await contentOf(sink));
};

export const endRecord = (pts: number): RecordInput => ({
  mode: MODE.meta,
  pts,
  payload: json({ h4mk: { end: true } }),
});

/** One key block of a single token. */
export const block = (pts: number, payload: Uint8Array, more: Partial<RecordInput> = {}): RecordInput => ({
  ...{ mode: MODE.core, track: 0, pts, payload },
  tokens: [{ delta: 0, duration: 0, key: true, size: payload.length }],
  ...more,
});

const HIDDEN: readonly Uint8Array[] = [ascii('behind a mask'), ascii('behind a lock'), ascii('may be blacked out')];
const BLIND = new Uint8Array(16).map((_, i) => 7 * i + 1);

/** A masked, an encrypted and a blinded block; safety scopes between them. */
export const hidden = async (): Promise<FileKit> => {
  const [maskedText, lockedText, plainText] = HIDDEN;
  if (maskedText === undefined || lockedText === undefined || plainText === undefined) throw new RangeError('No text');
  const locked = block(2 * MS, new Uint8Array(lockedText.length + ENCRYPTION_BYTES), { mode: MODE.encrypted });
  const kit = await written(
    [
      block(MS, new Uint8Array(maskedText.length), { mode: MODE.masked }),
      { mode: MODE.scopes, pts: MS, payload: json({ scope: 'container+transport-only' }) },
      { ...locked, tokens: [{ delta: 0, duration: 0, key: true, size: lockedText.length }] },
      block(3 * MS, plainText, { blind: BLIND }),
      endRecord(4 * MS),
    ],
    { keys: true, uid: UID },
  );
  hide(kit, 1, maskedText);
  hide(kit, 3, lockedText);
  return kit.mend();
};

/** Record 4 of `hidden` blacked out in place. */
export const redacted = async (): Promise<FileKit> => {
  const kit = await hidden();
  const { tokn, payload } = kit.record(4);
  payload.tag = 'VOID';
  payload.payload = new Uint8Array(payload.payload.length);
  tokn.payload.fill(0, tokn.payload.length - BLIND.length);
  return kit.mend();
};

/** Two runs of `signed`. */
export const slice = async (): Promise<FileKit> =>
  (await signed()).slice([
    [1, 4],
    [6, 9],
  ]);

const SLICE_OF_MANY: readonly (readonly [number, number])[] = [[250, 260]];

/** Run-length pairs (value, run). */
const PAIRS = Uint8Array.of(0x41, 3, 0x42, 200, 0x41, 1);

/** A file from before the record format: two blocks of 204 bytes, SEEK by position in the media. */
export const legacy = (meta: unknown = { compression: { engine: 'geometric-reference' }, fps: 29.97 }): FileKit =>
  new FileKit([
    piece('CORE', PAIRS.slice()),
    piece('CORE', PAIRS.slice()),
    piece('SEEK', concatBytes(Uint8Array.of(0, 0, 0, 2), u64s(0, 0, 40 * MS, 204))),
    piece('META', new TextEncoder().encode(JSON.stringify(meta))),
    piece('SAFE', ascii('{"scope":"container+transport-only"}')),
    piece('VERI', new Uint8Array(VERI_BYTES)),
  ]).reseal();

const legacyBare = (): FileKit => new FileKit([piece('CORE', PAIRS.slice()), piece('CORE', PAIRS.slice(0, 2))]);

/** Name of the file without its ending, and how its bytes are made. */
export const GOLDEN: Readonly<Record<string, () => FileKit | Uint8Array | Promise<FileKit | Uint8Array>>> = {
  minimal,
  empty,
  'two-tracks': twoTracks,
  many,
  live,
  crashed,
  'lone-tokn': lonely,
  'no-tail': noTail,
  geo,
  'late-tracks': lateTracks,
  described,
  unknown,
  'not-canonical': notCanonical,
  signed,
  evidence,
  hidden,
  redacted,
  slice,
  'slice-of-many': async () => (await many()).slice(SLICE_OF_MANY),
  legacy: () => legacy(),
  'legacy-masked': () => legacy({ compression: { engine: 'geometric-reference' }, masked: true }),
  'legacy-encrypted': () => legacy({ compression: { engine: 'geometric-reference' }, encryption: { mode: 'unknown' } }),
  'legacy-other-engine': () => legacy({ compression: { engine: 'somebody-else' } }),
  'legacy-bare': legacyBare,
};
