/**
 * A name server that knows no name, as a program of its own: what engines ask about names that are
 * not theirs. Without one, a name that is gone would be told only by silence.
 *
 *   node bench/ignorant-server.ts ADDRESS     stdout: ready
 */
import { createSocket } from "node:dgram";
import type { Host } from "../test/lab/host.ts";
import type { Process } from "../test/lab/process.ts";

const port = 53;
/** An answer, recursion asked for and to be had, no such name (RFC 1035, 4.1.1). */
const noSuchName = 0x8183;
const headerBytes = 12;

/** The program on one host, at the host's own address. */
export class IgnorantServer implements AsyncDisposable {
  readonly #process: Process;

  private constructor(process: Process) {
    this.#process = process;
  }

  static async open(host: Host): Promise<IgnorantServer> {
    const argv = [process.execPath, import.meta.filename, host.address];
    const server = new IgnorantServer(host.spawn(argv));
    await server.#process.out.until(/^ready$/, { withinMs: 10_000 });
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

if (import.meta.main) {
  const socket = createSocket("udp4");
  socket.on("message", (question, { address, port: from }) => {
    if (question.length < headerBytes) return;
    const answer = Buffer.from(question);
    answer.writeUInt16BE(noSuchName, 2);
    socket.send(answer, from, address);
  });
  socket.bind(port, process.argv[2], () => process.stdout.write("ready\n"));
}
