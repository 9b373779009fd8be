import assert from "node:assert/strict";
import { EndedLinks } from "../../../membership/libp2p/ended-links.ts";
import { endedKept } from "../../../membership/libp2p/frame.ts";
import { simulatedHost } from "../../simulation/crypto.ts";

describe("ended links", () => {
  const [a, b, c] = [simulatedHost(1), simulatedHost(2), simulatedHost(3)];

  it("are remembered for their host, the newest of them", () => {
    const ended = new EndedLinks(10);
    assert.deepEqual(ended.of(a), []);
    const ids = Array.from({ length: endedKept + 2 }, (_, at) => `${at}`);
    for (const id of ids) ended.add(a, id);
    assert.deepEqual(ended.of(a), ids.slice(2));
    assert.deepEqual(ended.of(b), []);
    ended.forget(a);
    assert.deepEqual(ended.of(a), []);
  });

  it("are forgotten with the host heard of longest ago where hosts are too many", () => {
    const ended = new EndedLinks(2);
    ended.add(a, "1");
    ended.add(b, "2");
    ended.add(a, "3");
    ended.add(c, "4");
    assert.deepEqual(
      [a, b, c].map((host) => ended.of(host)),
      [["1", "3"], [], ["4"]],
    );
  });
});
