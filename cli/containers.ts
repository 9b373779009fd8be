/**
 * Finds running containers: by what Docker or Podman call them, or by a process in them. Docker is
 * asked at its socket, Podman, which usually has none, by its command.
 */
import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { request } from "node:http";
import { promisify } from "node:util";
import * as v from "valibot";
import { describeError, MeshError } from "../base/errors.ts";
import { type Label, labelOf } from "../base/id.ts";

/** A running container with a network namespace of its own. */
export type Container = {
  /** As people call it. */
  readonly ref: string;
  /** What its endpoint is called where nobody says otherwise. */
  readonly name: Label | undefined;
  readonly pid: number;
  /** When the process began, in the kernel's ticks: with the pid it names one process only. */
  readonly startedAt: string;
};

const engines = ["docker", "podman"] as const;
type Engine = (typeof engines)[number];

/** What an engine says of a container. */
type Inspected = {
  readonly engine: Engine;
  readonly name: string;
  readonly isRunning: boolean;
  readonly pid: number;
};

const inspectedSchema = v.object({
  Name: v.string(),
  State: v.object({ Running: v.boolean(), Pid: v.number() }),
});

/** A daemon that hangs must not keep us: it answers in tens of milliseconds. */
const answerMs = 10_000;

/**
 * The container that is meant: `db`, `docker:db`, `podman:db` or `pid:4711`. Throws a MeshError
 * UNKNOWN_CONTAINER, CONTAINER_UNFIT, NOT_PERMITTED or BAD_REQUEST.
 */
export async function findContainer(ref: string): Promise<Container> {
  const [, scheme, rest = ref] = /^(docker|podman|pid):(.*)$/.exec(ref) ?? [];
  if (scheme === "pid") return inspectProcess(ref, pidIn(rest), undefined);
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,255}$/.test(rest)) {
    throw new MeshError("BAD_REQUEST", `${ref} is no container; ${forms}`);
  }
  const asked = engines.filter((engine) => scheme === undefined || scheme === engine);
  const found = (await Promise.all(asked.map((engine) => inspect(engine, rest)))).filter(
    (one) => one !== undefined,
  );
  const [one, other] = found;
  if (other !== undefined) {
    const message = `Docker and Podman have a container ${ref} each: say docker:${ref} or podman:${ref}`;
    throw new MeshError("BAD_REQUEST", message);
  }
  if (one === undefined) {
    const known = `there is no container ${ref}, neither in Docker nor in Podman; ${forms}`;
    throw new MeshError("UNKNOWN_CONTAINER", known);
  }
  if (!one.isRunning || one.pid === 0) throw notRunning(ref, one.engine);
  return inspectProcess(ref, one.pid, labelOf(one.name));
}

/** Names of the interfaces in the namespace of a process. */
export async function interfacesOf(pid: number): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/net/dev`, "utf8");
  return [...text.matchAll(/^\s*([^\s:]+):/gm)].map(([, name = ""]) => name);
}

const forms = "name one, by name or id, or a process in it (pid:4711)";

function pidIn(text: string): number {
  if (/^[1-9][0-9]{0,9}$/.test(text)) return Number(text);
  throw new MeshError("BAD_REQUEST", `pid:${text}: ${text} is no process id`);
}

async function inspectProcess(
  ref: string,
  pid: number,
  name: Label | undefined,
): Promise<Container> {
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The second field, the program's name in brackets, may hold anything.
  const startedAt = status?.slice(status.lastIndexOf(")") + 2).split(" ")[19];
  if (startedAt === undefined) {
    const message = `there is no process ${pid} on this host`;
    throw new MeshError("UNKNOWN_CONTAINER", message);
  }
  const [own, theirs] = await Promise.all([inodeOf("self"), inodeOf(String(pid))]);
  if (own === theirs) {
    const message = `${ref} uses the host's own network, which joins no other; start it without --network host`;
    throw new MeshError("CONTAINER_UNFIT", message);
  }
  return { ref, name, pid, startedAt };
}

async function inodeOf(process: string): Promise<number> {
  try {
    return (await stat(`/proc/${process}/ns/net`)).ino;
  } catch (cause) {
    throw new MeshError("NOT_PERMITTED", "only root may look into containers; become root", {
      cause,
    });
  }
}

function notRunning(ref: string, engine: Engine): MeshError {
  const message = `container ${ref} does not run; start it first: ${engine} start ${ref}`;
  return new MeshError("CONTAINER_UNFIT", message);
}

async function inspect(engine: Engine, name: string): Promise<Inspected | undefined> {
  const said = await (engine === "docker" ? askDocker(name) : askPodman(name));
  if (said === undefined) return undefined;
  const parsed = v.safeParse(inspectedSchema, said);
  if (!parsed.success) {
    throw new MeshError("INTERNAL", `${engine} says of ${name} what we do not understand`);
  }
  const { Name, State } = parsed.output;
  return {
    ...{ engine, name: Name.replace(/^\//, "") },
    ...{ isRunning: State.Running, pid: State.Pid },
  };
}

/** Undefined where there is no such container, or no Docker. */
function askDocker(name: string): Promise<unknown> {
  const socketPath = dockerSocket();
  const path = `/containers/${encodeURIComponent(name)}/json`;
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path, headers: { host: "docker" }, agent: false });
    outgoing.setTimeout(answerMs, () => {
      outgoing.destroy(new MeshError("TIMED_OUT", `Docker at ${socketPath} does not answer`));
    });
    outgoing.once("response", async (incoming) => {
      let text = "";
      for await (const part of incoming.setEncoding("utf8")) text += part;
      if (incoming.statusCode === 404) return resolve(undefined);
      if (incoming.statusCode === 200) return resolve(parse(text));
      reject(new MeshError("INTERNAL", `Docker at ${socketPath} answers: ${text.trim()}`));
    });
    outgoing.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") return resolve(undefined);
      if (error instanceof MeshError) return reject(error);
      const what = `cannot ask Docker at ${socketPath}: ${describeError(error)}`;
      reject(new MeshError("NOT_PERMITTED", what));
    });
    outgoing.end();
  });
}

function dockerSocket(): string {
  const host = process.env["DOCKER_HOST"] || "unix:///var/run/docker.sock";
  if (host.startsWith("unix://")) return host.slice("unix://".length);
  const message = `DOCKER_HOST is ${host}: only containers of this host can be attached`;
  throw new MeshError("BAD_REQUEST", message);
}

/** Undefined where there is no such container, or no Podman. */
async function askPodman(name: string): Promise<unknown> {
  try {
    const args = ["container", "inspect", name];
    const { stdout } = await promisify(execFile)("podman", args, { timeout: answerMs });
    return (parse(stdout) as readonly unknown[] | undefined)?.[0];
  } catch (error) {
    const { code, stderr = "" } = error as { readonly code?: unknown; readonly stderr?: string };
    if (code === "ENOENT" || /no such container|no container with/i.test(stderr)) return undefined;
    throw new MeshError("INTERNAL", `podman fails: ${stderr.trim() || describeError(error)}`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
