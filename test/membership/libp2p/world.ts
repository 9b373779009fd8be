/** Real transports on the loopback, and what tests of them share. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { limits } from "../../../agent/config.ts";
import type { Ip } from "../../../base/address.ts";
import { type ClusterId, parseClusterId } from "../../../base/id.ts";
import type { Log } from "../../../base/log.ts";
import { type Identity, loadIdentity } from "../../../membership/libp2p/identity.ts";
import type { TransportLimits } from "../../../membership/libp2p/limits.ts";
import { type OpenTransport, openTransport } from "../../../membership/libp2p/transport.ts";
import type { RecordingHandler } from "../../contract/recording-handler.ts";
import type { Station, TransportWorld } from "../../contract/station.ts";

const goodTimeMs = 30_000;
const loopback = "127.0.0.1" as Ip;

export const silentLog: Log = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  named: () => silentLog,
};

export function randomCluster(): ClusterId {
  return parseClusterId(randomBytes(32).toString("hex")) as ClusterId;
}

export class RealWorld implements TransportWorld {
  readonly cluster = randomCluster();
  readonly limits: TransportLimits;
  /** Port 1 of the loopback: nobody listens there. */
  readonly deadAddress = "127.0.0.1:1";
  readonly #opened = new Set<AsyncDisposable>();
  readonly #waiting = new Set<() => void>();
  #folder: Promise<string> | undefined;

  constructor(changed: Partial<TransportLimits> = {}) {
    this.limits = { ...limits, ...changed };
  }

  async identity(n: number): Promise<Identity> {
    this.#folder ??= mkdtemp(join(tmpdir(), "starling-transport-"));
    return loadIdentity(join(await this.#folder, `${n}`));
  }

  async open(
    n: number,
    handler: RecordingHandler,
    special: { readonly clusterId?: ClusterId; readonly port?: number } = {},
  ): Promise<Omit<Station, "handler"> & { readonly opened: OpenTransport }> {
    handler.heard = () => this.#heard();
    const opened = await openTransport({
      identity: await this.identity(n),
      clusterId: special.clusterId ?? this.cluster,
      listen: { address: loopback, port: special.port ?? 0 },
      limits: this.limits,
      handler,
      log: silentLog,
    });
    this.#opened.add(opened);
    const stop = async () => {
      this.#opened.delete(opened);
      await opened[Symbol.asyncDispose]();
    };
    return {
      transport: opened,
      opened,
      host: opened.host,
      address: opened.addresses[0] ?? "",
      stop,
    };
  }

  until(claim: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(new Error(`no ${what} in ${goodTimeMs} ms`)), goodTimeMs);
      const end = (error?: Error) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        if (error === undefined) resolve();
        else reject(error);
      };
      const look = () => {
        if (claim()) end();
      };
      this.#waiting.add(look);
      look();
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#opened].map((opened) => opened[Symbol.asyncDispose]()));
    this.#opened.clear();
    if (this.#folder !== undefined) await rm(await this.#folder, { recursive: true, force: true });
  }

  #heard(): void {
    for (const look of [...this.#waiting]) look();
  }
}
