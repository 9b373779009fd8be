import assert from "node:assert/strict";
import { decodeEnvelope, encodeEnvelope } from "../../agent/envelope.ts";
import { OwnPast } from "../../agent/own-past.ts";
import { toHex } from "../../base/bytes.ts";
import { decode } from "../../base/codec.ts";
import { type Head, nothing, signHead } from "../../store/head.ts";
import { RecordSet } from "../../store/record-set.ts";
import { checkAgreement } from "../simulation/checks.ts";
import { Cluster } from "../simulation/cluster.ts";
import { simulatedCrypto, simulatedHost } from "../simulation/crypto.ts";
import type { SimulatedHost } from "../simulation/host.ts";
import { boot, makeHost } from "../store/world.ts";
import { silentLog } from "./samples.ts";

/** S2: no two states under one (origin, epoch, seq), on whatever disk, at whatever time. */
class Witness {
  readonly #seen = new Map<string, string>();

  watch(cluster: Cluster): void {
    for (const head of cluster.hosts.flatMap(headsOn)) {
      const version = `${head.origin} epoch ${head.epoch} seq ${head.seq}`;
      const state = `${head.boot} ${toHex(head.commitment)}`;
      assert.equal(this.#seen.get(version) ?? state, state, `${version} was used twice`);
      this.#seen.set(version, state);
    }
  }
}

function headsOn(host: SimulatedHost): Head[] {
  const rows = [...host.disk.rows("origins")].filter(({ key }) => key.endsWith(" h"));
  return rows.map(({ value }) => decode(value, value.length) as Head);
}

function run(cluster: Cluster, witness: Witness, ms: number): void {
  for (let at = 0; at < ms; at += 50) {
    cluster.run(50);
    witness.watch(cluster);
  }
}

/** Three hosts, a network of the first one's, and endpoints on it. */
function world(seed: number) {
  const cluster = new Cluster({ seed, hosts: 3 });
  const witness = new Witness();
  run(cluster, witness, 3_000);
  const [host, second, third] = cluster.hosts;
  assert.ok(host && second && third);
  cluster.createNetwork(host, "n1", "10.41.0.0/24");
  run(cluster, witness, 500);
  const attach = (count: number) => {
    for (let at = 0; at < count; at += 1) cluster.attach(host, "n1");
    run(cluster, witness, 1_000);
  };
  attach(3);
  assert.equal(cluster.endpoints.size, 3);
  return { cluster, witness, host, second, third, attach };
}

function statusOf(cluster: Cluster, host: SimulatedHost) {
  const answer = cluster.answer(host, { kind: "status" });
  assert.equal(answer.kind, "status");
  if (answer.kind !== "status") throw new Error("no status");
  return answer.status;
}

describe("a host whose disk is not what it was", () => {
  it("has its records back from the others after it was lost, and nobody lost one meanwhile", () => {
    const { cluster, witness, host } = world(1);
    host.crash();
    cluster.loseDisk(host, () => host.disk.wipe());
    run(cluster, witness, 5_000);
    host.boot();
    for (let at = 0; at < 100; at += 1) {
      run(cluster, witness, 100);
      for (const other of cluster.hosts.slice(1))
        assert.equal(statusOf(cluster, other).endpoints.total, 3);
    }
    assert.equal(statusOf(cluster, host).endpoints.total, 3);
    assert.equal(statusOf(cluster, host).networks, 1);
  });

  it("writes nothing while nobody can tell it what it wrote, and says so", () => {
    const { cluster, witness, host, second, third } = world(2);
    host.crash();
    cluster.loseDisk(host, () => host.disk.wipe());
    for (const other of [second, third]) {
      cluster.network.cut(host.id, other.id, true);
      cluster.network.cut(other.id, host.id, true);
    }
    host.boot();
    run(cluster, witness, 60_000);
    assert.deepEqual(headsOn(host), []);
    assert.match(statusOf(cluster, host).warnings.join("\n"), /--isolated/);
    const refused: string[] = [];
    cluster.createNetwork(host, "n2", "10.42.0.0/24");
    cluster.ask(host, { kind: "token" }, (answer) => refused.push(answer.kind));
    assert.equal(cluster.marks.get("refused OWN_RECORDS_AWAITED"), 1);
    cluster.heal();
    run(cluster, witness, 10_000);
    assert.equal(statusOf(cluster, host).endpoints.total, 3);
  });

  it("takes back what an older copy lacks, and gives nothing back that was deleted since", () => {
    const { cluster, witness, host, attach } = world(3);
    const restore = host.disk.snapshot();
    cluster.createNetwork(host, "n2", "10.42.0.0/24");
    const [first] = cluster.endpoints.values();
    assert.ok(first);
    cluster.detach(first);
    run(cluster, witness, 1_000);
    host.crash();
    cluster.loseDisk(host, restore);
    host.boot();
    run(cluster, witness, 10_000);
    checkAgreement(cluster);
    assert.equal(statusOf(cluster, host).networks, 2);
    attach(2);
    checkAgreement(cluster);
  });

  it("moves above the epoch of before although its clock went back", () => {
    const { cluster, witness, host } = world(4);
    const [before] = headsOn(host).filter(({ origin }) => origin === host.id);
    cluster.schedule.wallMs = () => 0;
    host.crash();
    host.boot();
    cluster.attach(host, "n1");
    run(cluster, witness, 3_000);
    const [after] = headsOn(host).filter(({ origin }) => origin === host.id);
    assert.ok(before && after && after.epoch > before.epoch);
    assert.notEqual(after.boot, before.boot);
    checkAgreement(cluster);
  });
});

type Run = ReturnType<typeof makeRun>;

/** One of two machines that both run as host 1. */
function makeRun(n: number, hasSynced = () => true) {
  const host = makeHost(1, () => undefined, n);
  const said: string[] = [];
  const past: OwnPast = new OwnPast({
    self: host.self,
    replica: host.replica,
    writer: host.writer,
    options: { aloneMs: 0, glanceMs: 0, settleMs: 0, askAgainMs: 1_000, outdone: 2 },
    log: { ...silentLog, error: (phrase) => void said.push(phrase) },
    isGuest: false,
    linked: () => [],
    hasSynced,
    compare: () => undefined,
    fetch: () => undefined,
    write: (writes) => {
      host.writer.write(0, writes);
    },
    opened: () => undefined,
  });
  past.start({ trust: "whole", isIsolated: true }, 0);
  return { ...host, past, said };
}

/** One hears of the other through the cluster; whether it has written something because of that. */
function hear(to: Run, from: Run, now: number): boolean {
  const full = from.replica.origin(from.self)?.deltaFor(nothing);
  assert.ok(full);
  const outcome = to.replica.receive(full);
  if (outcome.kind !== "self") return false;
  to.past.heard(simulatedHost(2), { head: outcome.head, records: outcome.fullSet }, now);
  if (to.writer.next() === undefined) return false;
  to.writer.appended();
  return true;
}

describe("a host that does not trust its disk", () => {
  it("leaves the kernel alone until it has all that a peer has, of every origin", () => {
    let isSynced = false;
    const { past } = makeRun(7, () => isSynced);
    past.start({ trust: "doubtful", isIsolated: false }, 0);
    past.compared(simulatedHost(2), undefined, 10);
    past.tick(20);
    assert.ok(past.state.kind === "open" && past.isHolding, "others' records are still to come");
    isSynced = true;
    past.tick(30);
    assert.equal(past.isHolding, false);
  });
});

describe("two machines under one identity", () => {
  it("end with one of them that stops and says so, instead of racing for ever", () => {
    const [one, two] = [makeRun(31), makeRun(32)];
    one.write({ "x/1": 1 });
    two.write({ "x/2": 1 });
    let rounds = 0;
    for (let isNews = true; isNews; rounds += 1) {
      assert.ok(rounds < 10, "they race");
      const [first, second] = [hear(one, two, rounds), hear(two, one, rounds)];
      isNews = first || second;
    }
    const cloned = [one, two].filter(({ past }) => past.state.kind === "cloned");
    assert.equal(cloned.length, 1);
    assert.equal(cloned[0]?.past.refusal()?.code, "IDENTITY_CLONED");
    assert.match(cloned[0]?.said.join() ?? "", /another machine runs under this host's identity/);
  });
});

describe("a machine that has stopped because another runs under its identity", () => {
  it("lets go of its links, dials nobody and takes no link", () => {
    const { cluster, witness, host, second } = world(6);
    const crypto = simulatedCrypto(host.id);
    const commitment = new RecordSet(crypto).commitment();
    for (let turn = 0; turn < 5; turn += 1) {
      const [own] = headsOn(host).filter(({ origin }) => origin === host.id);
      assert.ok(own);
      const { epoch, seq } = own;
      const said = { ...own, epoch: epoch + 1, seq: seq + 1, boot: boot(99), commitment };
      const head = signHead(said, crypto);
      const message = encodeEnvelope({
        kind: "delta",
        delta: { head, from: undefined, changes: [] },
      });
      host.input((agent) => void agent.gossiped(second.id, message, cluster.schedule.now()));
      cluster.run(300);
    }
    assert.match(statusOf(cluster, host).warnings.join(), /another machine runs under this host/);
    run(cluster, witness, 2_000);
    assert.equal(cluster.network.linksOf(host.id), 0);
    run(cluster, witness, 30_000);
    assert.equal(cluster.network.linksOf(host.id), 0);
    assert.equal(cluster.network.linksOf(second.id), 1);
  });
});

describe("a host that says two things at one version", () => {
  it("is shown by whoever hears both, also after a restart", () => {
    const { cluster, witness, host, second } = world(5);
    const [head] = headsOn(second).filter(({ origin }) => origin === host.id);
    assert.ok(head);
    const other = signHead({ ...head, boot: boot(99) }, simulatedCrypto(host.id));
    const message = encodeEnvelope({ kind: "head", head: other });
    assert.ok(decodeEnvelope(message));
    const shown = () => statusOf(cluster, second).warnings.join("\n");
    assert.doesNotMatch(shown(), /has signed two states/);
    second.input((agent) => void agent.gossiped(host.id, message, cluster.schedule.now()));
    assert.match(shown(), /host host-1 has signed two states of epoch/);
    run(cluster, witness, 1_000);
    second.crash();
    second.boot();
    run(cluster, witness, 3_000);
    assert.match(shown(), /host host-1 has signed two states of epoch/);
  });
});
