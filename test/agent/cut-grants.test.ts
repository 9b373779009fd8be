import assert from "node:assert/strict";
import type { Ip } from "../../base/address.ts";
import { checkAddresses } from "../simulation/checks.ts";
import type { Cluster } from "../simulation/cluster.ts";
import type { SimulatedHost } from "../simulation/host.ts";
import { done, formed, hostOf } from "./admission-world.ts";

/** An address that a host would hand out, as it says itself. */
function freeOf(cluster: Cluster, host: SimulatedHost): Ip {
  const answer = cluster.answer(host, { kind: "ipam", network: undefined });
  assert.ok(answer.kind === "ipam");
  const own = answer.ipam[0]?.shares.find((share) => share.host.id === host.id);
  const block = own?.ranges.at(-1)?.block.split("/")[0];
  return block?.replace(/\d+$/, (last) => String(Number(last) + 7)) as Ip;
}

/**
 * Host 3 gives host 2 an address while the others do not hear them, is revoked by who knows nothing
 * of that, and never heard of again. The address.
 */
function cutGrant(seed: number): { readonly cluster: Cluster; readonly address: Ip } {
  const cluster = formed(seed, 5);
  const [out, taker] = [hostOf(cluster, 3), hostOf(cluster, 2)];
  cluster.createNetwork(out, "web", "10.41.0.0/26");
  cluster.run(3_000);
  const address = freeOf(cluster, out);
  const rest = [1, 4, 5].map((n) => hostOf(cluster, n));
  cluster.separate([out, taker], rest, false);
  cluster.run(2_000);
  cluster.attach(taker, "web", { address });
  cluster.run(2_000);
  assert.equal(cluster.endpoints.size, 1);
  cluster.witness.revoke(out.id);
  done(cluster, hostOf(cluster, 1), { kind: "revoke", host: "host-3", isForced: false });
  out.crash();
  return { cluster, address };
}

function forget(cluster: Cluster, n: number): string {
  cluster.retire(hostOf(cluster, n));
  const said = { host: `host-${n}`, isForced: true, waitMs: undefined };
  const answer = cluster.answer(hostOf(cluster, 1), { kind: "forget", ...said });
  return answer.kind === "forgotten" ? answer.forgotten.addresses : JSON.stringify(answer);
}

/** The others take all there is; whoever gets the address of an endpoint breaks S5. */
function assertStays(cluster: Cluster, address: Ip): void {
  for (const n of [1, 4, 5])
    for (let count = 0; count < 24; count += 1) cluster.attach(hostOf(cluster, n), "web");
  cluster.run(12_000);
  checkAddresses(cluster);
  assert.ok(cluster.marks.has("refused ADDRESSES_EXHAUSTED"));
  const holders = [...cluster.endpoints.values()].filter(({ addresses }) =>
    addresses.some((each) => each.startsWith(`${address}/`)),
  );
  assert.deepEqual(
    holders.map(({ host }) => host.n),
    [2],
  );
}

describe("addresses by a grant that a revocation cut off", () => {
  it("stay whose endpoint has them when the giver is forgotten as well", () => {
    const { cluster, address } = cutGrant(1);
    cluster.network.mendAll();
    cluster.run(10_000);
    forget(cluster, 3);
    cluster.run(10_000);
    assert.equal(forget(cluster, 3), "released");
    assertStays(cluster, address);
  });

  it("are passed on to nobody before who may have them has heard of the revocation", () => {
    const { cluster, address } = cutGrant(2);
    assert.equal(forget(cluster, 3), "frozen");
    cluster.run(20_000);
    assert.equal(forget(cluster, 3), "frozen");
    assertStays(cluster, address);
    cluster.network.mendAll();
    cluster.run(40_000);
    assert.equal(forget(cluster, 3), "released");
    assertStays(cluster, address);
  });

  it("are free again when that endpoint is gone", () => {
    const { cluster, address } = cutGrant(3);
    cluster.network.mendAll();
    cluster.run(10_000);
    forget(cluster, 3);
    cluster.run(10_000);
    const [endpoint] = cluster.endpoints.values();
    assert.ok(endpoint);
    cluster.detach(endpoint);
    cluster.run(70_000);
    cluster.attach(hostOf(cluster, 4), "web", { address });
    cluster.run(8_000);
    assert.equal(cluster.endpoints.size, 1);
  });
});
