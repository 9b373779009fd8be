import assert from "node:assert/strict";
import fc from "fast-check";
import type { Cidr } from "../../../base/address.ts";
import { type Name, type NetworkId, parseName } from "../../../base/id.ts";
import { bodies, readBody } from "../../../plugins/docker-bodies.ts";
import {
  type Candidate,
  meantBy,
  networkName,
  readRow,
  readWish,
  rowKey,
  rowOf,
} from "../../../plugins/docker-network.ts";
import { dockerNetwork, dockerNetworkId, web } from "./samples.ts";

const named = dockerNetwork({ asked: "web" as Name });
const nobody = () => false;
const somebody = () => true;
const older: Candidate = { ...web, id: "ffff000011112222" as NetworkId };
const younger: Candidate = { ...web, conflict: "an older network has this name" };

function wishOf(options: object, part: object = {}) {
  const pool = { AddressSpace: "starling", Pool: "10.32.0.0/16", Gateway: "10.32.0.1/16", ...part };
  const body = { NetworkID: dockerNetworkId, Options: options, IPv4Data: [pool] };
  const read = readBody(bodies.CreateNetwork, JSON.stringify(body));
  assert.ok("value" in read);
  return readWish(read.value);
}

function reasonOf(wish: ReturnType<typeof readWish>): string {
  assert.ok("reason" in wish);
  return wish.reason;
}

describe("a network of Docker's", () => {
  it("stands for the network that its option names", () => {
    assert.deepEqual(meantBy(named, [web], nobody), { kind: "known", network: web });
  });

  it("stands for the network of its own name where no option names one", () => {
    const called = dockerNetwork({ called: "web" });
    assert.deepEqual(meantBy(called, [web], nobody), { kind: "known", network: web });
  });

  it("waits for its name", () => {
    assert.deepEqual(meantBy(dockerNetwork(), [web], nobody), { kind: "nameless" });
  });

  it("is made with its subnet where it is absent", () => {
    const wanted = { ...named, pools: ["10.40.0.0/16" as Cidr] };
    const absent = { kind: "absent", name: "web", subnets: ["10.40.0.0/16"] };
    assert.deepEqual(meantBy(wanted, [], nobody), absent);
  });

  it("is refused without a subnet where it is absent, with the command that makes it", () => {
    for (const pools of [[], ["240.1.2.0/24" as Cidr]]) {
      const meant = meantBy({ ...named, pools }, [], nobody);
      assert.ok(meant.kind === "refused");
      assert.match(meant.reason, /starling network create web --subnet/);
    }
  });

  it("is refused with both subnets where it has another", () => {
    const meant = meantBy({ ...named, pools: ["10.40.0.0/16" as Cidr] }, [web], nobody);
    assert.ok(meant.kind === "refused");
    assert.match(meant.reason, /10\.32\.0\.0\/16, not 10\.40\.0\.0\/16/);
  });

  it("takes the network that is there, whatever stands in for its subnet", () => {
    const meant = meantBy({ ...named, pools: ["240.1.2.0/24" as Cidr] }, [web], nobody);
    assert.deepEqual(meant, { kind: "known", network: web });
  });

  it("names the network that its subnet would overlap", () => {
    const wanted = dockerNetwork({ asked: "shop" as Name, pools: ["10.32.8.0/24" as Cidr] });
    const meant = meantBy(wanted, [web], nobody);
    assert.ok(meant.kind === "refused");
    assert.match(meant.reason, /network web.*starling\.network=web/);
  });

  it("moves to the older of two that were made at once, while nobody is in the younger", () => {
    const bound = { ...named, network: younger.id };
    assert.deepEqual(meantBy(bound, [younger, older], nobody), { kind: "known", network: older });
    assert.deepEqual(meantBy(bound, [younger, older], somebody), {
      kind: "known",
      network: younger,
    });
  });

  it("is not made again behind the back of who removed it", () => {
    const bound = { ...named, network: web.id, pools: ["10.32.0.0/16" as Cidr] };
    const meant = meantBy(bound, [], nobody);
    assert.ok(meant.kind === "refused");
    assert.match(meant.reason, /was removed/);
  });

  it("keeps what was found over a restart", () => {
    const whole = { ...named, called: "Web_1", pools: web.subnets, isInternal: true };
    for (const network of [whole, dockerNetwork({ network: web.id })])
      assert.deepEqual(readRow(rowKey(network.id), rowOf(network)), network);
  });

  it("is nothing where the row is another's or damaged", () => {
    assert.equal(readRow("attachment/aabbccddeeff0011", rowOf(named)), undefined);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 256 }), (bytes) => {
        return readRow(rowKey(dockerNetworkId), bytes) === undefined;
      }),
    );
  });

  it("gets a name of ours out of any of Docker's, or none", () => {
    assert.equal(networkName("shop_front"), "shop-front");
    assert.equal(networkName("Web."), "web");
    assert.equal(networkName("__"), undefined);
    fc.assert(
      fc.property(fc.string(), (called) => {
        const name = networkName(called);
        return name === undefined || parseName(name) === name;
      }),
    );
  });
});

describe("docker network create", () => {
  const generic = (options: object) => ({ "com.docker.network.generic": options });

  it("is read with its option, its subnet and whether it is internal", () => {
    const options = {
      ...generic({ "starling.network": "web" }),
      "com.docker.network.internal": true,
    };
    const wish = wishOf(options);
    assert.ok("network" in wish);
    assert.equal(wish.network.asked, "web");
    assert.equal(wish.network.isInternal, true);
    assert.deepEqual(wish.network.pools, ["10.32.0.0/16"]);
  });

  it("refuses options that nobody knows", () => {
    assert.match(reasonOf(wishOf(generic({ "starling.netwrok": "web" }))), /unknown option/);
    assert.match(reasonOf(wishOf(generic({ parent: "eth0" }))), /unknown option "parent"/);
  });

  it("refuses names that are no labels", () => {
    assert.match(reasonOf(wishOf(generic({ "starling.network": "Web_1" }))), /"Web_1" is no name/);
  });

  it("refuses addresses of Docker's own, which two hosts would give twice", () => {
    assert.match(reasonOf(wishOf({}, { AddressSpace: "LocalDefault" })), /--ipam-driver starling/);
  });

  it("gives addresses itself where Docker was told to give none", () => {
    const wish = wishOf({}, { AddressSpace: "null", Pool: "0.0.0.0/0" });
    assert.ok("network" in wish);
    assert.deepEqual(wish.network.pools, []);
  });

  it("refuses addresses set aside by hand", () => {
    const AuxAddresses = { router: "10.32.0.9/16" };
    assert.match(reasonOf(wishOf({}, { AuxAddresses })), /--aux-address/);
  });
});
