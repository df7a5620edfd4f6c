/** Text that is gathered in a temporary file until its place in a document is reached, so that memory does not grow with it. */
import { type FileHandle, open } from 'node:fs/promises';
import { explain, systemFailure } from '../../storage/node/system-error.js';
import { utf8Encode } from '../../utils/bytes.js';
import { H4Error } from '../../utils/error.js';
import { type TemporaryFolder, createTemporaryFolder } from '../temporary.js';

const PIECE_BYTES = 64 * 1024;

export class Spool {
  #folder: TemporaryFolder | undefined;
  #file: FileHandle | undefined;
  #length = 0;

  async append(text: string): Promise<void> {
    await this.#guarded(async () => {
      this.#folder ??= await createTemporaryFolder();
      this.#file ??= await open(this.#folder.file('spool'), 'wx+', 0o600);
      const bytes = utf8Encode(text);
      for (let done = 0; done < bytes.length;) {
        done += (await this.#file.write(bytes, done, bytes.length - done, this.#length + done)).bytesWritten;
      }
      this.#length += bytes.length;
    });
  }

  /** Everything that was appended. */
  async *pieces(): AsyncGenerator<Uint8Array, void> {
    for (let at = 0; at < this.#length;) {
      const piece = new Uint8Array(Math.min(PIECE_BYTES, this.#length - at));
      const read = await this.#guarded(
        async () => (await this.#file?.read(piece, 0, piece.length, at))?.bytesRead ?? 0,
      );
      if (read === 0)
        throw new H4Error('H4_IO', `Cannot read a temporary file: it ends at ${at} of ${this.#length} bytes`);
      at += read;
      yield piece.subarray(0, read);
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
    await this.#folder?.remove();
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      if (thrown instanceof H4Error) throw thrown;
      throw new H4Error('H4_WRITE', `Cannot use a temporary file: ${explain(systemFailure(thrown))}`, {
        cause: thrown,
      });
    }
  }
}
