import assert from "node:assert/strict";
import type { Cidr, Ip } from "../../../base/address.ts";
import { seededRandom } from "../../../base/random.ts";
import {
  gatewayFault,
  gatewayWithPrefix,
  isProvisional,
  Pools,
} from "../../../plugins/docker-pool.ts";
import { web } from "./samples.ts";

const asked = { AddressSpace: "starling", Pool: undefined, SubPool: "", Options: {}, V6: false };
const subnet = "10.32.0.0/16" as Cidr;

function pools(max = 8): Pools {
  return new Pools(seededRandom(1), max);
}

function poolOf(answer: ReturnType<Pools["request"]>): Cidr {
  assert.ok(answer.kind === "pool");
  return answer.pool;
}

function reasonOf(answer: ReturnType<Pools["request"]>): string {
  assert.ok(answer.kind === "refused");
  return answer.reason;
}

describe("address pools for Docker", () => {
  it("are the subnet that was asked for, with the gateway that all hosts have", () => {
    const answer = pools().request({ ...asked, Pool: subnet }, undefined, []);
    assert.deepEqual(answer, { kind: "pool", pool: subnet, gateway: "10.32.0.1/16" });
  });

  it("are the subnet of the network that was named", () => {
    assert.equal(poolOf(pools().request(asked, "web", [web])), subnet);
  });

  it("stand in for a subnet where nothing was said", () => {
    const book = pools();
    const one = poolOf(book.request(asked, undefined, [web]));
    const other = poolOf(book.request(asked, undefined, [web]));
    assert.ok(isProvisional(one) && isProvisional(other));
    assert.notEqual(one, other);
    assert.ok(isProvisional(poolOf(book.request({ ...asked, V6: true }, undefined, [web]))));
    assert.ok(!isProvisional(subnet));
  });

  it("are others each time while Docker holds one that it refused, so that it comes to an end", () => {
    const book = pools();
    assert.equal(poolOf(book.request(asked, "web", [web])), subnet);
    assert.ok(isProvisional(poolOf(book.request(asked, "web", [web]))));
    book.settle(subnet);
    assert.equal(poolOf(book.request(asked, "web", [web])), subnet);
  });

  it("are refused where the named network has another subnet, with both", () => {
    const answer = pools().request({ ...asked, Pool: "10.40.0.0/16" as Cidr }, "web", [web]);
    assert.match(reasonOf(answer), /web has subnet 10\.32\.0\.0\/16, not 10\.40\.0\.0\/16/);
  });

  it("are refused where they overlap a network without being its subnet", () => {
    const answer = pools().request({ ...asked, Pool: "10.32.4.0/24" as Cidr }, undefined, [web]);
    assert.match(reasonOf(answer), /overlaps 10\.32\.0\.0\/16 of network web.*--subnet 10\.32/);
  });

  it("are refused for parts of a subnet, and for networks that are not there", () => {
    const part = { ...asked, Pool: subnet, SubPool: "10.32.4.0/24" };
    assert.match(reasonOf(pools().request(part, undefined, [])), /--ip-range/);
    assert.match(reasonOf(pools().request(asked, "nope", [web])), /no network nope/);
  });

  it("remember what was named, for so many and no more", () => {
    const book = pools(2);
    const all = ["a", "b", "c"].map((name) => {
      const named = { ...web, name, subnets: [] };
      return poolOf(book.request(asked, name, [named]));
    });
    assert.deepEqual(
      all.map((pool) => book.named(pool)),
      [undefined, "b", "c"],
    );
  });

  it("have one gateway, and no other", () => {
    assert.equal(gatewayWithPrefix(subnet), "10.32.0.1/16");
    assert.equal(gatewayFault(subnet, undefined), undefined);
    assert.equal(gatewayFault(subnet, "10.32.0.1" as Ip), undefined);
    assert.match(gatewayFault(subnet, "10.32.0.254" as Ip) ?? "", /10\.32\.0\.1 on every host/);
  });
});
