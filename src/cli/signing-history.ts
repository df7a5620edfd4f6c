/**
 * What a signing key has signed, in a file beside it: `KEY.history`, a line for each checkpoint, of which the last one of an origin
 * counts (h4mk.md 8.2). It is nothing secret, but whoever loses it can be made to sign two histories of one recording.
 *
 * Lines are only appended, under a lock, by whoever has read everything that stands there. A line without its end was being
 * written when its writer was killed: the signature that it was written for was never made, so that it does not count, and
 * the next writer cuts it off.
 */
import { closeSync, constants, fstatSync, ftruncateSync, fdatasync, openSync, readSync, writeSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { SignedState, SigningHistory } from '../container/sign/history-guard.js';
import { syncFolderOf } from '../storage/node/publish.js';
import { explain, hasErrorCode, systemFailure } from '../storage/node/system-error.js';
import { writeError } from '../storage/node/write-error.js';
import { type WriterLock, acquireWriterLock } from '../storage/node/writer-lock.js';
import { equalBytes, fromBase64, toBase64, utf8Encode } from '../utils/bytes.js';
import { H4Error, isH4Error } from '../utils/error.js';
import { printable } from './text.js';

/** A key name of 1024 characters, a hash, a number and a hash are shorter. */
const MAX_LINE_BYTES = 4096;
const PIECE_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
const ROOT_BYTES = 32;

/** The lock is held for less than a millisecond. */
const LOCK_INTERVAL_MS = 5;
const MAX_LOCK_WAIT_MS = 30_000;

const syncData = promisify(fdatasync);

/** The history of the key in `keyFile`: beside it, or in `file`. Two names of one key file have one history. */
export async function openSigningHistory(keyFile: string, file?: string): Promise<SigningHistoryFile> {
  return new SigningHistoryFile(file ?? `${await realpath(keyFile).catch(() => keyFile)}.history`);
}

export class SigningHistoryFile implements SigningHistory {
  readonly path: string;
  readonly #states = new Map<string, SignedState | undefined>();
  /** Which file has been read up to where; lines are counted for messages. */
  #identity: bigint | undefined;
  #position = 0;
  #lines = 0;
  #isNamed = false;
  #piece: Buffer | undefined;
  /** Up to where `at` has looked, and for what. */
  #earlier: { readonly origin: string; readonly size: number; readonly position: number } | undefined;

  /** A file that is missing is a history in which nothing was signed. */
  constructor(path: string) {
    this.path = path;
  }

  latest(origin: string): Promise<SignedState | undefined> {
    // A promise all the same: what goes wrong must reject, not throw.
    return Promise.resolve().then(() => {
      const fd = this.#open(constants.O_RDONLY);
      if (fd === undefined) return undefined;
      try {
        return this.#read(fd, origin);
      } finally {
        closeSync(fd);
      }
    });
  }

  async at(origin: string, size: number): Promise<SignedState | undefined> {
    await Promise.resolve();
    const fd = this.#open(constants.O_RDONLY);
    if (fd === undefined) return undefined;
    try {
      // The sizes of an origin ascend, in the file as in the questions.
      if (this.#earlier?.origin !== origin || this.#earlier.size >= size)
        this.#earlier = { origin, size: 0, position: 0 };
      const found = findState(fd, origin, size, this.#earlier.position);
      this.#earlier = { origin, size, position: found.position };
      return found.state;
    } finally {
      closeSync(fd);
    }
  }

  async remember(
    origin: string,
    next: SignedState,
    before: SignedState | undefined,
    { isDurable }: { readonly isDurable: boolean },
  ): Promise<boolean> {
    const line = utf8Encode(`${origin} ${next.size} ${toBase64(next.root)}\n`);
    if (line.length > MAX_LINE_BYTES) {
      throw new H4Error('H4_PARAM', `Cannot keep what was signed: its line would have ${line.length} bytes`);
    }
    const lock = await this.#lock();
    let fd: number | undefined;
    try {
      try {
        fd = this.#open(constants.O_RDWR | constants.O_CREAT | constants.O_APPEND);
        if (fd === undefined) throw new H4Error('H4_INTERNAL', 'A file that is created cannot be missing');
        const latest = this.#read(fd, origin);
        if (!isSame(latest, before)) return false;
        if (!isSame(latest, next)) this.#append(fd, line);
      } finally {
        lock.release();
      }
      if (isDurable) await this.#sync(fd);
      return true;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  #open(flags: number): number | undefined {
    try {
      // Without O_NONBLOCK, opening a pipe waits for its other end, for ever.
      return openSync(this.path, flags | constants.O_NONBLOCK, 0o600);
    } catch (thrown) {
      if (hasErrorCode(thrown, 'ENOENT') && (flags & constants.O_CREAT) === 0) return undefined;
      throw this.#failure('read', thrown);
    }
  }

  /** Reads what has been appended since the last time, or everything where the file or the question is a new one. */
  #read(fd: number, origin: string): SignedState | undefined {
    const stats = fstatSync(fd, { bigint: true });
    if (!stats.isFile())
      throw new H4Error('H4_IO', `Cannot use ${this.#name} as a signing history: it is no regular file`);
    if (stats.ino !== this.#identity || stats.size < BigInt(this.#position) || !this.#states.has(origin)) {
      this.#identity = stats.ino;
      this.#position = 0;
      this.#lines = 0;
      for (const known of this.#states.keys()) this.#states.set(known, undefined);
      this.#states.set(origin, undefined);
    }
    const piece = (this.#piece ??= Buffer.alloc(PIECE_BYTES));
    for (;;) {
      const count = readSync(fd, piece, 0, piece.length, this.#position);
      const whole = piece.subarray(0, piece.subarray(0, count).lastIndexOf(NEWLINE) + 1);
      if (whole.length === 0) {
        if (count > MAX_LINE_BYTES) throw this.#damaged('is too long');
        return this.#states.get(origin);
      }
      this.#take(whole);
      this.#position += whole.length;
    }
  }

  #take(lines: Buffer): void {
    for (let start = 0; start < lines.length;) {
      const end = lines.indexOf(NEWLINE, start);
      this.#lines++;
      this.#takeLine(lines.subarray(start, end));
      start = end + 1;
    }
  }

  #takeLine(line: Buffer): void {
    if (line.length > MAX_LINE_BYTES) throw this.#damaged('is too long');
    const [, origin, digits, base64] = LINE.exec(line.toString('utf8')) ?? [];
    const size = Number(digits);
    if (origin === undefined || base64 === undefined || !Number.isSafeInteger(size)) {
      throw this.#damaged('is no origin, number and root');
    }
    if (!this.#states.has(origin)) return;
    const root = fromBase64(base64, { code: 'H4_IO', what: `the root in line ${this.#lines} of ${this.#name}` });
    if (root.length !== ROOT_BYTES) throw this.#damaged(`has a root of ${root.length} bytes`);
    this.#states.set(origin, { size, root });
  }

  /** All or nothing, as far as the system allows; what is left of a line that was cut short does not count. */
  #append(fd: number, line: Uint8Array): void {
    try {
      if (fstatSync(fd).size > this.#position) ftruncateSync(fd, this.#position);
      if (writeSync(fd, line) === line.length) return;
    } catch (thrown) {
      throw this.#failure('write', thrown);
    }
    ftruncateSync(fd, this.#position);
    throw new H4Error(
      'H4_WRITE',
      `Cannot write ${this.#name}: the disk took only a part of a line; nothing was signed`,
    );
  }

  async #sync(fd: number): Promise<void> {
    try {
      await syncData(fd);
      if (!this.#isNamed) await syncFolderOf(this.path);
      this.#isNamed = true;
    } catch (thrown) {
      throw this.#failure('write', thrown);
    }
  }

  async #lock(): Promise<WriterLock> {
    for (let waited = 0; ; waited += LOCK_INTERVAL_MS) {
      try {
        return await acquireWriterLock(`${this.path}.lock`);
      } catch (thrown) {
        // Whoever lives lets it go soon; what is no lock, nobody does.
        const isWorthIt = isH4Error(thrown, 'H4_LOCKED') && 'pid' in thrown.detail && waited < MAX_LOCK_WAIT_MS;
        if (!isWorthIt) throw this.#failure('write', thrown);
      }
      await sleep(LOCK_INTERVAL_MS);
    }
  }

  get #name(): string {
    return printable(this.path);
  }

  #damaged(why: string): H4Error {
    return new H4Error(
      'H4_IO',
      `Cannot tell what was signed before: line ${this.#lines} of ${this.#name} ${why}. Restore the file from a copy; without it, ` +
        'sign only recordings that begin anew',
    );
  }

  #failure(what: 'read' | 'write', thrown: unknown): H4Error {
    if (what === 'write') return writeError(`Cannot keep in ${this.#name} what is signed; nothing was signed`, thrown);
    const message = `Cannot read ${this.#name}, which tells what was signed before: ${explain(systemFailure(thrown))}`;
    return new H4Error('H4_IO', message, { cause: thrown });
  }
}

/** Neither a key name nor a hash holds a space. */
const LINE = /^([^ ]+\/[0-9a-f]{64}) ([1-9][0-9]*) ([A-Za-z0-9+/=]+)$/u;

/** The first checkpoint of `origin` with at least `size` records in the lines from `position` on, if it has just as many. */
const findState = (
  fd: number,
  origin: string,
  size: number,
  position: number,
): { readonly state: SignedState | undefined; readonly position: number } => {
  const piece = Buffer.alloc(PIECE_BYTES);
  const prefix = Buffer.from(`${origin} `);
  for (let at = position; ;) {
    const count = readSync(fd, piece, 0, piece.length, at);
    const end = piece.subarray(0, count).lastIndexOf(NEWLINE) + 1;
    if (end === 0) return { state: undefined, position: at };
    for (let start = 0; start < end;) {
      const next = piece.indexOf(NEWLINE, start) + 1;
      const line = piece.subarray(start, next - 1);
      if (line.subarray(0, prefix.length).equals(prefix)) {
        const [, , digits, base64 = ''] = LINE.exec(line.toString('utf8')) ?? [];
        const found = Number(digits);
        if (found === size) return { state: { size, root: fromBase64(base64) }, position: at + next };
        if (found > size) return { state: undefined, position: at + start };
      }
      start = next;
    }
    at += end;
  }
};

const isSame = (a: SignedState | undefined, b: SignedState | undefined): boolean =>
  a === undefined || b === undefined ? a === b : a.size === b.size && equalBytes(a.root, b.root);
