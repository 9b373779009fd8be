import assert from "node:assert/strict";
import { sharesOf } from "../../ipam/inventory.ts";
import { Ledger } from "../../ipam/ledger.ts";
import { cidr, ip } from "../agent/samples.ts";
import { a, b, networkOf } from "./world.ts";

const network = networkOf("10.32.0.0/24", "fd00:5::/120");
const ledger = new Ledger();
ledger.setNetwork(network);
for (const block of ["10.32.0.128/25", "fd00:5::80/121"])
  ledger.addGrant({
    network: network.id,
    block: cidr(block),
    generation: 1,
    from: a,
    to: b,
    request: "r",
  });

function shares(subnet: string) {
  return sharesOf({
    subnet: cidr(subnet),
    holdings: ledger.holdings(network.id),
    used: [ip("10.32.0.2"), ip("10.32.0.3"), ip("10.32.0.200"), ip("fd00:5::82")],
    resting: [ip("10.32.0.4")],
    stateOf: ({ owner }) => (owner === a ? "ours" : "frozen"),
  });
}

describe("inventory", () => {
  it("counts each subnet's addresses once: used, resting, free, and the network's own", () => {
    const four = shares("10.32.0.0/24");
    assert.deepEqual(
      four.map(({ host, size, used, resting, free }) => [host, size, used, resting, free]),
      [
        [a, 128n, 2n, 1n, 123n],
        [b, 128n, 1n, 0n, 126n],
      ],
    );
    const six = shares("fd00:5::/120");
    assert.deepEqual(
      six.map(({ host, used, free }) => [host, used, free]),
      [
        [a, 0n, 126n],
        [b, 1n, 127n],
      ],
    );
  });

  it("says of each range whose it is, how many hands it went through and who can use it", () => {
    assert.deepEqual(
      shares("10.32.0.0/24").map(({ ranges }) => ranges),
      [
        [{ block: "10.32.0.0/25", generation: 0, state: "ours" }],
        [{ block: "10.32.0.128/25", generation: 1, state: "frozen" }],
      ],
    );
  });
});
