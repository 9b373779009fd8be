/** What an agent does, in words for a trace, without pings: they would be most of it. */
import type { Effect } from "../../agent/effect.ts";
import type { Envelope } from "../../agent/envelope.ts";
import type { HostId } from "../../base/id.ts";

type Named = { readonly id: HostId; readonly n: number };

/** One line, or undefined where it is not worth one. */
export function describeEffect(effect: Effect, hosts: readonly Named[]): string | undefined {
  const name = (id: HostId) => `host-${hosts.find((host) => host.id === id)?.n ?? "?"}`;
  switch (effect.kind) {
    case "send":
      if (effect.message.kind === "ping" || effect.message.kind === "pong") return undefined;
      return `sends ${name(effect.to)} ${describeMessage(effect.message, name)}`;
    case "publish":
      return `gossips ${describeMessage(effect.message, name)}`;
    case "append":
      return `writes ${effect.ops.map(({ key }) => key.split(" ").slice(1).join(" ")).join(", ")}`;
    case "keep":
      return `keeps ${effect.ops.length} rows of ${name(effect.ops[0]?.key.split(" ")[0] as HostId)}`;
    case "apply":
      return `changes its kernel: ${effect.ops.map(({ kind }) => kind).join(" ")}`;
    case "pull":
      return `pulls from ${name(effect.pull.from)}`;
    case "dial":
      return `dials ${effect.address}`;
    case "close":
      return `closes its link with ${name(effect.host)}: ${effect.reason}`;
    case "attach":
      return `attaches endpoint ${effect.attachment.endpoint}`;
    default:
      return undefined;
  }
}

function describeMessage(message: Envelope, name: (id: HostId) => string): string {
  switch (message.kind) {
    case "delta": {
      const { head, from, changes } = message.delta;
      const keys = changes.map(({ key, value }) => `${value === undefined ? "-" : "+"}${key}`);
      const range = from === undefined ? "full" : `${from.epoch}/${from.seq} to`;
      return `a delta of ${name(head.origin)}, epoch ${head.epoch}, ${range} ${head.seq}: ${keys.join(" ")}`;
    }
    case "head": {
      const { origin, epoch, seq } = message.head;
      return `a head of ${name(origin)}, epoch ${epoch}, ${seq}`;
    }
    default:
      return JSON.stringify(message, (_, value: unknown) =>
        value instanceof Uint8Array ? `${value.length} bytes` : value,
      );
  }
}
