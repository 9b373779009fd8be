/**
 * A host in a process of its own. Its parent says where its key lies; it says where it listens, and
 * does as it is told.
 */
import { limits } from "../../../agent/config.ts";
import type { Ip } from "../../../base/address.ts";
import type { ClusterId } from "../../../base/id.ts";
import { loadIdentity } from "../../../membership/libp2p/identity.ts";
import { openTransport } from "../../../membership/libp2p/transport.ts";
import { RecordingHandler } from "../../contract/recording-handler.ts";
import { silentLog } from "./world.ts";

const [folder = "", cluster = "", port = "0"] = process.argv.slice(2);
const handler = new RecordingHandler();
handler.answerPull = function* () {
  for (;;) yield new Uint8Array(60_000);
};
const transport = await openTransport({
  identity: await loadIdentity(folder),
  clusterId: cluster as ClusterId,
  listen: { address: "127.0.0.1" as Ip, port: Number(port) },
  limits,
  handler,
  log: silentLog,
});
handler.heard = () => process.send?.({ events: handler.events.length });
process.on("message", (command: { readonly dial?: string }) => {
  if (command.dial !== undefined) transport.dial(command.dial);
});
process.send?.({ host: transport.host, address: transport.addresses[0] });
