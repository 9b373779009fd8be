/** Speaks to an agent over its unix socket. */
import { type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import { type ErrorCode, errorCodes, MeshError } from "../../base/errors.ts";
import type {
  EndpointView,
  MemberView,
  NetworkView,
  StatusView,
  WaitReport,
  WatchEvent,
} from "../view.ts";
import { type EndpointBody, hostNames, type NetworkBody, rootSocket } from "./protocol.ts";

export type Waited = { readonly wait?: WaitReport };
export type Wait = { readonly waitMs: number | undefined };

/** Every method throws a MeshError: the agent's refusal, or AGENT_UNREACHABLE. */
export class ControlClient {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  status(): Promise<StatusView> {
    return this.#ask("GET", "/v1/status");
  }

  members(): Promise<readonly MemberView[]> {
    return this.#ask("GET", "/v1/members");
  }

  networks(): Promise<readonly NetworkView[]> {
    return this.#ask("GET", "/v1/networks");
  }

  async network(ref: string): Promise<NetworkView> {
    const path = `/v1/networks/${encodeURIComponent(ref)}`;
    return (await this.#ask<{ network: NetworkView }>("GET", path)).network;
  }

  createNetwork(
    body: NetworkBody,
    wait: Wait,
  ): Promise<{ readonly network: NetworkView } & Waited> {
    return this.#ask("POST", `/v1/networks${query(wait)}`, body);
  }

  removeNetwork(
    ref: string,
    options: Wait & { readonly force: boolean },
  ): Promise<{ readonly id: string } & Waited> {
    const path = `/v1/networks/${encodeURIComponent(ref)}`;
    return this.#ask("DELETE", `${path}${query(options, options.force ? { force: "true" } : {})}`);
  }

  endpoints(network?: string): Promise<readonly EndpointView[]> {
    const only = network === undefined ? {} : { network };
    return this.#ask("GET", `/v1/endpoints${query({ waitMs: undefined }, only)}`);
  }

  async endpoint(ref: string): Promise<EndpointView> {
    const path = `/v1/endpoints/${encodeURIComponent(ref)}`;
    return (await this.#ask<{ endpoint: EndpointView }>("GET", path)).endpoint;
  }

  addEndpoint(
    body: EndpointBody,
    wait: Wait,
  ): Promise<{ readonly endpoint: EndpointView } & Waited> {
    return this.#ask("POST", `/v1/endpoints${query(wait)}`, body);
  }

  removeEndpoint(ref: string, wait: Wait): Promise<{ readonly id: string } & Waited> {
    return this.#ask("DELETE", `/v1/endpoints/${encodeURIComponent(ref)}${query(wait)}`);
  }

  token(): Promise<{ readonly token: string; readonly command: string }> {
    return new ControlClient(rootSocket(this.#path)).#ask("GET", "/v1/token");
  }

  /**
   * Every later change; the first word, undefined, says that the agent has begun to report. Ends
   * with the agent.
   */
  async *watch(): AsyncGenerator<WatchEvent | undefined, void, void> {
    const answer = await this.#send("GET", "/v1/watch", undefined);
    for await (const line of createInterface({ input: answer })) {
      if (line === "event: ready") yield undefined;
      else if (line.startsWith("data: ") && line !== "data: {}") yield JSON.parse(line.slice(6));
    }
  }

  async #ask<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const answer = await this.#send(method, path, body);
    let text = "";
    for await (const part of answer.setEncoding("utf8")) text += part;
    const parsed: unknown = text === "" ? {} : JSON.parse(text);
    if ((answer.statusCode ?? 500) < 300) return parsed as Body;
    throw refusalIn(parsed, answer.statusCode);
  }

  #send(method: string, path: string, body: unknown): Promise<IncomingMessage> {
    const headers = {
      host: hostNames[0],
      ...(body !== undefined && { "content-type": "application/json" }),
    };
    return new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: this.#path, method, path, headers, agent: false });
      outgoing.once("response", resolve);
      outgoing.once("error", (cause: NodeJS.ErrnoException) => reject(this.#unreachable(cause)));
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  #unreachable(cause: NodeJS.ErrnoException): MeshError {
    if (cause.code === "EACCES") {
      const advice = `run this as root, or as a member of the group "starling"`;
      return new MeshError("NOT_PERMITTED", `not allowed to use ${this.#path}; ${advice}`, {
        cause,
      });
    }
    const advice = "is the agent running? systemctl status starling, or starling agent";
    return new MeshError("AGENT_UNREACHABLE", `no agent answers on ${this.#path}; ${advice}`, {
      cause,
    });
  }
}

function query({ waitMs }: Wait, more: { readonly [name: string]: string } = {}): string {
  const all = new URLSearchParams(more);
  if (waitMs !== undefined) all.set("wait", String(waitMs));
  return all.size === 0 ? "" : `?${all}`;
}

function refusalIn(body: unknown, status: number | undefined): MeshError {
  const { error } = (body ?? {}) as { error?: { code?: ErrorCode; message?: string } };
  const code = errorCodes.find((known) => known === error?.code) ?? "INTERNAL";
  return new MeshError(code, error?.message ?? `the agent answered with status ${status}`);
}
