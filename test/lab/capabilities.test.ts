/** What an operator is told who has not what the overlay needs. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkDataplane } from "../../overlay/linux/capabilities.ts";
import { sh } from "./shell.ts";

const module_ = new URL("../../overlay/linux/capabilities.ts", import.meta.url).pathname;
const program = `
  const { checkDataplane } = await import(process.argv[1]);
  await checkDataplane().catch(({ code, message }) => console.log(code, message));
`;

/** What the check says, if anything, where it is run by this command and finds these tools. */
function said(before: readonly string[], path = process.env["PATH"]): string {
  const node = [process.execPath, "--input-type=module", "-e", program, module_];
  const [command = "", ...args] = [...before, ...node];
  const env = { ...process.env, PATH: path };
  const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8", env });
  assert.equal(stderr, "");
  return stdout.trim();
}

describe("the check of what the overlay needs", () => {
  it("is passed here, and leaves nothing", async () => {
    const before = sh("ip -o link");
    await checkDataplane();
    assert.equal(sh("ip -o link"), before);
  });

  for (const [bit, what] of [
    ["net_admin", /CAP_NET_ADMIN to make bridges/],
    ["sys_admin", /CAP_SYS_ADMIN to enter/],
  ] as const) {
    it(`names the capability that is missing: ${bit}`, () => {
      const told = said(["setpriv", `--bounding-set=-${bit}`]);
      assert.match(told, /^NOT_PERMITTED /);
      assert.match(told, what);
    });
  }

  it("names the tool that is missing, and its package", () => {
    const folder = mkdtempSync(join(tmpdir(), "starling-tools-"));
    const found = (tool: string) => sh(`which ${tool}`).trim();
    try {
      assert.match(said([], folder), /^DATAPLANE_UNSUPPORTED .*ip is missing: install iproute2$/);
      for (const tool of ["ip", "bridge"]) symlinkSync(found(tool), join(folder, tool));
      assert.match(said([], folder), /nsenter is missing: install util-linux$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
