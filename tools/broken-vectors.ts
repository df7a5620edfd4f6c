/**
 * The broken files of `spec/vectors/broken`: one for each code that a file can cause and that needs no key to be found. Each
 * is a golden file with a single rule broken; what would break along with it has been mended, so that its code is the first
 * one found and mostly the only one.
 */
import { MODE } from '../src/container/format/layout.js';
import { encodeProf, parseProf } from '../src/container/tree/range-proof.js';
import { concatBytes, viewOf } from '../src/utils/bytes.js';
import type { ErrorCode } from '../src/utils/error-codes.js';
import {
  attestation,
  block,
  endRecord,
  evidence,
  hidden,
  lateTracks,
  legacy,
  live,
  minimal,
  redacted,
  signed,
  slice,
  startedOnly,
  written,
} from './golden-vectors.js';
import { checkpointText, noteOver, signNote } from './vector-keys.js';
import { type FileKit, type Piece, FLAG, TOKN_AT, ascii, piece, u64s } from './vector-kit.js';

const MIB = 2 ** 20;
const MS = 1000;

type Broken = () => FileKit | Uint8Array | Promise<FileKit | Uint8Array>;

/** A golden file with one change; whatever mending is needed is up to `change`. */
const changed =
  (golden: () => FileKit | Promise<FileKit>, change: (kit: FileKit) => unknown): Broken =>
  async () => {
    const kit = await golden();
    change(kit);
    return kit;
  };

/** `minimal` with a field of the TOKN of its record 2 changed. */
const changedTokn = (edit: (view: DataView) => void): Broken =>
  changed(minimal, (kit) => kit.editTokn(2, edit).reseal());

/** A golden file whose bytes are changed afterwards. */
const changedBytes =
  (change: (bytes: Uint8Array) => Uint8Array): Broken =>
  async () =>
    change((await minimal()).bytes());

const setByte = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
  bytes[at] = value;
  return bytes;
};

const flip = (chunk: Piece, at: number): void => {
  chunk.payload[at] = (chunk.payload[at] ?? 0) ^ 1;
};

/** A META record of this text before the end record. */
const withMeta =
  (meta: string): Broken =>
  () =>
    written([block(MS, ascii('page')), { mode: MODE.meta, pts: MS, payload: ascii(meta) }, endRecord(MS)]);

/** `signed` with other notes in place of its last one. */
const signedWith = (note: (kit: FileKit, sign: Piece) => Uint8Array): Broken =>
  changed(signed, (kit) => {
    const sign = kit.chunk('SIGN', -1);
    sign.payload = note(kit, sign);
    kit.reseal();
  });

const checkpointOf = (kit: FileKit, sign: Piece) => ({
  size: kit.leaves(sign).length,
  root: kit.root(sign),
  fileId: kit.fileId(),
});

/** `slice` with a change. The root that everything else leads to stays. */
const sliceWith =
  (change: (kit: FileKit) => unknown): Broken =>
  async () => {
    const kit = await slice();
    const root = kit.chunk('TAIL').payload.slice(128);
    change(kit);
    return kit.reseal({ root });
  };

/** The records from the n-th on claim to be one further on; distances that reach over the gap follow. */
const openGap = (kit: FileKit, from: number): void => {
  for (const [n, tokn] of kit.pieces.filter(({ tag }) => tag === 'TOKN').entries()) {
    const view = viewOf(tokn.payload);
    if (n < from) continue;
    view.setBigUint64(TOKN_AT.seq, BigInt(n + 1));
    const back = view.getUint32(TOKN_AT.back);
    if (back > n - from) view.setUint32(TOKN_AT.back, back + 1);
  }
};

export const BROKEN: Readonly<Partial<Record<ErrorCode, Broken>>> = {
  // Sections 2 and 3.
  H4_TOO_SHORT: changedBytes((bytes) => bytes.slice(0, 5)),
  H4_BAD_MAGIC: changedBytes((bytes) => setByte(bytes, 3, 0x4c)),
  H4_BAD_VERSION: changedBytes((bytes) => setByte(bytes, 5, 3)),
  H4_HEADER_RESERVED: changedBytes((bytes) => setByte(bytes, 6, 1)),
  H4_NO_RECORDS: changed(minimal, (kit) => {
    kit.pieces = kit.pieces.slice(0, 1);
  }),
  H4_BAD_TAG: changed(minimal, (kit) =>
    kit.insertBefore(kit.chunk('TOKN', 3), piece('x\u007fyz', ascii('delete'))).mend(),
  ),
  H4_TRUNCATED: changed(legacy, (kit) => {
    kit.remove(kit.chunk('VERI'));
    kit.chunk('SAFE').size = 500;
  }),
  H4_INNER_DAMAGE: changed(minimal, (kit) => {
    kit.record(3).payload.size = 0x00ff_0000;
    kit.reseal();
  }),
  H4_TRAILING_BYTES: changed(legacy, (kit) => {
    kit.trailing = ascii('trailing');
  }),
  H4_CRC_MISMATCH: changed(minimal, (kit) => {
    kit.insertBefore(kit.chunk('SEEK'), { ...piece('xtra', ascii('its CRC is that of nothing')), crc: 0 }).mend();
  }),
  H4_U64_RANGE: changedTokn((view) => view.setBigUint64(TOKN_AT.pts, 2n ** 63n)),
  H4_LIMIT_U64: changedTokn((view) => view.setBigUint64(TOKN_AT.pos, 2n ** 53n)),
  H4_CHUNK_AFTER_VERI: changed(minimal, (kit) =>
    kit.insertBefore(kit.chunk('TAIL'), piece('xtra', ascii('late'))).mend(),
  ),
  H4_CHUNK_ORDER: changed(minimal, (kit) => kit.insertAfter(kit.chunk('SEEK'), piece('xtra')).mend()),
  H4_CHUNK_DUPLICATE: changed(minimal, (kit) =>
    kit.insertAfter(kit.chunk('SEEK'), piece('SEEK', new Uint8Array(4))).mend(),
  ),
  H4_ORPHAN_PAYLOAD: changed(minimal, (kit) =>
    kit.insertBefore(kit.chunk('TOKN', 4), piece('CORE', ascii('nobody announced me'))).mend(),
  ),

  // Section 4: these end the walk.
  H4_TOKN_SIZE: changed(minimal, (kit) => {
    const { tokn } = kit.record(2);
    tokn.payload = concatBytes(tokn.payload, Uint8Array.of(0));
    kit.reseal();
  }),
  H4_TOKN_SUITE: changedTokn((view) => view.setUint8(TOKN_AT.suite, 2)),
  H4_TOKN_MODE: changedTokn((view) => view.setUint8(TOKN_AT.mode, 5)),
  H4_TOKN_FLAGS: changedTokn((view) => view.setUint8(TOKN_AT.zero, 0x80)),
  H4_TOKN_FIELD: changedTokn((view) => view.setUint16(TOKN_AT.epoch, 1)),
  H4_TOKN_SUM: changedTokn((view) => view.setUint32(TOKN_AT.raw, view.getUint32(TOKN_AT.raw) + 1)),
  H4_TOKN_DELTA: changedTokn((view) => view.setInt32(TOKN_AT.tokens, 5)),
  H4_PAYLOAD_TAG: changed(minimal, (kit) => {
    kit.record(2).payload.tag = 'SAFE';
    kit.reseal();
  }),
  H4_LIMIT_BLOCK: changedTokn((view) => {
    view.setUint32(TOKN_AT.raw, 64 * MIB + 1);
    view.setUint32(TOKN_AT.tokens + 8, 0x8000_0000 + 64 * MIB + 1);
  }),

  // Section 4: these are noted, and the walk goes on.
  H4_TOKN_SEQ_GAP: changed(minimal, (kit) => {
    openGap(kit, 3);
    kit.mend();
  }),
  H4_TOKN_BACK: changed(minimal, (kit) => kit.editTokn(4, (view) => view.setUint32(TOKN_AT.back, 2)).mend()),
  H4_TOKN_PTS_ORDER: changed(lateTracks, (kit) => kit.editTokn(6, (view) => view.setBigUint64(TOKN_AT.pts, 3n)).mend()),
  H4_TOKN_POS: changed(minimal, (kit) => kit.editTokn(4, (view) => view.setBigUint64(TOKN_AT.pos, 30n)).mend()),
  H4_PAYLOAD_SIZE: changed(minimal, (kit) => {
    const { payload } = kit.record(3);
    payload.payload = payload.payload.slice(1);
    kit.mend();
  }),
  H4_COMMIT_MISMATCH: changed(minimal, (kit) => {
    flip(kit.record(3).payload, 4);
    kit.mend();
  }),
  H4_RECORD0: changed(minimal, (kit) => {
    const { tokn } = kit.record(0);
    tokn.payload = concatBytes(tokn.payload, new Uint8Array(16).fill(0x5a));
    kit.editTokn(0, (view) => view.setUint8(TOKN_AT.flags, FLAG.key | FLAG.blind));
    kit.recommit(0).mend();
  }),
  H4_AFTER_END: () => written([block(MS, ascii('page')), endRecord(2 * MS), block(3 * MS, ascii('encore'))]),
  H4_TRACK_UNDECLARED: () => written([block(MS, ascii('page'), { track: 9 }), endRecord(2 * MS)]),
  H4_ENGINE_OUTPUT: changed(minimal, (kit) => kit.setPayload(3, ascii('cut short')).mend()),

  // Section 5.
  H4_META_JSON: withMeta('{"x.example/a":1,"x.example/a":1}'),
  H4_META_FIELD: withMeta('{"h4mk":{"timebase":[1,90000]}}'),
  H4_LIMIT_META: withMeta(`{"x.example/deep":${'['.repeat(40)}${']'.repeat(40)}}`),
  H4_UID_ZERO_SIGNED: changed(minimal, (kit) => {
    const veri = kit.chunk('VERI');
    kit.insertBefore(veri, piece('SIGN', signNote(checkpointOf(kit, veri)))).mend();
  }),
  H4_KEYS_EPOCH: changed(hidden, (kit) => kit.editTokn(1, (view) => view.setUint16(TOKN_AT.epoch, 6)).mend()),

  // Section 10.
  H4_VOID_PAYLOAD: changed(redacted, (kit) => {
    flip(kit.record(4).payload, 3);
    kit.mend();
  }),
  H4_VOID_BLIND: changed(redacted, (kit) => {
    const { tokn } = kit.record(4);
    flip(tokn, tokn.payload.length - 1);
    kit.mend();
  }),
  H4_VOID_RECORD0: changed(startedOnly, (kit) => {
    const { payload } = kit.record(0);
    payload.tag = 'VOID';
    payload.payload = new Uint8Array(0);
    kit.mend();
  }),

  // Sections 7 and 9.
  H4_TILE_LAYOUT: changed(minimal, (kit) => {
    // One more, so that nothing else lacks it.
    const tile = piece('TILE', kit.chunk('TILE').payload.slice());
    kit.insertBefore(kit.chunk('SEEK'), tile).mend();
    tile.payload[1] = 1;
    kit.reseal();
  }),
  H4_TILE_PLACE: changed(minimal, (kit) => kit.remove(kit.chunk('TILE')).mend()),
  H4_TILE_HASH: changed(minimal, (kit) => {
    const tile = kit.chunk('TILE');
    flip(tile, tile.payload.length - 1);
    kit.reseal();
  }),
  H4_TILE_INDEX: changed(minimal, (kit) => {
    // The keymap forgets record 2.
    kit.chunk('TILE').payload[16] = 0x18;
    kit.reseal();
  }),
  H4_LIMIT_TILE: changed(minimal, (kit) => {
    kit.chunk('TILE').payload[0] = 5;
    kit.reseal();
  }),
  H4_SEEK_SIZE: changed(minimal, (kit) => {
    flip(kit.chunk('SEEK'), 3);
    kit.reseal();
  }),
  H4_SEEK_ORDER: changed(minimal, (kit) => {
    const { payload } = kit.chunk('SEEK');
    payload.copyWithin(20, 4, 20);
    kit.reseal();
  }),
  H4_SEEK_ENTRY: changed(minimal, (kit) => {
    const seek = kit.chunk('SEEK');
    seek.payload = seek.payload.slice(0, -16);
    seek.payload[3] = 2;
    kit.mend();
    seek.payload = concatBytes(Uint8Array.of(0, 0, 0, 2), seek.payload.subarray(4, 36));
    kit.reseal();
  }),
  H4_VERI_SIZE: changed(minimal, (kit) => {
    const veri = kit.chunk('VERI');
    veri.payload = veri.payload.slice(0, 20);
    kit.reseal({ keepVeri: true });
  }),
  H4_VERI_MISMATCH: changed(minimal, (kit) => {
    flip(kit.chunk('VERI'), 31);
  }),
  H4_TAIL_LAYOUT: changed(minimal, (kit) => {
    kit.chunk('TAIL').payload[8] = 3;
  }),
  H4_TAIL_FIELD: changed(minimal, (kit) => {
    flip(kit.chunk('TAIL'), 31);
  }),
  H4_TAIL_ROOT: changed(minimal, (kit) => {
    flip(kit.chunk('TAIL'), 159);
  }),
  H4_TAIL_STATE: changed(live, (kit) => {
    kit.chunk('TAIL').payload[8] = 1;
  }),

  // Section 8.
  H4_SIGN_NOTE: signedWith((kit, sign) => noteOver(checkpointText(checkpointOf(kit, sign)).replace('\n9\n', '\n09\n'))),
  H4_SIGN_ORIGIN: signedWith((kit, sign) => signNote({ ...checkpointOf(kit, sign), fileId: kit.root(sign) })),
  H4_SIGN_SIZE: signedWith((kit, sign) => signNote({ ...checkpointOf(kit, sign), size: 0 })),
  H4_SIGN_ROOT: signedWith((kit, sign) => signNote({ ...checkpointOf(kit, sign), root: kit.fileId() })),
  H4_LIMIT_NOTES: signedWith((kit, sign) => signNote(checkpointOf(kit, sign), 101)),
  H4_TIME_LAYOUT: changed(evidence, (kit) => {
    flip(kit.chunk('TIME'), 7);
    kit.reseal();
  }),
  H4_TIME_IMPRINT: changed(evidence, (kit) => {
    flip(kit.chunk('TIME'), 8);
    kit.reseal();
  }),
  H4_ATTS_ENVELOPE: changed(evidence, (kit) => {
    kit.chunk('ATTS').payload = attestation([]);
    kit.reseal();
  }),

  // Section 11.
  H4_PROF_LAYOUT: sliceWith((kit) => {
    const prof = kit.chunk('PROF', -1);
    prof.payload = concatBytes(prof.payload, new Uint8Array(32));
  }),
  H4_PROF_ROOT: sliceWith((kit) => {
    const prof = kit.chunk('PROF', -1);
    const proof = parseProf(prof.payload);
    prof.payload = encodeProf({ ...proof, hashes: [kit.fileId(), ...proof.hashes.slice(1)] });
  }),
  H4_PROF_COVER: sliceWith((kit) => kit.remove(kit.chunk('PROF', -1))),

  // Section 13.
  H4_LEGACY_MIXED: changed(legacy, (kit) => {
    kit.insertBefore(kit.chunk('META'), piece('PROF', u64s(1, 0, 1))).reseal();
  }),
  H4_RLE_ODD: changed(legacy, (kit) => {
    const core = kit.chunk('CORE', 1);
    core.payload = core.payload.slice(0, -1);
    kit.reseal();
  }),
  H4_RLE_ZERO_RUN: changed(legacy, (kit) => {
    kit.chunk('CORE', 1).payload[3] = 0;
    kit.reseal();
  }),
};
