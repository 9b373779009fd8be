/**
 * Whether this process and this kernel can do what the overlay needs, asked before anything is
 * touched.
 */
import { readFile } from "node:fs/promises";
import { describeError, MeshError } from "../../base/errors.ts";
import { run } from "./run.ts";

/** Bits of CapEff (linux/capability.h), and what we need them for. */
const needed = [
  { bit: 12n, name: "CAP_NET_ADMIN", why: "to make bridges, VXLAN devices and forwarding entries" },
  { bit: 21n, name: "CAP_SYS_ADMIN", why: "to enter the network namespaces of endpoints" },
] as const;

const devices = [
  { kind: "bridge", line: "link add name b type bridge" },
  { kind: "vxlan", line: "link add name x type vxlan id 4096 dstport 4789 nolearning" },
  { kind: "veth", line: "link add name v type veth peer name w" },
] as const;

/** Throws a MeshError: NOT_PERMITTED, DATAPLANE_UNSUPPORTED. */
export async function checkDataplane(): Promise<void> {
  await checkCapabilities();
  for (const tool of ["ip", "bridge"]) await checkTool(tool);
  await checkTool("nsenter");
  const lines = devices.map(({ line }) => `${line}\n`).join("");
  try {
    // A namespace that ends with the command: nothing stays behind.
    await run("unshare", ["--net", "ip", "-batch", "-"], lines);
  } catch (error) {
    const number = Number(/-:([0-9]+)/.exec(describeError(error))?.[1] ?? 0);
    const kind = devices[number - 1]?.kind ?? "bridge, vxlan or veth";
    const what = `this kernel cannot make ${kind} devices; try: modprobe ${kind}`;
    throw new MeshError("DATAPLANE_UNSUPPORTED", what, { cause: error });
  }
}

async function checkCapabilities(): Promise<void> {
  const status = await readFile("/proc/self/status", "utf8");
  const held = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  for (const { bit, name, why } of needed) {
    if ((held & (1n << bit)) !== 0n) continue;
    throw new MeshError("NOT_PERMITTED", `the agent needs ${name} ${why}; run it as root`);
  }
}

async function checkTool(tool: string): Promise<void> {
  const debian = tool === "nsenter" ? "util-linux" : "iproute2";
  try {
    await run(tool, ["-V"]);
  } catch (cause) {
    throw new MeshError("DATAPLANE_UNSUPPORTED", `${tool} is missing: install ${debian}`, {
      cause,
    });
  }
}
