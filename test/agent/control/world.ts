/** A control server over a simulated desk, in a folder of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingHttpHeaders, type RequestOptions, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { limits } from "../../../agent/config.ts";
import { ControlClient } from "../../../agent/control/client.ts";
import { type ControlLimits, openControlServer } from "../../../agent/control/server.ts";
import type { Log } from "../../../base/log.ts";
import { SimulatedDesk } from "./simulated-desk.ts";

export const quiet: Log = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  named: () => quiet,
};

export type Reply = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
};

export class World implements AsyncDisposable {
  readonly desk = new SimulatedDesk();
  readonly folder: string;
  readonly path: string;
  readonly client: ControlClient;
  #server: AsyncDisposable | undefined;

  private constructor(folder: string) {
    this.folder = folder;
    this.path = join(folder, "run", "starling.sock");
    this.client = new ControlClient(this.path);
  }

  static async open(own: Partial<ControlLimits> = {}): Promise<World> {
    const world = new World(await mkdtemp(join(tmpdir(), "starling-control-")));
    await world.start(own);
    return world;
  }

  /** As a starting agent does. */
  async start(own: Partial<ControlLimits> = {}): Promise<void> {
    const { desk, path } = this;
    this.#server = await openControlServer({
      path,
      desk,
      log: quiet,
      limits: { ...limits, ...own },
    });
  }

  /** As a stopping agent does. */
  async stop(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#server = undefined;
  }

  /** Any request, any answer. */
  async ask(options: RequestOptions, body?: string): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const outgoing = request({ socketPath: this.path, agent: false, ...options });
    outgoing.once("error", reject);
    outgoing.once("response", async (incoming) => {
      let text = "";
      for await (const part of incoming.setEncoding("utf8")) text += part;
      const { statusCode = 0, headers } = incoming;
      resolve({ status: statusCode, headers, body: text === "" ? undefined : JSON.parse(text) });
    });
    outgoing.end(body);
    return promise;
  }

  async post(path: string, body: unknown): Promise<Reply> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const headers = { "content-type": "application/json" };
    return this.ask({ method: "POST", path, headers }, text);
  }

  /** Bytes on a connection; resolves with all that came back when it has ended. */
  async send(bytes: string | Uint8Array): Promise<string> {
    const socket = connect(this.path).setEncoding("latin1");
    let text = "";
    socket.on("error", () => undefined);
    socket.write(bytes);
    socket.on("data", (part) => {
      text += part;
    });
    await new Promise((resolve) => socket.once("close", resolve));
    return text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
