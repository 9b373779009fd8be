/**
 * Asks one name server for one name after the other, every few milliseconds, from wherever it is
 * started. Its own program, since it has to stand in a container's network:
 *
 *   node bench/name-probe.ts SERVER     stdin: NAME     stdout: found NAME AT | gone NAME AT
 */
import { Resolver } from "node:dns/promises";
import { createInterface } from "node:readline";
import { Process } from "../test/lab/process.ts";

const everyMs = 5;
/** Questions that wait for an answer; a server that is silent is not flooded. */
const most = 40;

/** The program, started in some network: what it saw, by the machine's clock in milliseconds. */
export class NameProbe implements AsyncDisposable {
  readonly #process: Process;

  constructor(enter: readonly string[], server: string) {
    this.#process = new Process([...enter, process.execPath, import.meta.filename, server]);
  }

  /** Looks for this name, and for no other, from now on. */
  ask(name: string): void {
    this.#process.write(`${name}\n`);
  }

  /** When the name was first found, or first gone after it had been found. */
  async seen(what: "found" | "gone", name: string, withinMs: number): Promise<number> {
    const line = await this.#process.out.until(new RegExp(`^${what} ${name} `), { withinMs });
    return Number(line.split(" ")[2]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

if (import.meta.main) {
  let name = "";
  let isFound = false;
  let open = 0;
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([process.argv[2] ?? ""]);
  createInterface({ input: process.stdin }).on("line", (line) => {
    name = line;
    isFound = false;
  });
  const look = async (wanted: string): Promise<void> => {
    open += 1;
    const has = await resolver.resolve4(wanted).then(
      (addresses) => addresses.length > 0,
      (error: NodeJS.ErrnoException) => (error.code === "ETIMEOUT" ? undefined : false),
    );
    open -= 1;
    // A silent server says nothing about the name, and an overtaken answer nothing about now.
    if (wanted !== name || has === undefined || has === isFound) return;
    isFound = has;
    process.stdout.write(`${has ? "found" : "gone"} ${wanted} ${Date.now()}\n`);
  };
  setInterval(() => {
    if (name !== "" && open < most) void look(name);
  }, everyMs);
}
