/**
 * The result of a check as one JSON document that can be kept beside the files: what an auditor compares later. It is
 * written file by file. The same files give the same bytes: it holds no time, and no path above the folder that was checked.
 */
import type { ByteSink } from '../../container/io/io.js';
import { utf8Encode } from '../../utils/bytes.js';
import { jsonLine } from '../text.js';
import { VERSION } from '../version.js';
import type { Checked } from './checker.js';
import type { Tally } from './tally.js';
import type { Allowance } from './verdict.js';

export const MANIFEST = 'harmony4-verify/1';

export class ManifestWriter {
  readonly #sink: ByteSink;
  readonly #allow: ReadonlySet<Allowance>;
  #separator = '';

  constructor(sink: ByteSink, allow: ReadonlySet<Allowance>) {
    this.#sink = sink;
    this.#allow = allow;
  }

  async begin(): Promise<void> {
    const head = { manifest: MANIFEST, software: `harmony4 ${VERSION}`, allow: [...this.#allow] };
    await this.#write(`${jsonLine(head).slice(0, -1)},"files":[`);
  }

  /** One file, on a line of its own. */
  async add(path: string, { report, exitCode, sha256, records }: Checked): Promise<void> {
    const { bytes, ...rest } = report;
    const states = records === undefined ? {} : { record_counts: records.counts, record_states: records.listed };
    const file = { path, bytes, sha256: sha256 ?? null, ...rest, exit_code: exitCode, ...states };
    await this.#write(`${this.#separator}\n${jsonLine(file)}`);
    this.#separator = ',';
  }

  async finish(tally: Tally): Promise<void> {
    await this.#write(`\n],"summary":${jsonLine(tally.toJson())}}\n`);
  }

  async #write(text: string): Promise<void> {
    await this.#sink.write(utf8Encode(text));
  }
}
