/**
 * `inspect --hex`: the file header and chunk after chunk, field by field, each with its bytes and with the section of the
 * specification that describes it. Only the beginning of long payloads is read.
 */
import { CHUNK_HEADER_BYTES, HEADER_BYTES } from '../../container/format/layout.js';
import type { ChunkInfo } from '../../container/format/chunk.js';
import { parseTail } from '../../container/format/tail.js';
import { Tile } from '../../container/format/tile.js';
import { parseTokn } from '../../container/format/tokn.js';
import { crc32 } from '../../utils/crc32.js';
import type { H4Error } from '../../utils/error.js';
import type { Context } from '../context.js';
import type { TimeScale } from '../durations.js';
import { printable } from '../text.js';
import { type FileWalker, isFileFault } from '../walk.js';
import { type ListOptions, sayMore } from './chunk-list.js';
import { type HexItem, type HexOptions, payloadFields } from './hex-fields.js';
import { sectionOf } from './hex-layout.js';

const ROW_BYTES = 8;
const HEX_WIDTH = ROW_BYTES * 3 - 1;
const NAME_WIDTH = 11;
const HEADING_WIDTH = 66;
/** Up to this size a payload is read whole, and its CRC compared. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;

const SHOWN = { maxRepeats: 4, maxContentBytes: 64 } as const;

/** Payloads that are text: a few bytes of them as bytes, then the text itself. */
const TEXT_TAGS: ReadonlySet<string> = new Set(['META', 'SIGN', 'ATTS']);
const SHOWN_OF_TEXT = { maxRepeats: 0, maxContentBytes: 16 } as const;
const MAX_TEXT_BYTES = 1024;
const TEXT_WIDTH = 68;

/** Dumps up to `limit` chunks. Returns the first error among them, after everything has been shown. */
export async function dumpFile(
  walker: FileWalker,
  scale: TimeScale,
  options: ListOptions,
  context: Context,
): Promise<H4Error | undefined> {
  const view = new HexView(walker, { ...SHOWN, scale }, context);
  if (options.at === HEADER_BYTES) await view.header();
  let shown = 0;
  for await (const chunk of walker.chunks(options.at)) {
    if (shown === options.limit && shown > 0) {
      await sayMore(context, shown, chunk.offset);
      break;
    }
    await view.chunk(chunk);
    shown++;
  }
  return view.error;
}

class HexView {
  readonly #walker: FileWalker;
  readonly #options: HexOptions;
  readonly #context: Context;
  readonly #offsetWidth: number;
  #isFirst = true;
  error: H4Error | undefined;

  constructor(walker: FileWalker, options: HexOptions, context: Context) {
    this.#walker = walker;
    this.#options = options;
    this.#context = context;
    this.#offsetWidth = Math.max(8, walker.source.size.toString(16).length);
  }

  async header(): Promise<void> {
    const bytes = (await this.#walker.bytes(0, HEADER_BYTES)).slice();
    await this.#heading('file header', '2');
    await this.#item({ name: 'magic', at: 0, size: 4, value: 'ascii' }, bytes, 0, '2', 'header');
    await this.#item({ name: 'version', at: 4, size: 2, value: '1' }, bytes, 0, '2', 'header');
    await this.#item({ name: 'reserved', at: 6, size: 2, value: '' }, bytes, 0, '2', 'header');
  }

  async chunk(chunk: ChunkInfo): Promise<void> {
    const { tag, offset, size } = chunk;
    const head = (await this.#walker.bytes(offset, CHUNK_HEADER_BYTES)).slice();
    const payload = await this.#walker.payload(chunk, this.#isWhole(chunk) ? size : this.#options.maxContentBytes);
    const record = tag === 'TOKN' && payload.length >= 16 ? `, record ${seqOf(payload)}` : '';
    await this.#heading(`${tag} at offset ${offset}${record}`, sectionOf(tag));
    await this.#item({ name: 'tag', at: 0, size: 4, value: 'ascii' }, head, offset, '3', tag);
    await this.#item({ name: 'size', at: 4, size: 4, value: `${size}` }, head, offset, '3', tag);
    await this.#item({ name: 'crc', at: 8, size: 4, value: this.#crcWords(chunk, payload) }, head, offset, '3', tag);
    const options = TEXT_TAGS.has(tag) ? { ...this.#options, ...SHOWN_OF_TEXT } : this.#options;
    for (const item of payloadFields(tag, payload, size, options)) {
      await this.#item(item, payload, offset + CHUNK_HEADER_BYTES, sectionOf(tag), tag);
    }
    if (TEXT_TAGS.has(tag)) await this.#text(payload);
    if (this.#isWhole(chunk)) await this.#check(chunk, payload);
  }

  async #text(payload: Uint8Array): Promise<void> {
    const { out, json } = this.#context;
    if (json) return;
    const text = new TextDecoder().decode(payload.subarray(0, MAX_TEXT_BYTES));
    const more = payload.length > MAX_TEXT_BYTES ? '…' : '';
    for (const paragraph of `${text}${more}`.split('\n')) {
      const line = printable(paragraph);
      for (let at = 0; at < line.length; at += TEXT_WIDTH) {
        await out.line(`${''.padEnd(this.#offsetWidth)}  ${out.paint('cyan', line.slice(at, at + TEXT_WIDTH))}`);
      }
    }
  }

  /** Blocks and unknown chunks are opaque: of a long one only the beginning is of interest. */
  #isWhole({ size }: ChunkInfo): boolean {
    return size <= MAX_PAYLOAD_BYTES;
  }

  #crcWords(chunk: ChunkInfo, payload: Uint8Array): string {
    if (!this.#isWhole(chunk)) return 'not checked';
    return crc32(payload) === chunk.crc ? 'matches' : 'DOES NOT MATCH';
  }

  /** Lets the parser of the container judge what was shown. */
  async #check(chunk: ChunkInfo, payload: Uint8Array): Promise<void> {
    try {
      if (chunk.tag === 'TOKN') parseTokn(payload);
      if (chunk.tag === 'TILE') Tile.parse(payload);
      if (chunk.tag === 'TAIL') parseTail(payload);
    } catch (thrown) {
      if (!isFileFault(thrown)) throw thrown;
      this.error ??= thrown;
      const { out, json } = this.#context;
      if (!json) await out.line(`${out.paint('red', thrown.code)}  ${printable(thrown.message)}`);
    }
  }

  async #heading(what: string, section: string): Promise<void> {
    const { out, json } = this.#context;
    if (json) return;
    if (!this.#isFirst) await out.line();
    this.#isFirst = false;
    await out.line(`${out.paint('bold', what.padEnd(HEADING_WIDTH))} ${out.paint('dim', `h4mk.md ${section}`)}`);
  }

  async #item(item: HexItem, bytes: Uint8Array, start: number, section: string, chunk: string): Promise<void> {
    const { out, json } = this.#context;
    const offset = start + item.at;
    if ('what' in item) {
      const text = `${''.padEnd(this.#offsetWidth)}  … ${item.what}`;
      return json ? out.json({ offset, size: item.size, chunk, section, skipped: item.what }) : out.line(text);
    }
    const field = bytes.subarray(item.at, item.at + item.size);
    const value = item.value === 'ascii' ? asciiOf(field) : item.value;
    if (json) {
      const hex = Buffer.from(field).toString('hex');
      return out.json({ offset, size: item.size, chunk, section, name: item.name, hex, value });
    }
    for (let at = 0; at < field.length; at += ROW_BYTES) {
      const row = field.subarray(at, at + ROW_BYTES);
      const hex = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
      const words = item.value === 'ascii' ? asciiOf(row) : at === 0 ? value : '';
      const place = (offset + at).toString(16).padStart(this.#offsetWidth, '0');
      const name = (at === 0 ? item.name : '').padEnd(NAME_WIDTH);
      await out.line(`${out.paint('dim', place)}  ${hex.padEnd(HEX_WIDTH)}  ${name} ${words}`.trimEnd());
    }
  }
}

const seqOf = (payload: Uint8Array): bigint =>
  new DataView(payload.buffer, payload.byteOffset, payload.byteLength).getBigUint64(8);

const asciiOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => (byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : '.')).join('');
