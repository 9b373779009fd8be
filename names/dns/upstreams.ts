/** Where other names are asked for: what the operator set, or what resolv.conf says now. */
import { readFile, stat } from "node:fs/promises";
import type { Ip } from "../../base/address.ts";
import { upstreamsIn } from "../resolv-conf.ts";

/** A change of the file is seen within this time. */
const lookMs = 1_000;

/** Keeps up with the file. */
export class Upstreams {
  readonly #path: string;
  readonly #given: readonly Ip[] | undefined;
  readonly #changed: (servers: readonly Ip[]) => void;
  #own: ReadonlySet<Ip> = new Set();
  #text = "";
  #stamp = "";
  #lookedAt = Number.NEGATIVE_INFINITY;
  #servers: readonly Ip[] = [];

  constructor(options: {
    readonly path: string;
    /** What the operator set; undefined: what the file says. */
    readonly given: readonly Ip[] | undefined;
    readonly changed: (servers: readonly Ip[]) => void;
  }) {
    this.#path = options.path;
    this.#given = options.given;
    this.#changed = options.changed;
    this.#settle();
  }

  /** Our own addresses: to ask there would be to ask ourselves. */
  exclude(own: ReadonlySet<Ip>): void {
    this.#own = own;
    this.#settle();
  }

  /** In the order in which they are asked. A file that cannot be read names nobody. */
  async current(): Promise<readonly Ip[]> {
    if (this.#given !== undefined || performance.now() < this.#lookedAt + lookMs)
      return this.#servers;
    this.#lookedAt = performance.now();
    const stamp = await stat(this.#path)
      .then(({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`)
      .catch(() => "");
    if (stamp !== this.#stamp) {
      this.#text = await readFile(this.#path, "utf8").catch(() => "");
      this.#stamp = stamp;
      this.#settle();
    }
    return this.#servers;
  }

  #settle(): void {
    const named = this.#given ?? upstreamsIn(this.#text, this.#own);
    const servers = named.filter((ip) => !this.#own.has(ip));
    if (servers.join() === this.#servers.join()) return;
    this.#servers = servers;
    this.#changed(servers);
  }
}
