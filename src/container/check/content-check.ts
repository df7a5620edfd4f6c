/**
 * The rules of what a record holds (spec/h4mk.md sections 4, 5, 10 and 17): the payload against its commitment, VOID, JSON
 * and META, declared tracks and key epochs. They are the same for every form of file, because they need only the record
 * and the META records before it. How records follow one another is the concern of `RecordCheck` and `RunOrder`.
 */
import { storedEngine } from '../../compression/api/stored.js';
import { isH4Error } from '../../utils/error.js';
import type { CheckContext } from './format-check.js';
import { GapCheck } from './gap-check.js';
import { HiddenCheck } from './hidden-check.js';
import { MODE } from '../format/layout.js';
import { MetaLedger, ZERO_UID, parseMeta } from '../format/meta.js';
import type { FramedRecord } from './record-framing.js';
import { RedactionCheck } from './redaction-check.js';
import { voidFaults } from '../format/redacted.js';
import type { TrackTotal } from '../format/track-ledger.js';
import { type Verified, verifyPayload } from './verified.js';

export type RecordStatus = 'verified' | 'redacted' | 'tampered';

export class ContentCheck {
  readonly metas = new MetaLedger();
  readonly counts: Record<RecordStatus, number> = { verified: 0, redacted: 0, tampered: 0 };
  /** leaf(0), once it is known: hidden blocks are bound to it. */
  fileId: Uint8Array | undefined;
  readonly gaps = new GapCheck();
  readonly redactions: RedactionCheck;
  readonly #context: CheckContext;
  readonly #hidden: HiddenCheck;
  readonly #totals: () => readonly TrackTotal[] | undefined;

  /** @param totals what the records so far add up to; undefined in a file that does not hold them all */
  constructor(context: CheckContext, totals: () => readonly TrackTotal[] | undefined) {
    this.#context = context;
    this.redactions = new RedactionCheck(context.limits);
    this.#hidden = new HiddenCheck(context.findings, this.metas, context.demands.contentKeys ?? []);
    this.#totals = totals;
  }

  /** Whether record 0 says that this file can never be signed. */
  get hasZeroUid(): boolean {
    return this.metas.info?.uid === ZERO_UID;
  }

  /** Whether this record may stand here at all; `before` is the number of records before it in the file. */
  checkPlace({ tokn, offset }: FramedRecord, before: number): void {
    if (before === 0 && (tokn.mode !== MODE.meta || tokn.pts !== 0 || tokn.blind.length > 0)) {
      this.#context.findings.error('H4_RECORD0', offset, 'Record 0 must be META with PTS 0 and without a blind');
    }
    if (this.metas.ended) {
      this.#context.findings.error('H4_AFTER_END', offset, `Record ${tokn.seq} follows the end record`);
    }
  }

  /** Checks payload and content and takes them into account. */
  check(record: FramedRecord, before: number): void {
    const payload = this.#verifiedPayload(record);
    const status = record.payload.tag === 'VOID' ? 'redacted' : payload === undefined ? 'tampered' : 'verified';
    if (status === 'redacted') this.#checkVoid(record, before);
    this.counts[status]++;
    if (record.tokn.mode === MODE.meta || record.tokn.mode === MODE.scopes) {
      if (status !== 'redacted') this.#checkJson(record);
    } else {
      this.#checkMedia(record, payload);
    }
    this.redactions.admit(record.tokn, status === 'redacted');
    this.gaps.admit(record.tokn, this.metas.info?.timebase);
    if (status !== 'tampered') this.#context.observe?.({ tokn: record.tokn, offset: record.offset, payload });
  }

  #verifiedPayload({ tokn, payload }: FramedRecord): Verified<Uint8Array> | undefined {
    if (payload.tag === 'VOID') return undefined;
    try {
      return verifyPayload(tokn, payload.payload);
    } catch (error) {
      if (!isH4Error(error)) throw error;
      this.#context.findings.error(error.code, payload.offset, error.message);
      return undefined;
    }
  }

  #checkVoid({ tokn, offset, payload }: FramedRecord, before: number): void {
    for (const { code, message } of voidFaults(tokn, payload.payload)) {
      this.#context.findings.error(code, code === 'H4_VOID_BLIND' ? offset : payload.offset, message);
    }
    if (before === 0) this.#context.findings.error('H4_VOID_RECORD0', offset, 'Record 0 must not be redacted');
  }

  #checkJson({ tokn, payload }: FramedRecord): void {
    try {
      const { json, canonical } = parseMeta(payload.payload, this.#context.limits);
      if (!canonical) {
        const message = `The JSON of record ${tokn.seq} is not in RFC 8785 form`;
        this.#context.findings.warn('H4_META_NOT_JCS', payload.offset, message);
      }
      if (tokn.mode === MODE.meta) this.metas.apply(json, this.#totals());
    } catch (error) {
      // A limit ends the walk: what lies beyond it was not looked at.
      if (!isH4Error(error) || error.kind === 'limit') throw error;
      this.#context.findings.error(error.code, payload.offset, `Record ${tokn.seq}: ${error.message}`);
    }
  }

  #checkMedia(record: FramedRecord, payload: Verified<Uint8Array> | undefined): void {
    const { tokn, offset } = record;
    const { findings } = this.#context;
    if (!this.metas.hasTrack(tokn.track)) {
      const message = `No META at or before record ${tokn.seq} lists track ${tokn.track}`;
      findings.error('H4_TRACK_UNDECLARED', offset, message);
    }
    if (tokn.mode === MODE.core) {
      this.#checkStored(record, payload);
      return;
    }
    if (!this.metas.hasEpoch(tokn.epoch)) {
      const message = `Record ${tokn.seq} uses key epoch ${tokn.epoch}, which no META lists yet`;
      findings.error('H4_KEYS_EPOCH', offset, message);
    }
    const place = { tokn, offset, payloadOffset: record.payload.offset };
    this.#checkStored(record, this.#hidden.open(this.fileId, place, payload));
  }

  /** The one engine that a check runs; `bytes` is what it would be given, if that can be had. */
  #checkStored({ tokn, payload }: FramedRecord, bytes: Uint8Array | undefined): void {
    if (bytes === undefined || !this.#isStored() || bytes.length === tokn.raw) return;
    const message = `Record ${tokn.seq} is stored as it is, but has ${bytes.length} bytes instead of ${tokn.raw}`;
    this.#context.findings.error('H4_ENGINE_OUTPUT', payload.offset, message);
  }

  /** The file has ended. */
  end(): void {
    this.#hidden.end();
  }

  #isStored(): boolean {
    const { engine_id, fingerprint } = storedEngine.info();
    const named = this.metas.info?.compression;
    return named?.engine_id === engine_id && named.fingerprint === fingerprint;
  }
}
