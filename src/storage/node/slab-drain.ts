/** What takes the full slabs of a file sink to the file: on this thread (`LocalDrain`) or on another (`WorkerDrain`). */

import { H4Error } from '../../utils/error.js';

export interface SlabDrain {
  /** Slabs arrive in the order of their bytes. May return what the writer shall wait for although there is room. */
  submit(slab: number, length: number): Promise<void> | undefined;
  /** Resolves when everything submitted before has been handed to the operating system. */
  flush(): Promise<void>;
  /** The same, and the file is no longer touched afterwards. */
  finish(): Promise<void>;
  /**
   * Ends all work, done or not: `flush` and `finish` that are still waiting reject with `H4_CANCELLED`. Resolves when the
   * file is no longer touched; never rejects.
   */
  stop(): Promise<void>;
}

/** How a drain answers. */
export interface DrainEvents {
  /** The slab has been written and may be filled again. */
  readonly released: (slab: number) => void;
  /** Nothing more will be written. Called once; from then on `flush` and `finish` reject with this error. */
  readonly failed: (error: H4Error) => void;
}

/** The open file. */
export interface DrainTarget {
  readonly fd: number;
  /** For messages. */
  readonly path: string;
  readonly writeBehind: boolean;
  /** Where in the file the first byte goes. Default 0. */
  readonly start?: number;
}

export function stoppedError(path: string): H4Error {
  return new H4Error('H4_CANCELLED', `Writing ${path} was aborted`);
}
