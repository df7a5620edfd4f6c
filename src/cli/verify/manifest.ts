/**
 * The result of a check as one JSON document that can be kept beside the files: what an auditor compares later. It is
 * written file by file. The same files give the same bytes: it holds no time, and no path above the folder that was checked.
 */
import type { ByteSink } from '../../container/io/io.js';
import type { TrustPolicy } from '../../container/trust/trust.js';
import { utf8Encode } from '../../utils/bytes.js';
import { keyReference } from '../../utils/verification-key.js';
import { jsonLine } from '../text.js';
import { VERSION } from '../version.js';
import type { Checked } from './checker.js';
import type { Tally } from './tally.js';
import type { Allowance } from './verdict.js';

export const MANIFEST = 'harmony4-verify/1';

export interface ManifestOptions {
  readonly allow: ReadonlySet<Allowance>;
  /** Whom the check believed. */
  readonly trust: TrustPolicy | undefined;
}

/** Whom a check believed, with keys as `NAME+ID`: an auditor sees under which policy the results are what they are. */
function believedIn({ keys, threshold = 1, witnesses = [], quorum = 0, statementKeys = [] }: TrustPolicy): object {
  return {
    keys: keys.map(({ key }) => keyReference(key)),
    threshold,
    witnesses: witnesses.map(keyReference),
    quorum,
    statement_keys: statementKeys.map(keyReference),
  };
}

export class ManifestWriter {
  readonly #sink: ByteSink;
  readonly #options: ManifestOptions;
  #separator = '';

  constructor(sink: ByteSink, options: ManifestOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  async begin(): Promise<void> {
    const { allow, trust } = this.#options;
    const believed = trust === undefined ? {} : { trust: believedIn(trust) };
    const head = { manifest: MANIFEST, software: `harmony4 ${VERSION}`, allow: [...allow], ...believed };
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
