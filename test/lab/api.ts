/**
 * A small client of the agent's HTTP/JSON API, written apart from the product's own so that each
 * checks the other.
 */
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import type { EndpointView, MemberView, NetworkView, StatusView } from "../../agent/view.ts";
import { Lines } from "./lines.ts";

export type Reply = { readonly status: number; readonly body: unknown };

export class Api {
  readonly socket: string;

  constructor(socket: string) {
    this.socket = socket;
  }

  status(): Promise<StatusView> {
    return this.get("/v1/status");
  }

  members(): Promise<readonly MemberView[]> {
    return this.get("/v1/members");
  }

  networks(): Promise<readonly NetworkView[]> {
    return this.get("/v1/networks");
  }

  endpoints(): Promise<readonly EndpointView[]> {
    return this.get("/v1/endpoints");
  }

  /** The answer's body. Throws on any other status than success. */
  async get<T>(path: string): Promise<T> {
    const reply = await this.ask("GET", path);
    if (reply.status >= 300)
      throw new Error(`GET ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body as T;
  }

  /** Any request, any answer. */
  async ask(method: string, path: string, body?: unknown): Promise<Reply> {
    const outgoing = this.#request(method, path, body !== undefined);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    const incoming = await response(outgoing);
    let text = "";
    for await (const part of incoming.setEncoding("utf8")) text += part;
    return { status: incoming.statusCode ?? 0, body: text === "" ? undefined : JSON.parse(text) };
  }

  /** Every later change, one line of JSON each. Resolves when the agent has begun to report. */
  async watch(): Promise<Watch> {
    const outgoing = this.#request("GET", "/v1/watch", false);
    outgoing.end();
    const incoming = await response(outgoing);
    const events = new Lines(`watch of ${this.socket}`);
    const lines = createInterface({ input: incoming });
    lines.on("line", (line) => {
      if (line.startsWith("data:")) events.push(line.slice("data:".length).trim());
    });
    // The interface hands its input's error on; that the connection ended is said by "close".
    lines.on("error", () => undefined);
    incoming.on("close", () => events.end("connection closed"));
    incoming.on("error", () => undefined);
    return { events, [Symbol.dispose]: () => outgoing.destroy() };
  }

  #request(method: string, path: string, hasBody: boolean): ClientRequest {
    const headers = hasBody ? { "content-type": "application/json" } : {};
    // A connection of its own for each question: none outlives the agent it was opened to.
    return request({ socketPath: this.socket, method, path, headers, agent: false });
  }
}

export type Watch = Disposable & { readonly events: Lines };

function response(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.on("response", resolve);
    outgoing.on("error", reject);
  });
}
