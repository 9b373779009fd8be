/** Whatever happens to the files of a stopped agent: it says so, or nothing is lost. */
import assert from "node:assert/strict";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Agent } from "./agent.ts";
import { Stage } from "./stage.ts";

type Harm = { readonly what: string; readonly apply: (path: string, older: string) => void };

function change(path: string, how: (bytes: Buffer) => Uint8Array): void {
  writeFileSync(path, how(readFileSync(path)));
}

const flipped: Harm = {
  what: "with one bit flipped",
  apply: (path) =>
    change(path, (bytes) => {
      const at = Math.floor(bytes.length / 2);
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      return bytes;
    }),
};
const cut: Harm = {
  what: "cut to half",
  apply: (path) => change(path, (bytes) => bytes.subarray(0, Math.floor(bytes.length / 2))),
};
const deleted: Harm = { what: "deleted", apply: (path) => rmSync(path) };
const old: Harm = {
  what: "as it was some time ago",
  apply: (path, older) => {
    rmSync(path);
    if (existsSync(older)) cpSync(older, path);
  },
};

/** What is short and written once is not worth cutting, nor turning back. */
const cases: readonly { readonly kind: string; readonly harms: readonly Harm[] }[] = [
  { kind: "store/CURRENT", harms: [flipped, deleted] },
  { kind: "store/MANIFEST", harms: [flipped, deleted, old] },
  { kind: "store/*.log", harms: [flipped, cut, deleted, old] },
  { kind: "store.seal-.", harms: [flipped, cut, deleted, old] },
  { kind: "certificate", harms: [flipped, deleted] },
  { kind: "identity", harms: [flipped, deleted] },
];

describe("a data directory", () => {
  let stage: Stage;
  let b: Agent;
  const older = "/run/lab/older";
  const saved = "/run/lab/saved";

  /** The files of this kind, as they are called now. */
  function find(kind: string): readonly string[] {
    const names = readdirSync(b.host.dataDir, { recursive: true }) as string[];
    const pattern = new RegExp(`^${kind.replace("*", ".*")}(-\\d+)?$`);
    return names.filter((name) => pattern.test(name));
  }

  before(async () => {
    stage = await Stage.open({ hosts: ["a", "b", "c"], slotsPerHost: 4 });
    b = stage.cluster.agent("b");
    await b.stop();
    cpSync(b.host.dataDir, older, { recursive: true });
    await b.restart();
    await stage.inspector.witness.follow(b);
    // In no copy.
    const late = await stage.cluster.endpoint("b", { network: "web", name: "late" });
    stage.inspector.ledger.added(late.view);
    stage.churn.start([stage.cluster.agent("a"), stage.cluster.agent("c")]);
    await stage.pinged(60);
    await stage.churn.stop();
    await stage.inspector.allHolds();
  });
  after(() => stage[Symbol.asyncDispose]());

  async function harm(kind: string, { apply }: Harm): Promise<"runs" | "refuses"> {
    const { dataDir } = b.host;
    await b.stop();
    const names = find(kind);
    assert.notEqual(names.length, 0);
    rmSync(saved, { recursive: true, force: true });
    cpSync(dataDir, saved, { recursive: true });
    for (const name of names) apply(join(dataDir, name), join(older, name));
    return b.restart().then(
      () => "runs",
      () => "refuses",
    );
  }

  /** An agent that does not run has changed nothing: all is as it was before the harm. */
  async function undo(kind: string): Promise<void> {
    const { dataDir } = b.host;
    const [name = ""] = kind.split("/");
    assert.match(b.log.tail(3), new RegExp(`${dataDir}/${name}`));
    rmSync(dataDir, { recursive: true });
    cpSync(saved, dataDir, { recursive: true });
    await b.restart();
  }

  for (const { kind, harms } of cases) {
    for (const one of harms) {
      it(`with ${kind} ${one.what} loses nothing, or is named and not used`, async () => {
        const outcome = await harm(kind, one);
        if (outcome === "refuses") await undo(kind);
        await stage.inspector.witness.follow(b);
        await stage.inspector.allHolds();
        assert.equal(await stage.pingsLost(), 0);
      });
    }
  }
});
