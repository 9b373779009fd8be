/**
 * A signal that fires when the time is over or the transport closes, until it is disposed. node:net
 * ties a socket to the signal it was dialled with for good: a signal that fires later would end a
 * connection in the middle of its life.
 */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #closing: AbortSignal;
  readonly #endsAt: number;

  constructor(ms: number, closing: AbortSignal) {
    this.#endsAt = performance.now() + ms;
    this.#timer = setTimeout(() => this.#fire(`no answer within ${ms} ms`), ms);
    this.#closing = closing;
    if (closing.aborted) this.#stop();
    else closing.addEventListener("abort", this.#stop, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get leftMs(): number {
    return Math.max(0, this.#endsAt - performance.now());
  }

  /** What the time was for has come: from now on it fires only with `closing`. */
  met(): void {
    clearTimeout(this.#timer);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#closing.removeEventListener("abort", this.#stop);
  }

  readonly #stop = (): void => this.#controller.abort(this.#closing.reason);

  #fire(reason: string): void {
    this.#controller.abort(new DOMException(reason, "TimeoutError"));
  }
}
