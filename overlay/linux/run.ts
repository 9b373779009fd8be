/** Runs the system's tools: never through a shell, always in the C locale, output bounded. */
import { execFile } from "node:child_process";
import { MeshError } from "../../base/errors.ts";

const outputBytes = 256 * 1024 * 1024;

/** What the tool printed. Throws a MeshError DATAPLANE_REFUSED with the tool's own words. */
export function run(tool: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: { ...process.env, LC_ALL: "C" }, maxBuffer: outputBytes };
    const child = execFile(tool, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const isMissing = error.code === "ENOENT";
      const why = isMissing ? "it is not installed" : stderr.trim().split("\n")[0] || error.message;
      const code = isMissing ? "DATAPLANE_UNSUPPORTED" : "DATAPLANE_REFUSED";
      reject(new MeshError(code, `${tool} ${args.slice(0, 4).join(" ")}: ${why}`));
    });
    child.stdin?.on("error", () => undefined);
    if (input !== undefined) child.stdin?.end(input);
  });
}

/** What the tool complained of, however it ended; nothing where it could not be started. */
export function listen(tool: string, args: readonly string[], input: string): Promise<string> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, LC_ALL: "C" }, maxBuffer: outputBytes };
    const child = execFile(tool, args, options, (_, __, stderr) => resolve(stderr));
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

/** What a tool prints with `-j`. Throws a MeshError DATAPLANE_REFUSED with the tool's own words. */
export async function runJson(tool: string, args: readonly string[]): Promise<readonly unknown[]> {
  return parseRows(await run(tool, ["-j", ...args]));
}

/** The rows in what iproute2 prints with `-j`, which is nothing at all for an empty list. */
export function parseRows(text: string): readonly unknown[] {
  const parsed: unknown = text.trim() === "" ? [] : JSON.parse(text);
  return Array.isArray(parsed) ? parsed.filter(isObject) : [];
}

function isObject(value: unknown): boolean {
  // iproute2 pads filtered lists with empty objects.
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}
