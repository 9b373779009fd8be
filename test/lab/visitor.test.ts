import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { Visitor } from "../../overlay/linux/visitor.ts";
import { addNamespace, enterNamespace, namespacePath, removeNamespace } from "./namespace.ts";
import { run } from "./process.ts";

const path = namespacePath("visited");

async function links(): Promise<string> {
  return run([...enterNamespace("visited"), "ip", "-brief", "link"]);
}

function ownChildren(): readonly string[] {
  return readdirSync("/proc/self/task").flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" ").filter(Boolean),
  );
}

describe("a visitor", () => {
  before(() => addNamespace("visited"));
  after(() => removeNamespace("visited"));

  it("runs lines in the namespace, whether a child waits for them or not", async () => {
    await using visitor = new Visitor();
    await visitor.run(path, ["link add name one type bridge", "link set dev one up"]);
    visitor.prepare();
    await visitor.run(path, ["link add name two type bridge", "link set dev two up"]);
    assert.match(await links(), /^one .*^two /ms);
    assert.doesNotMatch(await run(["ip", "-brief", "link"]), /one|two/);
  });

  it("fails with the tool's own words, whether a child waits or not", async () => {
    await using visitor = new Visitor();
    await assert.rejects(visitor.run(path, ["link set dev none up"]), /Cannot find device/);
    visitor.prepare();
    await assert.rejects(visitor.run(path, ["link set dev none up"]), /Cannot find device/);
    visitor.prepare();
    await assert.rejects(visitor.run("/run/netns/missing", []), /missing/);
  });

  it("has one child waiting at most, and none when it is closed", async () => {
    const before = ownChildren();
    {
      await using visitor = new Visitor();
      visitor.prepare();
      visitor.prepare();
      assert.equal(ownChildren().length, before.length + 1);
    }
    assert.deepEqual(ownChildren(), before);
  });
});
