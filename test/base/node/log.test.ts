import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { formatLine } from "../../../base/node/log.ts";

const logModule = new URL("../../../base/node/log.ts", import.meta.url).href;

/** What a process that writes one line of each level prints, with DEBUG set like this. */
function printed(setting: string | undefined): string[] {
  const script = `
    const { debugLog } = await import(${JSON.stringify(logModule)});
    const log = debugLog("starling:store").named("sync");
    log.error("disk refused", { path: "/x" });
    log.warn("pull ended early", { count: 3 });
    log.info("origin complete", { reason: undefined, seq: 7 });
    log.debug("page received 100%d", { bytes: 5 });
  `;
  const { DEBUG: _, ...env } = process.env;
  const { stderr, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...env, DEBUG_HIDE_DATE: "1", ...(setting === undefined ? {} : { DEBUG: setting }) },
    encoding: "utf8",
  });
  assert.equal(stdout, "");
  return stderr.split("\n").filter((line) => line !== "");
}

const changes = [
  "starling:store:sync error: disk refused path=/x",
  "starling:store:sync warning: pull ended early count=3",
  "starling:store:sync origin complete seq=7",
];
const detail = "starling:store:sync page received 100%d bytes=5";

describe("the log", () => {
  it("prints errors, warnings and changes of state, and no details, by default", () => {
    assert.deepEqual(printed(undefined), changes);
    assert.deepEqual(printed(""), changes);
  });

  it("prints details where DEBUG asks for them", () => {
    assert.deepEqual(printed("starling:store:*"), [...changes, detail]);
    assert.deepEqual(printed("starling:agent*"), changes);
  });

  it("keeps silent where DEBUG names the part with a minus", () => {
    assert.deepEqual(printed("-starling:store*"), []);
    assert.deepEqual(printed("starling:*,-starling:store:sync"), []);
    assert.deepEqual(printed("-starling:stor"), changes);
  });

  it("prints nothing on import", () => {
    const script = `await import(${JSON.stringify(logModule)})`;
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", script]);
    assert.equal(output.toString(), "");
  });
});

describe("a line of the log", () => {
  it("is the phrase and its fields in order", () => {
    const line = formatLine("link up", { host: "a", address: "10.0.0.1:7790", ms: 3, state: true });
    assert.equal(line, "link up host=a address=10.0.0.1:7790 ms=3 state=true");
  });

  it("quotes what would read as more than one value", () => {
    assert.equal(formatLine("x", { reason: "no answer" }), 'x reason="no answer"');
    assert.equal(formatLine("x", { name: "" }), 'x name=""');
    assert.equal(formatLine("x", { name: "a=b" }), 'x name="a=b"');
  });

  it("is one line, and commands no terminal, whatever a value holds", () => {
    const line = formatLine("x", { reason: "a\nb\u001b[2J\u009b2J\u2028" });
    assert.equal(line, 'x reason="a\\nb\\u001b[2J\\u{9b}2J\u2028"');
  });
});
