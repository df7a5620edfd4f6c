/** All vectors: their bytes, and what a check and a reader make of them. */
import { createEngineSet } from '../src/compression/api/engine-set.js';
import { storedEngine } from '../src/compression/api/stored.js';
import { GeometricReferenceCompressor } from '../src/compression/reference.js';
import { H4MKReader } from '../src/container/read/reader.js';
import { verifyContainer } from '../src/container/check/verify.js';
import { createMemorySource } from '../src/storage/memory.js';
import { toHex } from '../src/utils/bytes.js';
import { isH4Error } from '../src/utils/error.js';
import { sha256 } from '../src/utils/sha256.js';
import { BROKEN } from './broken-vectors.js';
import { GOLDEN, UID } from './golden-vectors.js';
import { MASTER_KEY, SALT, SIGNER_SEED, SIGNER_VKEY } from './vector-keys.js';
import { FileKit } from './vector-kit.js';

/** Path below `spec/vectors` and bytes, in the order of `vectors.json`. */
export const makeVectors = async (): Promise<Map<string, Uint8Array>> => {
  const vectors = new Map<string, Uint8Array>();
  for (const [folder, makers] of [
    ['v1', GOLDEN],
    ['broken', BROKEN],
  ] as const) {
    for (const [name, make] of Object.entries(makers)) {
      const made = await make();
      vectors.set(`${folder}/${name}.h4mk`, made instanceof FileKit ? made.bytes() : made);
    }
  }
  return vectors;
};

export interface VectorResult {
  readonly sha256: string;
  readonly size: number;
  readonly format: string;
  readonly state: string;
  readonly exit: number;
  /** Codes of errors and warnings, each once, in the order found. */
  readonly codes: readonly string[];
  readonly warnings: readonly string[];
  readonly records: number;
  readonly tree_size: number;
  readonly root: string | null;
  readonly file_id: string | null;
  /** Answers of a reader: the record for each time on the seek track; null where there is none before. */
  readonly seek?: readonly { readonly time: number; readonly seq: number | null }[];
  /** And the record that holds a byte of a track. */
  readonly range?: readonly {
    readonly track: number;
    readonly byte: number;
    readonly seq: number;
    readonly pos: number;
    readonly raw: number;
  }[];
}

export interface VectorBook {
  readonly note: string;
  readonly keys: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, VectorResult>>;
}

/** What is checked in beside the files as `vectors.json`. */
export const describeVectors = async (vectors: ReadonlyMap<string, Uint8Array>): Promise<VectorBook> => {
  const files: Record<string, VectorResult> = {};
  for (const [path, bytes] of vectors) {
    const result = await checkVector(bytes);
    files[path] = path.startsWith('v1/') ? { ...result, ...(await answersOf(bytes)) } : result;
  }
  return {
    note: 'Results of a check without keys. The keys are public, for tests only.',
    keys: {
      vkey: SIGNER_VKEY,
      signer_seed: toHex(SIGNER_SEED),
      master_key: toHex(MASTER_KEY),
      salt: toHex(SALT),
      uid: UID,
    },
    files,
  };
};

export const bookText = (book: VectorBook): string => `${JSON.stringify(book, undefined, 2)}\n`;

const unique = (values: readonly string[]): string[] => [...new Set(values)];

export const checkVector = async (bytes: Uint8Array): Promise<VectorResult> => {
  const report = await verifyContainer(createMemorySource(bytes));
  return {
    sha256: toHex(sha256(bytes)),
    size: bytes.length,
    format: report.format,
    state: report.state,
    exit: report.exit_code,
    codes: unique(report.errors.map((finding) => finding.code)),
    warnings: unique(report.warnings.map((finding) => finding.code)),
    records: report.records,
    tree_size: report.tree_size,
    root: report.root,
    file_id: report.file_id,
  };
};

/** Times and bytes at, before and after the edges of blocks, and far beyond the end. */
export const answersOf = async (bytes: Uint8Array): Promise<Pick<VectorResult, 'seek' | 'range'>> => {
  const engines = createEngineSet([storedEngine, new GeometricReferenceCompressor()]);
  const reader = await openOrUndefined(bytes, engines);
  if (reader === undefined) return {};
  const times = new Set([0, Number.MAX_SAFE_INTEGER]);
  const edges = new Map<number, Set<number>>();
  for await (const head of reader.heads()) {
    if (head.mode > 2) continue;
    if (head.track === reader.info.seekTrack && head.key) for (const d of [-1, 0, 1]) times.add(head.pts + d);
    const bytesOfTrack = edges.get(head.track) ?? new Set<number>();
    edges.set(head.track, bytesOfTrack);
    if (head.raw > 0) for (const at of [head.pos, head.pos + head.raw - 1]) bytesOfTrack.add(at);
  }
  const seek: { time: number; seq: number | null }[] = [];
  for (const time of some([...times].filter((value) => value >= 0).sort((a, b) => a - b))) {
    seek.push({ time, seq: (await reader.seek(time))?.seq ?? null });
  }
  const range: { track: number; byte: number; seq: number; pos: number; raw: number }[] = [];
  for (const [track, positions] of edges) {
    for (const byte of some([...positions])) {
      const { seq, pos, raw } = await reader.findByte(track, byte);
      range.push({ track, byte, seq, pos, raw });
    }
  }
  return { seek, range };
};

/** Legacy files and slices have no reader of this kind. */
const openOrUndefined = async (
  bytes: Uint8Array,
  engines: ReturnType<typeof createEngineSet>,
): Promise<H4MKReader | undefined> => {
  const isSlice = FileKit.of(bytes).pieces.some(({ tag }) => tag === 'PROF');
  if (isSlice) return undefined;
  try {
    return await H4MKReader.open(createMemorySource(bytes), { engines });
  } catch (error) {
    if (isH4Error(error)) return undefined;
    throw error;
  }
};

/** At most about 20 of many values, the first and the last among them. */
const some = <T>(values: readonly T[]): readonly T[] => {
  const step = Math.ceil(values.length / 20);
  return values.filter((_, i) => i % step === 0 || i === values.length - 1);
};
