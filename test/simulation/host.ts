/** One simulated machine: a real agent core, and a network, disk and kernel that a seed decides. */
import { Agent } from "../../agent/agent.ts";
import type { Answer, Command } from "../../agent/command.ts";
import { tickMs } from "../../agent/config.ts";
import type { Effect } from "../../agent/effect.ts";
import { encodeEnvelope } from "../../agent/envelope.ts";
import { parseIp } from "../../base/address.ts";
import { toHex } from "../../base/bytes.ts";
import { type BootId, type HostId, type Name, parseBootId, parseName } from "../../base/id.ts";
import type { Log } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { certify, clusterOf } from "../../membership/certificate.ts";
import { rootIssuer } from "../../membership/warrant.ts";
import type { JournalOp } from "../../store/journal.ts";
import { RowReader } from "../../store/rows.ts";
import { simulatedCrypto, simulatedHost, simulatedSigner } from "./crypto.ts";
import { Disk } from "./disk.ts";
import { Kernel } from "./kernel.ts";
import type { Network, Station } from "./network.ts";
import type { Schedule } from "./schedule.ts";
import { thinking, twisted } from "./twists.ts";
import { nobody, type Watcher } from "./watcher.ts";

const root = simulatedSigner(1);
const refusedWrite = { code: "STORE_DAMAGED", message: "the disk refuses to write" } as const;
const yearMs = 365 * 24 * 3_600_000;

export class SimulatedHost implements Station {
  readonly n: number;
  readonly id: HostId;
  readonly address: string;
  readonly disk = new Disk();
  kernel = new Kernel();
  readonly #schedule: Schedule;
  readonly #network: Network;
  readonly #random: Random;
  readonly #log: Log;
  /** Whether the cluster's root key lies here; at first with the first host. */
  hasRoot: boolean;
  /** Whom it asks where it knows nobody. */
  seeds: readonly string[];
  readonly #joins = new Map<number, (answer: Uint8Array) => void>();
  readonly #answers = new Map<number, (answer: Answer) => void>();
  #agent: Agent | undefined;
  #boot: BootId | undefined;
  #ticket = 0;
  /** Of this life; encoded once, since it is shown at each dial. */
  readonly #watcher: Watcher;
  /** What the wall clock here shows more than the true time, in milliseconds. */
  skewMs = 0;
  /** When somebody else last changed its kernel. */
  disturbedAt = Number.NEGATIVE_INFINITY;
  /** How long its kernel takes for an interface, in milliseconds. */
  attachMs = 5;
  /** How long this host takes for each input, in milliseconds. */
  slowMs = 0;
  /** When it has done with what it has got. */
  #freeAt = 0;
  /** Since when it runs without a break. */
  #runningSince = 0;
  /** Durable writes that are under way. */
  #appending: (readonly JournalOp[])[] = [];
  /** Inputs that wait because the process is stopped. */
  #paused: ((agent: Agent) => void)[] | undefined;
  /** Raised at each boot, so that completions of an earlier life reach nobody. */
  #life = 0;

  constructor(options: {
    readonly n: number;
    readonly schedule: Schedule;
    readonly network: Network;
    readonly random: Random;
    readonly log: Log;
    readonly seeds: readonly string[];
    readonly watcher?: Watcher;
  }) {
    this.n = options.n;
    this.id = simulatedHost(options.n);
    this.address = `10.${options.n >> 8}.${options.n & 255}.1:7790`;
    this.#schedule = options.schedule;
    this.#network = options.network;
    this.#random = options.random;
    this.#log = options.log;
    this.seeds = options.seeds;
    this.hasRoot = options.n === 1;
    this.#watcher = options.watcher ?? nobody;
    this.#network.join(this);
  }

  get isUp(): boolean {
    return this.#agent !== undefined;
  }

  /** Whether a durable write is durable. */
  isSyncing(): boolean {
    return true;
  }

  /** Whether every signature counts as genuine. */
  isGullible(): boolean {
    return false;
  }

  get isPaused(): boolean {
    return this.#paused !== undefined;
  }

  /** For how long it has been running, without a crash or a pause. */
  get runningMs(): number {
    const isRunning = this.#agent !== undefined && this.#paused === undefined;
    return isRunning ? this.#schedule.now() - Math.max(this.#runningSince, this.#freeAt) : 0;
  }

  agent(): Agent | undefined {
    return this.#agent;
  }

  /** The process starts from what its disk holds. */
  boot(): void {
    const genuine = simulatedCrypto(this.id);
    const crypto = this.isGullible() ? { ...genuine, verifyHost: () => true } : genuine;
    const cluster = clusterOf(root.publicKey, crypto);
    const issuer = rootIssuer(cluster, root);
    const terms = { serial: this.n, notAfter: this.#schedule.wallMs() + yearMs };
    const certificate = this.disk.certificate() ?? certify(this.id, terms, issuer);
    this.#life += 1;
    this.#boot = parseBootId(toHex(this.#random.bytes(8))) as BootId;
    const agent = new Agent({
      self: this.id,
      cluster,
      boot: this.#boot,
      name: this.#name(),
      certificate,
      address: this.address,
      version: "simulated",
      underlay: { device: "eth0", address: this.#vtep(), mtu: 1500 },
      vxlanPort: 4789,
      seeds: this.seeds,
      crypto,
      random: this.#random,
      clock: {
        now: () => this.#schedule.now(),
        wallMs: () => this.#schedule.wallMs() + this.skewMs,
      },
      log: this.#log,
      root: this.hasRoot ? root : undefined,
      isIsolated: false,
      names: { isServed: true, ttlS: 2 },
    });
    for (const file of ["revocations", "tokens"] as const) {
      const content = this.disk.files.get(file);
      if (content !== undefined) agent.restoreFile(file, content);
    }
    const reader = new RowReader();
    for (const row of this.disk.rows("origins")) reader.take(row);
    const { origins } = reader.finish();
    agent.restore({ origins, places: [...this.disk.rows("local")] });
    this.#agent = agent;
    this.#runningSince = this.#schedule.now();
    this.#freeAt = 0;
    this.#watcher.booted(this);
    const hasOwn = origins.some(({ head }) => head.origin === this.id);
    const trust = hasOwn || this.#life === 1 ? "whole" : "doubtful";
    this.input((starting) => starting.start(trust, this.#schedule.now()));
    this.#tick(this.#life);
  }

  /**
   * The process dies. With `kept`, so many of the unsynced writes survive; else all do. A durable
   * write that is under way may reach the disk all the same, and nobody is told.
   */
  crash(kept: (unsynced: number) => number = (all) => all, reachesDisk = false): void {
    if (reachesDisk && this.#appending.length > 0) this.disk.append(this.#appending[0] ?? [], true);
    this.#appending = [];
    this.#agent = undefined;
    this.#paused = undefined;
    this.#life += 1;
    this.disk.crash(kept);
    this.#network.reset(this.id);
    for (const resolve of this.#answers.values()) {
      resolve({ kind: "refused", refusal: { code: "AGENT_UNREACHABLE", message: "crashed" } });
    }
    this.#answers.clear();
    this.#joins.clear();
  }

  /** SIGSTOP and SIGCONT: nothing is handled meanwhile, nothing is lost. */
  pause(): void {
    this.#paused ??= [];
  }

  resume(): void {
    const waiting = this.#paused ?? [];
    if (this.#paused !== undefined) this.#runningSince = this.#schedule.now();
    this.#paused = undefined;
    // Timers come before what has arrived, as in Node's event loop.
    if (this.#agent !== undefined) this.input((agent) => agent.tick(this.#schedule.now()));
    for (const handle of waiting) this.input(handle);
  }

  ask(command: Command, answered: (answer: Answer) => void): void {
    this.#ticket += 1;
    const ticket = this.#ticket;
    this.#answers.set(ticket, answered);
    this.input((agent) => agent.ask(ticket, command, this.#schedule.now()));
  }

  /** A stranger asks here to be let in; a crash leaves it without an answer. */
  join(request: Uint8Array, answered: (answer: Uint8Array) => void): void {
    this.#ticket += 1;
    const ticket = this.#ticket;
    this.#joins.set(ticket, answered);
    this.input((agent) => agent.joinRequested(ticket, request, this.#schedule.now()));
  }

  hello(): Uint8Array {
    return this.#agent?.hello() ?? new Uint8Array();
  }

  refusal(peer: HostId, hello: Uint8Array): string | undefined {
    return this.#agent?.refusal(peer, hello, this.#schedule.now());
  }

  input(handle: (agent: Agent) => void): void {
    if (this.#agent === undefined) return;
    if (this.#paused !== undefined) {
      this.#paused.push(handle);
      return;
    }
    const now = this.#schedule.now();
    if (this.slowMs === 0 && this.#freeAt <= now) return this.#handle(handle);
    this.#freeAt = Math.max(this.#freeAt, now) + this.slowMs;
    const life = this.#life;
    this.#schedule.after(this.#freeAt - now, () => {
      if (life !== this.#life) return;
      if (this.#paused === undefined) this.#handle(handle);
      else this.#paused.push(handle);
    });
  }

  #handle(handle: (agent: Agent) => void): void {
    if (this.#agent === undefined) return;
    for (const thought of this.#think(this.#agent, handle)) {
      for (const effect of twisted(this, thought)) {
        this.#watcher.does(this, effect);
        this.#perform(effect);
      }
    }
  }

  /** Whatever comes in: an agent's core never throws. */
  #think(agent: Agent, handle: (agent: Agent) => void): readonly Effect[] {
    thinking.host = this;
    try {
      handle(agent);
      return agent.drain();
    } catch (cause) {
      const stack = cause instanceof Error ? cause.stack : String(cause);
      throw new Error(`S13: host-${this.n} threw ${stack}`, { cause });
    }
  }

  #tick(life: number): void {
    this.#schedule.after(tickMs, () => {
      if (life !== this.#life) return;
      if (this.#paused === undefined) this.input((agent) => agent.tick(this.#schedule.now()));
      this.#tick(life);
    });
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "dial":
        return this.#network.dial(this.id, effect.address);
      case "send":
        return this.#network.send(this.id, effect.to, encodeEnvelope(effect.message));
      case "publish":
        return this.#network.publish(this.id, encodeEnvelope(effect.message));
      case "close":
        return this.#network.close(this.id, effect.host, effect.reason);
      case "pull":
        return this.#network.pull(this.id, effect.pull);
      case "wake":
        return this.#later(effect.afterMs, (agent) => agent.woken(this.#schedule.now()));
      case "append":
        return this.#append(effect.ops);
      case "keep":
        this.disk.append(effect.ops, false);
        this.#watcher.wrote(this, effect.ops, false);
        return this.#later(0, (agent) => agent.kept(effect.ops, undefined, this.#schedule.now()));
      case "save":
        return this.#save(effect);
      case "joined": {
        const answered = this.#joins.get(effect.ticket);
        this.#joins.delete(effect.ticket);
        answered?.(effect.answer);
        return;
      }
      case "answer": {
        const answered = this.#answers.get(effect.ticket);
        this.#answers.delete(effect.ticket);
        answered?.(effect.answer);
        return;
      }
      case "listen": {
        const listening = effect.addresses.map((address) => ({ address, fault: undefined }));
        return this.#later(1, (agent) => agent.serving({ listening, upstreams: [] }));
      }
      case "stop":
        return this.#stop();
      default:
        this.#performInKernel(effect);
    }
  }

  /** The agent has come to its end by itself: nothing that was written is lost. */
  #stop(): void {
    const life = this.#life;
    this.#schedule.after(0, () => {
      if (life === this.#life) this.crash();
    });
  }

  #append(ops: readonly JournalOp[]): void {
    this.#appending.push(ops);
    const life = this.#life;
    this.#schedule.after(this.#random.below(3000) / 1000, () => {
      if (life !== this.#life) return;
      this.#appending = this.#appending.filter((each) => each !== ops);
      const fate = this.#watcher.fate(this);
      if (fate !== "refused") this.disk.append(ops, this.isSyncing());
      if (fate === "done") this.#watcher.wrote(this, ops, true);
      this.input((agent) => {
        if (fate === "done") agent.appended(this.#schedule.now());
        else agent.appendFailed(refusedWrite, this.#schedule.now());
      });
    });
  }

  /** A crash before the write has ended leaves the file as it was, or as it should be. */
  #save({ file, bytes }: Extract<Effect, { kind: "save" }>): void {
    const life = this.#life;
    const half = this.#random.below(3000) / 1000;
    const fate = this.#watcher.fate(this);
    this.#schedule.after(half, () => {
      const reaches = life === this.#life || this.#random.below(2) === 0;
      if (reaches && fate !== "refused") this.disk.files.set(file, bytes);
    });
    const refusal = fate === "done" ? undefined : refusedWrite;
    this.#later(2 * half, (agent) => agent.saved(file, refusal, this.#schedule.now()));
  }

  #performInKernel(effect: Effect): void {
    switch (effect.kind) {
      case "apply":
        return this.#later(this.#random.below(2000) / 1000, (agent) => {
          this.kernel.apply(effect.ops);
          agent.applied([], this.#schedule.now());
        });
      case "dump":
        return this.#later(5, (agent) => agent.dumped(this.kernel.read(), this.#schedule.now()));
      case "attach":
        return this.#later(this.attachMs, (agent) => {
          const outcome = this.kernel.attach(effect.attachment);
          agent.attached(effect.attachment.endpoint, outcome, this.#schedule.now());
        });
      case "inspect":
        return this.#later(1, (agent) => {
          const inode = this.kernel.namespaces.get(effect.netns)?.inode;
          agent.inspected(effect.endpoint, inode, this.#schedule.now());
        });
      default:
        return;
    }
  }

  /**
   * What happens outside the process happens also while it is stopped; that it happened is an input
   * like any other.
   */
  #later(ms: number, complete: (agent: Agent) => void): void {
    const life = this.#life;
    this.#schedule.after(ms, () => {
      if (life === this.#life) this.input(complete);
    });
  }

  #name(): Name {
    return parseName(`host-${this.n}`) as Name;
  }

  #vtep() {
    const vtep = parseIp(this.address.split(":")[0] ?? "");
    if (vtep === undefined) throw new Error("bug: simulated VTEP");
    return vtep;
  }
}
