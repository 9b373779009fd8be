import { readdirSync, readFileSync } from "node:fs";
import { run } from "./process.ts";

/** What could be left behind, in the namespaces that this process stands in. */
export type Snapshot = {
  readonly namespaces: readonly string[];
  readonly links: readonly string[];
  readonly tables: readonly string[];
  readonly processes: readonly string[];
};

export async function takeSnapshot(): Promise<Snapshot> {
  const links = JSON.parse(await run(["ip", "-json", "link", "show"])) as { ifname: string }[];
  return {
    namespaces: (await run(["ip", "netns", "list"])).split("\n").filter((line) => line !== ""),
    links: links.map((link) => link.ifname),
    tables: (await run(["nft", "list", "tables"])).split("\n").filter((line) => line !== ""),
    processes: readdirSync("/proc").flatMap(describeProcess),
  };
}

/** What is there now and was not before, one line each. */
export function leaks(before: Snapshot, after: Snapshot): string[] {
  const kinds = ["namespaces", "links", "tables", "processes"] as const;
  return kinds.flatMap((kind) =>
    after[kind].filter((item) => !before[kind].includes(item)).map((item) => `${kind}: ${item}`),
  );
}

function describeProcess(entry: string): string[] {
  if (!/^\d+$/.test(entry)) return [];
  try {
    const command = readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    // A kernel thread and a process that only awaits its parent have no command line.
    return command === "" ? [] : [`${entry} ${command}`];
  } catch {
    return [];
  }
}
