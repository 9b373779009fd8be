/**
 * Hosts that hand out addresses of one network to endpoints and to each other, with messages that
 * get lost, doubled and late, disks that are slow, processes that die, and views that lag: of every
 * other host's grants a host knows a beginning. Only what is on disk survives, and is seen.
 */
import assert from "node:assert/strict";
import { familyOf, type Ip, ipToNumber } from "../../base/address.ts";
import type { HostId } from "../../base/id.ts";
import { pick, type Random, seededRandom } from "../../base/random.ts";
import { Allocator } from "../../ipam/allocator.ts";
import type { Ask } from "../../ipam/asks.ts";
import { blockOf, holds, without } from "../../ipam/block.ts";
import { shareAtCreation } from "../../ipam/donation.ts";
import type { Grant, NetworkSpace } from "../../ipam/grant.ts";
import { Ledger } from "../../ipam/ledger.ts";
import { simulatedHost } from "../agent/samples.ts";
import { networkOf, options, quiet } from "./world.ts";

type Message =
  | { readonly kind: "ask"; readonly from: number; readonly to: number; readonly ask: Ask }
  | { readonly kind: "deny"; readonly from: number; readonly to: number; readonly ask: Ask };

type Endpoint = { readonly key: string; readonly ip: Ip };

type Host = {
  readonly at: number;
  readonly id: HostId;
  ledger: Ledger;
  allocator: Allocator;
  /** On disk, in order of writing: what others may come to know. */
  readonly grants: Grant[];
  readonly endpoints: Map<string, Ip>;
  /** On its way to the disk, and lost when the process dies. */
  writing: (Grant | Endpoint)[];
  /** How many of each other host's grants are known here. */
  seen: number[];
};

/** A wish that is repeated until it is answered. */
export type Wish = {
  readonly at: number;
  readonly key: string;
  readonly ip: Ip | undefined;
  readonly family: 4 | 6;
  readonly since: number;
};

export class AddressCluster {
  readonly hosts: Host[] = [];
  readonly network: NetworkSpace;
  readonly random: Random;
  /** How often each situation came about. */
  readonly marks: Map<string, number>;
  /** Everything that is on any disk. */
  readonly truth = new Ledger();
  readonly messages: Message[] = [];
  now = 0;
  readonly #cuts = new Set<string>();
  /** Released not long ago: for whom, and until when nobody else may have it. */
  readonly #resting = new Map<Ip, { readonly key: string; readonly until: number }>();

  constructor(options: {
    readonly hosts: number;
    readonly subnets: readonly string[];
    readonly seed: number;
    readonly marks: Map<string, number>;
  }) {
    this.network = networkOf(...options.subnets);
    this.random = seededRandom(options.seed);
    this.marks = options.marks;
    this.truth.setNetwork(this.network);
    for (let at = 0; at < options.hosts; at += 1) {
      const rest = { grants: [], endpoints: new Map(), writing: [], seen: [] };
      this.hosts.push({ at, id: simulatedHost(at + 1), ...this.#live(at, []), ...rest });
    }
  }

  host(at: number): Host {
    const host = this.hosts[at % this.hosts.length];
    assert.ok(host);
    return host;
  }

  /** The creator shares its space, in the same write as it creates the network. */
  share(): void {
    const everybody = this.hosts.map(({ id }) => id);
    const shares = shareAtCreation(this.network, everybody);
    this.host(0).writing.push(...shares);
    for (const _ of shares) this.complete(0);
  }

  /** Tries a wish. */
  attempt({ at, key, ip, family, since }: Wish): "allocated" | "waiting" | "refused" {
    const host = this.host(at);
    const subnet = this.network.subnets.find((each) => familyOf(each) === family);
    assert.ok(subnet);
    const want = { network: this.network.id, subnet, key, ip, mayRest: false, since };
    const outcome = host.allocator.allocate(want, this.now);
    if (outcome.kind === "refused") return "refused";
    if (outcome.kind === "ask") {
      const to = this.hosts.findIndex(({ id }) => id === outcome.ask.to);
      if (outcome.isNew) this.messages.push({ kind: "ask", from: host.at, to, ask: outcome.ask });
      return "waiting";
    }
    this.#checkAllocated(host, { key, ip: outcome.ip });
    host.writing.push({ key, ip: outcome.ip });
    return "allocated";
  }

  /** An endpoint goes, and its record with it. */
  detach(at: number): string | undefined {
    const host = this.host(at);
    const gone = pick(this.random, [...host.endpoints]);
    if (gone === undefined) return undefined;
    const [key, ip] = gone;
    host.endpoints.delete(key);
    host.allocator.release(this.network.id, ip, this.now);
    this.#resting.set(ip, { key, until: this.now + options.restMs });
    return key;
  }

  /** The oldest write reaches the disk. */
  complete(at: number): void {
    const host = this.host(at);
    const written = host.writing.shift();
    if (written === undefined) return;
    if ("ip" in written) {
      host.endpoints.set(written.key, written.ip);
      host.allocator.use(this.network.id, written.ip, written.key);
    } else {
      host.grants.push(written);
      host.ledger.addGrant(written);
      this.truth.addGrant(written);
      this.#mark("granted");
    }
  }

  /** One more of another host's grants is known here. */
  replicate(at: number, other: number): boolean {
    const [host, origin] = [this.host(at), this.host(other)];
    const seen = host.seen[origin.at] ?? 0;
    const grant = origin === host ? undefined : origin.grants[seen];
    if (grant === undefined) return false;
    host.seen[origin.at] = seen + 1;
    host.ledger.addGrant(grant);
    if (grant.to === host.id) host.allocator.granted(grant.request);
    return true;
  }

  /** Some message arrives; `isKept` so that it can arrive again. */
  deliver(isKept: boolean): void {
    const at = this.messages.length === 0 ? -1 : this.random.below(this.messages.length);
    const message = this.messages[at];
    if (message === undefined) return;
    if (isKept) this.#mark("doubled");
    else this.messages.splice(at, 1);
    const { from, to, ask } = message;
    if (this.#cuts.has(`${from} ${to}`)) return this.#mark("cut off");
    const host = this.host(to);
    if (message.kind === "ask") return this.#answer(host, from, ask);
    const asked = this.host(from).id;
    host.allocator.denied(asked, ask.request, "nothing to spare", this.now);
    this.#mark("denied");
  }

  prefetch(at: number): void {
    const host = this.host(at);
    for (const subnet of this.network.subnets) {
      const ask = host.allocator.prefetch(this.network.id, subnet, this.now);
      if (ask === undefined) continue;
      const to = this.hosts.findIndex(({ id }) => id === ask.to);
      this.messages.push({ kind: "ask", from: host.at, to, ask });
      this.#mark("prefetched");
    }
  }

  /** The process dies and starts again: of others' grants it may know less than before. */
  crash(at: number): void {
    const host = this.host(at);
    if (host.writing.some((write) => "block" in write)) this.#mark("grant lost in a crash");
    host.writing = [];
    host.seen = host.seen.map((seen) => (seen === 0 ? 0 : seen - this.random.below(2)));
    Object.assign(host, this.#live(host.at, host.seen));
    for (const grant of host.grants) host.ledger.addGrant(grant);
    for (const [key, ip] of host.endpoints) host.allocator.use(this.network.id, ip, key);
    // What it released before, it no longer remembers.
    for (const [ip] of this.#resting)
      if (this.truth.ownerOf(this.network.id, ip)?.owner === host.id) this.#resting.delete(ip);
    this.#mark("crashed");
  }

  cut(from: number, to: number, isCut: boolean): void {
    const path = `${this.host(from).at} ${this.host(to).at}`;
    if (isCut) this.#cuts.add(path);
    else this.#cuts.delete(path);
  }

  pass(ms: number): void {
    this.now += ms;
    for (const { allocator } of this.hosts) allocator.tick(this.now);
  }

  /** Faults are over: everything arrives, and rests. */
  heal(): void {
    this.#cuts.clear();
    this.messages.splice(0);
    this.settle();
    this.pass(2 * options.restMs);
  }

  settle(): void {
    while (this.messages.length > 0) this.deliver(false);
    for (const { at, writing } of this.hosts)
      for (let left = writing.length; left > 0; left -= 1) this.complete(at);
    for (const { at } of this.hosts)
      for (const other of this.hosts) while (this.replicate(at, other.at));
  }

  /** Every address that an endpoint has, or is about to have, by host. */
  *addresses(): Generator<{ readonly host: Host; readonly ip: Ip }> {
    for (const host of this.hosts) {
      for (const ip of host.endpoints.values()) yield { host, ip };
      for (const write of host.writing) if ("ip" in write) yield { host, ip: write.ip };
    }
  }

  /** What must be true at every moment. */
  check(): void {
    const seen = [...this.addresses()].map(({ ip }) => ip);
    assert.equal(new Set(seen).size, seen.length, "no address twice");
    assert.deepEqual(this.truth.ignored(this.network.id), [], "every grant is its owner's");
    for (const { host, ip } of this.addresses())
      assert.equal(this.truth.ownerOf(this.network.id, ip)?.owner, host.id, `${ip} is its host's`);
    for (const { id, ledger } of this.hosts) {
      const owned = this.truth.blocksOf(this.network.id, id).map(({ block }) => block);
      for (const { block } of ledger.blocksOf(this.network.id, id))
        assert.deepEqual(without(block, owned), [], "nobody believes to hold what it does not");
    }
  }

  #answer(host: Host, from: number, ask: Ask): void {
    const donation = host.allocator.donate({ ...ask, from: this.host(from).id });
    if (donation.kind === "denied") {
      this.messages.push({ kind: "deny", from: host.at, to: from, ask });
      return;
    }
    const { grant, isNew } = donation;
    if (!isNew) return this.#mark("asked again");
    if (host.writing.includes(grant)) return this.#mark("asked while writing");
    this.#checkGrant(host, grant);
    host.writing.push(grant);
  }

  #checkAllocated(host: Host, { key, ip }: Endpoint): void {
    for (const other of this.addresses()) assert.notEqual(other.ip, ip, `${ip} is in use`);
    const address = ipToNumber(ip);
    for (const write of host.writing)
      assert.ok("ip" in write || !holds(blockOf(write.block), address), `${ip} is promised`);
    const holding = this.truth.ownerOf(this.network.id, ip);
    assert.equal(holding?.owner, host.id, `${ip} is not the host's`);
    const resting = this.#resting.get(ip);
    const isRested = resting === undefined || resting.until <= this.now;
    assert.ok(isRested || resting.key === key, `${ip} still rests`);
    this.#mark(holding?.generation === 0 ? "allocated" : "allocated from a grant");
    if (!isRested) this.#mark("came back");
  }

  #checkGrant(host: Host, grant: Grant): void {
    const block = blockOf(grant.block);
    const isInside = (ip: Ip) => familyOf(ip) === block.family && holds(block, ipToNumber(ip));
    for (const { ip } of this.addresses())
      assert.ok(!isInside(ip), `${grant.block} has ${ip} in use`);
    for (const [ip, { until }] of this.#resting)
      assert.ok(until <= this.now || !isInside(ip), `${grant.block} has ${ip} resting`);
    const owned = this.truth.blocksOf(this.network.id, host.id).map((holding) => holding.block);
    assert.deepEqual(without(block, owned), [], `${grant.block} is the donor's`);
    if (block.size === 1n) this.#mark("one address granted");
  }

  #live(at: number, seen: readonly number[]): Pick<Host, "ledger" | "allocator"> {
    const ledger = new Ledger();
    ledger.setNetwork(this.network);
    for (const origin of this.hosts)
      for (const grant of origin.grants.slice(0, origin.at === at ? 0 : seen[origin.at]))
        ledger.addGrant(grant);
    const isReachable = (host: HostId) => {
      const other = this.hosts.findIndex(({ id }) => id === host);
      return !this.#cuts.has(`${at} ${other}`);
    };
    const surroundings = { ...quiet, isReachable };
    const { random } = this;
    const self = simulatedHost(at + 1);
    return { ledger, allocator: new Allocator({ self, ledger, surroundings, random, options }) };
  }

  #mark(name: string): void {
    this.marks.set(name, (this.marks.get(name) ?? 0) + 1);
  }
}
