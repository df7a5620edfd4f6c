import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { storedEngine } from '../../../src/compression/api/stored.js';
import { H4MKBuilder } from '../../../src/container/write/builder.js';
import type { ByteSource } from '../../../src/container/io/io.js';
import { assertResumable, readResumption, recoverRecording } from '../../../src/container/recover/recover.js';
import { type RecoveryScan, scanRecording } from '../../../src/container/recover/recovery-scan.js';
import { tailAtEnd } from '../../../src/container/format/tail.js';
import { createMemorySink, createMemorySource } from '../../../src/storage/memory.js';
import { concatBytes, equalBytes } from '../../../src/utils/bytes.js';
import { H4Error } from '../../../src/utils/error.js';
import { lcgBytes } from '../../compression/lcg.js';
import {
  AUDIO,
  VIDEO,
  assembled,
  chunksOf,
  closedRecording,
  interleaved,
  mediaRecord,
  patched,
  recordZero,
  rejection,
  resealed,
  written,
} from '../../support/container.js';
import { errorCodes, reportOf } from '../../support/reports.js';
import { describeShared } from '../../support/shared.js';

interface Recovered {
  readonly scan: RecoveryScan;
  readonly bytes: Uint8Array;
  readonly isClosed: boolean;
}

const recovered = async (file: Uint8Array, options: { readonly cut?: boolean } = {}): Promise<Recovered> => {
  const sink = createMemorySink();
  const { isClosed, ...scan } = await recoverRecording(createMemorySource(file), sink, options);
  return { scan, bytes: sink.bytes(), isClosed };
};

/** Records whose last byte lies within the first `length` bytes. */
const wholeRecords = (ends: readonly number[], length: number): number => ends.filter((end) => end <= length).length;

/** File positions at which the records of a file end. */
const recordEnds = (file: Uint8Array): number[] =>
  chunksOf(file).flatMap(({ tag, offset, size }, i, chunks) =>
    chunks[i - 1]?.tag === 'TOKN' && tag !== 'TOKN' ? [offset + 12 + size] : [],
  );

const startOf = (file: Uint8Array, tag: string, nth = 0): number => {
  const found = chunksOf(file).filter((chunk) => chunk.tag === tag)[nth];
  if (found === undefined) throw new Error(`no ${tag}`);
  return found.offset;
};

/** Three tiles' worth of records of two tracks, with index points. */
const closed = await closedRecording(interleaved(520), { tracks: [VIDEO, AUDIO], pointEvery: 100, totals: true });
const live = closed.subarray(0, startOf(closed, 'SEEK') - 200);

/** Every length near a boundary of chunks, and some in between. */
const lengthsOf = (file: Uint8Array, every: number): number[] => {
  const near = new Set<number>();
  for (const { offset, size } of chunksOf(file)) {
    for (const at of [offset - 1, offset, offset + 1, offset + 11, offset + 12, offset + 12 + size - 1]) near.add(at);
  }
  return Array.from({ length: file.length + 1 }, (_, length) => length).filter(
    (length) => length > 8 && (length % every === 0 || near.has(length)),
  );
};

const short = await closedRecording(interleaved(12), { tracks: [VIDEO, AUDIO], pointEvery: 5, totals: true });

test('a close without its end record, in a TAIL of a live recording, is not cut off: nothing before a later TAIL is', async () => {
  const chunks = chunksOf(short);
  const end = chunks.findLastIndex(({ tag }) => tag === 'META');
  const last = chunks.length - 1;
  const pieces = chunks.map(({ tag, payload }, i) => {
    if (i === end) return { tag: 'VOID', payload: new Uint8Array(payload.length) };
    return { tag, payload: i === last ? payload.map((byte, at) => (at === 8 ? 0 : byte)) : payload };
  });
  const file = resealed(pieces);
  expect(errorCodes(await reportOf(file))).toEqual([]);
  const scan = await scanRecording(createMemorySource(file));
  expect([scan.condition, scan.damage?.code, scan.damage?.later?.tag]).toEqual(['damaged', 'H4_TAIL_STATE', 'TAIL']);
  expect((await rejection(recovered(file))).code).toBe('H4_INNER_DAMAGE');
  const cut = await recovered(file, { cut: true });
  expect(errorCodes(await reportOf(cut.bytes))).toEqual([]);
  expect(cut.isClosed).toBe(false);
});

describe('a recording that is cut anywhere', () => {
  const ends = recordEnds(closed);
  /** A short one nearly everywhere, a long one around its first full tile. */
  const tile = startOf(closed, 'TILE', 2);
  const cases = [
    ...lengthsOf(short, 5).map((length) => [short, length] as const),
    ...lengthsOf(closed, 20_011).flatMap((length) =>
      Math.abs(length - tile) < 2_000 ? [[closed, length] as const] : [],
    ),
  ];

  test('comes back with every whole record, byte by byte, and passes its check', async () => {
    for (const [file, length] of cases) {
      const fileEnds = file === closed ? ends : recordEnds(file);
      const records = wholeRecords(fileEnds, length);
      if (records === 0) continue;
      const cut = file.subarray(0, length);
      const { scan, bytes } = await recovered(cut);
      expect([length, scan.records]).toEqual([length, records]);
      expect(scan.end).toBeGreaterThanOrEqual(fileEnds[records - 1] ?? 0);
      expect(scan.lost.bytes).toBe(length - scan.end);
      expect(equalBytes(bytes.subarray(0, scan.end), cut.subarray(0, scan.end))).toBe(true);
      const report = await reportOf(bytes);
      expect([length, errorCodes(report), report.records]).toEqual([length, [], records]);
      expect(report.warnings).toEqual([]);
      expect(tailAtEnd(bytes, bytes.length)).toBeDefined();
    }
  }, 60_000);

  test('is closed again, as its writer would have done, once its end record is whole', async () => {
    const end = ends.at(-1) ?? 0;
    for (const length of lengthsOf(closed, 61).filter((each) => each >= end)) {
      const { bytes, isClosed, scan } = await recovered(closed.subarray(0, length));
      expect([length, isClosed, equalBytes(bytes, closed)]).toEqual([length, true, true]);
      expect(scan.condition).toBe(length === closed.length ? 'complete' : length === scan.end ? 'open' : 'cut');
    }
  });

  test('says when nothing can come back', async () => {
    for (const length of [0, 7, 8, 9, (ends[0] ?? 0) - 1]) {
      const { code } = await rejection(recovered(closed.subarray(0, length)));
      expect([length, code]).toEqual([length, length < 8 ? 'H4_TOO_SHORT' : 'H4_NO_RECORDS']);
    }
  });

  test('gets the full TILE that was due, if it ends before that', async () => {
    expect(wholeRecords(ends, tile)).toBe(256);
    const { bytes } = await recovered(closed.subarray(0, tile + 3));
    expect(chunksOf(bytes).find(({ offset }) => offset === tile)?.tag).toBe('TILE');
    expect(errorCodes(await reportOf(bytes))).toEqual([]);
  });
});

describe('what was lost', () => {
  test('is counted in bytes, records and time: a TOKN says what its payload would have been', async () => {
    const { offset, size } = chunksOf(live).filter(({ tag }) => tag === 'TOKN')[50] ?? { offset: 0, size: 0 };
    const { scan } = await recovered(live.subarray(0, offset + 12 + size + 5));
    expect(scan.condition).toBe('cut');
    expect(scan.records).toBe(50);
    expect(scan.endPts).toBe(480);
    expect(scan.lost).toEqual({ bytes: 12 + size + 5, records: 1, fromPts: 480, toPts: 490 });
  });

  test('is nothing that one could name, where the file ends between records', async () => {
    const { scan } = await recovered(live.subarray(0, recordEnds(live)[50]));
    expect(scan.condition).toBe('open');
    expect(scan.lost).toEqual({ bytes: 0, records: 0, fromPts: undefined, toPts: undefined });
  });

  test('includes what a TAIL from elsewhere promises', async () => {
    const promised = tailAtEnd(closed, closed.length);
    if (promised === undefined) throw new Error('no TAIL');
    const source = createMemorySource(live.subarray(0, recordEnds(live)[50]));
    const scan = await scanRecording(source, { promised });
    expect(scan.lost.records).toBe(promised.records - 51);
    expect(scan.lost.fromPts).toBe(490);
  });

  test('counts the bytes that are read', async () => {
    const large = await closedRecording([mediaRecord({ pts: 0, key: true, payload: new Uint8Array(3 << 20) })]);
    const progress: number[] = [];
    const sink = createMemorySink();
    await recoverRecording(createMemorySource(large), sink, { onProgress: (bytes) => progress.push(bytes) });
    expect(progress.length).toBeGreaterThanOrEqual(2);
  });
});

describe('damage inside', () => {
  const broken = (at: number, file = live): Uint8Array => patched(file, at, (file[at] ?? 0) ^ 0x40);
  const payloadAt = (nth: number): number => startOf(live, 'CORE', nth) + 12;

  test.each([
    ['in a payload', payloadAt(20), 'H4_CRC_MISMATCH'],
    ['in a TOKN', startOf(live, 'TOKN', 20) + 20, 'H4_CRC_MISMATCH'],
    ['in a tag', startOf(live, 'CORE', 20), 'H4_BAD_TAG'],
    ['in a size', startOf(live, 'CORE', 20) + 4, 'H4_INNER_DAMAGE'],
    ['in a TILE', startOf(live, 'TILE') + 70, 'H4_CRC_MISMATCH'],
  ])('%s is told, and nothing is cut or written', async (_, at, code) => {
    const file = patched(live, at, code === 'H4_BAD_TAG' ? 0xff : (live[at] ?? 0) ^ 0x40);
    const sink = createMemorySink();
    const error = await rejection(recoverRecording(createMemorySource(file), sink));
    expect(error.code).toBe('H4_INNER_DAMAGE');
    expect(error.detail).toMatchObject({ code, later: expect.anything() as unknown });
    expect(sink.length).toBe(0);
  });

  test('is told of a file without any index, for one flipped byte of a size', async () => {
    const plain = await written(async (writer) => {
      await writer.record(recordZero());
      for (let i = 0; i < 40; i++) {
        await writer.record(mediaRecord({ pts: 10 * i, key: true, payload: lcgBytes(i, 100) }));
      }
    });
    for (const byte of [0, 1, 2, 3]) {
      const at = startOf(plain, 'CORE', 5) + 4 + byte;
      const error = await rejection(recovered(patched(plain, at, (plain[at] ?? 0) ^ 0x20)));
      expect([byte, error.code]).toEqual([byte, 'H4_INNER_DAMAGE']);
      expect(error.detail['later']).toMatchObject({ tag: 'TOKN' });
    }
  });

  test('is cut away only for those who ask for it', async () => {
    const { scan, bytes } = await recovered(broken(payloadAt(20), closed), { cut: true });
    expect(scan.damage?.code).toBe('H4_CRC_MISMATCH');
    expect(scan.records).toBe(21);
    expect(scan.lost.records).toBe(522 - 21);
    expect(errorCodes(await reportOf(bytes))).toEqual([]);
  });

  test('is also a rule that the writer broke: no crash does that', async () => {
    const file = await written(async (writer) => {
      await writer.record(recordZero({ tracks: [AUDIO], seekTrack: 1 }));
      await writer.record(mediaRecord({ pts: 0, key: true }));
    });
    const error = await rejection(recovered(file));
    expect(error.detail['code']).toBe('H4_TRACK_UNDECLARED');
    expect(error.detail['later']).toBeUndefined();
  });

  test('at the physical end is what a power failure leaves: it is cut', async () => {
    const end = recordEnds(live)[60] ?? 0;
    const start = startOf(live, 'TOKN', 60);
    const torn = [
      concatBytes(live.subarray(0, end), new Uint8Array(5000)),
      concatBytes(live.subarray(0, end), lcgBytes(7, 5000)),
      patched(live.subarray(0, end), end - 1, 0xee),
      concatBytes(live.subarray(0, start + 30), new Uint8Array(end - start - 30)),
    ];
    for (const [i, file] of torn.entries()) {
      const { scan, bytes } = await recovered(file);
      expect([i, scan.condition, scan.records]).toEqual([i, 'cut', i < 2 ? 61 : 60]);
      expect(errorCodes(await reportOf(bytes))).toEqual([]);
    }
  });

  test('is not what media look like that hold a recording of their own', async () => {
    const inner = await closedRecording(interleaved(30), { tracks: [VIDEO, AUDIO], pointEvery: 10 });
    const outer = await written(async (writer) => {
      await writer.record(recordZero());
      for (let i = 0; i < 40; i++) await writer.record(mediaRecord({ pts: i, key: true, payload: lcgBytes(i, 1000) }));
      await writer.record(mediaRecord({ pts: 100, key: true, payload: inner }));
    });
    const { scan } = await recovered(outer.subarray(0, -20));
    expect([scan.condition, scan.records]).toEqual(['cut', 41]);
  });

  test('is not what media look like that hold a longer recording, within what their record has announced', async () => {
    const inner = await closedRecording(interleaved(60), { tracks: [VIDEO, AUDIO] });
    const outer = await written(async (writer) => {
      await writer.record(recordZero());
      for (let i = 0; i < 5; i++) await writer.record(mediaRecord({ pts: i, key: true, payload: lcgBytes(i, 10) }));
      await writer.record(mediaRecord({ pts: 100, key: true, payload: inner }));
    });
    // Cut, and torn although its last byte is there.
    for (const file of [outer.subarray(0, -20), patched(outer, outer.length - 1, 0xee)]) {
      const { scan } = await recovered(file);
      expect([scan.condition, scan.records]).toEqual(['cut', 6]);
    }
    // What was announced must agree: with one byte of either flipped nothing is cut.
    const [tokn, core] = [startOf(outer, 'TOKN', 6), startOf(outer, 'CORE', 5)];
    for (const at of [tokn + 12 + 47, core + 6, core + 7]) {
      const file = patched(outer.subarray(0, -20), at, (outer[at] ?? 0) ^ 1);
      expect([at, (await rejection(recovered(file))).code]).toEqual([at, 'H4_INNER_DAMAGE']);
    }
  });

  test('is assumed where media are made of what looks like chunks, instead of looking for ever', async () => {
    const bait = assembled([{ tag: 'TOKN', payload: new Uint8Array(80 + 12 * 60_000) }]).subarray(8, 24);
    const media = new Uint8Array(6 << 20).map((_, i) => bait[i % 16] ?? 0);
    const file = await written(async (writer) => {
      await writer.record(recordZero());
      await writer.record(mediaRecord({ pts: 0, key: true, payload: media }));
    });
    let bytes = 0;
    const at = startOf(file, 'TOKN', 1) + 20;
    const source = createMemorySource(patched(file, at, (file[at] ?? 0) ^ 1));
    const counting: ByteSource = {
      size: source.size,
      read: (start, end, signal) => {
        bytes += end - start;
        return source.read(start, end, signal);
      },
      close: () => source.close(),
    };
    const error = await rejection(recoverRecording(counting, createMemorySink()));
    expect(error.code).toBe('H4_INNER_DAMAGE');
    expect(error.detail['later']).toBeUndefined();
    expect(bytes).toBeLessThan(700 * 2 ** 20);
  });
});

describe('files that are no recordings', () => {
  test('are refused with what can be said about them', async () => {
    const legacy = assembled([{ tag: 'CORE', payload: new Uint8Array([65, 3]) }]);
    expect((await rejection(recovered(legacy))).code).toBe('H4_PARAM');
    expect((await rejection(recovered(legacy.subarray(0, -1)))).code).toBe('H4_TRUNCATED');
    expect((await rejection(recovered(patched(live, 0, 0)))).code).toBe('H4_BAD_MAGIC');
    const start = live.subarray(0, startOf(live, 'TOKN', 1));
    expect((await rejection(recovered(patched(start, 30, 0xff)))).code).toBe('H4_CRC_MISMATCH');
  });

  test('are not taken for recordings that were only begun, if record 0 is damaged and more stands behind it', async () => {
    const meta = startOf(live, 'META');
    for (const at of [12, 13, 14, 15, 30, meta + 4, meta + 5, meta + 20]) {
      const file = patched(live, at, (live[at] ?? 0) ^ 0x01);
      for (const cut of [false, true]) {
        const error = await rejection(recovered(file, { cut }));
        expect([at, error.code, error.detail['records']]).toEqual([at, 'H4_INNER_DAMAGE', 0]);
        expect(error.detail['later']).toMatchObject({ tag: 'TOKN' });
      }
    }
  });

  test('that change while they are read are noticed', async () => {
    const source = createMemorySource(live);
    let reads = 0;
    const changing: ByteSource = {
      size: source.size,
      read: async (start, end, signal) => {
        const bytes = await source.read(start, end, signal);
        return start === 0 && reads++ > 0 ? patched(bytes, 500, (bytes[500] ?? 0) ^ 1) : bytes;
      },
      close: () => source.close(),
    };
    expect((await rejection(recoverRecording(changing, createMemorySink()))).code).toBe('H4_IO');
  });
});

describe('a recovery', () => {
  const cut = live.subarray(0, (recordEnds(live)[60] ?? 0) + 50);

  /** A source that does `before` each read, which is told its number. */
  const watched = (before: (read: number) => void): ByteSource => {
    const source = createMemorySource(cut);
    let reads = 0;
    return {
      size: source.size,
      read: async (start, end, signal) => {
        before(++reads);
        return source.read(start, end, signal);
      },
      close: () => source.close(),
    };
  };
  /** The walk, what is behind its end, the last bytes and the tag there; then the copy, and its last bytes. */
  const READS = 6;

  test('reads as often as it has to', async () => {
    let reads = 0;
    await recoverRecording(
      watched((read) => (reads = read)),
      createMemorySink(),
    );
    expect(reads).toBe(READS);
  });

  test('ends when it is cancelled, at whatever read', async () => {
    for (let at = 1; at <= READS; at++) {
      const controller = new AbortController();
      const source = watched((read) => {
        if (read === at) controller.abort(new Error('enough'));
      });
      const outcome = recoverRecording(source, createMemorySink(), { signal: controller.signal });
      expect([at, (await rejection(outcome)).code]).toEqual([at, 'H4_CANCELLED']);
    }
  });

  test('passes on what keeps it from reading, at whatever read', async () => {
    for (let at = 1; at <= READS; at++) {
      const source = watched((read) => {
        if (read === at) throw new H4Error('H4_IO', 'the disk is gone');
      });
      expect([at, (await rejection(recoverRecording(source, createMemorySink()))).code]).toEqual([at, 'H4_IO']);
    }
  });

  test('passes on what keeps it from writing, and commits nothing', async () => {
    const sink = createMemorySink();
    sink.write = () => Promise.reject(new H4Error('H4_WRITE', 'the disk is full'));
    expect((await rejection(recoverRecording(createMemorySource(cut), sink))).code).toBe('H4_WRITE');
    expect(sink.length).toBe(0);
  });

  test('keeps to the limits of its reader', async () => {
    const options = { limits: { maxChunkBytes: 100 } };
    expect((await rejection(scanRecording(createMemorySource(live), options))).code).toBe('H4_LIMIT_CHUNK');
  });
});

describe('going on with a recording', () => {
  const engine = storedEngine;
  const block = (i: number) => ({
    track: 0,
    tokens: [{ pts: 10 * i, duration: 10, key: i % 5 === 0, size: 50 }],
    bytes: lcgBytes(i, 50),
  });
  const uid = '00112233445566778899aabbccddeeff';
  const recordedWhole = async (count: number): Promise<Uint8Array> => {
    const sink = createMemorySink();
    const builder = await H4MKBuilder.create(sink, { engine, tracks: [VIDEO], uid });
    for (let i = 0; i < count; i++) await builder.addBlock(block(i));
    await builder.close();
    return sink.bytes();
  };
  /** The first bytes of a file, in a sink that goes on from there. */
  const sinkOf = async (bytes: Uint8Array) => {
    const sink = createMemorySink();
    await sink.write(bytes);
    return sink;
  };

  test('gives the file that would have been written without the interruption', async () => {
    const whole = await recordedWhole(300);
    const ends = recordEnds(whole);
    for (const records of [3, 100, 255, 256, 257, 299]) {
      for (const more of [0, 1, 50]) {
        const source = createMemorySource(whole.subarray(0, (ends[records - 1] ?? 0) + more));
        const scan = await scanRecording(source);
        assertResumable(scan, undefined);
        const sink = await sinkOf(whole.subarray(0, scan.end));
        const builder = H4MKBuilder.resume(sink, await readResumption(source, scan), engine);
        expect([builder.size, builder.offset]).toEqual([records, scan.end]);
        for (let i = records - 2; i < 300; i++) await builder.addBlock(block(i));
        await builder.close();
        expect([records, more, equalBytes(sink.bytes(), whole)]).toEqual([records, more, true]);
      }
    }
  });

  test('is refused where it would tell another history', async () => {
    const whole = await recordedWhole(20);
    const tail = tailAtEnd(whole, whole.length);
    const scanOf = (bytes: Uint8Array) => scanRecording(createMemorySource(bytes));
    const refusal = async (scan: RecoveryScan, promised = tail) =>
      rejection(Promise.resolve().then(() => assertResumable(scan, promised)));
    expect((await refusal(await scanOf(whole))).code).toBe('H4_AFTER_END');
    const few = await scanOf(whole.subarray(0, recordEnds(whole)[10]));
    expect((await refusal(few)).code).toBe('H4_ROLLBACK');
    expect((await refusal(few)).message).not.toContain('signed');
    expect((await refusal(few, tail && { ...tail, sign: 8 })).message).toContain('signed');
    expect(() => assertResumable(few, tail && { ...tail, records: 11 })).not.toThrow();
    const at = startOf(live, 'CORE', 20) + 12;
    expect((await refusal(await scanOf(patched(live, at, 0xfe)))).code).toBe('H4_INNER_DAMAGE');
  });

  test('needs the engine of the recording, and a sink that holds what is whole of it', async () => {
    const whole = await recordedWhole(20);
    const source = createMemorySource(whole.subarray(0, recordEnds(whole)[10]));
    const scan = await scanRecording(source);
    const resumption = await readResumption(source, scan);
    const other = { ...engine, info: () => ({ ...engine.info(), engine_id: 'other-v1' }) };
    const at = await sinkOf(whole.subarray(0, scan.end));
    expect(() => H4MKBuilder.resume(at, resumption, other)).toThrow('can only go on with it');
    expect(() => H4MKBuilder.resume(createMemorySink(), resumption, engine)).toThrow('Writing goes on at');
  });
});

describeShared('the shared samples', (shared) => {
  const sample = (name: string): Uint8Array => new Uint8Array(readFileSync(join(shared, 'samples', name)));

  test('crashed.h4mk comes back with its 8 records', async () => {
    const { scan, bytes } = await recovered(sample('crashed.h4mk'));
    expect([scan.condition, scan.records]).toEqual(['cut', 8]);
    expect(scan.lost).toEqual({ bytes: 70, records: 1, fromPts: 3_040_000, toPts: undefined });
    expect((await reportOf(bytes)).root).toBe((await reportOf(sample('crashed.h4mk'))).root);
    expect(() => assertResumable(scan, undefined)).not.toThrow();
  });

  test.each(['minimal', 'tiles', 'signed', 'private', 'live', 'late', 'redacted'])(
    '%s.h4mk, which is whole, stays as it is',
    async (name) => {
      const file = sample(`${name}.h4mk`);
      const { scan, bytes } = await recovered(file);
      expect(scan.lost.bytes).toBe(0);
      expect(equalBytes(bytes, file)).toBe(true);
    },
  );

  test('signed.h4mk, cut behind the signature of its close, keeps that and is completed', async () => {
    const file = sample('signed.h4mk');
    const veri = startOf(file, 'VERI');
    for (const length of [veri, veri + 5, veri + 44, veri + 100]) {
      const { bytes } = await recovered(file.subarray(0, length));
      expect([length, equalBytes(bytes, file)]).toEqual([length, true]);
    }
  });

  test('a slice is not a recording that could be recovered', async () => {
    expect((await rejection(recovered(sample('slice.h4mk')))).code).toBe('H4_PARAM');
  });
});
