/** Random access: whatever an index claims, only what a record committed to is handed out, and at bounded cost. */
import { H4MKReader } from '../../src/container/read/reader.js';
import { Breach, WatchedSource, expectThat, refusedOr } from './invariants.js';
import { type OracleRecord, chunksOf, decodeGeometric, recordAt } from './oracle.js';
import { type Target, type Trial, engines } from './targets.js';

const WINDOW = 64 * 1024;
const SAMPLES = 8;

/** A block that was handed out must be the content of the record that stands in the file, found without the reader. */
export const checkBlock = (
  bytes: Uint8Array,
  block: {
    readonly tokn: { readonly seq: number; readonly track: number };
    readonly offset: number;
    readonly bytes: Uint8Array;
  },
  engine: string,
): void => {
  const { tokn, offset } = block;
  const record = recordAt(bytes, offset);
  const where = (): string => `record ${tokn.seq} at ${offset}`;
  expectThat(
    record !== undefined && record.seq === tokn.seq && record.track === tokn.track,
    'block of a record',
    where,
  );
  expectThat(
    record.committed && !record.isVoid && record.payload.length === record.size,
    'block is committed to',
    where,
  );
  const content = engine === 'stored-v1' ? record.payload : decodeGeometric(record.payload, record.raw);
  expectThat(content?.equals(block.bytes) === true && content.length === record.raw, 'block content', where);
};

const run = async ({ bytes, report, sound, count, fuzzed, limits }: Trial): Promise<void> => {
  const random = fuzzed.random.fork(1);
  const source = new WatchedSource(bytes);
  const windows = Math.ceil(bytes.length / WINDOW);
  const cost = (reads: number, bytesRead: number): void => {
    source.allow(reads, bytesRead);
  };
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    const outcome = await refusedOr(what, work, count);
    source.assertUsedWell(what);
    if ('value' in outcome) return outcome.value;
    if (sound !== undefined && !isExpected(outcome.error.code, report.format)) {
      throw new Breach(`${what} refuses a sound file`, `${outcome.error.code}: ${outcome.error.message}`);
    }
    return undefined;
  };

  cost(24 + 3 * windows, 24 * WINDOW + 3 * bytes.length);
  const reader = await attempt('open', () => H4MKReader.open(source, { engines, limits }));
  if (reader === undefined) return;
  // A slice has no record at every number, and says so by its third chunk even where its end is missing.
  expectThat(sound === undefined || !isSlice(bytes), 'open takes a slice for a recording', () => report.format);
  const { tail } = reader;
  expectThat(
    sound === undefined || tail === undefined || chunksOf(bytes).at(-1)?.offset === tail.self,
    'open believes a TAIL that is no chunk',
    () => report.format,
  );
  const total = reader.recordCount;
  if (sound !== undefined) expectThat(total === sound.length, 'record count', () => `${total}, not ${sound.length}`);
  const engine = reader.info.compression.engine_id;
  // Every TOKN of the file, each read a few times.
  const most = 64 + Math.ceil(bytes.length / 16);

  cost(most, 8 * WINDOW + 64 * bytes.length);
  const metas = await attempt('metas', () => reader.metas());
  const wanted = (count: number): number =>
    random.chance(0.9) ? random.below(Math.min(total, count)) : random.below(total);
  for (let i = 0; i < SAMPLES && total > 0; i++) {
    const seq = wanted(bytes.length / 92);
    cost(24, 24 * WINDOW + 3 * bytes.length);
    const head = await attempt('head', () => reader.head(seq));
    if (head !== undefined) expectThat(head.seq === seq, 'head', () => `${head.seq}, not ${seq}`);
    cost(24, 24 * WINDOW + 3 * bytes.length);
    const record = await attempt('record', () => reader.record(seq));
    if (record === undefined || record.tokn.mode > 2) continue;
    expectThat(record.tokn.seq === seq, 'record', () => `${record.tokn.seq}, not ${seq}`);
    cost(24, 24 * WINDOW + 3 * bytes.length);
    const block = await attempt('block', () => reader.block(seq));
    if (block !== undefined) checkBlock(bytes, block, engine);
  }
  const tracks = metas?.tracks.map(({ id }) => id) ?? [reader.info.seekTrack];
  for (let i = 0; i < SAMPLES; i++) {
    const track = tracks.length === 0 || random.chance(0.1) ? random.below(65_535) : random.pick(tracks);
    const pts = pickTime(sound, random);
    cost(most, 32 * WINDOW + 64 * bytes.length);
    const found = await attempt('seek', async () => ({ head: await reader.seek(pts, { track }) }));
    if (found !== undefined) {
      const { head } = found;
      const right = head === undefined || (head.key && head.track === track && head.pts <= pts);
      expectThat(right, 'seek answer', () => `${head?.seq} for ${pts} of track ${track}`);
      if (sound !== undefined) {
        const best = sound.filter((record) => isKeyBefore(record, track, pts)).at(-1);
        expectThat(
          head?.seq === best?.seq,
          'seek finds the last',
          () => `${head?.seq ?? 'none'}, not ${best?.seq ?? 'none'} for ${pts} of ${track}`,
        );
      }
    }
    cost(most, 32 * WINDOW + 64 * bytes.length);
    const block = await attempt('blockAt', () => reader.blockAt(pts));
    if (block !== undefined) checkBlock(bytes, block, engine);

    const position = random.chance(0.1) ? random.pick([-1, 0, 2 ** 40, 2 ** 53 - 1]) : random.below(bytes.length);
    cost(most, 32 * WINDOW + 64 * bytes.length);
    const holder = sound?.find((record) => record.mode <= 2 && record.track === track && isWithin(record, position));
    const outcome = await attempt('findByte', () => reader.findByte(track, position));
    if (outcome !== undefined) {
      const { track: of, pos, raw, mode } = outcome;
      expectThat(
        of === track && mode <= 2 && pos <= position && position < pos + raw,
        'findByte answer',
        () => `${pos} ${raw}`,
      );
    }
    if (sound !== undefined) {
      expectThat(
        outcome?.seq === holder?.seq,
        'findByte finds it',
        () => `${outcome?.seq}, not ${holder?.seq} for ${position} of ${track}`,
      );
    }
  }
  await readBlocks();

  async function readBlocks(): Promise<void> {
    const track = tracks[0] ?? 0;
    cost(2 * most + 2 * Math.ceil(bytes.length / 92), 64 * WINDOW + 130 * bytes.length);
    const pieces: Uint8Array[] = [];
    const done = await attempt('blocks', async () => {
      for await (const block of reader?.blocks({ track }) ?? []) {
        checkBlock(bytes, block, engine);
        pieces.push(block.bytes);
        if (pieces.length >= 40) return false;
      }
      return true;
    });
    if (sound === undefined || done !== true) return;
    const decodable = sound.filter((record) => record.track === track && record.mode <= 2);
    expectThat(pieces.length === decodable.length, 'all blocks', () => `${pieces.length} of ${decodable.length}`);
  }
};

const isSlice = (bytes: Uint8Array): boolean => {
  const [first, , third] = chunksOf(bytes);
  return first?.tag === 'TOKN' && third?.tag === 'PROF';
};

const isKeyBefore = (record: OracleRecord, track: number, pts: number): boolean =>
  record.mode <= 2 && record.key && record.track === track && record.pts <= pts;

const isWithin = ({ pos, raw }: OracleRecord, position: number): boolean => pos <= position && position < pos + raw;

const pickTime = (sound: readonly OracleRecord[] | undefined, random: Trial['fuzzed']['random']): number => {
  if (random.chance(0.1)) return random.pick([-1, 0, 0.5, 2 ** 53 - 1, Infinity]);
  if (sound !== undefined && sound.length > 0) return random.pick(sound).pts + random.pick([-1, 0, 0, 1]);
  return random.chance(0.5) ? random.below(2_000_000) : random.below(2 ** 40);
};

/** Refusals of what a sound file cannot give: what was redacted, hidden, or packed by an engine that did not run in the check. */
const isExpected = (code: string, format: string): boolean =>
  ['H4_RANGE_REDACTED', 'H4_RANGE_NOT_FOUND', 'H4_KEY_MISSING', 'H4_ENGINE_UNKNOWN', 'H4_ENGINE_OUTPUT'].includes(
    code,
  ) || format === 'H4MK v1 slice';

export const indexed: Target = {
  name: 'indexed',
  takes: () => true,
  run,
};
