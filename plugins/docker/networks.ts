/**
 * The networks of this host's Docker: in memory, and in the local rows of the journal, where each
 * change is durable before Docker hears of it. Docker never tells of a network twice.
 */
import { EventEmitter, once } from "node:events";
import type { Answer, Command, Desk } from "../../agent/command.ts";
import type { EndpointView } from "../../agent/view.ts";
import { type ErrorCode, MeshError } from "../../base/errors.ts";
import type { NetworkId } from "../../base/id.ts";
import type { Log } from "../../base/log.ts";
import {
  type Candidate,
  type DockerNetwork,
  engineKey,
  type Meant,
  meantBy,
  readRow,
  rowKey,
  rowOf,
} from "../docker-network.ts";
import { type DockerOwner, dockerOwner, readOwner } from "../docker-owner.ts";

/** Where networks are kept. */
export type Keep = (key: string, value: Uint8Array | undefined) => Promise<void>;

/** What they are kept in, and resolved by. */
export type NetworksOptions = {
  readonly desk: Desk;
  readonly log: Log;
  readonly keep: Keep;
  readonly rows: Iterable<{ readonly key: string; readonly value: Uint8Array }>;
};

/** How often a network that two hosts make at once is looked up again. */
const tries = 3;

/** By Docker's id. */
export class Networks {
  readonly #options: NetworksOptions;
  readonly #networks = new Map<string, DockerNetwork>();
  readonly #changes = new EventEmitter();
  /** Networks of the cluster that we made: ours to take back while they are empty. */
  readonly #made = new Set<NetworkId>();
  #engine: string | undefined;

  constructor(options: NetworksOptions) {
    this.#options = options;
    this.#changes.setMaxListeners(0);
    for (const { key, value } of options.rows) {
      if (key === engineKey) {
        this.#engine = Buffer.from(value).toString("utf8");
        continue;
      }
      const network = readRow(key, value);
      if (network !== undefined) this.#networks.set(network.id, network);
      else options.log.error("a network of Docker's is damaged on disk", { path: key });
    }
  }

  /** The Docker that they are of. */
  get engine(): string | undefined {
    return this.#engine;
  }

  async putEngine(id: string): Promise<void> {
    await this.#options.keep(engineKey, Buffer.from(id, "utf8"));
    this.#engine = id;
  }

  get(id: string): DockerNetwork | undefined {
    return this.#networks.get(id);
  }

  all(): DockerNetwork[] {
    return [...this.#networks.values()];
  }

  /** Durable when it resolves. */
  async put(network: DockerNetwork): Promise<void> {
    await this.#options.keep(rowKey(network.id), rowOf(network));
    this.#networks.set(network.id, network);
    this.#changes.emit("change");
  }

  async remove(id: string): Promise<void> {
    if (!this.#networks.has(id)) return;
    await this.#options.keep(rowKey(id), undefined);
    this.#networks.delete(id);
  }

  /**
   * The network of the cluster that one of Docker's stands for; made where it is absent. Waits
   * until the signal aborts for what Docker's events have to tell. Throws a MeshError.
   */
  async resolve(id: string, signal: AbortSignal): Promise<Candidate> {
    for (let left = tries; ; ) {
      const known = this.#networks.get(id);
      const meant = await this.#meant(known);
      // A command was waited for: it may be another by now.
      if (known !== this.#networks.get(id)) continue;
      if (known === undefined || meant.kind === "nameless") {
        await this.#changed(id, signal);
        continue;
      }
      if (meant.kind === "refused") throw new MeshError("BAD_REQUEST", meant.reason);
      left -= 1;
      const found = meant.kind === "known" ? meant.network : await this.#make(meant, left > 0);
      if (found !== undefined) return await this.#bound(known, found);
    }
  }

  /** Resolves at the next change; rejects when there is no more time. */
  async #changed(id: string, signal: AbortSignal): Promise<void> {
    try {
      await once(this.#changes, "change", { signal });
    } catch (cause) {
      const what = `Docker's network ${id.slice(0, 12)} has no name yet: its events have not told it`;
      const how = "is docker-socket right? Else name it with -o starling.network=NAME";
      throw new MeshError("TIMED_OUT", `${what}; ${how}`, { cause });
    }
  }

  async #meant(network: DockerNetwork | undefined): Promise<Meant> {
    if (network === undefined) return { kind: "nameless" };
    const networks = await askNetworks(this.#options.desk);
    const used = await this.#used();
    return meantBy(network, networks, (id) => used.has(id));
  }

  /** Networks of the cluster in which this host's Docker has endpoints. */
  async #used(): Promise<ReadonlySet<NetworkId>> {
    const own = await askOwned(this.#options.desk);
    return new Set(own.map(({ network }) => network.id));
  }

  /** Undefined: somebody else has just made one, which may be it. */
  async #make(
    { name, subnets }: Extract<Meant, { kind: "absent" }>,
    isAgain: boolean,
  ): Promise<Candidate | undefined> {
    const { desk, log } = this.#options;
    const command = { kind: "network-create", name, subnets, waitMs: undefined } as const;
    const answer = await desk.ask(command);
    if (answer.kind === "network") {
      this.#made.add(answer.network.id);
      log.info("network made for Docker", { name, network: answer.network.id });
      return answer.network;
    }
    const refusal = refusalOf(answer);
    if (isAgain && ["NAME_TAKEN", "SUBNET_OVERLAP"].includes(refusal.code)) return undefined;
    throw refusal;
  }

  async #bound(network: DockerNetwork, found: Candidate): Promise<Candidate> {
    if (network.network === found.id) return found;
    await this.put({ ...network, network: found.id });
    await this.#takeBack(network.network);
    this.#options.log.info("network of Docker's bound", { network: found.id, name: found.name });
    return found;
  }

  /** Another host made the same network in the same instant, and its is the older. */
  async #takeBack(id: NetworkId | undefined): Promise<void> {
    if (id === undefined || !this.#made.delete(id)) return;
    const { desk, log } = this.#options;
    const asked = { kind: "network-remove", network: id, isForced: false } as const;
    const answer = await desk.ask({ ...asked, waitMs: undefined });
    const reason = answer.kind === "refused" ? answer.refusal.message : "another host was first";
    log.info("network made for Docker taken back", { network: id, reason });
  }
}

/** Every network. Throws a MeshError where this host is no member yet: it cannot know them. */
export async function askNetworks(desk: Desk): Promise<readonly Candidate[]> {
  const { networks } = await ask(desk, { kind: "networks" });
  if (networks.length > 0) return networks;
  const { status } = await ask(desk, { kind: "status" });
  if (status.state === "member") return networks;
  const what = "this host is not yet a member of a cluster; it keeps trying to join";
  throw new MeshError("NOT_A_MEMBER", `${what} (${status.joining ?? "asking the seeds"})`);
}

/** An endpoint on this host that is Docker's. */
export type Owned = Omit<EndpointView, "owner"> & { readonly owner: DockerOwner };

/** All of them. */
export async function askOwned(desk: Desk): Promise<Owned[]> {
  const { endpoints } = await ask(desk, { kind: "endpoints-owned", owner: dockerOwner });
  return endpoints.flatMap((endpoint) => {
    const owner = readOwner(endpoint.owner);
    return owner === undefined ? [] : [{ ...endpoint, owner }];
  });
}

type Kinds = {
  readonly networks: "networks";
  readonly status: "status";
  readonly "endpoints-owned": "endpoints";
  readonly endpoint: "endpoint";
  readonly "endpoint-add": "endpoint";
  readonly "endpoint-rename": "endpoint";
  readonly "endpoint-remove": "removed";
  readonly "address-reserve": "address";
  readonly "address-release": "address";
};

/** Asks, and throws what is refused as a MeshError. */
export async function ask<Kind extends keyof Kinds>(
  desk: Desk,
  command: Extract<Command, { kind: Kind }>,
): Promise<Extract<Answer, { kind: Kinds[Kind] }>> {
  const answer = await desk.ask(command);
  if (answer.kind === "refused") throw refusalOf(answer);
  return answer as Extract<Answer, { kind: Kinds[Kind] }>;
}

function refusalOf(answer: Answer): MeshError {
  const given = answer.kind === "refused" ? answer.refusal : undefined;
  const code: ErrorCode = given?.code ?? "INTERNAL";
  return new MeshError(code, given?.message ?? `the agent answered ${answer.kind}`);
}
