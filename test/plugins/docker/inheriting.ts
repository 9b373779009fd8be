/** A plugin on the socket that it was started with, until its standard input ends. */
import { once } from "node:events";
import { limits } from "../../../agent/config.ts";
import { inheritedSocket } from "../../../agent/node/systemd.ts";
import { openPluginServer } from "../../../plugins/docker/server.ts";
import { silentLog } from "../../agent/samples.ts";

const server = await openPluginServer({
  path: "given",
  inherited: inheritedSocket("docker", process.env, process.pid),
  calls: new Map([["A.B", async (body: string) => ({ body })]]),
  log: silentLog,
  limits,
});
process.stdin.resume();
await once(process.stdin, "end");
await server[Symbol.asyncDispose]();
