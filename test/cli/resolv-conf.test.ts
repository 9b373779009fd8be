import assert from "node:assert/strict";
import type { Ip } from "../../base/address.ts";
import { resolvConf } from "../../cli/resolv-conf.ts";
import { upstreamsIn } from "../../names/resolv-conf.ts";

describe("the resolv.conf of a command on a network", () => {
  it("names the network's gateways, and lets names of the network be short", () => {
    const gateways = ["10.32.0.1", "fd00:32::1"] as Ip[];
    const text = resolvConf({ name: "web", gateways });
    assert.deepEqual(upstreamsIn(text, new Set()), gateways);
    assert.match(text, /^search web\.starling starling$/m);
  });
});
