/** Docker's own API, on its unix socket: read only, and never from within a call of Docker's. */
import { type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import { MeshError } from "../../base/errors.ts";

/** What one answer may take. */
export type EngineLimits = { readonly dockerAnswerBytes: number; readonly dockerAnswerMs: number };

/** Docker, as it is asked. */
export class Engine {
  readonly #socketPath: string;
  readonly #limits: EngineLimits;

  constructor(socketPath: string, limits: EngineLimits) {
    this.#socketPath = socketPath;
    this.#limits = limits;
  }

  /** The body; undefined where Docker has no such thing. Throws a MeshError: DOCKER_UNREACHABLE. */
  async get(path: string, signal: AbortSignal): Promise<string | undefined> {
    const { dockerAnswerBytes, dockerAnswerMs } = this.#limits;
    const ended = AbortSignal.any([signal, AbortSignal.timeout(dockerAnswerMs)]);
    try {
      const response = await this.#ask(path, ended);
      const parts: Buffer[] = [];
      let length = 0;
      for await (const part of response) {
        length += (part as Buffer).length;
        if (length > dockerAnswerBytes) throw new Error(`more than ${dockerAnswerBytes} bytes`);
        parts.push(part as Buffer);
      }
      if (response.statusCode === 404) return undefined;
      const body = Buffer.concat(parts).toString("utf8");
      if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}: ${body}`);
      return body;
    } catch (cause) {
      throw unreachable(`cannot ask Docker for ${path} on ${this.#socketPath}`, cause);
    }
  }

  /**
   * Follows Docker's events until it ends or the signal aborts; `opened` once nothing will be
   * missed any more. Throws a MeshError: DOCKER_UNREACHABLE.
   */
  async follow(
    path: string,
    { opened, line }: { readonly opened: () => void; readonly line: (line: string) => void },
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const response = await this.#ask(path, signal);
      if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
      opened();
      for await (const text of createInterface({ input: response })) line(text);
    } catch (cause) {
      throw unreachable(`cannot follow Docker's events on ${this.#socketPath}`, cause);
    }
  }

  #ask(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const headers = { host: "docker" };
    const asked = request({ socketPath: this.#socketPath, path, headers, agent: false, signal });
    asked.on("response", resolve);
    asked.on("error", reject);
    asked.end();
    return promise;
  }
}

function unreachable(message: string, cause: unknown): MeshError {
  return new MeshError("DOCKER_UNREACHABLE", message, { cause });
}
