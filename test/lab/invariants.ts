/**
 * What must hold of real agents and real kernels at rest, after whatever has happened:
 *
 *   one map      every agent shows the same, and no address or MAC in it twice
 *   kernel       each host's is what its map implies, and nothing of ours beyond
 *   promises     nothing acknowledged is lost, nothing deleted is there or was ever shown again
 *   others       nothing without our mark has been touched
 */
import type { EndpointView, NetworkView, StatusView } from "../../agent/view.ts";
import type { Agent } from "./agent.ts";
import { type Census, takeCensus } from "./census.ts";
import { impliedLines, type Shown, withoutMacs } from "./implied.ts";
import { Ledger } from "./ledger.ts";
import { eventually } from "./within.ts";
import { Witness } from "./witness.ts";

/** What one host says and holds. */
export type Reading = Shown & {
  readonly name: string;
  readonly status: StatusView;
  readonly census: Census;
};

/** Everything wrong with what was read, one line each: none where all is well. */
export function faultsOf(
  readings: readonly Reading[],
  known: { readonly ledger: Ledger; readonly foreign: ReadonlyMap<string, readonly string[]> },
): string[] {
  const [first] = readings;
  if (first === undefined) return ["no agent runs"];
  const places = new Map(
    readings.flatMap(({ endpoints }) =>
      endpoints.filter(({ isLocal }) => isLocal).map(({ id, netns }) => [id as string, netns]),
    ),
  );
  return [
    ...mapFaults(first, readings),
    ...repeated(first.endpoints.flatMap((one) => one.addresses.map((ip) => `${keyOf(one)} ${ip}`))),
    ...repeated(first.endpoints.map((one) => `${keyOf(one)} ${one.mac}`)),
    ...readings.flatMap(kernelFaults),
    ...macFaults(readings),
    ...known.ledger.faults(first.endpoints, places),
    ...readings.flatMap(({ name, census }) => {
      return differences(`${name}: others' `, known.foreign.get(name) ?? [], census.foreign);
    }),
  ];
}

function keyOf({ network }: EndpointView): string {
  return `network ${network.id} has twice:`;
}

function mapFaults(first: Reading, readings: readonly Reading[]): string[] {
  return readings.flatMap((reading) => {
    const { name, status } = reading;
    const isSame = status.store.root === first.status.store.root;
    return [
      ...(isSame ? [] : [`${name} has another map than ${first.name}`]),
      ...differences(
        `${name}: not in the map of ${first.name} `,
        mapLines(first),
        mapLines(reading),
      ),
      ...(status.kernel.isInSync ? [] : [`${name} is not in sync with its kernel`]),
      ...status.kernel.failures.map((failure) => `${name}: ${failure}`),
    ];
  });
}

function mapLines({ networks, endpoints }: Reading): string[] {
  return [
    ...networks.map((network) => `network ${networkText(network)}`),
    ...endpoints.map(({ id, mac, addresses, host }) => {
      return `endpoint ${id} ${mac} ${addresses} on ${host.id}`;
    }),
  ];
}

function networkText({ id, name, vni, subnets }: NetworkView): string {
  return `${id} ${name} ${vni} ${subnets}`;
}

function kernelFaults({ name, census, status, ...map }: Reading): string[] {
  const implied = impliedLines(map, status.host.id);
  return differences(`${name}: `, implied, [...new Set(withoutMacs(census.ours))]);
}

/** The gateway's MAC is everywhere the same, and no two tunnel devices have one. */
function macFaults(readings: readonly Reading[]): string[] {
  const devices = readings.flatMap(({ census }) =>
    census.ours.flatMap((line) => {
      const [, kind, vni, mac] = /^link (slx?)-(\d+) .* mac ([0-9a-f:]+)/.exec(line) ?? [];
      return kind === undefined ? [] : [{ kind, vni, mac }];
    }),
  );
  const gateways = new Set(
    devices.filter(({ kind }) => kind === "sl").map(({ vni, mac }) => `${vni} ${mac}`),
  );
  const segments = new Set(devices.map(({ vni }) => vni));
  const tunnels = devices.filter(({ kind }) => kind === "slx");
  return [
    ...(gateways.size === segments.size ? [] : [`gateways differ: ${[...gateways].join(", ")}`]),
    ...repeated(tunnels.map(({ vni, mac }) => `tunnels of ${vni} have one MAC: ${mac}`)),
  ];
}

function repeated(lines: readonly string[]): string[] {
  const seen = new Set<string>();
  return lines.filter((line) => seen.has(line) || !seen.add(line));
}

function differences(
  prefix: string,
  wanted: readonly string[],
  actual: readonly string[],
): string[] {
  const [want, have] = [new Set(wanted), new Set(actual)];
  return [
    ...wanted.filter((line) => !have.has(line)).map((line) => `${prefix}missing ${line}`),
    ...actual.filter((line) => !want.has(line)).map((line) => `${prefix}extra ${line}`),
  ];
}

/** Judges one cluster over a run. */
export class Inspector implements AsyncDisposable {
  readonly ledger = new Ledger();
  readonly witness = new Witness();
  readonly #agents: readonly Agent[];
  readonly #foreign = new Map<string, readonly string[]>();
  /** Of each device of each host, as first seen: nothing that happens may change it for long. */
  readonly #macs = new Map<string, string>();

  private constructor(agents: readonly Agent[]) {
    this.#agents = agents;
  }

  /** What is there of others' now must be there for ever. */
  static async open(agents: readonly Agent[]): Promise<Inspector> {
    const inspector = new Inspector(agents);
    await Promise.all(
      agents.map(async (agent) => {
        inspector.#foreign.set(agent.host.name, (await takeCensus(agent.host)).foreign);
        await inspector.witness.follow(agent);
      }),
    );
    return inspector;
  }

  /**
   * Resolves when everything holds: asked now, and again after whatever an agent tells. Throws with
   * what was last wrong.
   */
  async allHolds(withinMs = 15_000): Promise<void> {
    let faults: readonly string[] = [];
    const { events } = this.witness;
    const what = "all invariants hold";
    await eventually({ what, on: events, withinMs }, async () => {
      faults = await this.#faults();
      return faults.length === 0;
    }).catch((cause: unknown) => {
      throw new Error(`${what}: not within ${withinMs} ms:\n${faults.join("\n")}`, { cause });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.witness[Symbol.asyncDispose]();
  }

  async #faults(): Promise<readonly string[]> {
    const running = this.#agents.filter((agent) => agent.isRunning);
    const readings = await Promise.all(running.map(readAgent));
    const { ledger } = this;
    return [
      ...faultsOf(readings, { ledger, foreign: this.#foreign }),
      ...this.witness.resurrections,
      ...readings.flatMap((reading) => this.#macFaults(reading)),
    ];
  }

  #macFaults({ name, census }: Reading): readonly string[] {
    return census.ours.flatMap((line) => {
      const [, device, mac] = /^link (\S+) .* mac ([0-9a-f:]{17})/.exec(line) ?? [];
      if (device === undefined || mac === undefined) return [];
      const known = this.#macs.get(`${name} ${device}`) ?? mac;
      this.#macs.set(`${name} ${device}`, known);
      return known === mac ? [] : [`${name}: ${device} has MAC ${mac} instead of ${known}`];
    });
  }
}

async function readAgent({ api, host }: Agent): Promise<Reading> {
  const [status, members, networks, endpoints, census] = await Promise.all([
    api.status(),
    api.members(),
    api.networks(),
    api.endpoints(),
    takeCensus(host),
  ]);
  return { name: host.name, status, members, networks, endpoints, census };
}
