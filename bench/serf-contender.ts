/**
 * Debian's `serf` (apt install serf), as its packagers ship it: `-profile lan`. What its agents see
 * is read from their logs, line by line; updates are user events, sent over its RPC.
 */
import type { Host } from "../test/lab/host.ts";
import type { Lab } from "../test/lab/lab.ts";
import type { Process } from "../test/lab/process.ts";
import type { Contender, Runner } from "./contender.ts";
import { openSerfRpc, type SerfRpc } from "./serf-rpc.ts";
import { type Look, Sightings } from "./sightings.ts";

const rpcPort = 7373;
/** As in the measurements of serf that ours are compared with. */
const payloadBytes = 96;
const startMs = 10_000;

/** One `serf agent` on one host. */
class SerfRunner implements Runner {
  readonly host: Host;
  readonly sightings: Sightings;
  readonly #seed: string | undefined;
  #process: Process | undefined;
  #rpc: SerfRpc | undefined;

  constructor(host: Host, seed: string | undefined) {
    this.host = host;
    this.#seed = seed;
    this.sightings = new Sightings(`serf on ${host.name}`);
  }

  get pid(): number {
    return this.process.pid;
  }

  get process(): Process {
    if (this.#process === undefined) throw new Error(`serf on ${this.host.name} was not started`);
    return this.#process;
  }

  start(): void {
    const { host, sightings } = this;
    sightings.forget();
    this.#process = host.spawn([
      ...["serf", "agent", "-profile", "lan", "-node", host.name, "-log-level", "info"],
      ...["-bind", `${host.address}:7946`, "-rpc-addr", `127.0.0.1:${rpcPort}`],
      ...(this.#seed === undefined ? [] : ["-join", this.#seed]),
    ]);
    void read(this.#process, sightings);
  }

  async ready(): Promise<void> {
    await this.process.out.until(/Serf agent starting/, { withinMs: startMs });
  }

  /** The connection is inside its host, where no counter of ours looks. */
  async rpc(): Promise<SerfRpc> {
    this.#rpc ??= await openSerfRpc(this.host, rpcPort);
    return this.#rpc;
  }

  /** SIGKILL, where it runs. */
  async end(): Promise<void> {
    this.#rpc?.[Symbol.dispose]();
    this.#rpc = undefined;
    await this.#process?.[Symbol.asyncDispose]();
  }
}

/** Serf agents on all hosts of the lab. They end with the lab, or when disposed. */
export class SerfContender implements Contender {
  readonly product = "serf";
  readonly runners: readonly SerfRunner[];

  constructor(lab: Lab) {
    const [seed] = lab.hosts;
    this.runners = lab.hosts.map(
      (host) => new SerfRunner(host, host === seed ? undefined : seed?.address),
    );
  }

  /** Its programs start in some 20 ms: there is nothing to hold back. */
  async storm(): Promise<number> {
    const [seed, ...others] = this.runners;
    seed?.start();
    await seed?.ready();
    const at = performance.now();
    for (const runner of others) runner.start();
    return at;
  }

  async update(runner: Runner, names: readonly string[]): Promise<void> {
    const rpc = await this.#ours(runner).rpc();
    for (const name of names) rpc.event(name, payloadBytes);
  }

  async kill(runner: Runner): Promise<void> {
    await this.#ours(runner).end();
  }

  async restart(runner: Runner): Promise<void> {
    this.#ours(runner).start();
    await this.#ours(runner).ready();
  }

  pause(runner: Runner): void {
    this.#ours(runner).process.kill("SIGSTOP");
  }

  resume(runner: Runner): void {
    this.#ours(runner).process.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.runners.map((runner) => runner.end()));
  }

  #ours(runner: Runner): SerfRunner {
    const found = this.runners.find((each) => each === runner);
    if (found === undefined) throw new Error("that is not a runner of serf's");
    return found;
  }
}

const lines: readonly (readonly [RegExp, Look])[] = [
  [/EventMemberJoin: (\S+)/, "alive"],
  [/EventMemberFailed: (\S+)/, "unreachable"],
];

async function read(process: Process, sightings: Sightings): Promise<void> {
  for await (const line of process.out) {
    const update = /Received event: user-event: (\S+)/.exec(line)?.[1];
    if (update !== undefined) sightings.update(update);
    const doubted = /Suspect (\S+) has failed/.exec(line)?.[1];
    if (doubted !== undefined) sightings.doubted(doubted);
    for (const [pattern, look] of lines) {
      const member = pattern.exec(line)?.[1];
      if (member !== undefined) sightings.member(member, look);
    }
  }
}
