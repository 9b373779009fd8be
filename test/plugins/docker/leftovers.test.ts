import assert from "node:assert/strict";
import { Leftovers } from "../../../plugins/docker-leftovers.ts";
import { linkOf, ownerOf, readOwner } from "../../../plugins/docker-owner.ts";
import { dockerNetworkId, endpointDockerId } from "./samples.ts";

const options = { apartMs: 10_000, youngMs: 60_000 };
const none = new Set<string>();

describe("what Docker has no more", () => {
  it("is left over when two looks lack it, some time apart", () => {
    const leftovers = new Leftovers(options);
    assert.deepEqual(leftovers.compare(["a"], none, 0), []);
    assert.deepEqual(leftovers.compare(["a"], none, 9_999), []);
    assert.deepEqual(leftovers.compare(["a"], none, 10_000), ["a"]);
  });

  it("is not left over when it was seen again in between", () => {
    const leftovers = new Leftovers(options);
    leftovers.compare(["a"], none, 0);
    leftovers.compare(["a"], new Set(["a"]), 5_000);
    assert.deepEqual(leftovers.compare(["a"], none, 12_000), []);
    assert.deepEqual(leftovers.compare(["a"], none, 22_000), ["a"]);
  });

  it("is not left over while Docker is just making it", () => {
    const leftovers = new Leftovers(options);
    leftovers.touch("a", 0);
    assert.deepEqual(leftovers.compare(["a"], none, 1_000), []);
    assert.deepEqual(leftovers.compare(["a"], none, 59_000), []);
    assert.deepEqual(leftovers.compare(["a"], none, 60_000), [], "one look is no proof");
    assert.deepEqual(leftovers.compare(["a"], none, 70_000), ["a"]);
  });

  it("is forgotten when it is ours no more", () => {
    const leftovers = new Leftovers(options);
    leftovers.compare(["a"], none, 0);
    leftovers.compare([], none, 5_000);
    assert.deepEqual(leftovers.compare(["a"], none, 20_000), []);
  });
});

describe("an endpoint of Docker's", () => {
  it("says whose it is, and nobody else's does", () => {
    const owner = { network: dockerNetworkId, endpoint: endpointDockerId };
    assert.deepEqual(readOwner(ownerOf(owner)), owner);
    for (const other of [undefined, "", "cni/web/x/eth0", `docker/${dockerNetworkId}/short`])
      assert.equal(readOwner(other), undefined);
  });

  it("has an interface whose name the kernel takes", () => {
    assert.equal(linkOf(endpointDockerId).length, 15);
  });
});
