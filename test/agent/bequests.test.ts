import assert from "node:assert/strict";
import { Bequests } from "../../agent/bequests.ts";
import { Retirements } from "../../agent/retirements.ts";
import { Ledger } from "../../ipam/ledger.ts";
import { cidr, ip, networkId, simulatedHost } from "./samples.ts";

const [a, b, c] = [simulatedHost(1), simulatedHost(2), simulatedHost(3)];
const network = { id: networkId(1), subnets: [cidr("10.32.0.0/24")], creator: a };
const bequest = {
  ...{ network: network.id, block: cidr("10.32.0.0/24"), generation: 1, request: "forgotten" },
  ...{ from: a, to: c, by: b },
};
const retirement = { kind: "retirement", host: a, version: { epoch: 1, seq: 1 } } as const;

function world() {
  const [ledger, retirements] = [new Ledger(), new Retirements()];
  ledger.setNetwork(network);
  const owner = () => ledger.ownerOf(network.id, ip("10.32.0.9"))?.owner;
  return { retirements, bequests: new Bequests(ledger, retirements), owner };
}

describe("bequests", () => {
  it("count only of a host that has itself retired the one it writes for, in any order", () => {
    const { retirements, bequests, owner } = world();
    bequests.notice(bequest, true);
    assert.equal(owner(), a, "nobody has said that it is out");
    retirements.put(c, retirement);
    bequests.judge(a);
    assert.equal(owner(), a, "another has");
    retirements.put(b, retirement);
    bequests.judge(a);
    assert.equal(owner(), c);
    const other = world();
    other.retirements.put(b, retirement);
    other.bequests.notice(bequest, true);
    assert.equal(other.owner(), c);
  });

  it("end with their record, or with the word that the host is out", () => {
    const { retirements, bequests, owner } = world();
    retirements.put(b, retirement);
    bequests.notice(bequest, true);
    retirements.remove(b, retirement);
    bequests.judge(a);
    assert.equal(owner(), a);
    retirements.put(b, retirement);
    bequests.judge(a);
    bequests.notice(bequest, false);
    assert.equal(owner(), a);
  });
});
