/**
 * As much of serf's RPC as it takes to send events: MessagePack maps on a TCP connection, a header
 * and a body for each call (https://www.serf.io/docs/agent/rpc.html). Answers are not read.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Host } from "../test/lab/host.ts";

/** A connection on which events are sent. */
export type SerfRpc = Disposable & {
  readonly event: (name: string, payloadBytes: number) => void;
};

type Value = string | number | boolean | Uint8Array;

/** Opens it from inside the host; nothing of it is seen on the underlay. */
export async function openSerfRpc(host: Host, port: number): Promise<SerfRpc> {
  const script = `exec 3<>/dev/tcp/127.0.0.1/${port}; cat <&3 >/dev/null & exec cat >&3`;
  const [command = "", ...args] = [...host.enter, "bash", "-c", script];
  const child = spawn(command, args, { stdio: ["pipe", "ignore", "inherit"] });
  await once(child, "spawn");
  // It ends when the agent does; what was still to be said is of no use then.
  child.stdin.on("error", () => undefined);
  let calls = 0;
  const call = (name: string, body: Readonly<Record<string, Value>>): void => {
    child.stdin.write(packed({ Command: name, Seq: calls }));
    child.stdin.write(packed(body));
    calls += 1;
  };
  call("handshake", { Version: 1 });
  return {
    event: (name, payloadBytes) =>
      call("event", { Name: name, Payload: new Uint8Array(payloadBytes), Coalesce: false }),
    [Symbol.dispose]: () => child.kill("SIGKILL"),
  };
}

function packed(map: Readonly<Record<string, Value>>): Buffer {
  const entries = Object.entries(map);
  const items = entries.flatMap(([key, value]) => [packedValue(key), packedValue(value)]);
  return Buffer.concat([Buffer.of(0x80 | entries.length), ...items]);
}

/** Text and bytes are one type in the older MessagePack that serf speaks: raw, up to 64 kB. */
function packedValue(value: Value): Buffer {
  if (typeof value === "boolean") return Buffer.of(value ? 0xc3 : 0xc2);
  if (typeof value === "number") {
    const bytes = Buffer.of(0xce, 0, 0, 0, 0);
    bytes.writeUInt32BE(value, 1);
    return bytes;
  }
  const raw = Buffer.from(value);
  const head = Buffer.of(0xda, 0, 0);
  head.writeUInt16BE(raw.length, 1);
  return Buffer.concat([head, raw]);
}
