/** The long-lived iproute2 children, on a real kernel. */
import assert from "node:assert/strict";
import { Batch } from "../../overlay/linux/batch.ts";
import { children, sh } from "./shell.ts";

const add = (n: number) =>
  `neigh replace 10.9.0.${n} lladdr 02:00:00:00:00:01 dev b0 nud permanent`;
/** No address: iproute2 ends on it, -force or not. */
const poison = "neigh replace nonsense lladdr 02:00:00:00:00:01 dev b0 nud permanent";

function held(): number {
  return sh("ip neigh show dev b0 nud permanent").split("\n").filter(Boolean).length;
}

describe("a batch", () => {
  let batch: Batch;
  beforeEach(() => {
    sh("ip link add name b0 type bridge");
    sh("ip link set dev b0 up");
    batch = new Batch("ip");
  });
  afterEach(async () => {
    await batch[Symbol.asyncDispose]();
    sh("ip link del dev b0");
  });

  it("says of each line that failed why, and does the others", async () => {
    const failures = await batch.run([
      add(1),
      "link set dev nobody up",
      add(2),
      "link set dev b0 up",
    ]);
    assert.deepEqual([...failures.keys()], [1]);
    assert.match(failures.get(1) ?? "", /nobody/);
    assert.equal(held(), 2);
  });

  it("keeps jobs apart that are given at once", async () => {
    const [first, second, third] = await Promise.all([
      batch.run([add(1), "link set dev nobody up"]),
      batch.run(["link set dev no-one up"]),
      batch.run([add(2)]),
    ]);
    assert.match(first?.get(1) ?? "", /nobody/);
    assert.match(second?.get(0) ?? "", /no-one/);
    assert.equal(third?.size, 0);
  });

  it("does what a line that ends the child left undone, and names that line", async () => {
    const lines = Array.from({ length: 100 }, (_, n) => (n === 60 ? poison : add(n + 1)));
    const failures = await batch.run(lines);
    assert.deepEqual([...failures.keys()], [60]);
    assert.match(failures.get(60) ?? "", /nonsense/);
    assert.equal(held(), 99);
  });

  it("does everything when somebody kills the child, and goes on with another", async () => {
    await batch.run([add(1)]);
    const [child] = children();
    assert.ok(child);
    process.kill(child, "SIGSTOP");
    const job = batch.run([add(2), add(3)]);
    process.kill(child, "SIGKILL");
    assert.equal((await job).size, 0);
    assert.equal((await batch.run([add(4)])).size, 0);
    assert.equal(held(), 4);
    assert.ok(!children().includes(child));
  });

  it("says why where the tool cannot be started", async () => {
    const path = process.env["PATH"];
    process.env["PATH"] = "/nowhere";
    try {
      const failures = await new Batch("bridge").run(["fdb show"]);
      assert.match(failures.get(0) ?? "", /not installed/);
    } finally {
      process.env["PATH"] = path;
    }
  });
});
