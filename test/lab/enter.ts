/**
 * The lab's outer wall: a network, mount and process namespace of its own (and a user namespace
 * where we are not root). Whatever is made inside, namespaces, links, processes and files under
 * /run, ends with the first process in it:
 *
 *   this program --spawns--> unshare --forks--> sh (process 1: mounts /run) --runs--> the program again, now inside
 *        |_____ dies: so does ____|______ dies: so does __|________ dies: so does all else __|
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { constants } from "node:os";

/**
 * Holds the lab's network namespace, so that a process that moved into a host knows it is no longer
 * at the wall.
 */
const mark = "STARLING_LAB";
/**
 * Holds the process id of the lab's process 1 as the machine counts, for who wants to come in from
 * outside.
 */
const door = "STARLING_LAB_PID";
/** Set where the lab has a user namespace of its own, in which root is only a name. */
const userMark = "STARLING_LAB_USER";

const prepare = [
  // The machine's /proc is still in place here, and there we have the machine's number.
  `read -r ${door} _ < /proc/self/stat`,
  `export ${door}`,
  "mount -t proc proc /proc",
  "mount -t tmpfs -o mode=0755 tmpfs /run",
  "mkdir /run/netns",
  "ip link set dev lo up",
  `export ${mark}="$(readlink /proc/self/ns/net)"`,
].join(" && ");

/** Whether this process stands inside a lab, outside of its hosts. */
export function isInLab(): boolean {
  return process.env[mark] === readlinkSync("/proc/self/ns/net");
}

/** Whether the root of this lab is an ordinary user outside, who may not do what an engine does. */
export function isUsersLab(): boolean {
  return process.env[userMark] !== undefined;
}

/** The command that opens a shell in a namespace of this lab from anywhere on the machine. */
export function wayIn(namespace: string): string {
  const user = process.env[userMark] !== undefined ? " --user --preserve-credentials" : "";
  const target = `nsenter --target ${process.env[door]}${user} --mount --net --pid`;
  return `${target} nsenter --net=/run/netns/${namespace} bash`;
}

/**
 * Returns at once inside a lab; elsewhere runs this very program in a fresh lab and ends with its
 * exit code.
 */
export async function enterLab(): Promise<void> {
  if (isInLab()) return;
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  process.exit(await runInLab(again));
}

/**
 * Runs a command in a fresh lab with our terminal, and returns its exit code. A signal to us ends
 * the whole lab.
 */
export async function runInLab(argv: readonly string[]): Promise<number> {
  const obstacle = labObstacle();
  if (obstacle !== undefined) {
    process.stderr.write(`${obstacle}\n`);
    return 1;
  }
  // Process 1 must stay a shell: it reaps orphans, and the command keeps ordinary signal
  // dispositions. Our stderr is its third file: unshare's own complains when it is killed.
  const script = `exec 2>&3 3>&-; ${prepare} && { "$@"; exit $?; }`;
  const wall = [...wallCommand(), "sh", "-c", script, "lab", ...argv];
  const [command = "", ...rest] = ["setpriv", "--pdeathsig", "KILL", ...wall];
  const stdio = ["inherit", "inherit", "ignore", 2] as const;
  const child = spawn(command, rest, { stdio: [...stdio], env: labEnv() });
  let interrupted: NodeJS.Signals | undefined;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      interrupted = signal;
      endLab(child);
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", resolve);
  });
  if (interrupted === undefined) return code ?? 128 + constants.signals.SIGKILL;
  process.stderr.write("\nstopped: the lab is gone, with all that was in it\n");
  return 128 + constants.signals[interrupted];
}

/** Why no lab can be made here, as one sentence with what to do; undefined where it can. */
export function labObstacle(): string | undefined {
  const [command = "", ...rest] = [...wallCommand(), "sh", "-c", prepare];
  const trial = spawnSync(command, rest, { encoding: "utf8", env: labEnv() });
  if (trial.status === 0) return undefined;
  const reason = (trial.error?.message ?? trial.stderr).trim().replaceAll("\n", "; ");
  return isRoot()
    ? `Cannot make network namespaces (${reason}). This needs CAP_SYS_ADMIN and a kernel with namespaces.`
    : `Cannot make network namespaces as an ordinary user (${reason}). Allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, or kernel.apparmor_restrict_unprivileged_userns=0), or run this as root.`;
}

function wallCommand(): string[] {
  const user = isRoot() ? [] : ["--map-root-user"];
  const spaces = ["--net", "--mount", "--pid", "--fork"];
  return ["unshare", ...user, ...spaces, "--kill-child=KILL"];
}

function labEnv(): NodeJS.ProcessEnv {
  // An ordinary user's PATH often lacks the folders where ip, bridge and nft are.
  return {
    ...process.env,
    [mark]: undefined,
    [userMark]: isRoot() ? undefined : "yes",
    PATH: `${process.env["PATH"]}:/usr/sbin:/sbin`,
  };
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/**
 * Kills process 1 of the lab: its parent then returns only when the kernel has ended every process
 * inside.
 */
function endLab(unshare: ChildProcess): void {
  const first = firstChild(unshare.pid);
  if (first === undefined) unshare.kill("SIGKILL");
  else process.kill(first, "SIGKILL");
}

function firstChild(pid: number | undefined): number | undefined {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
    return children === "" ? undefined : Number.parseInt(children, 10);
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const argv = process.argv.slice(2);
  if (argv.length === 0) {
    process.stderr.write("usage: node test/lab/enter.ts COMMAND [ARGUMENT...]\n");
    process.exit(2);
  }
  process.exit(await runInLab(argv));
}
