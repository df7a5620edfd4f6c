/**
 * A sink with a checker that reads along: what it commits has passed the check that its receivers will make. What does not
 * is refused with the code of the first rule that it breaks, and nothing appears.
 */
import { H4Error } from '../../utils/error.js';
import type { ByteSink } from '../io/io.js';
import type { Limits } from '../format/limits.js';
import type { VerificationReport } from '../check/report.js';
import { verifyStream } from '../check/verify.js';

export class CheckedSink implements ByteSink {
  readonly #sink: ByteSink;
  readonly #checking: Promise<VerificationReport>;
  /** What the checker is to look at next, until it asks for more; undefined once nothing comes any more. */
  #offered: { readonly piece: Uint8Array | undefined; readonly taken: () => void } | undefined;
  #wanted: ((piece: Uint8Array | undefined) => void) | undefined;
  #isOver = false;

  /** Pieces must stay as they are until `commit`: the checker keeps views of them. */
  constructor(sink: ByteSink, limits: Limits) {
    this.#sink = sink;
    this.#checking = verifyStream({ size: undefined, next: () => this.#next() }, { limits });
    // Whoever commits hears of it.
    const end = (): void => this.#end();
    this.#checking.then(end, end);
  }

  get length(): number {
    return this.#sink.length;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#sink.write(bytes);
    if (bytes.length > 0) await this.#offer(bytes);
  }

  async commit(): Promise<void> {
    const report = await this.check();
    const [first] = report.errors;
    if (first !== undefined) {
      const message = `What was written breaks a rule, so that it is not handed out: ${first.message}`;
      throw new H4Error(first.code, message, { detail: { offset: first.offset } });
    }
    await this.#sink.commit();
  }

  /** What the check says of all that was written; nothing can be written after it. */
  async check(): Promise<VerificationReport> {
    await this.#offer(undefined);
    return this.#checking;
  }

  async abort(): Promise<void> {
    await this.#offer(undefined);
    await this.#checking.catch(() => undefined);
    await this.#sink.abort();
  }

  #next(): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      const offered = this.#offered;
      this.#offered = undefined;
      if (offered === undefined) this.#wanted = resolve;
      else {
        resolve(offered.piece);
        offered.taken();
      }
    });
  }

  /** Resolves when the checker has taken the piece, or wants no more. */
  #offer(piece: Uint8Array | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wanted = this.#wanted;
      this.#wanted = undefined;
      if (this.#isOver) resolve();
      else if (wanted === undefined) this.#offered = { piece, taken: resolve };
      else {
        wanted(piece);
        resolve();
      }
    });
  }

  #end(): void {
    this.#isOver = true;
    this.#offered?.taken();
    this.#offered = undefined;
  }
}
