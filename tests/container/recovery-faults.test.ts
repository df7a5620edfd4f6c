/** Files that no crash leaves behind, but that somebody may hand to a recovery. */
import { expect, test } from 'vitest';
import { encodeChunk } from '../../src/container/format/chunk.js';
import { recoverRecording } from '../../src/container/recover/recover.js';
import { scanRecording } from '../../src/container/recover/recovery-scan.js';
import { encodeTail, endsInTail, parseTail } from '../../src/container/format/tail.js';
import { createMemorySink, createMemorySource } from '../../src/storage/memory.js';
import { concatBytes, viewOf } from '../../src/utils/bytes.js';
import { crc32 } from '../../src/utils/crc32.js';
import { sha256 } from '../../src/utils/sha256.js';
import {
  AUDIO,
  VIDEO,
  assembled,
  chunksOf,
  closedRecording,
  interleaved,
  patched,
  rejection,
} from '../support/container.js';
import { errorCodes, reportOf } from '../support/reports.js';

const closed = await closedRecording(interleaved(20), { tracks: [VIDEO, AUDIO], totals: true });
const all = chunksOf(closed);
const placeOf = (tag: string): number => all.findIndex((chunk) => chunk.tag === tag);

const recovered = async (file: Uint8Array, cut = false): Promise<Uint8Array> => {
  const sink = createMemorySink();
  await recoverRecording(createMemorySource(file), sink, { cut });
  return sink.bytes();
};

test('a close that lacks its TILE is written anew only for those who ask for it: no crash does that', async () => {
  const body = assembled(all.slice(0, placeOf('VERI')).filter(({ tag }) => tag !== 'TILE'));
  const veri = encodeChunk('VERI', sha256(body.subarray(8)));
  const tail = parseTail(all.at(-1)?.payload ?? new Uint8Array());
  const links = { self: body.length + veri.length, veri: body.length, tiles: [] };
  const whole = concatBytes(body, veri, encodeChunk('TAIL', encodeTail({ ...tail, ...links })));
  const torn = patched(whole, whole.length - 1, 0xee);
  for (const file of [
    whole,
    torn,
    concatBytes(whole, new Uint8Array(40)),
    concatBytes(body, veri),
    whole.subarray(0, -1),
  ]) {
    const { detail } = await rejection(recovered(file));
    expect(['H4_TILE_PLACE', 'H4_CRC_MISMATCH', 'H4_BAD_TAG']).toContain(detail['code']);
    expect(await recovered(file, true)).toEqual(closed);
  }
});

test('a SEEK without an end record is no close, and is left out', async () => {
  const end = placeOf('SEEK') - 2;
  const records = assembled(all.slice(0, end));
  const file = concatBytes(records, encodeChunk('SEEK', all[placeOf('SEEK')]?.payload ?? new Uint8Array(4)));
  const scan = await scanRecording(createMemorySource(file));
  expect([scan.end, scan.records]).toEqual([records.length, 21]);
  const report = await reportOf(await recovered(file));
  expect([errorCodes(report), report.records]).toEqual([[], 21]);
});

test('a TAIL with a field that cannot be read here shows that the damage is inside', async () => {
  const tail = closed.subarray(-172).slice();
  viewOf(tail).setBigUint64(12 + 56, 2n ** 62n);
  viewOf(tail).setUint32(8, crc32(tail.subarray(12)));
  const body = closed.subarray(0, -172);
  const file = patched(concatBytes(body, tail), all[6]?.offset ?? 0, 0xff);
  expect(endsInTail(file, file.length)).toBe(true);
  const error = await rejection(recovered(file));
  expect(error.code).toBe('H4_INNER_DAMAGE');
});

test('a record whose content was redacted shows that the recording goes on', async () => {
  const [at, tokn] = [placeOf('SEEK') - 3, placeOf('SEEK') - 4];
  for (const size of [0, all[at]?.size ?? 0]) {
    const pieces = all.slice(0, at).map(({ tag, payload }) => ({ tag, payload }));
    const file = assembled([...pieces, { tag: 'VOID', payload: new Uint8Array(size) }]);
    const broken = patched(file, (all[tokn - 2]?.offset ?? 0) + 12, 0xff);
    const error = await rejection(recovered(broken));
    expect(error.detail['later']).toMatchObject({ tag: 'TOKN', offset: all[tokn]?.offset });
  }
});
