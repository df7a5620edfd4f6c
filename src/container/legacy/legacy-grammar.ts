/** Which chunk may stand where in a legacy file, and what SEEK may say there (spec/h4mk.md section 13, rules 1 and 7). */
import { H4Error } from '../../utils/error.js';
import { SeekTable } from '../format/seek.js';

/** Chunks of which there is at most one. */
const UNIQUE: ReadonlySet<string> = new Set(['SEEK', 'META', 'SAFE', 'VERI']);

/** Chunks of the record format: a file that begins without records must not have them. */
const OF_RECORDS: ReadonlySet<string> = new Set(['TOKN', 'VOID', 'TILE', 'SIGN', 'TIME', 'ATTS', 'TAIL', 'PROF']);

/** Tags that this reader understands; others are skipped. */
const KNOWN: ReadonlySet<string> = new Set([...UNIQUE, ...OF_RECORDS, 'CORE']);

export const isUniqueLegacyTag = (tag: string): boolean => UNIQUE.has(tag);

export const isUnknownLegacyTag = (tag: string): boolean => !KNOWN.has(tag);

/** Takes the tags of a file in order. */
export class LegacyGrammar {
  readonly #seen = new Set<string>();

  /** Refuses a chunk that must not stand here: H4_CHUNK_DUPLICATE, H4_CHUNK_AFTER_VERI or H4_LEGACY_MIXED. */
  admit(tag: string): void {
    if (UNIQUE.has(tag) && this.#seen.has(tag)) {
      throw new H4Error('H4_CHUNK_DUPLICATE', `A legacy file has one ${tag}, this is the second`);
    }
    if (this.hasVeri) throw new H4Error('H4_CHUNK_AFTER_VERI', `${tag} must not follow VERI`);
    if (UNIQUE.has(tag)) this.#seen.add(tag);
    if (OF_RECORDS.has(tag)) {
      throw new H4Error('H4_LEGACY_MIXED', `The file begins like a legacy file, but it has ${tag}`);
    }
  }

  get hasMeta(): boolean {
    return this.#seen.has('META');
  }

  get hasVeri(): boolean {
    return this.#seen.has('VERI');
  }
}

/** SEEK of a legacy file: its offsets are positions in the decompressed blocks, and increase like its times. */
export const parseLegacySeek = (payload: Uint8Array): SeekTable => {
  const table = new SeekTable(payload);
  let previous = -1;
  for (let k = 0; k < table.length; k++) {
    const { offset } = table.entry(k);
    if (offset <= previous) {
      throw new H4Error('H4_SEEK_ORDER', `SEEK entry ${k} has offset ${offset}, which does not follow ${previous}`);
    }
    previous = offset;
  }
  return table;
};

/** SEEK leads to a position at which no block starts. */
export const misplacedSeekEntry = (offset: number): H4Error =>
  new H4Error('H4_SEEK_ENTRY', `SEEK leads to byte ${offset} of the decompressed blocks, where no block starts`);
