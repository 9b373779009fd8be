import assert from "node:assert/strict";
import { decodeEnvelope, type Envelope, encodeEnvelope } from "../../agent/envelope.ts";
import { Post } from "../../agent/post.ts";
import { clusterOf } from "../../membership/certificate.ts";
import { simulatedCrypto, simulatedSigner } from "../simulation/crypto.ts";
import { silentLog, simulatedHost } from "./samples.ts";

const hosts = [1, 2, 3, 4].map(simulatedHost);
const [a = simulatedHost(1), b = simulatedHost(2), c = simulatedHost(3), d = simulatedHost(4)] =
  hosts;
const cluster = clusterOf(simulatedSigner(1).publicKey, simulatedCrypto(a));
const ask: Envelope = { kind: "confirm", epoch: 1, seq: 2 };

/** A host in a row a - b - c - d: linked with those beside it. */
function postOf(self: typeof a, hops = 4): Post {
  const at = hosts.indexOf(self);
  return new Post({
    ...{ self, cluster, crypto: simulatedCrypto(self), hops, log: silentLog },
    isLinked: (host) => Math.abs(hosts.indexOf(host) - at) === 1,
    via: (host) => hosts[hosts.indexOf(host) > at ? at + 1 : at - 1],
  });
}

function letterOf({ message }: { readonly message: Envelope }) {
  const copy = decodeEnvelope(encodeEnvelope(message));
  return copy?.kind === "letter" ? copy : assert.fail("no letter");
}

describe("post", () => {
  it("takes a message from neighbour to neighbour to whom it is for, in its sender's name", () => {
    const sent = postOf(a).address({ kind: "send", to: d, message: ask });
    assert.equal(sent.to, b);
    const passed = postOf(b).open(letterOf(sent));
    assert.ok(passed.kind === "pass" && passed.send.to === c);
    const again = postOf(c).open(letterOf(passed.send));
    assert.ok(again.kind === "pass" && again.send.to === d);
    assert.deepEqual(postOf(d).open(letterOf(again.send)), {
      kind: "ours",
      from: a,
      message: ask,
    });
  });

  it("leaves alone what goes over a link, and what is between neighbours only", () => {
    const near = { kind: "send", to: b, message: ask } as const;
    assert.equal(postOf(a).address(near), near);
    const doubt = { kind: "doubt", host: b, nonce: 1 } as const;
    const far = { kind: "send", to: d, message: doubt } as const;
    assert.equal(postOf(a).address(far), far);
  });

  it("believes nobody on the way: what was altered, or put in another's name, is dropped", () => {
    const letter = letterOf(postOf(a).address({ kind: "send", to: c, message: ask }));
    const body = encodeEnvelope({ ...ask, seq: 9 });
    for (const forged of [
      { ...letter, body },
      { ...letter, from: b },
    ])
      assert.equal(postOf(c).open(forged).kind, "dropped");
    const readdressed = { ...letter, to: d };
    assert.equal(postOf(d).open(readdressed).kind, "dropped");
    const inner = encodeEnvelope({ kind: "doubt", host: b, nonce: 1 });
    assert.equal(postOf(c).open({ ...letter, body: inner }).kind, "dropped");
  });

  it("ends going in circles", () => {
    const letter = letterOf(postOf(a).address({ kind: "send", to: d, message: ask }));
    assert.equal(postOf(b).open({ ...letter, hops: 3 }).kind, "pass");
    assert.equal(postOf(b).open({ ...letter, hops: 4 }).kind, "dropped");
  });
});
