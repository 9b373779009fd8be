import assert from "node:assert/strict";
import { encode } from "../../base/codec.ts";
import { certify } from "../../membership/certificate.ts";
import { rootIssuer } from "../../membership/warrant.ts";
import type { Cluster } from "../simulation/cluster.ts";
import { simulatedSigner } from "../simulation/crypto.ts";
import type { SimulatedHost } from "../simulation/host.ts";
import {
  certificateIn,
  done,
  formed,
  hostOf,
  Joiner,
  letIn,
  linksOf,
  makeToken,
  part,
  shownBy,
  statusOf,
} from "./admission-world.ts";

const dayMs = 24 * 3_600_000;

function adminsBy(cluster: Cluster, host: SimulatedHost): string[] {
  const answer = cluster.answer(host, { kind: "admins" });
  return answer.kind === "admins" ? answer.admins.map(({ name }) => name).toSorted() : [];
}

const addAdmin = (cluster: Cluster, by: SimulatedHost, host: string) =>
  done(cluster, by, { kind: "admin-add", host });
const removeAdmin = (cluster: Cluster, by: SimulatedHost, host: string) =>
  done(cluster, by, { kind: "admin-remove", host, isForced: false });

describe("an admin", () => {
  it("makes others admins, who go on without it", () => {
    const cluster = formed(1, 3, 1);
    assert.deepEqual(adminsBy(cluster, hostOf(cluster, 3)), ["host-1"]);
    assert.equal(addAdmin(cluster, hostOf(cluster, 2), "host-3"), "NOT_PERMITTED");
    assert.notEqual(typeof addAdmin(cluster, hostOf(cluster, 1), "host-2"), "string");
    cluster.run(1_000);
    for (const host of cluster.hosts.slice(0, 3))
      assert.deepEqual(adminsBy(cluster, host), ["host-1", "host-2"]);
    hostOf(cluster, 1).crash();
    cluster.run(5_000);
    const token = makeToken(cluster, hostOf(cluster, 2));
    letIn(cluster, hostOf(cluster, 4), token, hostOf(cluster, 3));
    assert.deepEqual(linksOf(cluster, hostOf(cluster, 4)), [2, 3]);
    assert.notEqual(typeof addAdmin(cluster, hostOf(cluster, 2), "host-4"), "string");
    cluster.run(1_000);
    assert.deepEqual(adminsBy(cluster, hostOf(cluster, 3)), ["host-1", "host-2", "host-4"]);
  });

  it("is one after a restart, also when who appointed it is gone", () => {
    const cluster = formed(1, 3);
    addAdmin(cluster, hostOf(cluster, 1), "host-2");
    cluster.run(1_000);
    for (const host of cluster.hosts) host.crash();
    hostOf(cluster, 2).boot();
    cluster.run(1_000);
    makeToken(cluster, hostOf(cluster, 2));
  });

  it("that was removed signs nothing more; whom it had let in stays, with new papers", () => {
    const cluster = formed(1, 3, 2);
    const [founder, former, member] = [1, 2, 4].map((n) => hostOf(cluster, n));
    assert.ok(founder && former && member);
    addAdmin(cluster, founder, "host-2");
    cluster.run(1_000);
    const tokens = [makeToken(cluster, former), makeToken(cluster, former)];
    letIn(cluster, member, tokens[0] ?? assert.fail(), former);
    assert.notEqual(typeof removeAdmin(cluster, founder, "host-2"), "string");
    cluster.run(15_000);
    assert.deepEqual(adminsBy(cluster, former), ["host-1"]);
    assert.deepEqual(shownBy(cluster, founder), [1, 2, 3, 4]);
    assert.deepEqual(linksOf(cluster, member), [1, 2, 3]);
    const through = certificateIn(member)?.chain.map(({ host }) => host);
    assert.deepEqual(through, [founder.id], "its certificate is another admin's now");
    const late = new Joiner(hostOf(cluster, 5).id, tokens[1] ?? assert.fail());
    late.ask(founder);
    cluster.run(1_000);
    assert.deepEqual([late.admitted, late.refusals], [[], ["TOKEN_REFUSED"]]);
  });

  it("that does not know that it was removed lets nobody in whom the others would take", () => {
    const cluster = formed(2, 3, 1);
    const [founder, former, late] = [1, 2, 4].map((n) => hostOf(cluster, n));
    assert.ok(founder && former && late);
    addAdmin(cluster, founder, "host-2");
    cluster.run(1_000);
    const token = makeToken(cluster, former);
    part(cluster, [1, 3], [2, 4]);
    cluster.run(8_000);
    removeAdmin(cluster, founder, "host-2");
    letIn(cluster, late, token, former);
    assert.deepEqual(linksOf(cluster, late), [2]);
    cluster.network.mendAll();
    cluster.run(20_000);
    assert.deepEqual(shownBy(cluster, founder), [1, 2, 3]);
    assert.deepEqual(linksOf(cluster, late), []);
    assert.match(statusOf(cluster, late).warnings.join("\n"), /join|let in/);
    // It may join again, with the key it has.
    late.crash();
    letIn(cluster, late, makeToken(cluster, founder), founder);
    cluster.run(5_000);
    for (const n of [1, 2, 3]) assert.deepEqual(shownBy(cluster, hostOf(cluster, n)), [1, 2, 3, 4]);
    assert.deepEqual(linksOf(cluster, late), [1, 2, 3]);
  });

  it("is made by the root key where no other is left", () => {
    const cluster = formed(1, 3);
    hostOf(cluster, 1).crash();
    cluster.run(5_000);
    const heir = hostOf(cluster, 2);
    assert.equal(addAdmin(cluster, heir, "host-3"), "NOT_PERMITTED");
    heir.crash();
    heir.hasRoot = true;
    heir.boot();
    cluster.run(3_000);
    assert.deepEqual(adminsBy(cluster, hostOf(cluster, 3)), ["host-1", "host-2"]);
    makeToken(cluster, heir);
    assert.notEqual(
      typeof done(cluster, heir, { kind: "revoke", host: "host-1", isForced: false }),
      "string",
    );
    heir.crash();
    heir.hasRoot = false;
    heir.boot();
    cluster.run(3_000);
    assert.deepEqual(
      adminsBy(cluster, hostOf(cluster, 3)),
      ["host-2"],
      "it is one without the key",
    );
  });

  it("may be removed and made one again, and does not come back by a restart", () => {
    const cluster = formed(1, 3);
    const founder = hostOf(cluster, 1);
    addAdmin(cluster, founder, "host-2");
    cluster.run(1_000);
    assert.notEqual(typeof removeAdmin(cluster, hostOf(cluster, 2), "host-1"), "string");
    cluster.run(1_000);
    founder.crash();
    founder.boot();
    cluster.run(3_000);
    assert.deepEqual(adminsBy(cluster, hostOf(cluster, 3)), ["host-2"]);
    assert.notEqual(typeof addAdmin(cluster, hostOf(cluster, 2), "host-1"), "string");
    cluster.run(1_000);
    assert.deepEqual(adminsBy(cluster, hostOf(cluster, 3)), ["host-1", "host-2"]);
  });
});

describe("a certificate", () => {
  /** A member whose certificate has so many days left. */
  function withDays(days: number): { readonly cluster: Cluster; readonly host: SimulatedHost } {
    const cluster = formed(1, 3, 1);
    const host = hostOf(cluster, 4);
    const root = simulatedSigner(1);
    const issuer = rootIssuer(clusterIn(cluster), root);
    const notAfter = cluster.schedule.wallMs() + days * dayMs;
    host.disk.files.set("certificate", encode(certify(host.id, { serial: 9, notAfter }, issuer)));
    host.boot();
    return { cluster, host };
  }

  it("is renewed in the last third of its time, by an admin, and kept", () => {
    const { cluster, host } = withDays(100);
    cluster.run(30_000);
    const renewed = certificateIn(host);
    const leftMs = (renewed?.notAfter ?? 0) - cluster.schedule.wallMs();
    assert.ok(leftMs > 364 * dayMs);
    host.crash();
    host.boot();
    cluster.run(30_000);
    assert.deepEqual(certificateIn(host), renewed, "once is enough");
    assert.deepEqual(linksOf(cluster, host), [1, 2, 3]);
  });

  it("of version 0.1.0, which has no end, is replaced by one that has", () => {
    const cluster = formed(1, 3, 1);
    const host = hostOf(cluster, 4);
    const root = simulatedSigner(1);
    const said = { cluster: clusterIn(cluster), host: host.id };
    const signature = root.sign(encode(["starling certificate 1", said.cluster, host.id]));
    const old = { ...said, rootKey: root.publicKey, signature };
    host.disk.files.set("certificate", encode(old));
    host.boot();
    cluster.run(3_000);
    assert.deepEqual(linksOf(cluster, host), [1, 2, 3]);
    cluster.run(30_000);
    assert.ok((certificateIn(host)?.notAfter ?? 0) > cluster.schedule.wallMs());
    assert.deepEqual(linksOf(cluster, host), [1, 2, 3]);
  });

  it("is left alone before that", () => {
    const { cluster, host } = withDays(200);
    const before = certificateIn(host);
    cluster.run(30_000);
    assert.deepEqual(certificateIn(host), before);
  });

  it("is renewed once an admin is back, and warned of until then", () => {
    const { cluster, host } = withDays(10);
    hostOf(cluster, 1).crash();
    cluster.run(20_000);
    assert.match(statusOf(cluster, host).warnings.join("\n"), /ends in 9 days/);
    hostOf(cluster, 1).boot();
    cluster.run(40_000);
    assert.doesNotMatch(statusOf(cluster, host).warnings.join("\n"), /certificate/);
  });

  it("that has ended lets nobody link, and cuts no link that is up", () => {
    const { cluster, host } = withDays(130);
    cluster.run(3_000);
    hostOf(cluster, 1).crash();
    cluster.run(5_000);
    for (const each of cluster.hosts) each.skewMs = 132 * dayMs;
    cluster.run(5_000);
    assert.deepEqual(linksOf(cluster, host), [2, 3]);
    host.crash();
    host.boot();
    cluster.run(20_000);
    assert.deepEqual(linksOf(cluster, host), []);
    assert.match(statusOf(cluster, host).warnings.join("\n"), /has expired/);
  });
});

function clusterIn(cluster: Cluster) {
  const { cluster: id } = statusOf(cluster, hostOf(cluster, 1));
  assert.ok(id);
  return id;
}
