/**
 * The note of what is being called: a file into which a trial puts every input before it hands it to the core. If the core takes
 * the process with it, or never returns, whoever looks on can still say which call it was.
 */
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

export type Operation = 'compress' | 'decompress';

export interface NotedCall {
  /** How many calls there have been, this one included. */
  readonly count: number;
  readonly operation: Operation;
  /** 0 for a compression. */
  readonly rawLength: number;
  readonly label: string;
  readonly input: Uint8Array;
}

/** count, operation (0 none yet, 1 compress, 2 decompress), raw length, bytes of label, bytes of input; all u32le. */
const HEAD_BYTES = 20;
const LABEL_BYTES = 236;
const INPUT_AT = HEAD_BYTES + LABEL_BYTES;
const OPERATIONS: readonly (Operation | undefined)[] = [undefined, 'compress', 'decompress'];

export class CallNote {
  readonly #file: number;
  readonly #head = new Uint8Array(INPUT_AT);
  readonly #view = new DataView(this.#head.buffer);
  #count = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w', 0o600);
  }

  write(operation: Operation, label: string, input: Uint8Array, rawLength = 0): void {
    const { written } = new TextEncoder().encodeInto(label, this.#head.subarray(HEAD_BYTES));
    const fields = [++this.#count, OPERATIONS.indexOf(operation), rawLength, written, input.length];
    fields.forEach((value, i) => this.#view.setUint32(4 * i, value, true));
    // The input first: a note that is read in between says too little, but nothing wrong.
    writeSync(this.#file, input, 0, input.length, INPUT_AT);
    writeSync(this.#file, this.#head, 0, INPUT_AT, 0);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** The last call that was noted; undefined if there was none. */
export function readCallNote(path: string): NotedCall | undefined {
  let file: Uint8Array;
  try {
    file = new Uint8Array(readFileSync(path));
  } catch {
    return undefined;
  }
  if (file.length < INPUT_AT) return undefined;
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const [count = 0, kind = 0, rawLength = 0, labelBytes = 0, bytes = 0] = [0, 4, 8, 12, 16].map((at) =>
    view.getUint32(at, true),
  );
  const operation = OPERATIONS[kind];
  if (operation === undefined) return undefined;
  const label = new TextDecoder().decode(file.subarray(HEAD_BYTES, HEAD_BYTES + labelBytes));
  return { count, operation, rawLength, label, input: file.slice(INPUT_AT, INPUT_AT + bytes) };
}

/** How many calls have been noted so far; 0 before the first. */
export function countOfCalls(path: string): number {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const head = new Uint8Array(4);
    return readSync(file, head, 0, 4, 0) < 4 ? 0 : new DataView(head.buffer).getUint32(0, true);
  } catch {
    return 0;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
