/** What a host says of itself. */
import { encode } from "../base/codec.ts";
import type { Write } from "../store/writer.ts";
import type { Papers } from "./papers.ts";
import type { AgentOptions, Parts } from "./parts.ts";
import { type HostRecord, hostKey } from "./schema.ts";
import type { Tables } from "./tables.ts";

/** Our own host record. Who was leaving goes on with that; who had left, and starts, is back. */
export function selfRecord(
  { self, name, address, underlay, version }: AgentOptions,
  papers: Papers,
  { tables, isStarting }: { readonly tables: Tables; readonly isStarting: boolean },
): HostRecord {
  const before = tables.hosts.get(self)?.standing;
  const standing = isStarting && before === "left" ? undefined : before;
  return {
    certificate: papers.certificate,
    name,
    address,
    vtep: underlay.address,
    version,
    admin: papers.chainOf(self),
    ...(standing !== undefined && { standing }),
  };
}

/**
 * Nobody takes the records of a host that does not say who it is. Until that is on disk every write
 * says it, for the first of them may fail.
 */
export function withSelf(
  writes: readonly Write[],
  options: AgentOptions,
  { replica, tables, gatekeeper }: Pick<Parts, "replica" | "tables" | "gatekeeper">,
): readonly Write[] {
  const isKnown = replica.origin(options.self)?.get(hostKey) !== undefined;
  if (isKnown || writes.some(({ key }) => key === hostKey)) return writes;
  const record = selfRecord(options, gatekeeper.papers, { tables, isStarting: true });
  return [{ key: hostKey, value: encode(record) }, ...writes];
}
