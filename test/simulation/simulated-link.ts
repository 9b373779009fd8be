import type { HostId } from "../../base/id.ts";
import type { TransportHandler } from "../../membership/transport.ts";

/** Time and the paths between hosts, as a link uses them. */
export type Wire = {
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => void;
  readonly delay: () => number;
  readonly passes: (from: HostId, to: HostId) => boolean;
};

/** One side of a link. */
export type LinkEnd = {
  readonly host: HostId;
  readonly handler: TransportHandler;
  readonly hello: Uint8Array;
  readonly address: string;
};

type Pull = { readonly id: number; readonly request: Uint8Array };

class Side {
  readonly end: LinkEnd;
  isUp = false;
  /** Nothing sent to this side arrives before then: order is kept. */
  freeAt = 0;
  /** What a cut holds back, as TCP does. */
  held: (() => void)[] = [];
  /** Transfers this side has asked for. */
  readonly pulls = new Set<number>();

  constructor(end: LinkEnd) {
    this.end = end;
  }
}

/**
 * A link between two simulated hosts. Each side may believe in it a little longer than the other.
 */
export class SimulatedLink {
  readonly #wire: Wire;
  readonly #dialler: Side;
  readonly #target: Side;
  readonly #gone: () => void;

  constructor(wire: Wire, dialler: LinkEnd, target: LinkEnd, gone: () => void) {
    this.#wire = wire;
    this.#dialler = new Side(dialler);
    this.#target = new Side(target);
    this.#gone = gone;
  }

  get isUpOnBothSides(): boolean {
    return this.#dialler.isUp && this.#target.isUp;
  }

  joins(host: HostId): boolean {
    return this.#dialler.end.host === host || this.#target.end.host === host;
  }

  /**
   * Whom the host reaches by this link; undefined where it is not, or no longer, up on its side.
   */
  peerOf(host: HostId): HostId | undefined {
    const side = this.#sideOf(host);
    return side?.isUp ? this.#other(side).end.host : undefined;
  }

  /** Comes up, on both sides at once: what follows is only sent afterwards. */
  rise(): void {
    this.#dialler.isUp = true;
    this.#target.isUp = true;
    const [dialler, target] = [this.#dialler.end, this.#target.end];
    target.handler.linkUp({
      host: dialler.host,
      hello: dialler.hello,
      address: `${dialler.address.split(":")[0]}:49152`,
      isInbound: true,
    });
    if (!this.#dialler.isUp) return;
    const { host, hello, address } = target;
    dialler.handler.linkUp({ host, hello, address, isInbound: false });
  }

  send(from: HostId, message: Uint8Array): void {
    const side = this.#sideOf(from);
    if (!side?.isUp) return;
    const to = this.#other(side);
    const copy = new Uint8Array(message);
    this.#carry(to, () => to.end.handler.received(from, copy));
  }

  pull(from: HostId, pull: Pull): void {
    const asking = this.#sideOf(from);
    if (!asking?.isUp) return;
    const serving = this.#other(asking);
    asking.pulls.add(pull.id);
    this.#carry(serving, () => {
      const pages = serving.end.handler.serve(from, new Uint8Array(pull.request));
      this.#page(asking, pull.id, pages[Symbol.iterator]());
    });
  }

  /** One side closes it: that one is told at once, the other when the word arrives. */
  end(host: HostId, reason: string): void {
    const side = this.#sideOf(host);
    if (!side?.isUp) return;
    const other = this.#other(side);
    this.#carry(other, () => this.#down(other, `it says: ${reason}`));
    this.#down(side, reason);
  }

  /** One side is gone without being told. */
  abandon(host: HostId, reason: string): void {
    const side = this.#sideOf(host);
    if (side === undefined) return;
    const other = this.#other(side);
    side.isUp = false;
    this.#carry(other, () => this.#down(other, reason));
    if (!other.isUp) this.#gone();
  }

  /** A newer link takes its place where one side still believes in it. */
  replaced(): void {
    for (const side of [this.#dialler, this.#target]) {
      this.#down(side, "a newer connection takes its place");
    }
  }

  /** The path is whole again: what was held back goes on its way, in order. */
  mended(): void {
    for (const side of [this.#dialler, this.#target]) {
      if (side.held.length > 0) this.#wire.after(this.#wire.delay(), () => this.#release(side));
    }
  }

  #page(asking: Side, id: number, pages: Iterator<Uint8Array>): void {
    const next = nextOf(pages);
    this.#carry(asking, () => {
      if (!asking.pulls.has(id)) return;
      if (next.kind === "page") {
        asking.end.handler.pulled(id, new Uint8Array(next.page));
        if (asking.pulls.has(id)) this.#page(asking, id, pages);
        return;
      }
      asking.pulls.delete(id);
      asking.end.handler.pullEnded(id, next.kind === "failed" ? "it was cut short" : undefined);
    });
  }

  #carry(to: Side, arrive: () => void): void {
    const at = Math.max(this.#wire.now() + this.#wire.delay(), to.freeAt);
    to.freeAt = at;
    this.#wire.after(at - this.#wire.now(), () => {
      to.held.push(arrive);
      this.#release(to);
    });
  }

  #release(to: Side): void {
    while (to.held.length > 0 && this.#wire.passes(this.#other(to).end.host, to.end.host)) {
      const arrive = to.held.shift();
      if (to.isUp) arrive?.();
    }
  }

  #down(side: Side, reason: string): void {
    if (!side.isUp) return;
    side.isUp = false;
    side.held = [];
    if (!this.#other(side).isUp) this.#gone();
    side.end.handler.linkDown(this.#other(side).end.host, reason);
    for (const id of side.pulls) side.end.handler.pullEnded(id, reason);
    side.pulls.clear();
  }

  #sideOf(host: HostId): Side | undefined {
    if (this.#dialler.end.host === host) return this.#dialler;
    return this.#target.end.host === host ? this.#target : undefined;
  }

  #other(side: Side): Side {
    return side === this.#dialler ? this.#target : this.#dialler;
  }
}

type Next =
  | { readonly kind: "page"; readonly page: Uint8Array }
  | { readonly kind: "done" }
  | { readonly kind: "failed" };

function nextOf(pages: Iterator<Uint8Array>): Next {
  try {
    const next = pages.next();
    return next.done === true ? { kind: "done" } : { kind: "page", page: next.value };
  } catch {
    return { kind: "failed" };
  }
}
