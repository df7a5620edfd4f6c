/**
 * Whether the parent's event loop goes on: while somebody waits for an engine, and not because processes are there. Everything
 * about the processes is unreferenced, so that a program which has forgotten to close its engine ends all the same.
 */
export class KeepAlive {
  #holders = 0;
  #timer: NodeJS.Timeout | undefined;

  hold(): void {
    this.#holders++;
    this.#timer ??= setInterval(() => undefined, 0x7fff_ffff);
    if (this.#holders === 1) this.#timer.ref();
  }

  release(): void {
    this.#holders--;
    if (this.#holders === 0) this.#timer?.unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
