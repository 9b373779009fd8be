import type { Stream } from "@libp2p/interface";

/** Resets a stream that makes no progress for a while. */
export class Watchdog implements Disposable {
  readonly #timer: NodeJS.Timeout;

  constructor(stream: Stream, stallMs: number) {
    this.#timer = setTimeout(
      () => stream.abort(new Error(`no progress for ${stallMs} ms`)),
      stallMs,
    );
  }

  progress(): void {
    this.#timer.refresh();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
