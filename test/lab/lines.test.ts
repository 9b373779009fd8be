import assert from "node:assert/strict";
import { Lines } from "./lines.ts";
import { eventually } from "./within.ts";

describe("lines", () => {
  it("are found whether they came before or come after the asking", async () => {
    const lines = new Lines("log");
    lines.push("one");
    assert.equal(await lines.until(/one/, { withinMs: 0 }), "one");
    const second = lines.until(/two/, { withinMs: 1_000 });
    lines.push("two");
    assert.equal(await second, "two");
  });

  it("are not waited for past the deadline or the end, and the error shows the last of them", async () => {
    const lines = new Lines("log");
    lines.push("something else");
    await assert.rejects(lines.until(/two/, { withinMs: 5 }), (error: Error) => {
      return /something else/.test(String((error.cause as Error | undefined)?.message));
    });
    const waiting = assert.rejects(lines.until(/two/, { withinMs: 60_000 }), /two/);
    lines.end("exit 1");
    await waiting;
  });

  it("end an iteration when they end", async () => {
    const lines = new Lines("log");
    lines.push("one");
    setImmediate(() => {
      lines.push("two");
      lines.end("exit 0");
    });
    const seen: string[] = [];
    for await (const line of lines) seen.push(line);
    assert.deepEqual(seen, ["one", "two"]);
  });
});

describe("eventually", () => {
  it("asks again after each line, and misses none that comes while it is asking", async () => {
    const lines = new Lines("events");
    let asked = 0;
    const value = await eventually({ what: "three", on: lines, withinMs: 1_000 }, async () => {
      asked += 1;
      if (asked < 3) lines.push("changed");
      return asked === 3 ? "held" : undefined;
    });
    assert.equal(value, "held");
  });

  it("gives up at the deadline and says on what", async () => {
    const never = { what: "the moon", on: new Lines("events"), withinMs: 5 };
    await assert.rejects(
      eventually(never, () => false),
      /not within 5 ms: the moon/,
    );
  });
});
