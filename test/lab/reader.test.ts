/** The long-lived shell that reads the kernel, on a real one. */
import assert from "node:assert/strict";
import { Reader, textOf } from "../../overlay/linux/reader.ts";
import { children, sh } from "./shell.ts";

describe("the reader of the kernel", () => {
  it("answers reads that are asked for at once, each with what is so by then", async () => {
    await using reader = new Reader();
    const both = await Promise.all([reader.read(), reader.read()]);
    for (const { shown, fdb } of both) {
      assert.match(textOf(shown), /"ifname":"lo"/);
      assert.match(textOf(fdb), /^\[/);
    }
    sh("ip link add name b0 type bridge");
    const { shown } = await reader.read();
    sh("ip link del dev b0");
    assert.match(textOf(shown), /"ifname":"b0"/);
  });

  it("says what could not be read, in the tool's own words, and reads the rest", async () => {
    sh("nft flush ruleset");
    await using reader = new Reader();
    const { inet, shown } = await reader.read();
    assert("reason" in inet);
    assert.match(inet.reason, /^nft -j list table inet starling: .*No such file or directory/);
    assert.match(textOf(shown), /"ifname":"lo"/);
  });

  it("fails a read whose shell somebody ends, and goes on with another", async () => {
    await using reader = new Reader();
    await reader.read();
    const [shell] = children();
    assert(shell !== undefined);
    process.kill(shell, "SIGSTOP");
    const read = reader.read();
    process.kill(shell, "SIGKILL");
    await assert.rejects(read, /the shell that reads the kernel ended/);
    assert.match(textOf((await reader.read()).shown), /"ifname":"lo"/);
  });
});
