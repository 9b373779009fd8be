import { request } from "node:http";

/** Speaks to a plugin as dockerd does: one POST for each call, JSON without saying so. */
export class PluginClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** The answer's body. Throws where the plugin refuses. */
  async ask(method: string, body: object): Promise<Readonly<Record<string, unknown>>> {
    const text = JSON.stringify(body);
    const headers = {
      Accept: "application/vnd.docker.plugins.v1.2+json",
      Host: "plugin.moby.localhost",
      "Content-Length": Buffer.byteLength(text),
    };
    const { status, answer } = await new Promise<{ status: number; answer: string }>(
      (resolve, reject) => {
        const options = { socketPath: this.#socket, method: "POST", path: `/${method}`, headers };
        const outgoing = request(options, (incoming) => {
          let answer = "";
          incoming.setEncoding("utf8").on("data", (part: string) => {
            answer += part;
          });
          incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, answer }));
        });
        outgoing.on("error", reject);
        outgoing.end(text);
      },
    );
    const said = JSON.parse(answer) as Record<string, unknown>;
    if (status === 200 && !said["Err"] && !said["Error"]) return said;
    throw new Error(`${method}: ${status} ${answer}`);
  }
}
