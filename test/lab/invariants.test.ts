/** That the judge of the fault tests sees what it is there to see. */
import assert from "node:assert/strict";
import type { EndpointView, MemberView, NetworkView, StatusView } from "../../agent/view.ts";
import { endpointId, ip, mac, networkId, simulatedHost } from "../agent/samples.ts";
import { impliedLines } from "./implied.ts";
import { faultsOf, type Reading } from "./invariants.ts";
import { Ledger } from "./ledger.ts";

const hosts = [1, 2].map((n) => ({ id: simulatedHost(n), name: `h${n}`, vtep: ip(`10.0.0.${n}`) }));
const network = {
  ...{ id: networkId(1), name: "web", vni: 5000, mtu: 1450 },
  ...{ subnets: ["10.32.0.0/16"], gateways: ["10.32.0.1"] },
} as unknown as NetworkView;

function endpoint(n: number): EndpointView {
  const { id, name } = hosts[n - 1] ?? { id: simulatedHost(n), name: "" };
  return {
    ...{ id: endpointId(n), name: undefined, network: { id: network.id, name: "web" } },
    ...{ mac: mac(`02:00:00:00:00:0${n}`), addresses: [`10.32.0.${n + 1}/16`] },
    ...{ host: { id, name }, state: "up", isLocal: false, interface: undefined },
    ...{ netns: undefined, link: undefined, owner: undefined, aliases: [] },
  };
}

/** What two hosts say that are as they should be. */
function readings(): Reading[] {
  return hosts.map(({ id, name, vtep }) => {
    const members = hosts.map((host) => host as unknown as MemberView);
    const shown = { members, networks: [network], endpoints: [endpoint(1), endpoint(2)] };
    const lines = impliedLines(shown, id).map((line) => {
      const own = line.includes("slx-") ? vtep.slice(-1) : "9";
      return line.replace("mac *", `mac 02:00:00:00:01:0${own}`);
    });
    const status = {
      host: { id, name },
      store: { root: "r" },
      kernel: { isInSync: true, failures: [] },
    } as unknown as StatusView;
    return { ...shown, name, status, census: { ours: lines, foreign: ["link eth0"] } };
  });
}

function judge(change: (readings: Reading[], ledger: Ledger) => Reading[]): readonly string[] {
  const ledger = new Ledger();
  for (const n of [1, 2]) ledger.added(endpoint(n));
  const foreign = new Map(hosts.map(({ name }) => [name, ["link eth0"]]));
  return faultsOf(change(readings(), ledger), { ledger, foreign });
}

/** The second host's reading, otherwise. */
function second(how: (reading: Reading) => Partial<Reading>) {
  return ([first, other]: Reading[]): Reading[] =>
    first === undefined || other === undefined ? [] : [first, { ...other, ...how(other) }];
}

const ours = (how: (lines: readonly string[]) => readonly string[]) =>
  second(({ census }) => ({ census: { ...census, ours: how(census.ours) } }));

describe("the judge of the fault tests", () => {
  it("finds nothing where all is well", () => {
    assert.deepEqual(
      judge((all) => all),
      [],
    );
  });

  for (const [what, change, fault] of [
    ["an entry that is missing", ours((lines) => lines.slice(1)), /^h2: missing /],
    ["an entry that is nobody's", ours((lines) => [...lines, "frames x"]), /^h2: extra frames x/],
    [
      "a gateway that has another MAC here than there",
      ours((lines) => lines.map((line) => line.replace("01:09", "01:08"))),
      /^gateways differ/,
    ],
    [
      "two tunnels with one MAC",
      ours((lines) => lines.map((line) => line.replace("01:02", "01:01"))),
      /have one MAC/,
    ],
    [
      "a thing of somebody else's that has gone",
      second(({ census }) => ({ census: { ...census, foreign: [] } })),
      /^h2: others' missing link eth0/,
    ],
    [
      "another map",
      second(({ status }) => ({ status: { ...status, store: { ...status.store, root: "s" } } })),
      /^h2 has another map/,
    ],
    [
      "an address twice",
      (all: Reading[]) =>
        all.map((reading) => {
          const twin = { ...endpoint(2), addresses: endpoint(1).addresses };
          return { ...reading, endpoints: [endpoint(1), twin] };
        }),
      /has twice: 10.32.0.2/,
    ],
    [
      "an endpoint that was promised and is lost",
      (all: Reading[], ledger: Ledger) => {
        ledger.added(endpoint(3));
        return all;
      },
      /acknowledged and is lost/,
    ],
    [
      "an endpoint that was removed and is there",
      (all: Reading[], ledger: Ledger) => {
        ledger.removed(endpoint(1).id);
        return all;
      },
      /was removed and is there/,
    ],
  ] as const) {
    it(`sees ${what}`, () => {
      const faults = judge(change);
      assert.ok(
        faults.some((line) => fault.test(line)),
        faults.join("\n"),
      );
    });
  }
});
