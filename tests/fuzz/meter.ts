/**
 * Counts what is allocated while a case runs. Typed arrays and arrays with a given length are the only things that a
 * declared size can make large, so their constructors are watched.
 */

export interface Allocation {
  /** Elements or bytes of the largest single one. */
  largest: number;
  /** Of all together, whether or not they are still held. */
  total: number;
}

const WATCHED = ['Uint8Array', 'Uint16Array', 'Uint32Array', 'Float64Array', 'ArrayBuffer', 'Array'] as const;

type Constructor = new (...args: unknown[]) => object;

export class AllocationMeter {
  readonly #originals = new Map<string, unknown>();
  #now: Allocation = { largest: 0, total: 0 };

  /** Watches from now on, in everything that looks the constructors up as globals. */
  install(): void {
    const globals = globalThis as unknown as Record<string, Constructor>;
    for (const name of WATCHED) {
      const original = globals[name];
      if (original === undefined || this.#originals.has(name)) continue;
      this.#originals.set(name, original);
      globals[name] = this.#watched(original);
    }
  }

  uninstall(): void {
    for (const [name, original] of this.#originals) Reflect.set(globalThis, name, original);
    this.#originals.clear();
  }

  /** Forgets what was counted, and gives it. */
  take(): Allocation {
    const taken = this.#now;
    this.#now = { largest: 0, total: 0 };
    return taken;
  }

  #watched(type: Constructor): Constructor {
    const proxy: Constructor = new Proxy(type, {
      construct: (target, args: unknown[], newTarget) => {
        const [size] = args;
        if (typeof size === 'number') {
          this.#now.largest = Math.max(this.#now.largest, size);
          this.#now.total += size;
        }
        return Reflect.construct(target, args, newTarget === proxy ? target : newTarget) as object;
      },
    });
    return proxy;
  }
}
