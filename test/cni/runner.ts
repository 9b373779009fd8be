/**
 * A container runtime by libcni's rules: all six variables are always set, what is injected into a
 * configuration is name, version, runtimeConfig and prevResult, and a result is kept for CHECK and
 * DEL.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";

export const versions = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;

export type Config = { readonly [key: string]: unknown };
export type Container = { readonly id: string; readonly netns: string; readonly ifname?: string };
export type Fault = { readonly cniVersion: string; readonly code: number; readonly msg: string };
export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };
export type AddResult = {
  readonly cniVersion: string;
  readonly interfaces: readonly { name: string; mac: string; sandbox: string; mtu?: number }[];
  readonly ips: readonly {
    address: string;
    gateway: string;
    interface: number;
    version?: string;
  }[];
  readonly routes: readonly { dst: string; gw: string }[];
  readonly dns: object;
};

const plugin = new URL("../../bin/starling-cni", import.meta.url).pathname;

export class Runtime {
  readonly #config: Config;
  readonly #enter: readonly string[];
  /** Arguments of the old kind, for every call. */
  args = "";

  /** `enter`: the words that put the plugin on a host of the lab. */
  constructor(config: Config, enter: readonly string[] = []) {
    this.#config = { type: "starling-cni", ...config };
    this.#enter = enter;
  }

  async add(container: Container, more: Config = {}): Promise<AddResult> {
    return JSON.parse((await this.#done("ADD", container, more)).stdout) as AddResult;
  }

  async del(container: Container, more: Config = {}): Promise<Ran> {
    const ran = await this.#done("DEL", container, more);
    assert.equal(ran.stdout, "");
    return ran;
  }

  async check(container: Container, prevResult: unknown): Promise<void> {
    assert.equal((await this.#done("CHECK", container, { prevResult })).stdout, "");
  }

  async status(): Promise<void> {
    assert.equal((await this.#done("STATUS", undefined, {})).stdout, "");
  }

  async collect(more: Config): Promise<void> {
    assert.equal((await this.#done("GC", undefined, more)).stdout, "");
  }

  /** What the plugin says that does not do it. */
  async fault(command: string, container?: Container, more: Config = {}): Promise<Fault> {
    const ran = await this.run(command, container, { ...this.#config, ...more });
    assert.equal(ran.code, 1, `${command}: ${ran.stdout}${ran.stderr}`);
    return JSON.parse(ran.stdout) as Fault;
  }

  /** Any call with any input. */
  run(command: string, container: Container | undefined, input: unknown, env = {}): Promise<Ran> {
    const words = [...this.#enter, plugin];
    const child = spawn(words[0] ?? "", words.slice(1), {
      env: {
        ...{ PATH: process.env["PATH"], HOME: process.env["HOME"] },
        ...{ CNI_COMMAND: command, CNI_PATH: "/opt/cni/bin", CNI_ARGS: this.args },
        ...{ CNI_CONTAINERID: container?.id ?? "", CNI_NETNS: container?.netns ?? "" },
        ...{ CNI_IFNAME: container === undefined ? "" : (container.ifname ?? "eth0"), ...env },
      },
    });
    const said = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const)
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        said[stream] += text;
      });
    child.stdin.end(typeof input === "string" ? input : JSON.stringify(input));
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve({ code: code ?? -1, ...said }));
    });
  }

  async #done(command: string, container: Container | undefined, more: Config): Promise<Ran> {
    const ran = await this.run(command, container, { ...this.#config, ...more });
    assert.equal(ran.code, 0, `${command}: ${ran.stdout}${ran.stderr}`);
    return ran;
  }
}
