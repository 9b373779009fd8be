import assert from "node:assert/strict";
import { upstreamsIn } from "../../names/resolv-conf.ts";
import { ip } from "./world.ts";

describe("a resolv.conf", () => {
  it("names the resolvers, the first three, each once", () => {
    const text =
      "# nameserver 9.9.9.9\nnameserver 1.1.1.1\nnameserver\t2.2.2.2 # two\nnameserver 1.1.1.1\r\n" +
      "nameserver fd00::1\nnameserver 4.4.4.4\nsearch example.com\n";
    assert.deepEqual(upstreamsIn(text, new Set()), ["1.1.1.1", "2.2.2.2", "fd00::1"]);
  });

  it("that names us asks nobody in a circle", () => {
    const own = new Set([ip("10.32.0.1")]);
    assert.deepEqual(upstreamsIn("nameserver 10.32.0.1\nnameserver 8.8.8.8\n", own), ["8.8.8.8"]);
  });

  it("that says nothing we can use leaves no resolver", () => {
    for (const text of [
      "",
      "nameserver",
      "nameserver fe80::1%eth0",
      "nameserver host",
      "nameservers 1.1.1.1",
    ])
      assert.deepEqual(upstreamsIn(text, new Set()), [], text);
  });
});
