import assert from "node:assert/strict";
import {
  exhausted,
  foreign,
  notFree,
  outside,
  selfRetired,
  unknownNetwork,
} from "../../ipam/refusals.ts";
import { cidr, ip, networkId } from "../agent/samples.ts";
import { a, b, c, quiet } from "./world.ts";

const address = ip("10.32.0.9");
const hosts = {
  ...quiet,
  isReachable: (host: string) => host !== b,
  isFrozen: (host: string) => host === c,
};

describe("refusals of addresses", () => {
  it("name the endpoint, or what else has the address", () => {
    const used = { kind: "used", key: "x" } as const;
    const named = notFree(address, used, { holder: "endpoint db on host a", hosts });
    assert.deepEqual(named, {
      code: "ADDRESS_TAKEN",
      message: "10.32.0.9 is taken by endpoint db on host a",
    });
    const unnamed = (state: Parameters<typeof notFree>[1]) =>
      notFree(address, state, { holder: undefined, hosts }).message;
    assert.match(unnamed(used), /an endpoint that is being made$/);
    assert.match(unnamed({ kind: "resting", key: "x" }), /removed less than a minute ago$/);
    const grant = { ...{ network: networkId(1), block: cidr("10.32.0.0/28") }, generation: 1 };
    const pledged = { kind: "pledged", grant: { ...grant, from: a, to: b, request: "r" } } as const;
    assert.match(unnamed(pledged), /host b, which has just been granted it$/);
  });

  it("say whose range an address is in, and why that host does not help", () => {
    const why = (owner: typeof a, reason?: string) => {
      const refusal = foreign(address, owner, { reason, hosts });
      assert.equal(refusal.code, "ADDRESS_TAKEN");
      return refusal.message;
    };
    assert.match(why(a), /range of host a, which has not answered;/);
    assert.match(why(a, "it is taken"), /which does not give it away: it is taken;/);
    assert.match(why(b), /range of host b, which is not reachable;/);
    assert.match(why(c), /range of host c, which was retired;/);
  });

  it("say who has the free space of a network", () => {
    const held = [
      { host: a, free: 100n },
      { host: b, free: 40n },
      { host: c, free: 2n },
    ];
    assert.deepEqual(exhausted("web", held, hosts), {
      code: "ADDRESSES_EXHAUSTED",
      message:
        "no free address in network web here; of others, a has 100, b has 40 (unreachable), c has 2 (retired)",
    });
    assert.match(exhausted("web", [{ host: a, free: 0n }], hosts).message, /; all are in use$/);
  });

  it("have codes that say what to do", () => {
    const subnets = [cidr("10.32.0.0/16"), cidr("fd00:5::/64")];
    assert.match(outside(ip("10.1.0.1"), subnets).message, /10\.32\.0\.0\/16 and fd00:5::\/64:/);
    const codes = [outside(address, subnets), unknownNetwork(networkId(1)), selfRetired()];
    assert.deepEqual(
      codes.map(({ code }) => code),
      ["ADDRESS_OUTSIDE", "UNKNOWN_NETWORK", "NOT_PERMITTED"],
    );
  });
});
