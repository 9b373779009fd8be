/**
 * A process that opens two transports, links them, uses them and closes them; says how long closing
 * took.
 */
import { RecordingHandler } from "../../contract/recording-handler.ts";
import { link, text } from "../../contract/station.ts";
import { RealWorld } from "./world.ts";

const world = new RealWorld();
const handlers = [new RecordingHandler(), new RecordingHandler()] as const;
const a = { ...(await world.open(0, handlers[0])), handler: handlers[0] };
const b = { ...(await world.open(1, handlers[1])), handler: handlers[1] };
await link(world, a, b);
a.transport.publish(text("news"));
a.transport.pull({ id: 1, from: b.host, request: text("") });
await a.transport.join(b.address, text("x"));
a.transport.dial("203.0.113.7:1");
const began = performance.now();
await world.close();
const closed = performance.now();
process.on("exit", () => {
  const closeMs = closed - began;
  process.stdout.write(JSON.stringify({ closeMs, exitMs: performance.now() - closed }));
});
