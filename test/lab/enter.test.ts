import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nobody } from "./nobody.ts";
import { attempt, Process } from "./process.ts";
import { leaks, takeSnapshot } from "./snapshot.ts";

const enter = [process.execPath, join(import.meta.dirname, "enter.ts")];
/** Names every namespace that a lab must not share with who made it. */
const namespaces = "readlink /proc/self/ns/net /proc/self/ns/mnt; echo /proc/[0-9]*";

describe("a lab", () => {
  it("shares neither network, mounts nor processes with its maker", async () => {
    const outside = (await attempt(["sh", "-c", namespaces])).stdout.split("\n");
    const inside = (await attempt([...enter, "sh", "-c", namespaces])).stdout.split("\n");
    assert.notEqual(inside[0], outside[0]);
    assert.notEqual(inside[1], outside[1]);
    assert.match(inside[2] ?? "", /^\/proc\/1 \/proc\/\d+$/);
  });

  it("has only a loopback, so nothing can leave the machine", async () => {
    const { stdout } = await attempt([...enter, "ip", "-brief", "link"]);
    assert.match(stdout, /^lo +\S+ +00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> \n$/);
  });

  it("passes the command's exit code on", async () => {
    assert.equal((await attempt([...enter, "sh", "-c", "exit 7"])).code, 7);
    assert.equal((await attempt(enter)).code, 2);
  });

  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"] as const) {
    it(`ends with all that is in it when its maker gets ${signal}`, async () => {
      const before = await takeSnapshot();
      const command =
        "ip netns add x; setsid sh -c 'trap \"\" TERM INT HUP; sleep 600' & echo up; wait";
      await using lab = new Process([...enter, "sh", "-c", command]);
      await lab.out.until(/^up$/, { withinMs: 10_000 });
      lab.kill(signal);
      // Settles only when nobody holds the output any more, so when the last process inside is
      // gone.
      await lab.exited;
      assert.deepEqual(leaks(before, await takeSnapshot()), []);
    });
  }

  it("can be made by an ordinary user", async () => {
    // Inside a user namespace there may be no second user to become; then we are the ordinary user.
    const made = "ip netns add x && ip link add name y type bridge && cat /proc/self/uid_map";
    const user = nobody() ?? [];
    const { stdout, stderr } = await attempt([...user, ...enter, "sh", "-c", made]);
    assert.match(stdout, /^ +0 +\d+ +1\n$/, stderr);
  });

  it("says what to do where the kernel does not let a user make one", async () => {
    const tools = mkdtempSync(join(tmpdir(), "lab-tools-"));
    chmodSync(tools, 0o755);
    try {
      const refusing = "#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n";
      writeFileSync(join(tools, "unshare"), refusing, { mode: 0o755 });
      const user = nobody();
      const env = { PATH: `${tools}:${process.env["PATH"]}` };
      const refused = await attempt([...(user ?? []), ...enter, "true"], { env });
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /unshare failed: Operation not permitted/);
      // Root is told of its capabilities, and a user of the settings that are in the way.
      assert.match(
        refused.stderr,
        user === undefined ? /CAP_SYS_ADMIN/ : /user namespaces.*sysctl/,
      );
    } finally {
      rmSync(tools, { recursive: true });
    }
  });
});
