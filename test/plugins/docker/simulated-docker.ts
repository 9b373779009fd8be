/** Docker's API as far as the watcher asks it, with what a test puts into it. */
import { EventEmitter, once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";

export class SimulatedDocker implements AsyncDisposable {
  id = "the-docker";
  readonly networks = new Map<string, object>();
  readonly containers = new Map<string, object>();
  /** A body in the place of the right one, by path. */
  readonly instead = new Map<string, string>();
  readonly #server: Server;
  readonly #asked = new EventEmitter();
  #streams: ServerResponse[] = [];

  private constructor() {
    this.#server = createServer((request, response) => {
      const [path = ""] = (request.url ?? "").split("?");
      if (path === "/events") {
        response.writeHead(200).flushHeaders();
        this.#streams.push(response);
      } else {
        const body = this.instead.get(path) ?? this.#body(path);
        response.writeHead(body === undefined ? 404 : 200).end(body);
      }
      this.#asked.emit(path);
    });
  }

  static async open(path: string): Promise<SimulatedDocker> {
    const docker = new SimulatedDocker();
    docker.#server.listen(path);
    await once(docker.#server, "listening");
    return docker;
  }

  /** Resolves when the path is asked for the next time. */
  async asked(path: string): Promise<void> {
    await once(this.#asked, path);
  }

  tell(Type: string, Action: string, ID: string, Attributes: object = {}): void {
    const line = JSON.stringify({ Type, Action, Actor: { ID, Attributes } });
    for (const stream of this.#streams) stream.write(`${line}\n`);
  }

  /** Ends the streams of events, as a restart does. */
  restart(): void {
    for (const stream of this.#streams.splice(0)) stream.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  #body(path: string): string | undefined {
    if (path === "/info") return JSON.stringify({ ID: this.id });
    if (path === "/networks")
      return JSON.stringify([...this.networks.keys()].map((Id) => ({ Id })));
    const [, kind, id = ""] = path.split("/");
    const found = (kind === "networks" ? this.networks : this.containers).get(id);
    return found === undefined ? undefined : JSON.stringify(found);
  }
}
