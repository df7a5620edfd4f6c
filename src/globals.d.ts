/**
 * The universal globals that the platform-neutral tiers may use: present in every current browser and in Node.
 * Those tiers compile without DOM and Node types, so that neither `fetch` nor `Buffer` can leak into them.
 */

declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: Uint8Array, options?: { stream?: boolean }): string;
}

interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** As much of WebAssembly as loading a module without imports takes. */
declare namespace WebAssembly {
  interface Module {
    readonly [Symbol.toStringTag]: string;
  }
  const Module: { imports(module: Module): { module: string; name: string; kind: string }[] };
  class Memory {
    private constructor();
    readonly buffer: ArrayBuffer;
  }
  class Instance {
    constructor(module: Module);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  /** Copies `bytes` before it returns. */
  function compile(bytes: Uint8Array): Promise<Module>;
}

/** As much of WebCrypto as signing with a key that it keeps takes. Absent from pages that were not loaded over a secure connection. */
declare const crypto: {
  readonly subtle: {
    exportKey(format: 'raw' | 'spki', key: object): Promise<ArrayBuffer>;
    sign(
      algorithm: string | { readonly name: string; readonly hash: string },
      key: object,
      data: Uint8Array,
    ): Promise<ArrayBuffer>;
  };
};
