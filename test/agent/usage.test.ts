import assert from "node:assert/strict";
import fc from "fast-check";
import { Usage } from "../../agent/usage.ts";
import { type Family, familyOf, type Ip } from "../../base/address.ts";
import type { HostId, NetworkId } from "../../base/id.ts";

const networks = ["a", "b"] as NetworkId[];
const hosts = ["x", "y", "z"] as HostId[];
const some = [["10.0.0.2"], ["fd00::2"], ["10.0.0.2", "fd00::2"]] as Ip[][];

const endpoint = fc.record({
  network: fc.constantFrom(...networks),
  host: fc.constantFrom(...hosts),
  ips: fc.constantFrom(...some),
});

/** Counted anew: what each host has of a network and a family. */
function counted(
  all: readonly { readonly network: NetworkId; readonly host: HostId; readonly ips: Ip[] }[],
  network: NetworkId,
  family: Family,
): [HostId, number][] {
  return hosts.flatMap((host): [HostId, number][] => {
    const own = all.filter((each) => each.network === network && each.host === host);
    const ips = own.flatMap((each) => each.ips.filter((ip) => familyOf(ip) === family));
    return ips.length === 0 ? [] : [[host, ips.length]];
  });
}

describe("addresses in use", () => {
  it("are what counting all endpoints gives, whatever came and went", () => {
    fc.assert(
      fc.property(fc.array(endpoint), fc.array(fc.nat(9)), (endpoints, drawn) => {
        const [usage, gone] = [new Usage(), new Set(drawn)];
        for (const each of endpoints) usage.add(each);
        for (const at of gone) if (at < endpoints.length) usage.remove(endpoints[at] ?? none());
        const rest = endpoints.filter((_, at) => !gone.has(at));
        for (const network of networks) {
          const [four, six] = [usage.of(network, 4), usage.of(network, 6)];
          assert.deepEqual([...four].toSorted(), counted(rest, network, 4));
          assert.deepEqual([...six].toSorted(), counted(rest, network, 6));
        }
      }),
    );
  });
});

function none(): never {
  throw new Error("bug: no such endpoint");
}
