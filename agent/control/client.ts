/** Speaks to an agent over its unix socket. */
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import { type ErrorCode, errorCodes, MeshError } from "../../base/errors.ts";
import type {
  AddressView,
  AdminView,
  EndpointView,
  ForgottenView,
  HostRef,
  MemberView,
  NetworkView,
  RevocationView,
  StatusView,
  SubnetView,
  TokenView,
  WaitReport,
  WatchEvent,
} from "../view.ts";
import { hostNames, rootSocket } from "./doors.ts";
import type {
  AddressBody,
  EndpointBody,
  LabelsBody,
  NetworkBody,
  RevocationBody,
  TokenBody,
} from "./protocol.ts";

/** What an answer says beside the change itself, where the request waited. */
export type Waited = { readonly wait?: WaitReport };
/** A token, its id, and the command that uses it. */
export type PrintedToken = {
  readonly id: string;
  readonly token: string;
  readonly command: string;
};
/** What was done to a host; false: it was so already. */
export type HostChanged = { readonly host: HostRef; readonly isNew: boolean };
/** How long a change waits for other hosts' kernels; undefined: not at all. */
export type Wait = { readonly waitMs: number | undefined };

/** An agent answers in milliseconds, but for addresses it must ask others for and a busy kernel. */
const defaultAnswerMs = 30_000;

/**
 * One method for each route. Every method throws a MeshError: the agent's refusal,
 * AGENT_UNREACHABLE, NOT_PERMITTED (the socket's mode) or TIMED_OUT.
 */
export class ControlClient {
  readonly #path: string;
  readonly #answerMs: number;

  constructor(path: string, { answerMs = defaultAnswerMs }: { readonly answerMs?: number } = {}) {
    this.#path = path;
    this.#answerMs = answerMs;
  }

  status(): Promise<StatusView> {
    return this.#ask("GET", "/v1/status");
  }

  members(): Promise<readonly MemberView[]> {
    return this.#ask("GET", "/v1/members");
  }

  forgetHost(
    ref: string,
    { waitMs, force }: Wait & { readonly force: boolean },
  ): Promise<{ readonly forgotten: ForgottenView } & Waited> {
    const path = `/v1/members/${encodeURIComponent(ref)}`;
    return this.#ask("DELETE", path, { waitMs, query: force ? { force: "true" } : {} });
  }

  leave({
    waitMs,
    force,
  }: Wait & { readonly force: boolean }): Promise<{ readonly obstacle?: string }> {
    return this.#ask("POST", "/v1/leave", { waitMs, query: force ? { force: "true" } : {} });
  }

  ipam(network?: string): Promise<readonly SubnetView[]> {
    return this.#ask("GET", "/v1/ipam", { query: network === undefined ? {} : { network } });
  }

  networks(): Promise<readonly NetworkView[]> {
    return this.#ask("GET", "/v1/networks");
  }

  network(ref: string): Promise<NetworkView> {
    return this.#ask("GET", `/v1/networks/${encodeURIComponent(ref)}`);
  }

  createNetwork(
    body: NetworkBody,
    wait: Wait,
  ): Promise<{ readonly network: NetworkView } & Waited> {
    return this.#ask("POST", "/v1/networks", { body, ...wait });
  }

  removeNetwork(
    ref: string,
    { waitMs, force }: Wait & { readonly force: boolean },
  ): Promise<{ readonly id: string } & Waited> {
    const path = `/v1/networks/${encodeURIComponent(ref)}`;
    return this.#ask("DELETE", path, { waitMs, query: force ? { force: "true" } : {} });
  }

  endpoints(network?: string): Promise<readonly EndpointView[]> {
    return this.#ask("GET", "/v1/endpoints", { query: network === undefined ? {} : { network } });
  }

  endpoint(ref: string): Promise<EndpointView> {
    return this.#ask("GET", `/v1/endpoints/${encodeURIComponent(ref)}`);
  }

  addEndpoint(
    body: EndpointBody,
    wait: Wait,
  ): Promise<{ readonly endpoint: EndpointView } & Waited> {
    return this.#ask("POST", "/v1/endpoints", { body, ...wait });
  }

  removeEndpoint(ref: string, wait: Wait): Promise<{ readonly id: string } & Waited> {
    return this.#ask("DELETE", `/v1/endpoints/${encodeURIComponent(ref)}`, wait);
  }

  renameEndpoint(
    ref: string,
    body: LabelsBody,
    wait: Wait,
  ): Promise<{ readonly endpoint: EndpointView } & Waited> {
    return this.#ask("POST", `/v1/endpoints/${encodeURIComponent(ref)}/labels`, { body, ...wait });
  }

  holdAddress(body: AddressBody): Promise<AddressView> {
    return this.#ask("POST", "/v1/addresses", { body });
  }

  releaseAddress(network: string, address: string): Promise<AddressView> {
    const path = `/v1/addresses/${encodeURIComponent(address)}`;
    return this.#ask("DELETE", path, { query: { network } });
  }

  token(): Promise<PrintedToken> {
    return this.#root().#ask("GET", "/v1/token");
  }

  createToken(body: TokenBody): Promise<PrintedToken> {
    return this.#root().#ask("POST", "/v1/tokens", { body });
  }

  tokens(): Promise<readonly TokenView[]> {
    return this.#root().#ask("GET", "/v1/tokens");
  }

  removeToken(ref: string): Promise<{ readonly id: string }> {
    return this.#root().#ask("DELETE", `/v1/tokens/${encodeURIComponent(ref)}`);
  }

  admins(): Promise<readonly AdminView[]> {
    return this.#ask("GET", "/v1/admins");
  }

  addAdmin(host: string): Promise<HostChanged> {
    return this.#root().#ask("POST", "/v1/admins", { body: { host } });
  }

  removeAdmin(ref: string, { force }: { readonly force: boolean }): Promise<HostChanged> {
    const query = force ? { force: "true" } : {};
    return this.#root().#ask("DELETE", `/v1/admins/${encodeURIComponent(ref)}`, { query });
  }

  revocations(): Promise<readonly RevocationView[]> {
    return this.#ask("GET", "/v1/revocations");
  }

  revoke(body: RevocationBody): Promise<HostChanged> {
    return this.#root().#ask("POST", "/v1/revocations", { body });
  }

  openApi(): Promise<object> {
    return this.#ask("GET", "/v1/openapi.json");
  }

  /**
   * Every later change; the first word, undefined, says that the agent has begun to report. Ends
   * when the agent does.
   */
  async *watch(): AsyncGenerator<WatchEvent | undefined, void, void> {
    const answer = await this.#send("GET", "/v1/watch", undefined);
    if (answer.statusCode !== 200) throw refusalIn(await bodyOf(answer), answer.statusCode);
    try {
      for await (const said of eventsIn(answer)) {
        yield said === ready ? undefined : (JSON.parse(said) as WatchEvent);
      }
    } catch (error) {
      if (!isCutOff(error)) throw error;
    } finally {
      answer.destroy();
    }
  }

  /** The same agent at the door that is root's alone. */
  #root(): ControlClient {
    return new ControlClient(rootSocket(this.#path), { answerMs: this.#answerMs });
  }

  async #ask<Body>(method: string, path: string, asked: Asked = {}): Promise<Body> {
    const query = new URLSearchParams(asked.query);
    if (asked.waitMs !== undefined) query.set("wait", String(asked.waitMs));
    const target = query.size === 0 ? path : `${path}?${query}`;
    const answerMs = this.#answerMs + (asked.waitMs ?? 0);
    const answer = await this.#send(method, target, asked.body, answerMs);
    const body = await bodyOf(answer).catch((cause) => {
      throw this.#failure(cause);
    });
    if ((answer.statusCode ?? 500) >= 300) throw refusalIn(body, answer.statusCode);
    return body as Body;
  }

  #send(method: string, path: string, body: unknown, answerMs?: number): Promise<IncomingMessage> {
    const headers = {
      host: hostNames[0],
      ...(body !== undefined && { "content-type": "application/json" }),
    };
    return new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: this.#path, method, path, headers, agent: false });
      if (answerMs !== undefined) giveUp(outgoing, answerMs);
      outgoing.once("response", resolve);
      outgoing.on("error", (cause) => reject(this.#failure(cause)));
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  #failure(error: NodeJS.ErrnoException): MeshError {
    if (error instanceof MeshError) return error;
    switch (error.code) {
      case "EACCES":
      case "EPERM":
        return new MeshError("NOT_PERMITTED", `you may not use ${this.#path}; ${this.#whoMay()}`);
      case "ECONNRESET":
      case "EPIPE":
        return new MeshError("AGENT_UNREACHABLE", `the agent at ${this.#path} hung up; ask again`);
      default: {
        // The reason comes before what to do: that must be the last to be read.
        const what = `no agent answers at ${this.#path} (${error.code ?? error.message})`;
        const advice = "is it running? try: systemctl status starling";
        return new MeshError("AGENT_UNREACHABLE", `${what}; ${advice}`);
      }
    }
  }

  #whoMay(): string {
    return this.#path.endsWith(".root")
      ? "this is for root alone"
      : `become root, or a member of the group "starling"`;
  }
}

type Asked = {
  readonly body?: unknown;
  readonly waitMs?: number | undefined;
  readonly query?: { readonly [name: string]: string };
};

function giveUp(outgoing: ClientRequest, afterMs: number): void {
  outgoing.setTimeout(afterMs, () => {
    const message = `the agent has not answered for ${Math.round(afterMs / 1_000)} s; try: systemctl status starling`;
    outgoing.destroy(new MeshError("TIMED_OUT", message));
  });
}

async function bodyOf(answer: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const part of answer.setEncoding("utf8")) text += part;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MeshError("INTERNAL", "what answers there is no Starling agent", { cause });
  }
}

/** The data of an event that says: from here on you miss nothing. */
const ready = "{}";

/** The data of each event. One that the agent's end cut short has no empty line after it. */
async function* eventsIn(answer: IncomingMessage): AsyncGenerator<string, void, void> {
  let said: string | undefined;
  for await (const line of createInterface({ input: answer })) {
    if (line.startsWith("data: ")) said = line.slice("data: ".length);
    if (line !== "" || said === undefined) continue;
    yield said;
    said = undefined;
  }
}

function isCutOff(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ECONNRESET";
}

function refusalIn(body: unknown, status: number | undefined): MeshError {
  const { error } = (body ?? {}) as { error?: { code?: ErrorCode; message?: string } };
  const code = errorCodes.find((known) => known === error?.code) ?? "INTERNAL";
  return new MeshError(code, error?.message ?? `the agent answered with status ${status}`);
}
