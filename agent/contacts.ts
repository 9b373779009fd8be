/**
 * The hosts we know, how we reach them, and whether they answer. Membership's machines work here:
 * what they want becomes effects, and what the records say of a host becomes their input.
 */
import type { HostId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import { Dialer, type DialerOptions } from "../membership/dialer.ts";
import { decodeHello } from "../membership/hello.ts";
import {
  Liveness,
  type LivenessEffect,
  type LivenessOptions,
  type PeerView,
} from "../membership/liveness.ts";
import type { Link } from "../membership/transport.ts";
import type { Emit } from "./effect.ts";
import type { HostRecord } from "./schema.ts";

/** The other hosts of the cluster. */
export class Contacts {
  readonly #self: HostId;
  readonly #emit: Emit;
  readonly #log: Log;
  readonly #root: () => Uint8Array;
  readonly #changed: (host: HostId) => void;
  readonly #liveness: Liveness;
  readonly #dialer: Dialer;
  /** Where each host listens, as it says itself; newest word wins. */
  readonly #addresses = new Map<HostId, string>();
  #seeds: readonly string[];

  constructor(options: {
    readonly self: HostId;
    readonly seeds: readonly string[];
    readonly liveness: LivenessOptions;
    readonly dialer: DialerOptions;
    readonly random: Random;
    readonly emit: Emit;
    readonly log: Log;
    /** The digest's root, for pings. */
    readonly root: () => Uint8Array;
    readonly changed: (host: HostId) => void;
  }) {
    this.#self = options.self;
    this.#seeds = options.seeds;
    this.#emit = options.emit;
    this.#log = options.log;
    this.#root = options.root;
    this.#changed = options.changed;
    this.#liveness = new Liveness(options.liveness);
    this.#dialer = new Dialer(options.dialer, options.random);
  }

  view(host: HostId): PeerView | undefined {
    return this.#liveness.view(host);
  }

  linked(): HostId[] {
    return this.#liveness.linked();
  }

  /** A record says that this host exists. */
  learn(host: HostId, record: HostRecord, now: Instant): void {
    if (host === this.#self) return;
    this.#addresses.set(host, record.address);
    this.#liveness.learn(host, now);
  }

  forget(host: HostId): void {
    this.#addresses.delete(host);
    this.#liveness.forget(host);
  }

  linkUp(link: Link, now: Instant): void {
    const hello = decodeHello(link.hello);
    if (hello !== undefined) this.#addresses.set(link.host, hello.address);
    this.#log.info("link up", { host: link.host, name: hello?.name, address: link.address });
    if (!link.isInbound) this.#dialer.settled(link.address, now);
    this.#dialer.linked();
    this.#perform(this.#liveness.linkUp(link.host, now));
  }

  linkDown(host: HostId, reason: string, now: Instant): void {
    this.#log.info("link down", { host, reason });
    this.#perform(this.#liveness.linkDown(host, now));
  }

  dialFailed(address: string, reason: string, now: Instant): void {
    this.#log.debug("dial failed", { address, reason });
    this.#dialer.settled(address, now);
  }

  pong(host: HostId, nonce: number, now: Instant): void {
    this.#perform(this.#liveness.pong(host, nonce, now));
  }

  tick(now: Instant): void {
    this.#perform(this.#liveness.tick(now));
    const targets = [...this.#addresses].flatMap(([host, address]) => {
      const peer = this.#liveness.view(host);
      return peer === undefined ? [] : [{ host, address, ...peer }];
    });
    for (const address of this.#dialer.tick(targets, this.#seeds, now)) {
      this.#emit({ kind: "dial", address });
    }
  }

  #perform(effects: readonly LivenessEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case "ping": {
          const { to, nonce } = effect;
          this.#emit({ kind: "send", to, message: { kind: "ping", nonce, root: this.#root() } });
          break;
        }
        case "close":
          this.#emit({ kind: "close", host: effect.host, reason: effect.reason });
          break;
        case "changed":
          this.#log.info("member changed", { host: effect.host, state: effect.reach });
          if (effect.reach === "alive") this.#dialer.hurry();
          this.#changed(effect.host);
          break;
      }
    }
  }
}
